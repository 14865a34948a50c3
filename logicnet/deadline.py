"""Deadline: made once, when a challenge is received, and passed down.

A validator waits `timeout` seconds, of which at most 64 count. A margin is kept for the reply; the rest
bounds every await below the axon.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]

TIMEOUT_CAP_S = 64.0
"""A validator's own limit (LogicNet 1.6). A longer timeout does not make us work longer."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Start and end in seconds on a monotonic clock, the one of asyncio's loop."""

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
        """The same deadline, `by_s` seconds earlier."""
        return Deadline(self.start_s, max(self.start_s, self.end_s - by_s), self.clock)

    def within(self, seconds: float) -> Deadline:
        """The same deadline, or `seconds` from now if that is sooner."""
        return Deadline(self.start_s, min(self.end_s, self.clock() + seconds), self.clock)


class ReplyMargin:
    """Seconds reserved for the reply: a floor, plus the worst lateness of the last 256 replies.

    Lateness is how long after its deadline a reply left (a busy event loop, a solver slow to stop).
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
