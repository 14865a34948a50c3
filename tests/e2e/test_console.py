"""The console's page as an operator sees it: a real miner, a real page, a real browser."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from itertools import cycle
from pathlib import Path

import httpx2
import pytest

from logicnet._util.processes import Child, free_port
from logicnet.operate.console.gate import MOST_GUESSES
from logicnet.operate.console.history import SPANS
from logicnet.operate.console.panels import FEW
from logicnet.operate.demo.stage import environment
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.tuning.folders import Folders
from tests.e2e.conftest import START_S, Miner, StartMiner
from tests.harness.adapters import proven
from tests.harness.adapters import trained as adapter_of
from tests.harness.browser import Browser
from tests.harness.scripted_model import ScriptedModel
from tests.unit.operate.console.live import IN_FLIGHT, WHOLE, living
from tests.unit.operate.console.scenes import scene
from tests.unit.operate.console.test_jobs import queued, trained

PASSWORD = "a-long-enough-one"
LOCKED_S = 4  # how long a lock has to last so that the next word surely meets it
MOST_REPLIES = 10_000  # to guesses, if no lock comes
ADDRESSES = [f"203.0.113.{number}" for number in range(101, 202)]  # one for each guess
QUESTION = "A farmer has 17 sheep and all but 9 run away <b>at once</b>. How many are left?"


@contextmanager
def console(ledger: Path, folder: Path, **given: str) -> Iterator[str]:
    """`logicnet console` of that ledger; its address."""
    port = free_port()
    argv = [sys.executable, "-m", "logicnet", "console", "--ledger.path", str(ledger)]
    argv += ["--console.port", str(port)]
    env = environment() | given
    env.pop("PYTEST_CURRENT_TEST", None)  # by which NiceGUI takes itself for being tested
    with Child.start("the console", argv, log=folder / "console.log", env=env, cwd=folder) as child:
        child.wait_for(f"http://127.0.0.1:{port}/", within_s=START_S)
        yield f"http://127.0.0.1:{port}/"


async def test_a_challenge_is_seen_as_it_is_solved_and_then_its_answer(
    miner: StartMiner, tmp_path: Path
) -> None:
    async with ScriptedModel(pause_s=3.0) as model, Browser(tmp_path) as tab:
        running = miner("--miner.solver", "direct", "--miner.llm_client.base_url", model.base_url)
        with console(running.ledger, tmp_path) as url:
            await tab.open(url)
            await tab.until(
                "document.querySelector('#solving .empty')?.innerText.includes('No challenge is in flight')"
            )
            steps = "[...document.querySelectorAll('#first li')].map(li => li.className)"
            await tab.until(f"{steps}.slice(0, 2).every(one => one == 'done')")
            asked = asyncio.create_task(ask(running))
            left = await tab.until("document.querySelector('#solving .left')?.innerText")
            assert 0 < float(left.removesuffix(" s")) <= LOGIC_TIMEOUT_S
            shown = "(document.querySelector('#solving .text')?.innerText ?? '').trim()"
            await tab.until(f"{shown} == {json.dumps(QUESTION)}")
            await tab.until(f"parseFloat(document.querySelector('#solving .left').innerText) < {left[:-2]}")
            await tab.until("document.querySelector('#servers').innerText.includes('1 call')")
            model.pause_s = 0.0
            await asked
            await tab.until("document.querySelector('#answers tbody tr')?.innerText.includes('72')")
            await tab.until("document.querySelector('#solving .empty')")
            await tab.until(
                "document.querySelector('#volume .volume')?.innerText.includes('1 kept of 1 given')"
            )
            await asyncio.to_thread(running.child.stop)
            await tab.until(says("No miner is running"))
            assert await tab.run("document.querySelector('#first').offsetParent === null")  # it is over
            await tab.open(f"{url}challenges")
            await tab.until(says("miner down"))
            await tab.run("document.querySelector('#found a').click()")
            await tab.until(says("What it earns by our scoring"))
            assert await tab.run(says(QUESTION)) and "/challenges/" in await tab.run("location.pathname")


async def test_training_jobs_are_a_page_with_the_losses_of_one(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "tuning")
    queued(folders, "b" * 32)
    trained(folders, "b" * 32)
    given = {"LOGICNET_TUNING__FOLDER": str(folders.root)}
    with console(tmp_path / "ledger.sqlite", tmp_path, **given) as url:
        async with Browser(tmp_path) as tab:
            await tab.open(url)
            await tab.until("document.querySelector('nav a[href=\"/jobs\"]')")
            await tab.open(f"{url}jobs")
            await tab.until("document.querySelector('#queue tbody tr')?.innerText.includes('bbbbbbbb')")
            await tab.until(says("best held-out loss 1.5 at step 5"))
            await tab.until("document.querySelector('#job canvas, #job svg')")


async def test_a_serving_adapter_is_rolled_back_by_a_button_behind_the_password(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "tuning")
    store = folders.adapters()
    store.serve(proven(store, adapter_of(tmp_path / "made")).name, (), 1.0)
    settings = {"LOGICNET_TUNING__FOLDER": str(folders.root)}
    button = "document.querySelector('#serving button')"
    async with Browser(tmp_path) as tab:
        with console(tmp_path / "ledger.sqlite", tmp_path, **settings) as url:
            await tab.open(f"{url}adapters")
            await tab.until(says("reward +0.050 [+0.010, +0.090] on 240 questions"))
            await tab.until("document.querySelector('#rewards canvas, #rewards svg')")
            assert await tab.run(f"{button} === null")
        with console(
            tmp_path / "ledger.sqlite", tmp_path, **settings, LOGICNET_CONSOLE__PASSWORD=PASSWORD
        ) as url:
            await tab.open(url)
            await tab.until("document.querySelector('input[type=password]')")
            await tab.run(
                f"document.querySelector('input[type=password]').value = {json.dumps(PASSWORD)};"
                "document.querySelector('form').submit()"
            )
            await tab.until("document.querySelector('nav a[href=\"/adapters\"]')")
            await tab.open(f"{url}adapters")
            await tab.until(f"{button} !== null")
            store.add(adapter_of(tmp_path / "more"), "scripted", 2.0)
            await tab.until(says("scripted-a2"))  # so the connection lives; before that a click is lost
            await tab.run(f"{button}.click()")
            await tab.until(f"{button}.innerText == 'Yes, roll back'")
            assert store.serving() is not None  # the first click only asks
            await asyncio.sleep(1.5)  # a second one at once would be a double click
            await tab.run(f"{button}.click()")
            await tab.until(says("The base serves: there is nothing to roll back."))
    assert store.serving() is None


def says(words: str) -> str:
    """A script: whether the page shows these words."""
    return f"(document.body?.innerText ?? '').includes({json.dumps(words)})"


async def ask(running: Miner) -> None:
    async with running.asked_by("alice") as client:
        reply = await client.challenge(QUESTION, wire="classic")
        assert reply.success


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (320, True)])
async def test_every_page_is_for_every_reader_and_every_width(tmp_path: Path, width: int, dark: bool) -> None:
    axe = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
    folders = Folders(tmp_path / "tuning")
    queued(folders, "b" * 32)
    trained(folders, "b" * 32)
    store = folders.adapters()
    store.serve(proven(store, adapter_of(tmp_path / "made")).name, (), 1.0)
    settings = {"LOGICNET_TUNING__FOLDER": str(folders.root)}
    pages = {
        "": "document.querySelectorAll('#solving .one').length > 3",
        "?unfolded": "(all = document.querySelector('#solving details')) && (all.open = true) "
        "&& document.querySelectorAll('#solving .one').length > 20",
        "challenges?text=train": "document.querySelectorAll('#found li').length > 3",
        f"challenges/{WHOLE}": "document.querySelector('#question mfrac')",
        "challenges/none": says("No such challenge"),
        "jobs": "document.querySelector('#queue tbody tr')",
        "adapters": "document.querySelector('#adapters tbody tr')",
    }
    with living(tmp_path / "miner.sqlite") as ledger, console(ledger, tmp_path, **settings) as url:
        async with Browser(tmp_path) as tab:
            for path, ready in pages.items():
                await tab.open(f"{url}{path}", width=width, dark=dark)
                await tab.until(ready)
                await tab.until("document.querySelector('.badges')")
                assert await tab.run("document.documentElement.scrollWidth") <= width, path
                await tab.run(f"{axe};0")
                found = "axe.run().then(done => done.violations.map(one => [one.id, one.nodes[0].html]))"
                assert await tab.run(found) == [], path


async def test_the_curve_is_of_the_span_that_is_chosen(tmp_path: Path) -> None:
    with living(tmp_path / "miner.sqlite") as ledger, console(ledger, tmp_path) as url:
        async with Browser(tmp_path) as tab:
            await tab.open(url)
            hour = await tab.until("parseInt(document.querySelector('#trend .empty')?.innerText)")
            pressed = "document.querySelector('#trend [aria-pressed=true]').innerText"
            assert 0 < hour < 100 and await tab.run(pressed) == "hour"
            clock = await tab.run("document.querySelector('.clock').innerText")
            await tab.until(f"document.querySelector('.clock').innerText != '{clock}'")  # now it takes clicks
            curve = "getElement(+document.querySelector('#trend .chart').id.slice(1)).chart"
            await tab.run(f"{curve}.dispatchAction({{type: 'dataZoom', start: 50, end: 100}})")
            for number, name in enumerate(SPANS):
                await tab.run(f"document.querySelectorAll('#trend button')[{number}].click()")
                await tab.until(f"{pressed} == '{name}'")
            await tab.until("parseInt(document.querySelector('#trend .empty').innerText) == 420")
            await tab.until(f"{curve}.getOption().dataZoom[0].start === 0")  # all of a span that is chosen
            await tab.run("document.querySelector('#trend .chart').focus(), 0")
            keys = (
                ("+", 25, 75),
                ("ArrowRight", 37.5, 87.5),
                ("ArrowRight", 50, 100),
                ("-", 25, 100),
                ("-", 0, 100),
            )
            for key, start, end in keys:
                press = f"new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}})"
                await tab.run(f"document.activeElement.dispatchEvent({press})")
                zoom = f"{curve}.getOption().dataZoom[0]"
                await tab.until(f"{zoom}.start === {start} && {zoom}.end === {end}")


async def test_a_link_keeps_the_focus_while_its_panel_is_renewed(tmp_path: Path) -> None:
    with living(tmp_path / "miner.sqlite") as ledger, console(ledger, tmp_path) as url:
        async with Browser(tmp_path) as tab:
            await tab.open(url)
            await tab.until("document.querySelectorAll('#solving .one').length > 3")
            at = "document.activeElement.getAttribute('href')"
            asked = await tab.run(f"(first = document.querySelectorAll('#solving a')[3]).focus(), {at}")
            await tab.until("!first.isConnected")  # by then there is a new one in its place
            assert await tab.run(at) == asked


async def test_a_page_whose_connection_breaks_says_so(tmp_path: Path) -> None:
    shown = "getComputedStyle(document.querySelector('.offline')).display != 'none'"
    async with Browser(tmp_path) as tab:
        with console(tmp_path / "none.sqlite", tmp_path) as url:
            await tab.open(f"{url}challenges")
            await tab.until(says("miner down"))
            assert not await tab.run(shown)
        await tab.until(shown)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (360, False)])
async def test_it_fits_and_both_charts_are_drawn(tmp_path: Path, width: int, dark: bool) -> None:
    with living(tmp_path / "miner.sqlite") as ledger, console(ledger, tmp_path) as url:
        async with Browser(tmp_path) as tab:
            await tab.open(url, width=width, dark=dark)
            await tab.until("document.querySelectorAll('.chart canvas, .chart svg').length == 2")
            await tab.until("document.querySelectorAll('#solving .one').length > 3")
            narrow = (
                "[...document.querySelectorAll('.chart')].some(c => c.querySelector('canvas').clientWidth"
            )
            await tab.until(f"!{narrow} < c.clientWidth - 1)")
            sizes = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            needed, visible = await tab.run(sizes)
            assert needed <= visible == width
            assert await tab.run("document.body.classList.contains('body--dark')") is dark
            assert await tab.run("document.querySelectorAll('#solving img, #answers img').length") == 0


async def test_what_is_folded_is_shown_when_asked_for_and_stays_shown(tmp_path: Path) -> None:
    with living(tmp_path / "miner.sqlite") as ledger, console(ledger, tmp_path) as url:
        async with Browser(tmp_path) as tab:
            await tab.open(url)
            rows = "document.querySelectorAll('#solving .one').length"
            more = await tab.until("document.querySelector('#solving summary')?.innerText")
            assert (more, await tab.run(rows)) == (f"and {IN_FLIGHT - FEW} more", FEW)
            await tab.run("document.querySelector('#solving summary').click()")
            await tab.until(f"{rows} == {IN_FLIGHT}")
            clock = await tab.run("document.querySelector('.clock').innerText")
            await tab.until(f"document.querySelector('.clock').innerText != '{clock}'")  # renewed meanwhile
            assert await tab.run("document.querySelector('#solving details').open")
            await tab.run("document.querySelector('#solving summary').click()")
            await tab.until(f"{rows} == {FEW}")


async def test_with_a_password_nothing_is_seen_before_it_is_given(tmp_path: Path) -> None:
    ledger = tmp_path / "none.sqlite"
    with console(ledger, tmp_path, LOGICNET_CONSOLE__PASSWORD=PASSWORD) as url:
        async with Browser(tmp_path) as tab:
            await tab.open(url)
            await tab.until("document.querySelector('#password')")
            assert "ledger" not in await tab.run("document.body.innerText")
            for word, seen in (("wrong", "Wrong password."), (PASSWORD, "There is no ledger at")):
                await tab.run(f"document.querySelector('#password').value = '{word}'")
                await tab.run("document.querySelector('button').click()")
                await tab.until(says(seen))
            statuses = await asyncio.to_thread(guess, url)
            assert statuses.count(401) < 10 and statuses[-1] == 429  # though that one was right
            clock = await tab.run("document.querySelector('.clock').innerText")
            await tab.until(f"document.querySelector('.clock').innerText != '{clock}'")  # who is in stays in
    assert PASSWORD not in (tmp_path / "console.log").read_text()


def guess(url: str, *forwarded_for: str) -> list[int]:
    """The statuses of guesses as fast as they go, and of the right password when the lock is one for seconds.

    Each says that it is forwarded for the next of `forwarded_for`, if there are any.
    """
    with httpx2.Client(trust_env=False, timeout=30) as http:
        sayings = cycle([{"X-Forwarded-For": one} for one in forwarded_for] or [{}])

        def said_to(word: str) -> httpx2.Response:
            return http.post(f"{url}login", data={"password": word}, headers=next(sayings))

        while True:
            replies = [said_to("guess")]
            while len(replies) < MOST_REPLIES and int(replies[-1].headers.get("retry-after", 0)) < LOCKED_S:
                replies.append(said_to(f"guess {len(replies)}"))
            locked_s = time.monotonic()
            replies.append(said_to(PASSWORD))
            if replies[-1].status_code == 429 or time.monotonic() - locked_s < LOCKED_S - 1:
                return [reply.status_code for reply in replies]
            # The machine was so slow that the lock was over: that showed nothing.


async def test_naming_another_address_with_each_guess_does_not_open_the_lock(tmp_path: Path) -> None:
    """Not even where FORWARDED_ALLOW_IPS, which uvicorn reads, says that all are to be believed."""
    given = {"LOGICNET_CONSOLE__PASSWORD": PASSWORD, "FORWARDED_ALLOW_IPS": "*"}
    with console(tmp_path / "none.sqlite", tmp_path, **given) as url:
        statuses = await asyncio.to_thread(guess, url, *ADDRESSES)
    assert statuses.count(401) < 10 and statuses[-1] == 429


async def test_behind_a_proxy_who_guesses_is_locked_out_and_all_together_have_a_limit(
    tmp_path: Path,
) -> None:
    given = {"LOGICNET_CONSOLE__PASSWORD": PASSWORD, "LOGICNET_CONSOLE__PROXY": "127.0.0.1"}
    with console(tmp_path / "none.sqlite", tmp_path, **given) as url:
        # What a guesser says himself stands before what the proxy saw.
        one = await asyncio.to_thread(guess, url, *[f"{claimed}, 203.0.113.7" for claimed in ADDRESSES])
        assert one.count(401) < 10 and one[-1] == 429
        many = await asyncio.to_thread(guess, url, *ADDRESSES)
        assert many.count(401) <= MOST_GUESSES and many[-1] == 429


async def test_who_comes_through_the_proxy_from_elsewhere_is_not_locked_out(tmp_path: Path) -> None:
    given = {"LOGICNET_CONSOLE__PASSWORD": PASSWORD, "LOGICNET_CONSOLE__PROXY": "127.0.0.1"}
    with console(tmp_path / "none.sqlite", tmp_path, **given) as url:
        assert (await asyncio.to_thread(guess, url, "203.0.113.7"))[-1] == 429
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            forwarded = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https"}
            reply = await http.post(f"{url}login", data={"password": PASSWORD}, headers=forwarded)
            assert reply.status_code == 303 and reply.headers["set-cookie"].endswith("; secure")


async def test_a_damaged_ledger_is_said_on_the_page(tmp_path: Path) -> None:
    ledger = tmp_path / "miner.sqlite"
    ledger.write_bytes(b"\xa5" * 9000)
    with console(ledger, tmp_path) as url:
        async with Browser(tmp_path) as tab:
            await tab.open(url)
            await tab.until(says("cannot be read"))
            await tab.until(says("keeps the damaged file under another name"))
    assert ledger.read_bytes() == b"\xa5" * 9000


async def test_the_pages_of_a_ledger_that_another_program_locks_are_built(tmp_path: Path) -> None:
    """Each read waits five seconds for it, longer than NiceGUI waits for a page by itself."""
    ledger = tmp_path / "miner.sqlite"
    with scene(ledger):
        pass
    with closing(sqlite3.connect(ledger, isolation_level=None)) as holder, console(ledger, tmp_path) as url:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        async with httpx2.AsyncClient(trust_env=False, timeout=90, base_url=url) as http:
            for page in ("/challenges", "/"):  # the live page may still show what was read before
                reply = await http.get(page)
                assert reply.status_code == 200 and "database is locked" in reply.text, page
