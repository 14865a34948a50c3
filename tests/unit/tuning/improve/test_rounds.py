"""Looks that are counted, and reasons to stop."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from logicnet.evals.report.estimate import Estimate
from logicnet.tuning.improve.proof import Proof
from logicnet.tuning.improve.rounds import LoopBudget, Round, Rounds, Spent, Step, looks, stop_reason

PROOF = Proof("base", "base-a1", 240, 0.05, Estimate(0.01, 0.0, 0.02, 240), None, accuracy=0.7)


def ended(number: int, step: Step, **changes: Any) -> Round:
    given: dict[str, Any] = {"look": 0, "serving": "", "plan": {}, "counts": {"sum": 3}}
    return Round(number, f"{number:032}", step, **given | changes)


@pytest.mark.parametrize(
    ("rounds", "budget", "spent", "why"),
    [
        ([Step.SERVED], LoopBudget(rounds=1), Spent(1), "1 round of 1 done"),
        ([Step.UNPROVEN, Step.UNPROVEN], LoopBudget(rounds=9), Spent(2), "2 rounds in a row"),
        ([Step.TOO_FEW], LoopBudget(rounds=9), Spent(1), "few"),
        ([], LoopBudget(rounds=9, hours=2.0), Spent(hours=2.1), "--hours 2"),
        ([], LoopBudget(rounds=9, disk_gb=1.0), Spent(disk_gb=1.5), "--disk-gb 1"),
        ([], LoopBudget(rounds=9, teacher_tokens=100), Spent(teacher_tokens=100), "--teacher-tokens 100"),
    ],
)
def test_there_is_a_reason_to_stop(rounds: list[Step], budget: LoopBudget, spent: Spent, why: str):
    found = [ended(place + 1, step, reason="too few lessons") for place, step in enumerate(rounds)]
    assert why in stop_reason(found, budget, spent)


@pytest.mark.parametrize(
    ("rounds", "spent"),
    [
        ([], Spent()),
        ([Step.UNPROVEN, Step.UNPROVEN], Spent()),  # of an earlier command: the operator wants another
        ([Step.UNPROVEN, Step.SERVED, Step.UNPROVEN], Spent(3)),
        ([Step.GIVEN_UP, Step.UNPROVEN], Spent(2)),
    ],
)
def test_else_another_round_begins(rounds: list[Step], spent: Spent):
    found = [ended(place + 1, step) for place, step in enumerate(rounds)]
    assert stop_reason(found, LoopBudget(rounds=9), spent) == ""


def test_a_model_that_is_nearly_always_right_stops_the_loop():
    good = replace(PROOF, accuracy=0.985).fields()
    assert "98%" in stop_reason([ended(1, Step.SERVED, proof=good)], LoopBudget(rounds=9), Spent(1))


def test_looks_are_counted_as_long_as_the_same_model_serves():
    proof = PROOF.fields()
    rounds = [
        ended(1, Step.UNPROVEN, proof=proof),
        ended(2, Step.TOO_FEW),
        ended(3, Step.SERVED, proof=proof),
        ended(4, Step.UNPROVEN, proof=proof, serving="base-a2"),
    ]
    assert (looks(rounds, ""), looks(rounds, "base-a2"), looks(rounds, "base-a3")) == (2, 1, 0)


def test_a_round_is_read_as_it_was_written(tmp_path: Path):
    rounds = Rounds(tmp_path)
    one = rounds.begin(serving="base-a2", plan={"questions": 8}, counts={"sum": 8})
    one = rounds.move(one, Step.UNPROVEN, losses=(1.0, 0.5), proof=PROOF.fields(), reason="no gain")
    (found,) = rounds.all()
    assert replace(found, proof=None) == replace(one, proof=None)
    assert found.proved() == PROOF
    assert rounds.begin(serving="base-a2", plan={}, counts={}).look == 1
