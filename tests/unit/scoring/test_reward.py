"""The formula, at values worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.scoring.reward import SPREAD, TIME_WEIGHT, reward_of, volume_factor, with_volume


def test_by_hand() -> None:
    assert reward_of(1.0, 1.0, 0.0) == pytest.approx(1.0)
    assert reward_of(0.0, 0.0, 64.0) == pytest.approx(0.475)
    assert reward_of(-1.0, 0.0, 0.0) == pytest.approx(0.15)
    assert reward_of(0.5, 0.4, 6.4) == pytest.approx((0.12 + 0.35 - 0.005) / 2 + 0.5)


def test_what_the_spec_says_a_thing_is_worth() -> None:
    base = reward_of(0.5, 0.5, 10.0)
    assert base - reward_of(0.5, 0.5, 11.0) == pytest.approx(0.00039, abs=1e-6)
    assert reward_of(0.51, 0.5, 10.0) - base == pytest.approx(0.0035)
    assert reward_of(0.5, 0.6, 10.0) - base == pytest.approx(0.015)
    assert reward_of(0.0, 0.7, 5.0) == pytest.approx(0.6, abs=0.01)  # wrong, but timely


def test_lateness_is_counted_once() -> None:
    assert reward_of(1.0, 1.0, 640.0) == reward_of(1.0, 1.0, 64.0)
    half = reward_of(1.0, 1.0, 5.0, timeout_s=10.0)
    assert reward_of(1.0, 1.0, 0.0) - half == pytest.approx(0.5 * TIME_WEIGHT / SPREAD)


def test_volume() -> None:
    assert volume_factor(0) == 0.9
    assert volume_factor(256) == pytest.approx(0.95)
    assert volume_factor(512) == volume_factor(100_000) == pytest.approx(1.0)
    assert volume_factor(-5) == 0.9
    assert with_volume(0.8, 256) == pytest.approx(0.76)
    assert with_volume(0.0, 0) == 0.0
    assert with_volume(-0.1, 0) == -0.1


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1000))
def test_bounds(correctness: float, similarity: float, seconds: float) -> None:
    assert -0.0251 <= reward_of(correctness, similarity, seconds) <= 1.0
