"""VoteLog: the votes behind an answer, for the miner's own records. It never goes out on the wire.

A solver with several samplers attaches one to its `Answer`. The ledger and the rows of a bench keep it, and
`logicnet learn` learns from it which samplers to trust.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MOST_VOTES = 64  # of a log that are kept: 30 kB at most
MOST_TEXT = 400  # characters of each text that are kept
ALL_ENDED = "all samples ended"  # a note: nothing was left to wait for


@dataclass(frozen=True, slots=True)
class SamplerVote:
    """One sample's answer. `key` is its normal form; empty if it ended without an answer."""

    sampler: str  # "reason", "program", ...
    key: str
    text: str = ""  # the answer as it was written
    confidence: float | None = None  # mean log-probability per token, nats
    seconds: float = 0.0  # from the start of the challenge to the vote
    tokens: int = 0  # generated


@dataclass(frozen=True, slots=True)
class VoteLog:
    """The votes behind one answer, in the order in which they came."""

    kind: str  # of question
    votes: tuple[SamplerVote, ...] = ()
    chosen: str = ""  # the key of the answer that was sent; empty if none
    note: str = ""  # why the waiting ended, or another remark

    def fields(self) -> dict[str, Any]:
        """As JSON; `read_vote_log` reads it."""
        votes = [_fields(vote) for vote in self.votes]
        return {"kind": self.kind, "lanes": votes, "chosen": self.chosen, "note": self.note}


def read_vote_log(found: object) -> VoteLog | None:
    """A vote log that can be stored, from a `VoteLog` or its JSON; None if `found` is neither.

    Texts are cut to `MOST_TEXT` and made encodable; invalid numbers become 0 or None.
    """
    if isinstance(found, VoteLog):
        cast: object = found.votes
        fields: Mapping[str, Any] = {"kind": found.kind, "chosen": found.chosen, "note": found.note}
    elif isinstance(found, Mapping):
        cast, fields = found.get("lanes"), found
    else:
        return None
    if not isinstance(cast, list | tuple):
        return None
    votes = [_vote(one) for one in cast[:MOST_VOTES]]
    kept = tuple(vote for vote in votes if vote is not None)
    return VoteLog(_text(fields.get("kind")), kept, _text(fields.get("chosen")), _text(fields.get("note")))


def _fields(vote: SamplerVote) -> dict[str, Any]:
    """As JSON, with the sampler under the key "lane", as in all stored ledgers."""
    fields = asdict(vote)
    return {"lane": fields.pop("sampler"), **fields}


def _vote(found: object) -> SamplerVote | None:
    if isinstance(found, SamplerVote):
        found = _fields(found)
    if not isinstance(found, Mapping):
        return None
    return SamplerVote(
        sampler=_text(found.get("lane")),
        key=_text(found.get("key")),
        text=_text(found.get("text")),
        confidence=_number(found.get("confidence")),
        seconds=_number(found.get("seconds")) or 0.0,
        tokens=int(_number(found.get("tokens")) or 0),
    )


def _text(found: object) -> str:
    return found[:MOST_TEXT].encode("utf-8", "replace").decode() if isinstance(found, str) else ""


def _number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        number = float(found)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
