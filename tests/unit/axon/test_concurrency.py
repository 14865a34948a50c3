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


class Guest:
    """One challenge that wants a place, and stays until it is told to leave."""

    _tasks: ClassVar[set[asyncio.Task[None]]] = set()  # the loop itself keeps no strong reference

    def __init__(self, places: ConcurrencyLimiter, stake: float, seconds: float = LONG_S) -> None:
        self.stake = stake
        self.has_place: bool | None = None
        self.inside = False
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._stay(places, Deadline.after(seconds)))
        self._tasks.add(self.task)
        self.task.add_done_callback(self._tasks.discard)

    async def _stay(self, places: ConcurrencyLimiter, deadline: Deadline) -> None:
        async with places.take(self.stake, deadline) as self.has_place:
            self.inside = self.has_place
            try:
                if self.has_place:
                    await self._leave.wait()
            finally:
                self.inside = False

    def leave(self) -> None:
        self._leave.set()


async def test_a_free_place_is_had_at_once() -> None:
    places = ConcurrencyLimiter(2)
    async with places.take(1.0, Deadline.after(LONG_S)) as has_place:
        assert has_place is True
        assert places.taken == 1
    assert places.taken == 0


async def test_a_place_is_given_back_when_the_work_fails() -> None:
    places = ConcurrencyLimiter(1)
    with pytest.raises(RuntimeError):
        async with places.take(1.0, Deadline.after(LONG_S)):
            raise RuntimeError
    assert places.taken == 0


async def test_the_higher_stake_goes_first_and_equals_in_order_of_arrival() -> None:
    places = ConcurrencyLimiter(1)
    holder = Guest(places, 0.0)
    await turns()
    stakes = [5.0, 9.0, 5.0, 1.0, 9.0]
    guests = [Guest(places, stake) for stake in stakes]
    await turns()
    assert places.waiting == 5
    served = []
    for _ in guests:
        holder.leave()
        await turns()
        (holder,) = [guest for guest in guests if guest.inside]
        served.append(guests.index(holder))
    assert served == [1, 4, 0, 2, 3]


@pytest.mark.own_time
async def test_a_waiter_gives_up_while_there_is_still_time_to_reply() -> None:
    places = ConcurrencyLimiter(1)
    holder = Guest(places, 1.0)
    await turns()
    deadline = after(0.2)
    async with places.take(9.0, deadline) as has_place:
        assert has_place is False
        assert not deadline.passed()
        assert deadline.elapsed_s() == pytest.approx((1 - USELESS_SHARE) * 0.2, abs=0.01)
    assert (places.taken, places.waiting) == (1, 0)
    assert holder.inside


async def test_who_has_no_time_to_wait_is_told_at_once() -> None:
    places = ConcurrencyLimiter(1)
    Guest(places, 1.0)
    await turns()
    deadline = Deadline(0.0, 64.0, lambda: 60.0)
    async with places.take(9.0, deadline) as has_place:
        assert has_place is False


async def test_who_has_little_time_still_takes_a_place_that_is_free() -> None:
    async with ConcurrencyLimiter(1).take(9.0, Deadline(0.0, 64.0, lambda: 60.0)) as has_place:
        assert has_place is True


async def test_a_full_queue_is_closed_to_all_but_a_higher_stake() -> None:
    places = ConcurrencyLimiter(1, waiting_limit=2)
    Guest(places, 1.0)
    await turns()
    places.check(0.0)  # there is room in the queue
    Guest(places, 5.0)
    Guest(places, 7.0)
    await turns()
    for stake in (4.0, 5.0):
        with pytest.raises(Refusal) as caught:
            places.check(stake)
        assert caught.value.reason is Reason.FULL
    places.check(5.1)


async def test_a_higher_stake_displaces_the_lowest_and_latest_of_the_queue() -> None:
    places = ConcurrencyLimiter(1, waiting_limit=2)
    Guest(places, 1.0)
    await turns()
    first, second = Guest(places, 5.0), Guest(places, 5.0)
    await turns()
    higher = Guest(places, 6.0)
    await turns()
    assert (first.has_place, second.has_place, higher.has_place) == (None, False, None)


async def test_who_finds_the_queue_full_after_the_check_is_told_at_once() -> None:
    places = ConcurrencyLimiter(1, waiting_limit=1)
    Guest(places, 1.0)
    await turns()
    places.check(5.0)
    waiting = Guest(places, 5.0)
    late = Guest(places, 5.0)
    await turns()
    assert (waiting.has_place, late.has_place) == (None, False)


async def test_without_a_queue_nobody_waits() -> None:
    places = ConcurrencyLimiter(1, waiting_limit=0)
    Guest(places, 1.0)
    await turns()
    with pytest.raises(Refusal):
        places.check(9.0)
    async with places.take(9.0, Deadline.after(LONG_S)) as has_place:
        assert has_place is False


async def test_a_cancelled_waiter_leaves_the_queue() -> None:
    places = ConcurrencyLimiter(1)
    holder = Guest(places, 1.0)
    await turns()
    waiter = Guest(places, 5.0)
    await turns()
    waiter.task.cancel()
    await turns()
    assert waiter.task.cancelled()
    assert places.waiting == 0
    holder.leave()
    await turns()
    assert places.taken == 0


@pytest.mark.parametrize("order", ["leave first", "cancel first"])
async def test_a_waiter_cancelled_between_hand_over_and_waking_leaks_no_place(order: str) -> None:
    places = ConcurrencyLimiter(1)
    holder = Guest(places, 1.0)
    await turns()
    waiter, other = Guest(places, 5.0), Guest(places, 4.0)
    await turns()
    if order == "cancel first":
        waiter.task.cancel()
    places._leave()  # the holder's place, in the same turn of the loop as the cancellation
    if order == "leave first":
        waiter.task.cancel()
    await turns()
    assert waiter.task.cancelled() and other.inside
    other.leave()
    await turns()
    assert places.taken == 0
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
def test_places_are_neither_overbooked_nor_leaked(
    limit: int, waiting_limit: int, steps: list[tuple[str, int, int]]
) -> None:
    asyncio.run(_walk(limit, waiting_limit, steps))


async def _walk(limit: int, waiting_limit: int, steps: list[tuple[str, int, int]]) -> None:
    places = ConcurrencyLimiter(limit, waiting_limit)
    guests: list[Guest] = []

    def pick(among: list[Guest], number: int) -> list[Guest]:
        return [among[number % len(among)]] if among else []

    def waiting() -> list[Guest]:
        return [guest for guest in guests if guest.has_place is None and not guest.task.done()]

    def act(action: str, stake: int, number: int) -> None:
        if action == "arrive":
            guests.append(Guest(places, float(stake)))
        if action.startswith("leave"):
            for guest in pick([guest for guest in guests if guest.inside], number):
                guest.leave()
        if action.endswith("cancel"):
            for guest in pick([guest for guest in guests if not guest.task.done()], number):
                guest.task.cancel()
        if action == "expire" and places._waiting:
            places._give_up(places._waiting[number % places.waiting])

    for action, stake, number in steps:
        act(action, stake, number)
        if action == "turn":
            await turns()
            inside = [guest for guest in guests if guest.inside]
            assert len(inside) == places.taken <= limit
            assert places.waiting == len(waiting()) <= waiting_limit
            assert not (waiting() and len(inside) < limit), "a place is free and somebody waits"
        else:
            await turns(number % 3)
        assert sum(guest.inside for guest in guests) <= limit
    while any(not guest.task.done() for guest in guests):
        for guest in guests:
            guest.leave()
        await turns()
    assert (places.taken, places.waiting) == (0, 0)
