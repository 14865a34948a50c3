"""One question, asked several times at once."""

import asyncio

import pytest

from logicnet.deadline import Deadline
from logicnet.protocol import Answer, Challenge
from logicnet.solver.answering import Solution
from logicnet.solver.sharing import SharedSolve

QUESTION = Challenge("How many?", "Logic", "t-1")


class Asked:
    """Gives each question that it is asked another answer, once it may."""

    def __init__(self) -> None:
        self.times = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self, challenge: Challenge, deadline: Deadline) -> Solution:
        self.times += 1
        number = self.times
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Solution(Answer("So it is.", str(number)), "solved")


async def begun(
    shared: SharedSolve, *challenges: Challenge, seconds: float = 60.0
) -> list[asyncio.Task[Solution]]:
    tasks = [asyncio.create_task(shared(one, Deadline.after(seconds))) for one in challenges]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_the_same_question_at_once_gets_one_answer() -> None:
    asked = Asked()
    shared = SharedSolve(asked)
    tasks = await begun(shared, *[Challenge("How many?", "Logic", f"t-{n}") for n in range(4)])
    other = await begun(shared, Challenge("How much?", "Logic", "t-5"))
    asked.go.set()
    assert {(await task).answer.answer for task in tasks} == {"1"}
    assert (await other[0]).answer.answer == "2"
    assert (await shared(QUESTION, Deadline.after(60))).answer.answer == "3"  # it is no memory
    assert not shared._running


async def test_who_must_answer_sooner_does_not_wait_for_the_other() -> None:
    asked = Asked()
    shared = SharedSolve(asked)
    await begun(shared, QUESTION, seconds=60)
    (hurried,) = await begun(shared, QUESTION, seconds=10)
    await begun(shared, QUESTION, seconds=30)  # follows the hurried one
    assert asked.times == 2
    asked.go.set()
    assert (await hurried).answer.answer == "2"


async def test_the_ends_are_compared_not_what_is_left_at_two_moments() -> None:
    ticks = iter(range(1000))
    asked = Asked()
    shared = SharedSolve(asked)
    both = [
        Deadline(0.0, 60.0, clock=lambda: float(next(ticks))) for _ in range(2)
    ]  # time passes as one looks
    tasks = [asyncio.create_task(shared(QUESTION, deadline)) for deadline in both]
    for _ in range(5):
        await asyncio.sleep(0)
    assert asked.times == 1
    asked.go.set()
    assert {(await task).answer.answer for task in tasks} == {"1"}


@pytest.mark.parametrize("leavers", [1, 2])
async def test_only_the_last_to_hang_up_ends_it(leavers: int) -> None:
    asked = Asked()
    shared = SharedSolve(asked)
    tasks = await begun(shared, QUESTION, QUESTION)
    for task in tasks[:leavers]:
        task.cancel()
    await asyncio.wait(tasks[:leavers])
    await asyncio.sleep(0)
    assert asked.cancelled == (leavers == 2)
    if leavers == 1:
        asked.go.set()
        assert (await tasks[1]).answer.answer == "1"
    assert not shared._running


async def test_an_error_reaches_all_who_asked() -> None:
    async def broken(challenge: Challenge, deadline: Deadline) -> Solution:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    tasks = await begun(SharedSolve(broken), QUESTION, QUESTION)
    for task in tasks:
        with pytest.raises(ZeroDivisionError):
            await task
