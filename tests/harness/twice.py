"""One question, asked twice at once of the solving that a program has built."""

import asyncio
from collections.abc import Awaitable, Callable

from logicnet.deadline import Deadline
from logicnet.protocol import Challenge
from logicnet.solver.answering import Solution
from tests.harness.scripted_model import ScriptedModel


async def solved_twice(
    solve: Callable[[Challenge, Deadline], Awaitable[Solution]], model: ScriptedModel
) -> None:
    """Assert that the solver `direct` asks its model twice in all: for the reasoning, and for the answer.

    `model` holds its first reply until both are asked.
    """
    assert model.goes_on is not None
    question = "Natalia sold 48 clips in April, and half as many in May. How many in all?"

    def chats() -> int:
        return sum(question in str(body["messages"]) for body in model.chats)  # others are probes

    both = [asyncio.create_task(_solved(solve, Challenge(question))) for _ in range(2)]
    async with asyncio.timeout(60):
        while not chats():
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.2)  # for a second call, if there were one
    assert chats() == 1
    model.goes_on.set()
    one, other = await asyncio.gather(*both)
    assert one.answer == other.answer
    assert one.answer.answer == "72"
    assert chats() == 2


async def _solved(
    solve: Callable[[Challenge, Deadline], Awaitable[Solution]], challenge: Challenge
) -> Solution:
    return await solve(challenge, Deadline.after(60.0))
