"""All that the page and the terminal show, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from logicnet.operate.telemetry.meter import ValidatorVolume
from logicnet.operate.telemetry.state import ModelServerState, State

Level = Literal["bad", "warning", "note"]


@dataclass(frozen=True, slots=True)
class CurrentChallenge:
    """A challenge in flight."""

    challenge_id: str
    validator: str
    question: str  # empty until the ledger has it
    left_s: float  # negative after the deadline
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
    correctness: float | None = None  # -1..1; None if unknown
    reward: float | None = None  # by our own scoring, with the volume factor; None if unknown
    known_by: str = ""  # "run": scored by a run of ours; "exact": computed; "silence": not in time


@dataclass(frozen=True, slots=True)
class TimeBucket:
    """The answers of one interval of time."""

    at_s: float  # its start
    answered: int = 0
    missed: int = 0  # of those, not in time
    median_s: float | None = None
    slow_s: float | None = None  # the 90th percentile
    correctness: float | None = None  # mean of the known ones
    known: int = 0


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refusals of the last hour for one reason."""

    reason: str
    count: int
    last_s: float
    message: str


@dataclass(frozen=True, slots=True)
class ChainRank:
    """Our rank in one epoch of the chain."""

    at_s: float
    neurons: int
    rank: int | None
    incentive: float
    stake: float


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs attention, and the command or setting that mends it."""

    level: Level
    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Sequences are oldest first unless a comment says otherwise."""

    at_s: float
    ledger: str  # its path
    miner: State | None = None  # None if it cannot be reached
    ledger_error: str = ""  # why the ledger cannot be read; what is shown of it is then older
    solving: tuple[CurrentChallenge, ...] = ()  # the most urgent first
    answers: tuple[FinishedChallenge, ...] = ()  # of the last hour, the newest first
    buckets: tuple[TimeBucket, ...] = ()
    refusals: tuple[Refusals, ...] = ()
    volumes: tuple[ValidatorVolume, ...] = ()  # the open ones first
    servers: tuple[ModelServerState, ...] = ()
    ranks: tuple[ChainRank, ...] = ()
    alerts: tuple[Alert, ...] = ()  # the worst first

    @property
    def in_time(self) -> int:
        """Answers of the last hour that were in time."""
        return sum(one.in_time for one in self.answers)

    @property
    def rewards(self) -> list[float]:
        """The known rewards of the last hour."""
        return [one.reward for one in self.answers if one.reward is not None]

    @property
    def correctness(self) -> tuple[float | None, int]:
        """The mean of the known answers in `buckets`, and their number."""
        known = sum(one.known for one in self.buckets)
        total = sum((one.correctness or 0.0) * one.known for one in self.buckets)
        return (total / known, known) if known else (None, 0)

    def is_over(self, volume: ValidatorVolume) -> bool:
        """Whether that epoch has ended; unknown without a miner, and then it has."""
        return self.miner is None or self.at_s >= volume.started_at_s + self.miner.interval_s
