"""The server's places, shared: more to higher stake, none starved, all given back."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.solver.race.planning import LEAST_CALLS, Floor, ServerShare


@pytest.fixture
def floor() -> Floor:
    return Floor(48, costs=lambda: False)


@contextmanager
def seated(floor: Floor, stakes: list[float]) -> Iterator[list[ServerShare]]:
    """Challenges that are in flight together."""
    with ExitStack() as stack:
        yield [stack.enter_context(floor.seat(stake)) for stake in stakes]


def test_one_alone_may_have_all(floor: Floor) -> None:
    with floor.seat(0.0) as seat:
        assert seat.calls() == 48
        with floor.seat(0.0) as other:
            assert (seat.calls(), other.calls()) == (24, 24)
        assert seat.calls() == 48
    assert floor.total_weight() == 0.0


def test_a_seat_is_given_back_however_it_ends(floor: Floor) -> None:
    with pytest.raises(ValueError, match="broken"), floor.seat(5.0):
        raise ValueError("broken")
    assert floor.total_weight() == 0.0


def test_where_calls_cost_money_each_has_one() -> None:
    costs = False
    with seated(Floor(48, costs=lambda: costs), [0.0, 500_000.0]) as (poor, rich):
        assert poor.calls() < rich.calls()
        costs = True
        assert (poor.calls(), rich.calls()) == (1, 1)


def test_with_sixteen_in_flight_nobody_has_none_and_higher_stake_has_more(floor: Floor) -> None:
    with seated(floor, [10_000.0] * 15 + [1_000_000.0]) as (*poor, rich):
        assert all(seat.calls() >= LEAST_CALLS for seat in poor)
        assert rich.calls() >= 2 * poor[0].calls()


def test_a_crowd_of_small_ones_does_not_starve_a_large_one(floor: Floor) -> None:
    with seated(floor, [500_000.0] + [0.0] * 200) as (rich, *poor):
        assert rich.calls() >= LEAST_CALLS
        assert {seat.calls() for seat in poor} == {LEAST_CALLS}


def test_a_server_that_takes_fewer_shares_fewer(floor: Floor) -> None:
    """The profile of the model that turns out to be served may say so, while challenges are in flight."""
    with seated(floor, [0.0] * 4) as seats:
        floor.calls = 24
        assert [seat.calls() for seat in seats] == [6] * 4


@given(st.lists(st.floats(-1e9, 1e12), min_size=1, max_size=40), st.integers(2, 1024))
def test_shares_fit_the_server_except_for_what_nobody_goes_without(stakes: list[float], calls: int) -> None:
    with seated(Floor(calls, costs=lambda: False), stakes) as seats:
        shares = [seat.calls() for seat in seats]
    assert min(shares) >= LEAST_CALLS
    assert sum(shares) <= calls + LEAST_CALLS * len(seats)
    by_stake = sorted(zip((max(0.0, stake) for stake in stakes), shares, strict=True))
    assert [share for _, share in by_stake] == sorted(shares)
