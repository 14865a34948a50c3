"""Two hundred challenges, and a model server that breaks in every way there is."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from logicnet.deadline import ReplyMargin
from logicnet.llm import Endpoint
from logicnet.protocol import Challenge
from logicnet.solver import load_solver
from logicnet.solver.answering import Solution, answer_in_time
from tests.harness.own_time import after
from tests.harness.scripted_model import WORDLESS, Json, Mode, ScriptedModel

pytestmark = pytest.mark.own_time

CHALLENGES = 200
AT_ONCE = 50
ALLOWED_S = 10.0  # a caller's timeout; less the margin for the way back, solvers get 9

MODES = tuple(Mode)


@dataclass(frozen=True)
class Replied:
    mode: Mode
    number: int
    solution: Solution
    late: bool


def number_in(body: Json) -> int:
    found = re.search(r"Question (\d+):", body["messages"][0]["content"])
    assert found is not None
    return int(found[1])


def text(body: Json) -> str:
    number = number_in(body)
    return f"Words for {number} arrive, and more of them. The answer is {number}."


async def test_every_challenge_is_answered_in_time_with_what_had_arrived() -> None:
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: unheard.append(context))
    solver = load_solver("direct")
    places = asyncio.Semaphore(AT_ONCE)
    margin_s = ReplyMargin().seconds(ALLOWED_S)

    async with ScriptedModel() as server:
        endpoint = Endpoint(server.base_url)
        await endpoint.probe()
        server.chats.clear()
        server.text = text
        server.mode = lambda n: MODES[number_in(server.chats[n]) % len(MODES)]

        async def replied(number: int) -> Replied:
            challenge = Challenge(f"Question {number}: what is its number?")
            async with places:
                deadline = after(ALLOWED_S - margin_s)
                solution = await answer_in_time(solver, challenge, deadline, endpoint)
                return Replied(MODES[number % len(MODES)], number, solution, deadline.passed())

        replies = await asyncio.gather(*map(replied, range(CHALLENGES)))

        async with asyncio.timeout(60):
            await server.idle()  # nothing goes on being generated
        await endpoint.close()

    assert [reply for reply in replies if reply.late] == []
    for reply in replies:
        answer = reply.solution.answer
        assert answer.answer and answer.reasoning
        if reply.mode in WORDLESS:
            assert answer.answer == "I do not know", reply
            assert reply.solution.outcome in ("failed", "late") and reply.solution.error, reply
        else:
            assert answer.reasoning.startswith("Words"), reply
        if reply.mode in (Mode.NORMAL, Mode.GARBAGE_SHAPES):
            assert (answer.answer, reply.solution.outcome) == (str(reply.number), "solved"), reply
    assert Counter(reply.mode for reply in replies).keys() == set(Mode)
    assert unheard == []


async def test_without_any_server_every_challenge_is_answered_in_time() -> None:
    server = ScriptedModel()
    async with server:
        pass  # from here on nobody listens on its port
    endpoint = Endpoint(server.base_url)
    solver = load_solver("direct")

    async def replied(number: int) -> tuple[Solution, bool]:
        deadline = after(4.0)
        solution = await answer_in_time(solver, Challenge("How many?"), deadline, endpoint)
        return solution, deadline.passed()

    replies = await asyncio.gather(*map(replied, range(AT_ONCE)))
    await endpoint.close()
    assert not any(late for _, late in replies)
    assert {solution.answer.answer for solution, _ in replies} == {"I do not know"}
    assert all(re.search("cannot be reached|does not answer", reply[0].error) for reply in replies), replies
