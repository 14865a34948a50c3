"""A program's result, and that a hostile one is lost and nothing else."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from logicnet.solver.race.sandbox import MEMORY_BYTES, VALUE_CHARS, WORKERS, Ran, Sandbox
from tests.unit.solver.race import hostile

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

MOST_RESIDENT_BYTES = 4 * MEMORY_BYTES
"""Of one worker, with its own code and what it holds in passing."""


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with aclosing(Sandbox()) as opened:
        yield opened


def _workers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        try:
            if child.status() != psutil.STATUS_ZOMBIE and "monty" in child.name():
                found.append(child)
        except psutil.NoSuchProcess:
            pass
    return found


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("print(5)", "5"),
        ("print('The answer is', 5)", "The answer is 5"),
        ("answer = 3\nprint(4)\nprint(5)", "5"),
        ("answer = 7", "7"),
        ("result = 7\nprint('')", "7"),
        ("ans = 7\nans + 1", "7"),
        ("x = 3\nx * 2", "6"),
        ("def solution():\n    return 42", "42"),
        ("def solve(n=3):\n    return n * 2", "6"),
        ("def main():\n    print(5)", "5"),
        ("def main():\n    print(5)\nif __name__ == '__main__':\n    main()", "5"),
        ("def total():\n    return 9", "9"),
        ("def total(n):\n    return n\nprint(total(2))", "2"),
        ("eggs = 3\nleft = eggs - 1", "2"),
        ("answer = None\ndef solution():\n    return 3", "3"),
        ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)\nprint(f(20))", "2432902008176640000"),
        ("print(1 / 4)", "0.25"),
        ("answer = lambda: 3", ""),
        ("x = object", ""),
        ("import math", ""),
    ],
)
async def test_what_a_program_comes_to(sandbox: Sandbox, code: str, value: str) -> None:
    ran = await sandbox.run(code, timeout_s=60)
    assert (ran.value, ran.error) == (value, "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Sure! Here is it:\n```python\nx = 5\nprint(x)\n```\nThis prints 5.", "5"),
        ("```\n5 + 6\n```", "11"),
        ("```python\nprint(8)", "8"),
        ("```python\ndef f(x): return x + 1\n```\nThen:\n```python\nprint(f(2))\n```", "3"),
        ("```python\nprint(1)\n```\nBetter:\n```python\nprint(2)\n```\nOutput:\n```text\n3\n```", "2"),
        ("Here is the code:\nx = 5\nprint(x)\n\nThe output is 5.", "5"),
        ("<code>print(8)</code>", "8"),
        ("    x = 1\n    print(x)", "1"),
        (">>> x = 3\n>>> print(x)\n3", "3"),
        ("x = 5\nprint(x)\ny = x +", "5"),
        ("x = 5\nprint(x", "5"),
        ("print 5", "5"),
        ("print(\u201chi\u201d)", "hi"),
        ("print(5 \u00d7 3)", "15"),
        ("print(4)\nexit()", "4"),
        ("import sys\nsys.setrecursionlimit(10**6)\nprint(1)", "1"),
        ("x = [1, 2, 3]\ndel x[0]\nd = {1: 2}\ndel d[1], x[:1]\nprint(x, d)", "[3] {}"),
        ("café = 2\n'é'; import math; print(café * math.floor(2.5))", "4"),
        ("print('x')\n(1 +\n 2)  # three", "x"),
        ("(1 +\n 2)  # three", "3"),
    ],
)
async def test_small_faults_are_mended(sandbox: Sandbox, text: str, value: str) -> None:
    ran = await sandbox.run(text, timeout_s=60)
    assert (ran.value, ran.error) == (value, "")


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("import math\nprint(math.isqrt(17), math.comb(5, 2))", "4 10"),
        ("from math import *\nprint(sqrt(16))", "4.0"),
        ("print(math.sqrt(16))", "4.0"),
        ("print(sqrt(16) + gcd(12, 18))", "10.0"),
        ("from itertools import combinations\nprint(len(list(combinations(range(10), 3))))", "120"),
        ("from fractions import Fraction as F\nprint(F(1, 2) + F(1, 3), F('0.25'), F(0.5))", "5/6 1/4 1/2"),
        ("print(Fraction(6, 4) * 2 - 1, 1 - Fraction(1, 3), 2 / Fraction(2, 3))", "2 2/3 3"),
        ("print(Fraction(-7, 2) // 1, Fraction(7, 2) % 1, Fraction(2, 3) ** -2)", "-4 1/2 9/4"),
        ("print(sum([Fraction(1, n) for n in range(1, 5)]), float(Fraction(1, 4)))", "25/12 0.25"),
        ("print(Fraction(2, 4) == Fraction(1, 2), round(Fraction(5, 2)), Fraction(10, 5))", "True 2 2"),
        ("print(Fraction(314, 100).limit_denominator(10))", "22/7"),
        ("from decimal import Decimal\nprint(Decimal('0.1') + Decimal('0.2'))", "0.3"),
        (
            "import statistics as st\nprint(st.mean([1, 2, 3]), st.median([4, 1]), st.mode([1, 2, 2]))",
            "2 2.5 2",
        ),
        ("import heapq\nh = [3, 1]\nheapq.heapify(h)\nheapq.heappush(h, 2)\nprint(heapq.heappop(h))", "1"),
        ("import operator\nfrom functools import reduce\nprint(reduce(operator.mul, [2, 3, 4]))", "24"),
        ("import calendar\nprint(calendar.isleap(1900), calendar.monthrange(2024, 2)[1])", "False 29"),
        ("import string\nprint(string.ascii_lowercase[25])", "z"),
        ("from sympy import *\nprint(isprime(97), factorint(12))", "True {2: 2, 3: 1}"),
        ("from collections import Counter, defaultdict\nprint(Counter('aab')['a'])", "2"),
        ("if True:\n    import math, fractions\n    print(fractions.Fraction(2, 4))", "1/2"),
        ("import random\nprint(random.random())", "0.8444218515250481"),
    ],
)
async def test_what_programs_import_is_there(sandbox: Sandbox, code: str, value: str) -> None:
    ran = await sandbox.run(code, timeout_s=60)
    assert (ran.value, ran.error) == (value, "")


async def test_a_failure_is_one_short_line(sandbox: Sandbox) -> None:
    ran = await sandbox.run("print(3)\nraise ValueError('a\\n' + 'x' * 10**7)", timeout_s=60)
    assert ran.value == ""
    assert ran.error.startswith("ValueError: a x")
    assert len(ran.error) <= 300
    ran = await sandbox.run("1 / 0", timeout_s=60)
    assert (ran.value, ran.error) == ("", "ZeroDivisionError: division by zero")


def test_the_hostile_programs_are_many() -> None:
    assert len(hostile.PROGRAMS) >= 150


@pytest.mark.parametrize("group", hostile.GROUPS)
async def test_hostile_programs_are_lost_and_nothing_else(
    group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the workers start in it, too
    files_before = set(Path("/tmp").iterdir())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        async with aclosing(Sandbox(patience_s=600)) as sandbox:
            await asyncio.gather(
                *(_lost(sandbox, name, code, listener) for name, code in hostile.GROUPS[group].items())
            )
            await _few()
            assert all(worker.memory_info().rss < MOST_RESIDENT_BYTES for worker in _workers())
            assert (await sandbox.run("print('well')", timeout_s=60)).value == "well"
        with pytest.raises(BlockingIOError):
            listener.accept()
    await _none()
    assert not list(tmp_path.iterdir())
    assert "escaped" not in {path.name for path in set(Path("/tmp").iterdir()) - files_before}


async def _lost(sandbox: Sandbox, name: str, code: str, listener: socket.socket) -> None:
    code = code.replace("127.0.0.1', 9", f"127.0.0.1', {listener.getsockname()[1]}")
    ran = await sandbox.run(code, timeout_s=0.3)
    assert len(ran.value) <= VALUE_CHARS, name
    assert len(ran.error) <= 300, name
    assert "\n" not in ran.error, name
    assert "root:" not in ran.value, name
    assert (await sandbox.run("print(6 * 7)", timeout_s=30)).value == "42", name


async def test_endless_programs_let_the_loop_go_on(sandbox: Sandbox) -> None:
    endless = [asyncio.create_task(sandbox.run("while True: pass", timeout_s=60)) for _ in range(2)]
    await _busy()
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not any(task.done() for task in endless)  # twenty turns while they run on
    for task in endless:
        task.cancel()
    await asyncio.wait(endless)
    endless = [asyncio.create_task(sandbox.run("while True: pass", timeout_s=0.2)) for _ in range(6)]
    await asyncio.wait(endless)
    assert all(not task.result().value and task.result().error for task in endless)
    await _few()


async def test_many_at_once_wait_for_their_turn() -> None:
    async with aclosing(Sandbox(patience_s=600)) as sandbox:
        ran = await asyncio.gather(*(sandbox.run(f"print({n} ** 2)", timeout_s=60) for n in range(128)))
        assert [found.value for found in ran] == [str(n**2) for n in range(128)]
        assert len(_workers()) <= WORKERS


async def test_who_waits_too_long_is_lost() -> None:
    async with aclosing(Sandbox(workers=1, patience_s=0.05)) as sandbox:
        endless = asyncio.create_task(sandbox.run("while True: pass", timeout_s=60))
        await _busy()
        assert (await sandbox.run("print(1)")).error == "no worker was free"
        endless.cancel()
        await asyncio.wait({endless})
        assert (await sandbox.run("print(1)", timeout_s=60)).value == "1"


async def test_a_worker_that_is_killed_is_replaced(sandbox: Sandbox) -> None:
    await sandbox.run("print(1)")
    endless = asyncio.create_task(sandbox.run("while True: pass", timeout_s=60))
    await _busy()
    for worker in _workers():
        os.kill(worker.pid, signal.SIGKILL)
    ran = await endless
    assert ran.value == ""
    assert "crashed" in ran.error
    assert (await sandbox.run("print(2)", timeout_s=60)).value == "2"


async def test_a_cancelled_program_ends(sandbox: Sandbox) -> None:
    endless = [asyncio.create_task(sandbox.run("while True: pass", timeout_s=60)) for _ in range(5)]
    await _busy()
    for task in endless:
        task.cancel()
    ended = await asyncio.gather(*endless, return_exceptions=True)
    assert all(isinstance(found, asyncio.CancelledError) for found in ended)
    assert (await sandbox.run("print(2)", timeout_s=60)).value == "2"
    await _few()


async def test_closing_ends_what_runs_and_what_waits() -> None:
    sandbox = Sandbox()
    endless = [asyncio.create_task(sandbox.run("while True: pass", timeout_s=60)) for _ in range(5)]
    await _busy()
    await sandbox.aclose()
    await sandbox.aclose()
    assert {task.result().error for task in await _all(endless)} == {"the sandbox is closed"}
    assert (await sandbox.run("print(1)")).error == "the sandbox is closed"
    await _none()


async def test_nothing_starts_before_the_first_program() -> None:
    async with aclosing(Sandbox()):
        assert not _workers()


async def _busy() -> None:
    """Until a worker computes."""
    async with asyncio.timeout(60):
        while not any(worker.cpu_times().user > 0.01 for worker in _workers()):
            await asyncio.sleep(0.01)


async def _none() -> None:
    """Workers that were killed are gone in a moment, but not at once on a busy machine."""
    async with asyncio.timeout(60):
        while _workers():
            await asyncio.sleep(0.01)


async def _few() -> None:
    """Workers that were ended are gone in a moment; never are there more than two that run."""
    async with asyncio.timeout(60):
        while len(_workers()) > WORKERS:
            await asyncio.sleep(0.01)


async def _all(tasks: list[asyncio.Task[Ran]]) -> list[asyncio.Task[Ran]]:
    await asyncio.wait(tasks)
    return tasks
