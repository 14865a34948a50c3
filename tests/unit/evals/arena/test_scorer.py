"""Scoring beside the asking: what is known decides, what is not leaves a range."""

import threading
from collections.abc import Sequence

import pytest

from logicnet._util.processes import free_port
from logicnet.errors import ModelError
from logicnet.evals.arena.client import MinerReply
from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.arena.scorer import ReplyScorer
from logicnet.evals.runs import score
from logicnet.scoring.reward import reward_of
from logicnet.scoring.truth import TruthTeller
from tests.harness.scripted_model import Mode, ScriptedModel
from tests.unit.evals.conftest import plan_for, questions, scripted

pytestmark = pytest.mark.usefixtures("patient_truth")

PLAN = plan_for(scripted())
(PROBLEM,) = questions(1)  # what is 1+1
SURE = MinerReply(True, 6.4, 200, {"logic_answer": "2", "logic_reasoning": "One and one."})
VAGUE = MinerReply(True, 6.4, 200, {"logic_answer": "a pair", "logic_reasoning": "One and one."})
SILENT = MinerReply(False, 64.0, 0, {}, "no reply within 64 s")


def encode(texts: list[str]) -> Sequence[Sequence[float]]:
    """All texts alike, but for those that speak of apples."""
    return [[0.0, 1.0] if "apple" in text else [1.0, 0.0] for text in texts]


def with_models(model: ScriptedModel, *roles: str) -> ArenaPlan:
    return PLAN.model_copy(update={f"{role}_url": model.base_url for role in roles})


def reward(correctness: float, similarity: float) -> float:
    return reward_of(correctness, similarity, 6.4, 64.0)


async def test_without_judge_and_reference_a_right_number_leaves_only_similarity_open():
    async with ReplyScorer(PLAN) as scorer:
        mark = await scorer.mark(PROBLEM, SURE, 512)
    assert mark.correctness.score == 1.0
    assert mark.similarity is None
    assert (mark.reward.low, mark.reward.high) == (reward(1.0, -1.0), reward(1.0, 1.0))


async def test_without_both_an_answer_in_words_leaves_all_open():
    async with ReplyScorer(PLAN) as scorer:
        mark = await scorer.mark(PROBLEM, VAGUE, 512)
    assert mark.correctness.score is None
    assert (mark.reward.low, mark.reward.high) == (reward(-1.0, -1.0), reward(1.0, 1.0))


async def test_silence_earns_nothing_and_that_is_decided():
    async with ReplyScorer(PLAN) as scorer:
        mark = await scorer.mark(PROBLEM, SILENT, 512)
    assert (mark.reward.low, mark.reward.high) == (0.0, 0.0)


async def test_less_volume_earns_less():
    async with ReplyScorer(PLAN) as scorer:
        full, half = [await scorer.mark(PROBLEM, SURE, volume) for volume in (512, 256)]
    assert half.reward.high == pytest.approx(full.reward.high * 0.95)


async def test_with_judge_and_reference_all_is_decided():
    async with ScriptedModel(text="1") as model:
        plan = with_models(model, "judge", "reference")
        async with ReplyScorer(plan, encode=encode) as scorer:
            mark = await scorer.mark(PROBLEM, VAGUE, 512)
    assert mark.correctness.by == "judge"
    assert mark.correctness.score == 1.0
    assert mark.reference == "1"
    assert mark.similarity is not None and mark.similarity.value == 1.0
    assert mark.reward.value is not None
    assert mark.reward.low == reward(1.0, 1.0)


async def test_the_reference_is_of_the_raw_question_and_written_once_for_all():
    async with ScriptedModel(text="Some apples.") as model:
        async with ReplyScorer(with_models(model, "reference"), encode=encode) as scorer:
            marks = [await scorer.mark(PROBLEM, reply, 512) for reply in (SURE, SURE, VAGUE)]
        asked = [chat["messages"] for chat in model.chats if chat.get("max_tokens") != 1]
    assert [mark.similarity.value for mark in marks if mark.similarity] == [0.0] * 3
    assert asked == [[{"role": "user", "content": "What is 1+1?"}]]


async def test_nobody_writes_a_reference_for_silence():
    async with ScriptedModel() as model:
        async with ReplyScorer(with_models(model, "reference"), encode=encode) as scorer:
            await scorer.mark(PROBLEM, SILENT, 512)
        assert [chat for chat in model.chats if chat.get("max_tokens") != 1] == []


async def test_a_reference_that_fails_counts_as_it_does_for_a_validator_and_is_said():
    async with (
        ScriptedModel(mode=lambda number: Mode.NORMAL if number == 0 else Mode.ERROR_500) as model,
        ReplyScorer(with_models(model, "reference"), encode=encode) as scorer,
    ):
        mark = await scorer.mark(PROBLEM, SURE, 512)
    assert mark.reference is None
    assert mark.similarity is not None and mark.similarity.value == 0.5
    assert "the reference failed: " in mark.similarity.failure
    assert mark.reward.low == mark.reward.high == reward(1.0, 0.5)


@pytest.mark.parametrize("role", ["judge", "reference"])
async def test_a_model_that_is_away_is_said_before_anything_is_asked(role):
    plan = PLAN.model_copy(update={f"{role}_url": f"http://127.0.0.1:{free_port()}/v1"})
    with pytest.raises(ModelError, match=f"the {role} does not answer"):
        async with ReplyScorer(plan, encode=encode):
            pass


async def test_truth_is_told_beside_the_verdict(monkeypatch):
    monkeypatch.setitem(TruthTeller.__init__.__kwdefaults__, "timeout_s", 60.0)
    (five,) = [problem for problem in questions(5) if problem.truth == "10"]
    wrong = MinerReply(True, 1.0, 200, {"logic_answer": "-10", "logic_reasoning": ""})
    async with ReplyScorer(PLAN.model_copy(update={"truth": True})) as scorer:
        mark = await scorer.mark(five, wrong, 512)
    assert mark.correctness.score == 1.0  # a validator reads no sign
    assert mark.truth is not None and mark.truth.right is False


async def test_nothing_is_scored_on_the_loop_that_asks(monkeypatch):
    seen = []

    def checker_of(problem: object) -> None:
        seen.append(threading.get_ident())

    monkeypatch.setattr(score, "checker_of", checker_of)
    async with ReplyScorer(PLAN) as scorer:
        await scorer.mark(PROBLEM, SURE, 512)
    assert len(seen) == 1
    assert seen != [threading.get_ident()]
