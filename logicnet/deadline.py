"""Deadline: made once, when a challenge is received, handed down, never remade.

Time is one number. A validator waits `timeout` seconds, at most 64 of which count; we keep a
margin for the way back, and every await below the axon is bounded by what is left.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]

TIMEOUT_CAP_S = 64.0
"""A validator's own limit (LogicNet 1.6). Nobody may make us work longer, whatever they claim."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time on a monotonic clock, and the moment the count began.

    `start_s` and `end_s` are seconds on `clock`; asyncio's loop runs on the same one.
    """

    start_s: float
    end_s: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float, *, clock: Clock = time.monotonic) -> Deadline:
        now = clock()
        return cls(start_s=now, end_s=now + seconds, clock=clock)

    def remaining_s(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.end_s - self.clock())

    def elapsed_s(self) -> float:
        return self.clock() - self.start_s

    def total_s(self) -> float:
        return self.end_s - self.start_s

    def passed(self) -> bool:
        return self.clock() >= self.end_s

    def earlier(self, by_s: float) -> Deadline:
        """The same deadline with `by_s` seconds kept back, so that something can follow."""
        return Deadline(self.start_s, max(self.start_s, self.end_s - by_s), self.clock)

    def within(self, seconds: float) -> Deadline:
        """The same deadline, or `seconds` from now if that is sooner."""
        return Deadline(self.start_s, min(self.end_s, self.clock() + seconds), self.clock)


class ReplyMargin:
    """Seconds kept back for the way home: a floor, plus the worst lateness seen lately.

    Lateness is how long after its deadline a reply really left (the event loop was busy, a solver
    was slow to stop). The worst of the last 256 replies is kept back from the next ones.
    """

    def __init__(self, floor_s: float = 1.0, most_s: float = 5.0) -> None:
        self._floor_s = floor_s
        self._most_s = most_s
        self._lateness_s: deque[float] = deque(maxlen=256)

    def observe(self, lateness_s: float) -> None:
        self._lateness_s.append(max(0.0, lateness_s))

    def seconds(self, timeout_s: float) -> float:
        """The margin for a caller who waits `timeout_s`: never more than a fifth of it."""
        learned_s = max(self._lateness_s, default=0.0)
        return min(self._floor_s + learned_s, self._most_s, timeout_s / 5)
