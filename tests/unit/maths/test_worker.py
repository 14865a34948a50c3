"""Calls that take too long, too much, or the process with them: an error each, and the next one works."""

import asyncio
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from logicnet.maths.worker import Bounded, BoundedError
from tests.unit.maths import misbehaving

MODULE = misbehaving.__name__


async def test_results_come_back_whatever_is_printed() -> None:
    async with Bounded(MODULE) as bounded:
        assert await bounded.call(misbehaving.doubled, timeout_s=60, number=21) == 42
        assert await bounded.call(misbehaving.chatty, timeout_s=60, text="é\n") == "É\n"
        calls = (bounded.call(misbehaving.doubled, timeout_s=60, number=n) for n in range(20))
        assert await asyncio.gather(*calls) == [2 * n for n in range(20)]


@pytest.mark.parametrize(
    ("function", "timeout_s", "why"),
    [
        (misbehaving.sleeps, 0.2, "took longer than 0.2 s"),
        (misbehaving.swallows, 0.2, "took longer than 0.2 s"),
        (misbehaving.multiplies, 0.2, "took longer than"),
        (misbehaving.eats_memory, 60, "took too much memory"),
        (misbehaving.recurses, 60, "nested too deep"),
        (misbehaving.ends, 60, "its process ended"),
    ],
)
async def test_what_goes_wrong_is_said_and_over(
    function: Callable[[], Any], timeout_s: float, why: str
) -> None:
    async with Bounded(MODULE) as bounded:
        with pytest.raises(BoundedError, match=why):
            await bounded.call(function, timeout_s=timeout_s)
        assert await bounded.call(misbehaving.doubled, timeout_s=60, number=1) == 2


async def test_what_is_raised_is_named_and_not_repeated() -> None:
    async with Bounded(MODULE) as bounded:
        with pytest.raises(BoundedError, match=r"^failed \(ValueError\)$"):
            await bounded.call(misbehaving.raises, timeout_s=60, text="mine")


async def test_only_named_modules_are_called() -> None:
    async with Bounded(MODULE) as bounded:
        with pytest.raises(BoundedError, match="failed"):
            await bounded.call("os:getcwd", timeout_s=60)


async def test_a_cancelled_call_leaves_no_answer_for_the_next() -> None:
    async with Bounded(MODULE) as bounded:
        await bounded.start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await bounded.call(misbehaving.sleeps, timeout_s=60)
        assert await bounded.call(misbehaving.doubled, timeout_s=60, number=4) == 8


async def test_nothing_is_left_running() -> None:
    before = {child.pid for child in psutil.Process().children()}
    async with Bounded(MODULE) as bounded:
        await bounded.start()
        assert len({child.pid for child in psutil.Process().children()} - before) == 1
    assert not {child.pid for child in psutil.Process().children()} - before


async def test_a_module_that_is_not_there() -> None:
    async with Bounded("logicnet.scoring.nowhere") as bounded:
        with pytest.raises(BoundedError, match="its process ended"):
            await bounded.start()


async def test_a_worker_that_does_not_start_is_named_in_one_line() -> None:
    async with Bounded("tests.unit.maths.no_such_module") as bounded:
        with pytest.raises(
            BoundedError,
            match=r"^a worker for tests\.unit\.maths\.no_such_module does not start: its process ended$",
        ):
            await bounded.start()
        assert not psutil.Process().children()
