import pytest

from logicnet.evals.arena.arena import answered_row, asked_row, is_scored, volume_row
from logicnet.evals.arena.client import MinerReply
from logicnet.evals.runs.folder import Intent
from logicnet.evals.runs.run import LONGEST_TEXT, Row
from logicnet.scoring.correctness import Verdict
from logicnet.scoring.reward import Range
from logicnet.scoring.scorer import Score
from logicnet.scoring.similarity import Similarity
from logicnet.scoring.truth import Truth
from tests.unit.evals.conftest import plan_for, questions, scripted

PLAN = plan_for(scripted(), scripted(1))
(PROBLEM,) = questions(1)
TARGET = PLAN.targets[0]


def asked() -> Row:
    return asked_row(PLAN, TARGET, PROBLEM, Intent(2, "m0", PROBLEM.id, "btauth", 9.0))


def answered(**fields: object) -> Row:
    return answered_row(asked(), MinerReply(True, 1.5, 200, fields), "t")


def test_a_row_says_what_was_asked_of_whom():
    row = asked()
    assert (row.target, row.solver, row.hotkey) == ("m0", "m0", TARGET.hotkey)
    assert (row.round, row.wire, row.asked_at, row.timeout) == (2, "btauth", 9.0, 64.0)
    assert (row.question, row.ground_truth, row.kind, row.source) == ("What is 1+1?", "2", "doubling", "test")
    assert not row.scored


def test_an_answer_is_kept_with_its_time():
    row = answered(logic_answer="2", logic_reasoning="So.")
    assert (row.answer, row.reasoning, row.process_time, row.status, row.error) == ("2", "So.", 1.5, 200, "")


def test_no_answer_is_kept_with_the_reason():
    row = answered_row(asked(), MinerReply(False, 64.0, 0, {}, "no reply within 64 s"), "t")
    assert (row.answer, row.error, row.process_time) == (None, "no reply within 64 s", 64.0)


@pytest.mark.parametrize(
    ("echo", "error"),
    [
        ({}, ""),
        ({"logic_question": " What is 1+1?\n", "task_uid": "t"}, ""),
        ({"logic_question": None, "task_uid": None}, ""),
        ({"logic_question": "What is 1+2?"}, "echoes another logic_question"),
        ({"task_uid": 7}, "echoes another task_uid"),
        ({"logic_question": ["What is 1+1?"]}, "echoes another logic_question"),
    ],
)
def test_an_answer_to_another_question_is_said(echo, error):
    row = answered(logic_answer="2", **echo)
    assert (error in row.error) if error else row.error == ""
    assert row.answer == "2"  # a validator looks at nothing else


def test_a_long_answer_is_cut_and_said():
    row = answered(logic_answer="7" * 10**6)
    assert row.answer is not None
    assert len(row.answer) == LONGEST_TEXT
    assert row.note == "answer of 1000000 characters, kept are 100000"


def test_what_is_decided_is_a_reward_and_what_is_not_is_two():
    decided = Score(Verdict(1.0, "equal"), Similarity(0.5), Range(0.9, 0.9), Truth(True, "equal"), "ref")
    row = volume_row(answered(logic_answer="2"), decided, 512)
    assert (row.reward, row.reward_low, row.reward_high, row.correctness, row.true) == (
        0.9,
        0.9,
        0.9,
        1.0,
        True,
    )
    assert (row.similarity, row.reference, row.epoch_volume, row.scored) == (0.5, "ref", 512, True)

    open_ = Score(Verdict(None, "nobody", "no judge"), None, Range(0.2, 0.8), None)
    row = volume_row(answered(logic_answer="x"), open_, 512)
    assert (row.reward, row.reward_low, row.reward_high, row.correctness) == (None, 0.2, 0.8, None)
    assert row.note == "no judge; similarity undecided: nobody wrote a reference"


def test_about_half_is_scored_the_same_half_each_time():
    half = PLAN.model_copy(update={"score": "half", "seed": 3})
    problems = questions(400)
    chosen = [is_scored(half, TARGET, problem) for problem in problems]
    assert 160 < sum(chosen) < 240
    assert chosen == [is_scored(half, TARGET, problem) for problem in problems]
    other = half.model_copy(update={"seed": 4})
    assert chosen != [is_scored(other, TARGET, problem) for problem in problems]
    assert chosen != [is_scored(half, PLAN.targets[1], problem) for problem in problems]
    assert all(is_scored(PLAN, TARGET, problem) for problem in problems)
