"""Places: a bound on what is being solved at once. When full, the higher stake goes first."""

from __future__ import annotations

import asyncio
from bisect import insort
from types import TracebackType

from logicnet.deadline import Deadline
from logicnet.errors import Reason, Refusal

WAITING_LIMIT = 256
"""Challenges that may wait. More would mostly run out of time, and each holds its body in memory."""

USELESS_SHARE = 0.1
"""A place that comes when only this share of a challenge's time is left is of no use to it: 6 s of
64, in which a model can be asked once and hardly says anything."""

_Waiter = tuple[float, int, asyncio.Future[bool]]
"""Stake, minus the order of arrival, and whether a place came. The largest goes first; the order
of arrival is unique, so futures are never compared."""


class ConcurrencyLimiter:
    """At most `limit` holders, at most `waiting_limit` waiters, for one event loop.

        async with places.take(stake, deadline) as has_place:
            ...

    `has_place` is True, or False if no place came in time to be of use, or one with a higher stake
    needed this one's place in the queue. A waiter that got False is to be answered at once.
    """

    def __init__(self, limit: int, waiting_limit: int = WAITING_LIMIT) -> None:
        self._free = limit
        self._limit = limit
        self._waiting_limit = waiting_limit
        self._arrivals = 0
        self._waiting: list[_Waiter] = []  # sorted: the next to be served is the last

    @property
    def taken(self) -> int:
        return self._limit - self._free

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def check(self, stake: float) -> None:
        """Refusal FULL if all places and the queue are taken, by no lower stake than this."""
        if self._free == 0 and len(self._waiting) >= self._waiting_limit and not self._outranks(stake):
            raise Refusal(
                Reason.FULL,
                "All places are taken, and the queue is full of stakes no lower; ask again later.",
            )

    def take(self, stake: float, deadline: Deadline) -> _Place:
        """A place for as long as the block lasts; see the class."""
        return _Place(self, stake, deadline)

    def _outranks(self, stake: float) -> bool:
        return bool(self._waiting) and stake > self._waiting[0][0]

    async def _enter(self, stake: float, deadline: Deadline) -> bool:
        if self._free > 0:  # then nobody is waiting: a place that becomes free goes to a waiter first
            self._free -= 1
            return True
        patience_s = deadline.remaining_s() - USELESS_SHARE * deadline.total_s()
        if patience_s <= 0:
            return False
        if len(self._waiting) >= self._waiting_limit:
            if not self._outranks(stake):
                return False
            _tell(self._waiting.pop(0), False)
        return await self._wait(stake, patience_s)

    async def _wait(self, stake: float, patience_s: float) -> bool:
        loop = asyncio.get_running_loop()
        self._arrivals += 1
        waiter: _Waiter = (stake, -self._arrivals, loop.create_future())
        insort(self._waiting, waiter)
        timer = loop.call_later(patience_s, self._give_up, waiter)
        try:
            return await waiter[2]
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter[2].cancelled() and waiter[2].result():
                self._leave()  # a place was handed over, and the cancellation came before we woke
            raise
        finally:
            timer.cancel()

    def _give_up(self, waiter: _Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            _tell(waiter, False)

    def _leave(self) -> None:
        while self._waiting:
            if _tell(self._waiting.pop(), True):
                return  # the place changed hands and was never free
        self._free += 1


def _tell(waiter: _Waiter, has_place: bool) -> bool:
    """Wake a waiter; False if it was cancelled, so that nobody is there to take the place."""
    if waiter[2].done():
        return False
    waiter[2].set_result(has_place)
    return True


class _Place:
    """The async context manager behind `Places.take`; a class, because this is the fast path."""

    __slots__ = ("_deadline", "_has_place", "_places", "_stake")

    def __init__(self, places: ConcurrencyLimiter, stake: float, deadline: Deadline) -> None:
        self._places = places
        self._stake = stake
        self._deadline = deadline
        self._has_place = False

    async def __aenter__(self) -> bool:
        self._has_place = await self._places._enter(self._stake, self._deadline)
        return self._has_place

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._has_place:
            self._has_place = False
            self._places._leave()
