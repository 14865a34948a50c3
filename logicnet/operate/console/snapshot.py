"""Snapshot: all that is shown, as it was at one moment; the same for the page and the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from logicnet.operate.telemetry.state import ModelServerState, Promise, State

Level = Literal["bad", "warning", "note"]


@dataclass(frozen=True, slots=True)
class CurrentChallenge:
    """A challenge that is being solved right now."""

    challenge_id: str
    validator: str
    question: str  # empty until the ledger has it
    left_s: float  # below 0 when its time is up
    allowed_s: float


@dataclass(frozen=True, slots=True)
class FinishedChallenge:
    """A challenge that ended."""

    challenge_id: str
    at_s: float  # unix seconds of its end
    validator: str
    question: str
    answer: str
    outcome: str
    seconds: float
    allowed_s: float
    in_time: bool
    error: str = ""
    correctness: float | None = None  # -1..1; None where nobody knows
    reward: float | None = None  # by our own scoring, after volume; None where nobody knows
    known_by: str = ""  # "run": scored by an arena of ours; "exact": computed; "silence": nothing went out


@dataclass(frozen=True, slots=True)
class Slot:
    """What a stretch of time came to."""

    at_s: float  # its beginning
    answered: int = 0
    missed: int = 0  # of those, not in time
    median_s: float | None = None
    slow_s: float | None = None  # nine of ten were faster
    correctness: float | None = None  # the mean of those that are known
    known: int = 0


@dataclass(frozen=True, slots=True)
class Refusals:
    """Of one reason, in the last hour."""

    reason: str
    count: int
    last_s: float
    message: str


@dataclass(frozen=True, slots=True)
class ChainRank:
    """Our place in the network in one epoch of the chain."""

    at_s: float
    neurons: int
    rank: int | None
    incentive: float
    stake: float


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that needs attention: what, and what to do."""

    level: Level
    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """See the module. Sequences that grow are oldest first, but for `answers`: the newest first."""

    at_s: float
    ledger: str  # its path
    miner: State | None = None  # None if it does not run, or is not reached
    ledger_trouble: str = ""  # why the ledger could not be read; then what is of it is as it was before
    solving: tuple[CurrentChallenge, ...] = ()  # the most urgent first
    answers: tuple[FinishedChallenge, ...] = ()  # of the last hour
    slots: tuple[Slot, ...] = ()
    refusals: tuple[Refusals, ...] = ()
    promises: tuple[Promise, ...] = ()  # the open ones first
    servers: tuple[ModelServerState, ...] = ()
    places: tuple[ChainRank, ...] = ()
    concerns: tuple[Concern, ...] = ()  # the worst first

    @property
    def in_time(self) -> int:
        """Answers of the last hour that were."""
        return sum(one.in_time for one in self.answers)

    @property
    def rewards(self) -> list[float]:
        """Those of the last hour that are known."""
        return [one.reward for one in self.answers if one.reward is not None]
