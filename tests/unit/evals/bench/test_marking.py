from __future__ import annotations

from typing import Any

import pytest

from logicnet.evals.bench.asking import Attempt, mark, references
from logicnet.evals.challenges.problem import Problem
from logicnet.llm import Completion, Endpoint
from logicnet.protocol import Answer
from logicnet.scoring.scorer import Scorer
from logicnet.scoring.similarity import Embedder
from logicnet.solver.answering import Solution
from logicnet.votelog import SamplerVote, VoteLog
from tests.harness.scripted_model import STEPS, Mode, ScriptedModel

PROBLEM = Problem("What is 48 + 24?", "72", "mathgenerator", "addition", rephrased="Add 48 and 24, friend!")


def asked(answer: str = "72", **different: Any) -> Attempt:
    fields: dict[str, Any] = {
        "name": "direct",
        "problem": PROBLEM,
        "solution": Solution(Answer("Half of 48 is 24.", answer), "solved"),
        "asked_at_s": 5.0,
        "seconds": 32.0,
        "tokens": 40,
    }
    return Attempt(**(fields | different))


@pytest.fixture
def embedder():
    """Texts are embedded by their length, so that what is alike is known."""
    made = Embedder(lambda texts: [[float(len(text)), 1.0] for text in texts])
    yield made
    made.close()


def written(text: str = "Half of 48 is 24.", finish: str = "stop") -> dict[str, Completion]:
    return {PROBLEM.id: Completion(text, finish, error="" if finish == "stop" else "it broke")}


async def test_a_right_answer_earns_what_the_validators_arithmetic_says(embedder):
    (row,) = await mark([asked()], Scorer(embedder=embedder), written(), 64.0)
    assert (row.target, row.id, row.kind, row.source) == ("direct", PROBLEM.id, "addition", "mathgenerator")
    assert (row.question, row.raw_question) == ("Add 48 and 24, friend!", "What is 48 + 24?")
    assert (row.correctness, row.decided_by, row.tokens, row.outcome) == (1.0, "equal", 40, "solved")
    assert row.similarity == pytest.approx(1.0)
    assert row.reward == pytest.approx((0.3 + 0.7 - 0.05 * 0.5) / 2 + 0.5)
    assert row.reward_low == row.reward_high == row.reward
    assert row.true is None  # nobody was asked


async def test_what_only_a_judge_could_decide_stays_open(embedder):
    (row,) = await mark([asked("between 70 and 75")], Scorer(embedder=embedder), written(), 64.0)
    assert (row.correctness, row.decided_by, row.reward) == (None, "nobody", None)
    assert row.reward_low == pytest.approx((0.3 - 0.7 - 0.025) / 2 + 0.5)
    assert row.reward_high == pytest.approx((0.3 + 0.7 - 0.025) / 2 + 0.5)
    assert row.scored


async def test_without_a_reference_the_reward_is_a_range():
    (row,) = await mark([asked()], Scorer(), {}, 64.0)
    assert (row.correctness, row.similarity, row.reward) == (1.0, None, None)
    assert row.reward_low < row.reward_high


async def test_a_reference_that_failed_counts_as_a_validators_own_failure(embedder):
    (row,) = await mark([asked()], Scorer(embedder=embedder), written("Half", "failed"), 64.0)
    assert (row.similarity, row.reference) == (0.5, None)
    assert "the reference failed: it broke" in row.note
    assert row.reward is not None


async def test_an_answer_after_the_deadline_is_silence(embedder):
    (row,) = await mark([asked(seconds=64.5)], Scorer(embedder=embedder), written(), 64.0)
    assert (row.answer, row.reasoning, row.correctness, row.similarity) == (None, None, None, None)
    assert (row.reward, row.reward_low, row.reward_high) == (0.0, 0.0, 0.0)
    assert "after the deadline" in row.error


async def test_how_an_answer_came_about_is_kept():
    late = Solution(Answer("Half", "24"), "late", "the solver was not done at the deadline")
    (row,) = await mark([asked(solution=late)], Scorer(), {}, 64.0)
    assert (row.outcome, row.error) == ("late", "the solver was not done at the deadline")


async def test_rows_are_in_the_order_of_what_was_asked(embedder):
    rows = await mark(
        [asked(name=name) for name in ("a", "b", "c")], Scorer(embedder=embedder), written(), 64.0
    )
    assert [row.target for row in rows] == ["a", "b", "c"]


async def test_references_are_of_the_raw_question():
    async with ScriptedModel() as server:
        endpoint = Endpoint(server.base_url)
        found = await references([PROBLEM], endpoint)
        assert found[PROBLEM.id].text == STEPS
        assert server.chats[0]["messages"] == [{"role": "user", "content": "What is 48 + 24?"}]
        server.mode = Mode.ERROR_500
        assert (await references([PROBLEM], endpoint))[PROBLEM.id].finish == "failed"
        await endpoint.close()


async def test_how_its_samplers_voted_is_kept():
    vote_log = VoteLog("sum", (SamplerVote("program", "72"),), "72")
    solution = Solution(Answer("Steps.", "72", vote_log), "solved")
    plain, voted = await mark([asked(), asked(solution=solution)], Scorer(), {}, 64.0)
    assert plain.trail is None
    assert voted.trail == vote_log.fields()
