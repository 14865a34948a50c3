"""The peers against a scripted model server: what they send, and that their own rules are at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from logicnet.evals.bench.asking import ask
from logicnet.evals.bench.contestants import load_contestants
from logicnet.evals.challenges.problem import Problem
from logicnet.llm import Endpoint
from tests.harness.scripted_model import STEPS, Mode, ScriptedModel

pytestmark = pytest.mark.own_time

PEERS = Path(__file__).parents[4] / "examples" / "solvers"
PROBLEM = Problem("What is 48 + 24?", "72")


async def asked(peer: str, server: ScriptedModel, timeout_s: float = 20.0):
    endpoint = Endpoint(server.base_url)
    try:
        return await ask(load_contestants([f"{PEERS}/{peer}.py"])[0], PROBLEM, endpoint, timeout_s)
    finally:
        await endpoint.close()


async def test_the_plain_call_is_one_call_of_the_bare_question():
    async with ScriptedModel() as server:
        one = await asked("plain_call", server)
        assert [chat["messages"] for chat in server.chats] == [
            [{"role": "user", "content": "What is 48 + 24?"}]
        ]
    assert one.solution.answer.reasoning == STEPS
    assert one.solution.answer.answer == "72"
    assert one.solution.outcome == "solved"


async def test_the_vote_is_won_by_the_most():
    def numbered(_: object) -> str:
        number = len(server.chats)
        return "The answer is 72." if number % 2 else f"The answer is {number}."

    async with ScriptedModel(text=numbered) as server:
        one = await asked("beta_self_consistency", server)
        assert len(server.chats) == 8
    assert one.solution.answer.answer == "72"
    assert one.solution.outcome == "solved"


async def test_no_more_is_drawn_when_more_would_not_change_the_outcome():
    # Four equal answers of four stay ahead with 0.97; those that hang are not waited for.
    async with ScriptedModel(
        mode=lambda number: Mode.NORMAL if number < 4 else Mode.HANG_BEFORE_HEADERS
    ) as server:
        one = await asked("beta_self_consistency", server)
        assert one.solution.outcome == "solved"
        assert one.solution.answer.answer == "72"
        assert one.tokens == 4 * len(STEPS.split())


@pytest.mark.thorough
async def test_at_the_deadline_the_samples_there_are_vote():
    async with ScriptedModel(mode=lambda number: Mode.NORMAL if number < 3 else Mode.HANG_IN_TEXT) as server:
        one = await asked("beta_self_consistency", server, timeout_s=3.0)
    assert one.solution.answer.answer == "72"
    assert one.solution.outcome == "solved"


@pytest.mark.parametrize("peer", ["plain_call", "beta_self_consistency"])
async def test_a_model_that_fails_is_an_outcome(peer):
    async with ScriptedModel(mode=Mode.ERROR_500) as server:
        one = await asked(peer, server)
    assert one.solution.outcome == "failed"
    assert one.solution.error
