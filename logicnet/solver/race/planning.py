"""Planning: how many calls to the models each challenge may have, among all that are in flight.

A server answers some number of calls at once almost as fast as one; past that, each makes all slower.
The places are shared among the challenges in flight, more to those whose validator has more stake. No
challenge has fewer than two, so that none is starved; what that is too much waits in the server. Where
each call costs money, a challenge has one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LEAST_CALLS = 2

PAID_CALLS = 1
"""A paid server is the last resort, with a limit by the day. More samplers would earn 0.006 more
(docs/stopping.md, "fixed 1"), and use it up many times as soon."""

_STAKE_UNIT = 10_000.0  # alpha; what a validator needs to be listened to (LogicNet 1.6)


@dataclass(slots=True, eq=False)
class ServerShare:
    """One challenge's part of the server."""

    weight: float
    floor: Floor

    def calls(self) -> int:
        """How many calls it may have open now. Changes as others come and go."""
        if self.floor.costs():
            return PAID_CALLS
        share = self.floor.calls * self.weight / self.floor.total_weight()
        return max(LEAST_CALLS, int(share))


@dataclass(slots=True)
class Floor:
    """Where all challenges in flight stand. `calls`: what the server takes at once.

    `costs`: whether each call costs money now.
    """

    calls: int
    costs: Callable[[], bool]
    _seats: set[ServerShare] = field(default_factory=set)

    @contextmanager
    def seat(self, stake: float) -> Iterator[ServerShare]:
        """A place for a challenge while the block lasts. `stake` of who asked, 0 if unknown."""
        seat = ServerShare(1.0 + math.log2(1.0 + max(0.0, stake) / _STAKE_UNIT), self)
        self._seats.add(seat)
        try:
            yield seat
        finally:
            self._seats.discard(seat)

    def total_weight(self) -> float:
        return sum(seat.weight for seat in self._seats)
