"""Planning: how many model calls each challenge may have open, among all challenges in flight.

A server answers some number of calls at once almost as fast as one; beyond that, each call slows all others.
Challenges in flight share these slots, weighted by the stake of their validator. No challenge has fewer than
two slots; calls above the total wait in the server. While each call costs money, a challenge has one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LEAST_CALLS = 2

PAID_CALLS = 1
"""A paid server is the last resort, with a daily limit. More samples would earn 0.006 more
(docs/stopping.md, "fixed 1") and reach the limit several times sooner."""

_STAKE_UNIT = 10_000.0  # alpha; the validator permit starts there (LogicNet 1.6)


@dataclass(slots=True, eq=False)
class SchedulerSlot:
    """The share of one challenge."""

    weight: float
    scheduler: Scheduler

    def calls(self) -> int:
        """How many calls it may have open now. Changes while other challenges come and go."""
        if self.scheduler.costs():
            return PAID_CALLS
        share = self.scheduler.calls * self.weight / self.scheduler.total_weight()
        return max(LEAST_CALLS, int(share))


@dataclass(slots=True)
class Scheduler:
    """All challenges in flight. `calls`: capacity of the server; `costs`: whether a call costs money."""

    calls: int
    costs: Callable[[], bool]
    _slots: set[SchedulerSlot] = field(default_factory=set)

    @contextmanager
    def slot(self, stake: float) -> Iterator[SchedulerSlot]:
        """A slot for one challenge during the block. `stake` of its validator, 0 if unknown."""
        slot = SchedulerSlot(1.0 + math.log2(1.0 + max(0.0, stake) / _STAKE_UNIT), self)
        self._slots.add(slot)
        try:
            yield slot
        finally:
            self._slots.discard(slot)

    def total_weight(self) -> float:
        return sum(slot.weight for slot in self._slots)
