"""What the ledger tells: which answers are nearly certain."""

from typing import Any

import pytest

from logicnet.solver.race.trust import CHAT, Trust
from logicnet.tuning.improve.believed import believed

TRUST = Trust((), CHAT)


def challenge(*votes: tuple[str, str], **changes: Any) -> dict[str, Any]:
    lanes = [{"lane": lane, "key": key, "text": key} for lane, key in votes]
    trail = {"kind": "arithmetic-words", "lanes": lanes, "chosen": "42", "note": ""}
    given: dict[str, Any] = {
        "question": "What is the sum of 12 and 30?",
        "answer": "42",
        "reasoning": "12 and 30 make 42.",
        "in_time": 1,
        "trail": trail,
    }
    return given | changes


def test_a_computed_answer_is_believed_and_marked():
    (one,) = believed([challenge(("exact", "42"))], TRUST)
    assert one.believed
    assert not one.right
    assert one.text == "12 and 30 make 42.\nThe answer is 42."


def test_many_votes_for_one_answer_are_believed():
    votes = [("reason", "42")] * 24 + [("program", "42")] * 4
    assert len(list(believed([challenge(*votes)], TRUST))) == 1


@pytest.mark.parametrize(
    "row",
    [
        challenge(("reason", "42")),
        challenge(("exact", "41"), ("reason", "42")),
        challenge(("program", "42"), ("program", "41"), ("reason", "42")),
        challenge(("exact", "42"), in_time=0),
        challenge(("exact", "42"), answer=""),
        challenge(("exact", "42"), reasoning=None),
        challenge(trail=None),
    ],
    ids=["one vote", "computed otherwise", "votes differ", "late", "no answer", "no text", "no votes kept"],
)
def test_what_is_in_doubt_is_not(row: dict[str, Any]):
    assert list(believed([row], TRUST)) == []
