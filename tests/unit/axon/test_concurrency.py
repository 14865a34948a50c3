import asyncio
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logicnet.axon.concurrency import USELESS_SHARE, ConcurrencyLimiter
from logicnet.deadline import Deadline
from logicnet.errors import Reason, Refusal
from tests.harness.own_time import after

LONG_S = 3600.0


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Holder:
    """One challenge that wants a slot, and stays until it is told to leave."""

    _tasks: ClassVar[set[asyncio.Task[None]]] = set()  # the loop itself keeps no strong reference

    def __init__(self, limiter: ConcurrencyLimiter, stake: float, seconds: float = LONG_S) -> None:
        self.stake = stake
        self.has_slot: bool | None = None
        self.inside = False
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._stay(limiter, Deadline.after(seconds)))
        self._tasks.add(self.task)
        self.task.add_done_callback(self._tasks.discard)

    async def _stay(self, limiter: ConcurrencyLimiter, deadline: Deadline) -> None:
        self.has_slot = self.inside = await limiter.acquire(self.stake, deadline)
        if not self.has_slot:
            return
        try:
            await self._leave.wait()
        finally:
            self.inside = False
            limiter.release()

    def leave(self) -> None:
        self._leave.set()


async def test_a_free_slot_is_granted_at_once() -> None:
    limiter = ConcurrencyLimiter(2)
    assert await limiter.acquire(1.0, Deadline.after(LONG_S)) is True
    assert limiter.taken == 1
    limiter.release()
    assert limiter.taken == 0


async def test_the_higher_stake_goes_first_and_equals_in_order_of_arrival() -> None:
    limiter = ConcurrencyLimiter(1)
    holder = Holder(limiter, 0.0)
    await turns()
    stakes = [5.0, 9.0, 5.0, 1.0, 9.0]
    holders = [Holder(limiter, stake) for stake in stakes]
    await turns()
    assert limiter.waiting == 5
    served = []
    for _ in holders:
        holder.leave()
        await turns()
        (holder,) = [one for one in holders if one.inside]
        served.append(holders.index(holder))
    assert served == [1, 4, 0, 2, 3]


@pytest.mark.own_time
async def test_a_waiter_gives_up_while_there_is_still_time_to_reply() -> None:
    limiter = ConcurrencyLimiter(1)
    holder = Holder(limiter, 1.0)
    await turns()
    deadline = after(0.2)
    assert await limiter.acquire(9.0, deadline) is False
    assert not deadline.passed()
    assert deadline.elapsed_s() == pytest.approx((1 - USELESS_SHARE) * 0.2, abs=0.01)
    assert (limiter.taken, limiter.waiting) == (1, 0)
    assert holder.inside


async def test_without_time_to_wait_the_answer_is_no_at_once() -> None:
    limiter = ConcurrencyLimiter(1)
    Holder(limiter, 1.0)
    await turns()
    deadline = Deadline(0.0, 64.0, lambda: 60.0)
    assert await limiter.acquire(9.0, deadline) is False


async def test_who_has_little_time_still_takes_a_slot_that_is_free() -> None:
    assert await ConcurrencyLimiter(1).acquire(9.0, Deadline(0.0, 64.0, lambda: 60.0)) is True


async def test_a_full_queue_is_closed_to_all_but_a_higher_stake() -> None:
    limiter = ConcurrencyLimiter(1, waiting_limit=2)
    Holder(limiter, 1.0)
    await turns()
    limiter.check(0.0)  # there is room in the queue
    Holder(limiter, 5.0)
    Holder(limiter, 7.0)
    await turns()
    for stake in (4.0, 5.0):
        with pytest.raises(Refusal) as caught:
            limiter.check(stake)
        assert caught.value.reason is Reason.FULL
    limiter.check(5.1)


async def test_a_higher_stake_dislimiter_the_lowest_and_latest_of_the_queue() -> None:
    limiter = ConcurrencyLimiter(1, waiting_limit=2)
    Holder(limiter, 1.0)
    await turns()
    first, second = Holder(limiter, 5.0), Holder(limiter, 5.0)
    await turns()
    higher = Holder(limiter, 6.0)
    await turns()
    assert (first.has_slot, second.has_slot, higher.has_slot) == (None, False, None)


