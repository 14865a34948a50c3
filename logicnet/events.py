"""Events of the miner, frozen. The log, the ledger and the telemetry receive the same ones.

A sink is a callable that takes an event. It runs on the request path, so it returns at once and never raises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from logicnet.errors import Reason
from logicnet.protocol import Hotkey, Uid, Wire
from logicnet.votelog import VoteLog

Outcome = Literal["solved", "late", "failed", "waited"]
"""The solver answered in time; it was cut off at the deadline, or its answer came after it; it raised; no
slot became free in time. An answer was sent in all four cases. A caller that hung up is a `HungUp`."""


@dataclass(frozen=True, slots=True)
class EpochCount:
    """A validator's epoch, in absolute numbers, so that writing it twice counts once."""

    validator: Hotkey
    started_at_s: float  # unix seconds
    announced: int  # the challenges that were announced to it
    given: int  # may be more than announced: see --miner.over_quota
    refused: int


@dataclass(frozen=True, slots=True)
class Announced:
    """A validator asked for our volume, which opened its epoch."""

    at_s: float  # unix seconds, here and below
    epoch: EpochCount


@dataclass(frozen=True, slots=True)
class Admitted:
    """A challenge passed every check and counts against the quota."""

    at_s: float
    challenge_id: str
    validator: Hotkey
    wire: Wire
    task_uid: str
    category: str
    question: str
    allowed_s: float  # seconds from receipt to deadline
    epoch: EpochCount
    stake: float = 0.0  # alpha, of the validator


@dataclass(frozen=True, slots=True)
class Answered:
    """An admitted challenge was answered."""

    at_s: float
    challenge_id: str
    validator: Hotkey
    solver: str
    outcome: Outcome
    seconds: float  # receipt to reply
    reasoning: str
    answer: str
    error: str = ""  # why the outcome is not "solved"
    vote_log: VoteLog | None = None


@dataclass(frozen=True, slots=True)
class Shadowed:
    """The shadow solver answered a challenge too, for comparison only.

    "displaced": cut off because a real challenge came; it has no text.
    """

    at_s: float
    challenge_id: str
    solver: str
    outcome: Outcome | Literal["displaced"]
    seconds: float  # of solving, without the wait for an idle moment
    allowed_s: float
    reasoning: str
    answer: str
    error: str = ""
    vote_log: VoteLog | None = None


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller of an admitted challenge disconnected before the answer; its solver was cancelled."""

    at_s: float
    challenge_id: str
    validator: Hotkey
    seconds: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A request was refused. `validator` is set only if its signature was verified."""

    at_s: float
    reason: Reason
    message: str
    validator: Hotkey | None = None
    epoch: EpochCount | None = None


@dataclass(frozen=True, slots=True)
class NonceAccepted:
    """A nonce was used; after a restart this caller needs a higher one."""

    caller: str  # "wire:hotkey:uuid"
    nonce: int


@dataclass(frozen=True, slots=True)
class Placed:
    """Our place in a fetched metagraph."""

    at_s: float
    block: int
    neurons: int
    uid: Uid | None = None  # None, as rank, if we are not registered
    rank: int | None = None  # by incentive, 1 is best
    incentive: float = 0.0  # 0..1
    stake: float = 0.0  # alpha


Event = Announced | Admitted | Answered | Shadowed | HungUp | Refused | NonceAccepted | Placed
Sink = Callable[[Event], None]


def fan_out(*sinks: Sink) -> Sink:
    """A sink that calls all of `sinks` in order."""

    def send(event: Event) -> None:
        for sink in sinks:
            sink(event)

    return send
