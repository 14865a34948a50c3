"""Places are shared among callers, so that the calls of one do not hold up those of another."""

import asyncio

from logicnet.maths.worker import Bounded, BoundedError, Turns
from tests.harness.manual_time import settle
from tests.unit.maths import misbehaving


class Held:
    """Callers that hold a place until they are let go."""

    def __init__(self, places: int) -> None:
        self.turns = Turns(places)
        self.order: list[str] = []
        self.inside: list[tuple[str, asyncio.Event]] = []

    def come(self, caller: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._hold(caller))

    async def _hold(self, caller: str) -> None:
        async with self.turns.place(caller):
            self.order.append(caller)
            left = asyncio.Event()
            self.inside.append((caller, left))
            await left.wait()

    async def leave(self, place: int = 0) -> None:
        self.inside.pop(place)[1].set()
        await settle()


async def test_one_caller_leaves_a_place_for_others() -> None:
    held = Held(3)
    tasks = [held.come("hostile") for _ in range(9)]
    await settle()
    assert held.order == ["hostile", "hostile"]
    tasks.append(held.come("honest"))
    await settle()
    assert held.order == ["hostile", "hostile", "honest"]
    while held.inside:
        await held.leave()
    await asyncio.gather(*tasks)


async def test_who_holds_the_fewest_is_next_and_then_who_waited_longest_for_a_turn() -> None:
    held = Held(2)
    tasks = [held.come(caller) for caller in ("a", "a", "a", "b", "b", "c")]
    await settle()
    assert held.order == ["a", "b"]
    for _ in range(4):
        await held.leave()
    assert held.order == ["a", "b", "c", "a", "b", "a"]
    while held.inside:
        await held.leave()
    await asyncio.gather(*tasks)


async def test_who_stops_waiting_takes_no_place() -> None:
    held = Held(1)
    first, second, third = (held.come(caller) for caller in "abc")
    await settle()
    second.cancel()
    await settle()
    await held.leave()
    assert held.order == ["a", "c"]
    await held.leave()
    await asyncio.gather(first, third)
    assert second.cancelled()


async def test_callers_that_are_cancelled_together_leave_all_places_free() -> None:
    held = Held(2)
    tasks = [held.come(caller) for caller in "aabbcc"]
    await settle()
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [one for one in ended if not isinstance(one, asyncio.CancelledError)] == []
    async with asyncio.timeout(60), held.turns.place("d"), held.turns.place("e"):
        pass


async def test_an_honest_call_is_served_while_hostile_ones_queue() -> None:
    async with Bounded(misbehaving.__name__, processes=2) as bounded:
        await bounded.start()
        hostile = [
            asyncio.create_task(bounded.call(misbehaving.sleeps, timeout_s=60, caller="hostile"))
            for _ in range(20)
        ]
        await settle()
        assert await bounded.call(misbehaving.doubled, timeout_s=60, caller="honest", number=4) == 8
        assert not any(call.done() for call in hostile)
        for call in hostile:
            call.cancel()
        await asyncio.gather(*hostile, return_exceptions=True)


async def test_closing_ends_the_calls_that_run() -> None:
    bounded = Bounded(misbehaving.__name__, processes=2)
    await bounded.start()
    call = asyncio.create_task(bounded.call(misbehaving.sleeps, timeout_s=60))
    await settle()
    await bounded.aclose()
    (ended,) = await asyncio.gather(call, return_exceptions=True)
    assert isinstance(ended, BoundedError)
