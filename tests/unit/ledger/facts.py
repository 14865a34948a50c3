"""Events to record, with only what a test cares for spelled out."""

from typing import Literal

from logicnet.errors import Reason
from logicnet.events import Admitted, Answered, EpochCount, HungUp, Outcome, Refused, Shadowed
from logicnet.protocol import Hotkey
from logicnet.votelog import VoteLog

ALICE, BOB = Hotkey("5Alice"), Hotkey("5Bob")


def epoch(
    given: int = 0, refused: int = 0, *, validator: Hotkey = ALICE, began: float = 600.0, announced: int = 80
) -> EpochCount:
    return EpochCount(validator, began, announced, given, refused)


def admitted(
    challenge_id: str,
    of: EpochCount,
    *,
    question: str = "1 + 1?",
    at_s: float = 700.0,
    allowed_s: float = 60.0,
) -> Admitted:
    return Admitted(at_s, challenge_id, of.validator, "classic", "7", "Logic", question, allowed_s, of)


def answered(
    challenge_id: str,
    *,
    seconds: float = 2.5,
    outcome: Outcome = "solved",
    answer: str = "2",
    reasoning: str = "One and one.",
    error: str = "",
    vote_log: VoteLog | None = None,
) -> Answered:
    return Answered(
        702.5, challenge_id, ALICE, "direct", outcome, seconds, reasoning, answer, error, vote_log
    )


def shadowed(
    challenge_id: str,
    *,
    seconds: float = 1.5,
    outcome: Outcome | Literal["displaced"] = "solved",
    answer: str = "2",
    vote_log: VoteLog | None = None,
) -> Shadowed:
    return Shadowed(
        710.0, challenge_id, "race", outcome, seconds, 60.0, "Two.", answer, error="", vote_log=vote_log
    )


def hung_up(challenge_id: str, seconds: float = 1.0) -> HungUp:
    return HungUp(701.0, challenge_id, ALICE, seconds)


def refused(
    reason: Reason, *, at_s: float = 700.0, message: str = "No.", of: EpochCount | None = None
) -> Refused:
    return Refused(at_s, reason, message, of.validator if of else None, of)
