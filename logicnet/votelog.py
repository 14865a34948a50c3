"""VoteLog: how an answer came about, for our own records. It never goes out on the wire.

A solver that follows several lines of attack at once attaches one to its `Answer`. The ledger and the
rows of a bench keep it, and what is learned from them is which samplers deserve trust.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MOST_VOTES = 64
MOST_TEXT = 400
"""Samplers, and characters of each text, that are kept of a vote log: some 30 kB at the very most."""


@dataclass(frozen=True, slots=True)
class SamplerVote:
    """What one sampler said. `key` is its answer's normal form; empty if it ended without an answer."""

    sampler: str  # "reason", "program", ...
    key: str
    text: str = ""  # the answer in plain words, as far as there was one
    confidence: float | None = None  # mean log-probability per token, nats
    seconds: float = 0.0  # from the beginning of the challenge to the vote
    tokens: int = 0  # generated for it


@dataclass(frozen=True, slots=True)
class VoteLog:
    """The votes behind one answer, in the order in which they came."""

    kind: str  # of question, as samplers earn trust by it
    votes: tuple[SamplerVote, ...] = ()
    chosen: str = ""  # the key that the answer was sent for; empty if it was for none
    note: str = ""  # why no more samplers were waited for, or whatever else is worth a word

    def fields(self) -> dict[str, Any]:
        """As JSON keeps it; `read_vote_log` is the way back."""
        votes = [_fields(vote) for vote in self.votes]
        return {"kind": self.kind, "lanes": votes, "chosen": self.chosen, "note": self.note}


def read_vote_log(found: object) -> VoteLog | None:
    """A vote log that can be stored, from `VoteLog.fields` or from another's code; None if it is none.

    Texts are cut to `MOST_TEXT` and made encodable, numbers that are none become 0 or None.
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
    """As JSON keeps it: its sampler stands under the key "lane", as in every ledger so far."""
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
