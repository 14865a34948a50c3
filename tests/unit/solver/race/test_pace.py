"""Pace: how fast a server writes and how much room it has, from what calls took."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.solver.race.pace import LEAST_CALLS, Pace


def measured(alone_s: float, slows: float, *, calls: int = 48) -> Pace:
    pace = Pace(50.0, calls)
    for number in range(120):
        at_once = 1 + number % 16
        pace.observe(200, 200 * alone_s * (1.0 + slows * (at_once - 1)), at_once)
    return pace


def test_before_a_call_it_is_what_the_profile_says() -> None:
    pace = Pace(50.0, 48)
    assert pace.seconds_per_token(1) == pytest.approx(0.02)
    assert pace.seconds_per_token(48) == pytest.approx(0.04)
    assert pace.room() == 48


@pytest.mark.parametrize(("alone_s", "slows", "room"), [(0.016, 0.03, 34), (0.02, 0.25, 5), (0.01, 0.5, 3)])
def test_room_is_where_a_call_is_twice_as_slow(alone_s: float, slows: float, room: int) -> None:
    pace = measured(alone_s, slows)
    assert abs(pace.room() - room) <= 0.15 * room + 1
    assert pace.seconds_per_token(8) == pytest.approx(alone_s * (1 + 7 * slows), rel=0.1)


def test_a_server_that_is_slow_has_few_tokens_however_many_call() -> None:
    slow = measured(0.2, 0.25)
    assert slow.seconds_per_token(1) > 0.1
    assert slow.room() >= LEAST_CALLS


def test_it_follows_a_server_that_changes() -> None:
    pace = measured(0.02, 0.25)
    before = pace.room()
    for number in range(200):
        at_once = 1 + number % 16
        pace.observe(200, 200 * 0.02 * (1.0 + 0.02 * (at_once - 1)), at_once)
    assert pace.room() > 2 * before


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.floats(0.0, 100.0), st.floats(1.0, 64.0)), max_size=40),
    st.integers(2, 1024),
)
def test_whatever_is_seen_it_stays_a_pace(seen: list[tuple[int, float, float]], calls: int) -> None:
    pace = Pace(50.0, calls)
    for tokens, seconds, at_once in seen:
        pace.observe(tokens, seconds, at_once)
    assert pace.room() >= LEAST_CALLS
    assert pace.seconds_per_token(1) > 0.0
    assert pace.seconds_per_token(16) >= pace.seconds_per_token(1)
    assert pace.slows() >= 0.0
