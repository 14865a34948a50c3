"""The calls of a server, shared: more for higher stake, none starved, all released."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.solver.race.solver import LEAST_CALLS, Scheduler, SchedulerSlot


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(48, costs=lambda: False)


@contextmanager
def in_flight(scheduler: Scheduler, stakes: list[float]) -> Iterator[list[SchedulerSlot]]:
    """Challenges that are in flight together."""
    with ExitStack() as stack:
        yield [stack.enter_context(scheduler.slot(stake)) for stake in stakes]


def test_one_alone_may_have_all(scheduler: Scheduler) -> None:
    with scheduler.slot(0.0) as slot:
        assert slot.calls() == 48
        with scheduler.slot(0.0) as other:
            assert (slot.calls(), other.calls()) == (24, 24)
        assert slot.calls() == 48
    assert scheduler.total_weight() == 0.0


def test_a_slot_is_given_back_however_it_ends(scheduler: Scheduler) -> None:
    with pytest.raises(ValueError, match="broken"), scheduler.slot(5.0):
        raise ValueError("broken")
    assert scheduler.total_weight() == 0.0


def test_where_calls_cost_money_each_has_one() -> None:
    costs = False
    with in_flight(Scheduler(48, costs=lambda: costs), [0.0, 500_000.0]) as (poor, rich):
        assert poor.calls() < rich.calls()
        costs = True
        assert (poor.calls(), rich.calls()) == (1, 1)


def test_with_sixteen_in_flight_nobody_has_none_and_higher_stake_has_more(scheduler: Scheduler) -> None:
    with in_flight(scheduler, [10_000.0] * 15 + [1_000_000.0]) as (*poor, rich):
        assert all(slot.calls() >= LEAST_CALLS for slot in poor)
        assert rich.calls() >= 2 * poor[0].calls()


def test_a_crowd_of_small_ones_does_not_starve_a_large_one(scheduler: Scheduler) -> None:
    with in_flight(scheduler, [500_000.0] + [0.0] * 200) as (rich, *poor):
        assert rich.calls() >= LEAST_CALLS
        assert {slot.calls() for slot in poor} == {LEAST_CALLS}


def test_a_server_that_takes_fewer_shares_fewer(scheduler: Scheduler) -> None:
    """The profile of the model that turns out to be served may say so, while challenges are in flight."""
    with in_flight(scheduler, [0.0] * 4) as slots:
        scheduler.calls = 24
        assert [slot.calls() for slot in slots] == [6] * 4


@given(st.lists(st.floats(-1e9, 1e12), min_size=1, max_size=40), st.integers(2, 1024))
def test_shares_fit_the_server_except_for_what_nobody_goes_without(stakes: list[float], calls: int) -> None:
    with in_flight(Scheduler(calls, costs=lambda: False), stakes) as slots:
        shares = [slot.calls() for slot in slots]
    assert min(shares) >= LEAST_CALLS
    assert sum(shares) <= calls + LEAST_CALLS * len(slots)
    by_stake = sorted(zip((max(0.0, stake) for stake in stakes), shares, strict=True))
    assert [share for _, share in by_stake] == sorted(shares)
