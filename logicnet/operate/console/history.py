"""The curve of seconds and correctness over an hour to a month, read from the ledger bit by bit.

An interval that is over never changes, so it is read once, the newest first, and only its figures are kept.
A call reads for a fraction of a second and goes on at the next; no transaction outlasts an interval.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import median

from logicnet.deadline import Clock
from logicnet.ledger import LedgerReader, Row
from logicnet.operate.console.snapshot import JudgedAs, TimeBucket

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Span:
    """A choice of time: its length, in how many intervals it is drawn, and how their starts are written."""

    length_s: float
    buckets: int
    times: str  # for strftime

    @property
    def bucket_s(self) -> float:
        return self.length_s / self.buckets


SPANS = {
    "hour": Span(3600.0, 36, "%H:%M"),
    "day": Span(DAY_S, 96, "%H:%M"),
    "week": Span(7 * DAY_S, 84, "%a %H:%M"),
    "month": Span(30 * DAY_S, 90, "%d %b %H:%M"),
}

UNENDED_S = 130.0
"""A challenge admitted this long ago has ended, or never will: 64 s, and as much for a clock that jumps."""

SAMPLE = 50  # answers of an interval whose correctness is looked up: that takes reading all of a row
_READ_S = 0.25  # in which a call begins with further intervals
_OPEN_PARTS = 60  # the interval that is not over is read again when it has grown by this part


class History:
    """The intervals of each span of one ledger. `correctness` scores a row of `LedgerReader.watched`.

    `verdicts`, by challenge, are looked up at each `read`: they come when their interval is long over.
    For several threads; `read` blocks.
    """

    def __init__(
        self,
        correctness: Callable[[Row], float | None],
        verdicts: Mapping[str, JudgedAs] | None = None,
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        self._correctness = correctness
        self._verdicts = verdicts if verdicts is not None else {}
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, dict[int, _ReadBucket]] = {name: {} for name in SPANS}
        self._read_s = 0.0  # unix seconds of the last call

    def read(
        self, reader: LedgerReader, name: str, now_s: float, *, complete: bool = True
    ) -> tuple[tuple[TimeBucket, ...], int]:
        """The intervals of a span, oldest first, and how many of them were not read yet: these are empty.

        `complete` is False while rows of the past may still be written. Raises LedgerError.
        """
        span = SPANS[name]
        last = int(now_s // span.bucket_s)
        numbers = range(last - span.buckets + 1, last + 1)
        with self._lock:
            if now_s < self._read_s - UNENDED_S:  # the clock was set back: what was over goes on
                self._kept = {one: {} for one in SPANS}
            self._read_s = now_s
            kept = self._kept[name] = {key: one for key, one in self._kept[name].items() if key in numbers}
            end_s = self._clock() + _READ_S
            for number in reversed(numbers):
                if number in kept and now_s < kept[number].again_s:
                    continue
                at_s = number * span.bucket_s
                over = complete and at_s + span.bucket_s + UNENDED_S <= now_s
                again_s = math.inf if over else now_s + span.bucket_s / _OPEN_PARTS
                kept[number] = replace(self._bucket(reader, at_s, span.bucket_s), again_s=again_s)
                if self._clock() >= end_s:
                    break
            found = [
                kept[n].judged(self._verdicts) if n in kept else TimeBucket(n * span.bucket_s)
                for n in numbers
            ]
            return tuple(found), len(numbers) - len(kept)

    def _bucket(self, reader: LedgerReader, at_s: float, length_s: float) -> "_ReadBucket":
        times = reader.times(at_s, at_s + length_s)
        if not times:
            return _ReadBucket(TimeBucket(at_s))
        rows = reader.watched(at_s, until_s=at_s + length_s, every=max(1, len(times) // SAMPLE))
        scored = [
            (row["challenge_id"], self._correctness(row))
            for row in rows
            if row["outcome"] is not None and row["in_time"]
        ]
        seconds = sorted(took_s for took_s, _ in times)
        bucket = TimeBucket(
            at_s,
            answered=len(times),
            missed=sum(not in_time for _, in_time in times),
            median_s=median(seconds),
            slow_s=seconds[min(len(seconds) - 1, int(0.9 * len(seconds)))],
        )
        return _ReadBucket(
            bucket,
            known=tuple(one for _, one in scored if one is not None),
            unknown=tuple(challenge_id for challenge_id, one in scored if one is None),
        )


@dataclass(frozen=True, slots=True)
class _ReadBucket:
    bucket: TimeBucket
    again_s: float = math.inf  # unix seconds from which it is read again
    known: tuple[float, ...] = ()  # correctness of answers in time
    unknown: tuple[str, ...] = ()  # challenges that were answered in time

    def judged(self, verdicts: Mapping[str, JudgedAs]) -> TimeBucket:
        """The interval with both ends of its correctness."""
        looked_at = len(self.known) + len(self.unknown)
        if not looked_at:
            return self.bucket
        said = [verdicts.get(one) for one in self.unknown]
        least = sum(self.known) + said.count("right")
        most = sum(self.known) + len(said) - said.count("wrong")
        return replace(self.bucket, correct_low=least / looked_at, correct_high=most / looked_at)
