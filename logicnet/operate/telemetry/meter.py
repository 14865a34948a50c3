"""The event sink that counts. Another thread reads it.

The event loop writes and the telemetry thread reads, without a lock: the reader copies each table in one
step of the interpreter (`dict.copy`), and a count that is one behind is corrected by the next read.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from logicnet.errors import Reason
from logicnet.events import Admitted, Announced, Answered, EpochCount, Event, HungUp, Refused
from logicnet.protocol import Hotkey

BOUNDS_S = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 40.0, 48.0, 56.0, 60.0, 64.0)
"""Upper bounds of the histogram of answer times. Validators wait 64 s at most."""

MOST_VALIDATORS = 256  # As many as a subnet has neurons: the values of a label must be bounded
MOST_IN_FLIGHT = 4096
LOST_AFTER_S = 30.0
"""A challenge without an end this long after its deadline is no longer in flight: its task broke."""

HUNG_UP = "hung_up"


@dataclass(frozen=True, slots=True)
class InFlight:
    """An admitted challenge without an answer yet."""

    challenge_id: str
    validator: Hotkey
    ends_at_s: float  # unix seconds
    allowed_s: float
    epoch_started_at_s: float


@dataclass(frozen=True, slots=True)
class ValidatorVolume(EpochCount):
    """One validator's latest epoch."""

    announced: Annotated[int, Field(alias="promised")]
    """Has the key of earlier versions in `/state`."""
    kept: int  # challenges answered in time


class Meter:
    """Call it with each event. `restored` are the epochs before a restart, with the number kept."""

    def __init__(self, restored: Iterable[tuple[EpochCount, int]] = ()) -> None:
        self.in_flight: dict[str, InFlight] = {}
        self.answers: Counter[tuple[str, bool]] = Counter()  # by outcome and whether in time
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.seconds = 0.0
        self.over_quota = 0
        self.refusals: Counter[Reason] = Counter()
        self._epochs: dict[Hotkey, EpochCount] = {}
        self._kept: dict[Hotkey, int] = {}
        for epoch, kept in restored:
            self._open(epoch)
            self._kept[epoch.validator] = kept

    def __call__(self, event: Event) -> None:
        match event:
            case Admitted():
                self._admitted(event)
            case Answered():
                self._ended(event, event.outcome)
                self.buckets[bisect_left(BOUNDS_S, event.seconds)] += 1
                self.seconds += event.seconds
            case HungUp():
                self._ended(event, HUNG_UP)
            case Refused():
                self.refusals[event.reason] += 1
                if event.epoch is not None:
                    self._open(event.epoch)
            case Announced():
                self._open(event.epoch)

    def volumes(self) -> list[ValidatorVolume]:
        kept = self._kept.copy()
        return [
            ValidatorVolume(
                *(one.validator, one.started_at_s, one.announced, one.given, one.refused),
                kept=kept.get(one.validator, 0),
            )
            for one in self._epochs.copy().values()
        ]

    def solving(self, now_s: float) -> list[InFlight]:
        """What is in flight, the most urgent first. `now_s` is unix seconds."""
        admitted = self.in_flight.copy().values()
        found = [one for one in admitted if now_s - one.ends_at_s < LOST_AFTER_S]
        return sorted(found, key=lambda one: one.ends_at_s)

    def _admitted(self, event: Admitted) -> None:
        self._open(event.epoch)
        self.over_quota += event.epoch.given > event.epoch.announced
        if len(self.in_flight) >= MOST_IN_FLIGHT:
            del self.in_flight[next(iter(self.in_flight))]
        self.in_flight[event.challenge_id] = InFlight(
            event.challenge_id,
            event.validator,
            event.at_s + event.allowed_s,
            event.allowed_s,
            event.epoch.started_at_s,
        )

    def _ended(self, event: Answered | HungUp, outcome: str) -> None:
        challenge = self.in_flight.pop(event.challenge_id, None)
        in_time = (
            challenge is not None and outcome != HUNG_UP and is_in_time(event.seconds, challenge.allowed_s)
        )
        self.answers[outcome, in_time] += 1
        if challenge is None or not in_time:
            return
        epoch = self._epochs.get(challenge.validator)
        if epoch is not None and epoch.started_at_s == challenge.epoch_started_at_s:
            self._kept[challenge.validator] = self._kept.get(challenge.validator, 0) + 1

    def _open(self, epoch: EpochCount) -> None:
        before = self._epochs.get(epoch.validator)
        if before is None or before.started_at_s != epoch.started_at_s:
            # Moved to the end, so that the first of the table is the validator with the oldest epoch.
            self._epochs.pop(epoch.validator, None)
            self._kept[epoch.validator] = 0
            if len(self._epochs) >= MOST_VALIDATORS:
                oldest = next(iter(self._epochs))
                del self._epochs[oldest], self._kept[oldest]
        self._epochs[epoch.validator] = epoch


def is_in_time(seconds: float, allowed_s: float) -> bool:
    """Whether the caller still waited: it waits longer than our deadline, as the ledger's `in_time` says."""
    return seconds <= allowed_s + min(1.0, allowed_s / 4)
