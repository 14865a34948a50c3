import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from logicnet.llm import Limit, Spending
from tests.harness.said import listening

DAY_S = 86_400.0
LIMIT = Limit(100)


class Clock:
    now_s = 20_000 * DAY_S + 3_600

    def __call__(self) -> float:
        return self.now_s


@asynccontextmanager
async def kept(spending: Spending) -> AsyncIterator[None]:
    """As a pool does."""
    task = asyncio.create_task(spending.keep())
    try:
        yield
    finally:
        task.cancel()


async def written(path: Path, amount: float) -> None:
    async with asyncio.timeout(60):
        while not path.exists() or json.loads(path.read_text())["spent"] != {"a": amount}:
            await asyncio.sleep(0.005)


def test_what_may_be_written_is_set_aside_and_given_back() -> None:
    clock = Clock()
    spending = Spending(None, clock)
    assert spending.charge("a", LIMIT, 60)
    assert not spending.charge("a", LIMIT, 60), "both may be written in full"
    assert spending.charge("b", LIMIT, 60), "each has a limit of its own"
    spending.correct("a", 60, 10, clock.now_s)
    assert spending.spent("a") == 10
    assert spending.charge("a", LIMIT, 90) and not spending.charge("a", LIMIT, 0.5)


def test_a_new_day_and_a_clock_that_goes_back() -> None:
    clock = Clock()
    spending = Spending(None, clock)
    yesterday_s = clock.now_s
    assert spending.charge("a", LIMIT, 100)
    clock.now_s += DAY_S
    assert spending.spent("a") == 0
    clock.now_s -= DAY_S
    assert spending.spent("a") == 100, "looking changes nothing: another thread looks"
    clock.now_s += DAY_S
    assert spending.charge("a", LIMIT, 100)
    spending.correct("a", 100, 0, yesterday_s)
    assert spending.spent("a") == 100, "that was of the day before"
    clock.now_s -= DAY_S
    assert not spending.charge("a", LIMIT, 1)


async def test_it_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "new" / "spending.json"
    clock = Clock()
    spending = Spending(path, clock)
    async with kept(spending):
        assert spending.charge("a", LIMIT, 70)
        await written(path, 70)
    again = Spending(path, clock)  # nobody closed the first one
    assert again.spent("a") == 70
    assert not again.charge("a", LIMIT, 40) and again.charge("a", LIMIT, 30)
    clock.now_s += DAY_S
    assert Spending(path, clock).spent("a") == 0


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", '{"day": 20000}', '{"day": 20000, "spent": {"a": NaN}}'),
        *('{"day": 20000, "spent": {"a": -500}}', '{"day": "x", "spent": {}}', "\xff\xfe"),
        '{"day": 1e999, "spent": {}}',
    ],
)
def test_a_damaged_file_stops_the_day_s_spending(tmp_path: Path, text: str) -> None:
    path = tmp_path / "spending.json"
    path.write_text(text, "latin-1")
    clock = Clock()
    with listening() as lines:
        spending = Spending(path, clock)
    [line] = lines
    assert line == (
        f"WARNING Cannot read {path} (damaged): paid models are not asked today. "
        "To allow them, move the file away."
    )
    assert not spending.charge("a", LIMIT, 1)
    spending.close()
    assert path.read_text("latin-1") == text
    clock.now_s += DAY_S
    assert spending.charge("a", LIMIT, 1)


async def test_nothing_is_spent_that_would_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "spending.json"
    spending = Spending(path, Clock())
    beside = tmp_path / "spending.json.new"
    beside.mkdir()
    with listening() as lines:
        async with kept(spending):
            assert spending.charge("a", LIMIT, 1)
            async with asyncio.timeout(60):
                while not lines:
                    await asyncio.sleep(0.005)
            assert "(Is a directory): paid models are not asked until it can be written" in lines[0]
            assert not spending.charge("a", LIMIT, 1)
    beside.rmdir()
    spending.close()
    assert json.loads(path.read_text())["spent"] == {"a": 1.0}


async def test_what_is_written_last_is_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that is closed writes once more, and perhaps the task it has cancelled is writing still."""
    path = tmp_path / "spending.json"
    writing, slow, write = threading.Event(), threading.Event(), Path.write_text
    done = threading.Semaphore(0)

    def written(file: Path, text: str) -> int:
        if not writing.is_set():
            writing.set()
            slow.wait(60)
        return write(file, text)

    def replaced(file: Path, target: Path) -> Path:
        try:
            return replace(file, target)
        finally:
            done.release()

    replace = Path.replace
    monkeypatch.setattr(Path, "write_text", written)
    monkeypatch.setattr(Path, "replace", replaced)
    spending = Spending(path, Clock())
    async with kept(spending):
        assert spending.charge("a", LIMIT, 10)
        async with asyncio.timeout(60):
            while not writing.is_set():
                await asyncio.sleep(0.005)
    assert spending.charge("a", LIMIT, 5)
    closing = asyncio.create_task(asyncio.to_thread(spending.close))
    await asyncio.sleep(0.1)
    slow.set()
    await closing
    for _ in range(2):
        assert await asyncio.to_thread(done.acquire, timeout=60)
    assert Spending(path, Clock()).spent("a") == 15
