"""ConcurrencyLimiter: a bound on the challenges solved at once. Waiters are served by stake."""

import asyncio
from bisect import insort

from logicnet.deadline import Deadline
from logicnet.errors import Reason, Refusal

WAITING_LIMIT = 256
"""Challenges that may wait. More would mostly run out of time, and each holds its body in memory."""

USELESS_SHARE = 0.1
"""A waiter gives up when only this share of its time is left: in 6 s of 64 a model generates too little."""

_Waiter = tuple[float, int, asyncio.Future[bool]]
"""Stake, minus the order of arrival, and whether a slot was granted. The largest is served first; the
order of arrival is unique, so futures are never compared."""


class ConcurrencyLimiter:
    """`limit` slots and a queue of at most `waiting_limit`, for one event loop."""

    def __init__(self, limit: int, waiting_limit: int = WAITING_LIMIT) -> None:
        self._free = limit
        self._limit = limit
        self._waiting_limit = waiting_limit
        self._arrivals = 0
        self._waiting: list[_Waiter] = []  # sorted: the last is served next

    @property
    def taken(self) -> int:
        return self._limit - self._free

    @property
    def has_room(self) -> bool:
        """Whether more than half of the slots are free: room for challenges that no quota covers."""
        return 2 * self._free > self._limit

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def check(self, stake: float) -> None:
        """Refusal FULL if all slots and the queue are taken, and no waiter has a lower stake."""
        if self._free == 0 and len(self._waiting) >= self._waiting_limit and not self._outranks(stake):
            message = (
                "All slots are in use, and every waiting challenge has your stake or more; ask again later."
            )
            raise Refusal(Reason.FULL, message)

    async def acquire(self, stake: float, deadline: Deadline) -> bool:
        """Take a slot, to be given back with `release`.

        False if none became free in useful time, or a higher stake displaced this waiter from the queue.
        """
        if self._free > 0:  # then the queue is empty: `release` serves it first
            self._free -= 1
            return True
        patience_s = deadline.remaining_s() - USELESS_SHARE * deadline.total_s()
        if patience_s <= 0:
            return False
        if len(self._waiting) >= self._waiting_limit:
            if not self._outranks(stake):
                return False
            _wake(self._waiting.pop(0), False)
        return await self._wait(stake, patience_s)

    def release(self) -> None:
        """Give a slot back: to the next waiter, if there is one."""
        while self._waiting:
            if _wake(self._waiting.pop(), True):
                return
        self._free += 1

    def _outranks(self, stake: float) -> bool:
        return bool(self._waiting) and stake > self._waiting[0][0]

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
                self.release()  # the slot was granted, and the cancellation came before this task woke
            raise
        finally:
            timer.cancel()

    def _give_up(self, waiter: _Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            _wake(waiter, False)


def _wake(waiter: _Waiter, granted: bool) -> bool:
    """Wake a waiter; False if it was cancelled."""
    if waiter[2].done():
        return False
    waiter[2].set_result(granted)
    return True
