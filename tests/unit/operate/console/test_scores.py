from pathlib import Path

import pytest

from logicnet.operate.console.source import RewardEstimate, Scores
from tests.unit.evals.report.runs import mixed, write_run

ROW = {"question": "q", "answer": "a", "in_time": 1, "exact": None, "chosen": None, "seconds": 64.0}


def test_what_a_run_of_ours_scored_is_known_by_question_and_answer(tmp_path: Path) -> None:
    rows = mixed()
    scores = Scores([write_run(tmp_path / "run", rows, solvers=["direct", "race"])])
    scored = next(row for row in rows if row.reward is not None and row.answer)
    found = scores.of(ROW | {"question": scored.question[:300], "answer": (scored.answer or "")[:300]})
    assert found.by == "run" and found.reward is not None
    other = scores.of(ROW | {"question": scored.question, "answer": "another"})
    assert (other.correctness, other.reward, other.by) == (None, None, "")


def test_silence_earns_nothing_and_what_was_computed_is_right_or_wrong() -> None:
    scores = Scores(epoch_volume=0)
    assert scores.of(ROW | {"in_time": 0}) == RewardEstimate(None, 0.0, "silence")
    right = scores.of(ROW | {"exact": "n:4", "chosen": "n:4"})
    # (0.3 * 0.5 + 0.7 - 0.05) / 2 + 0.5, and a tenth off without volume
    assert (right.correctness, right.by) == (1.0, "exact")
    assert right.reward == pytest.approx(0.9 * 0.9)
    assert scores.of(ROW | {"exact": "n:4", "chosen": "n:5"}).correctness == 0.0
    unknown = scores.of(ROW)
    assert unknown.reward is None
    assert unknown.between == pytest.approx((0.55 * 0.9, 0.9 * 0.9))  # if it is wrong, and if it is right