async def test_who_finds_the_queue_full_after_the_check_is_told_at_once() -> None:
    limiter = ConcurrencyLimiter(1, waiting_limit=1)
    Holder(limiter, 1.0)
    await turns()
    limiter.check(5.0)
    waiting = Holder(limiter, 5.0)
    late = Holder(limiter, 5.0)
    await turns()
    assert (waiting.has_slot, late.has_slot) == (None, False)


async def test_without_a_queue_nobody_waits() -> None:
    limiter = ConcurrencyLimiter(1, waiting_limit=0)
    Holder(limiter, 1.0)
    await turns()
    with pytest.raises(Refusal):
        limiter.check(9.0)
    assert await limiter.acquire(9.0, Deadline.after(LONG_S)) is False


async def test_a_cancelled_waiter_leaves_the_queue() -> None:
    limiter = ConcurrencyLimiter(1)
    holder = Holder(limiter, 1.0)
    await turns()
    waiter = Holder(limiter, 5.0)
    await turns()
    waiter.task.cancel()
    await turns()
    assert waiter.task.cancelled()
    assert limiter.waiting == 0
    holder.leave()
    await turns()
    assert limiter.taken == 0


@pytest.mark.parametrize("order", ["leave first", "cancel first"])
async def test_a_waiter_cancelled_between_hand_over_and_waking_leaks_no_slot(order: str) -> None:
    limiter = ConcurrencyLimiter(1)
    holder = Holder(limiter, 1.0)
    await turns()
    waiter, other = Holder(limiter, 5.0), Holder(limiter, 4.0)
    await turns()
    if order == "cancel first":
        waiter.task.cancel()
    limiter.release()  # the holder's slot, in the same turn of the loop as the cancellation
    if order == "leave first":
        waiter.task.cancel()
    await turns()
    assert waiter.task.cancelled() and other.inside
    other.leave()
    await turns()
    assert limiter.taken == 0
    holder.task.cancel()
    await turns()


steps = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "arrive", "arrive", "leave", "cancel", "expire", "leave+cancel", "turn"]),
        st.integers(0, 5),
        st.integers(0, 1000),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 3), st.integers(0, 4), steps)
def test_slots_are_neither_overbooked_nor_leaked(
    limit: int, waiting_limit: int, steps: list[tuple[str, int, int]]
) -> None:
    asyncio.run(_walk(limit, waiting_limit, steps))


async def _walk(limit: int, waiting_limit: int, steps: list[tuple[str, int, int]]) -> None:
    limiter = ConcurrencyLimiter(limit, waiting_limit)
    holders: list[Holder] = []

    def pick(among: list[Holder], number: int) -> list[Holder]:
        return [among[number % len(among)]] if among else []

    def waiting() -> list[Holder]:
        return [one for one in holders if one.has_slot is None and not one.task.done()]

    def act(action: str, stake: int, number: int) -> None:
        if action == "arrive":
            holders.append(Holder(limiter, float(stake)))
        if action.startswith("leave"):
            for one in pick([one for one in holders if one.inside], number):
                one.leave()
        if action.endswith("cancel"):
            for one in pick([one for one in holders if not one.task.done()], number):
                one.task.cancel()
        if action == "expire" and limiter._waiting:
            limiter._give_up(limiter._waiting[number % limiter.waiting])

    for action, stake, number in steps:
        act(action, stake, number)
        if action == "turn":
            await turns()
            inside = [one for one in holders if one.inside]
            assert len(inside) == limiter.taken <= limit
            assert limiter.waiting == len(waiting()) <= waiting_limit
            assert not (waiting() and len(inside) < limit), "a slot is free and a challenge waits"
        else:
            await turns(number % 3)
        assert sum(one.inside for one in holders) <= limit
    while any(not one.task.done() for one in holders):
        for one in holders:
            one.leave()
        await turns()
    assert (limiter.taken, limiter.waiting) == (0, 0)
