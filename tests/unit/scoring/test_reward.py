"""The formula, at values worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.scoring.reward import Reward, volume_factor, with_volume


def test_by_hand() -> None:
    assert Reward(1.0, 1.0, 0.0).value == pytest.approx(1.0)
    assert Reward(0.0, 0.0, 64.0).value == pytest.approx(0.475)
    assert Reward(-1.0, 0.0, 0.0).value == pytest.approx(0.15)
    assert Reward(0.5, 0.4, 6.4).value == pytest.approx((0.12 + 0.35 - 0.005) / 2 + 0.5)


def test_what_the_spec_says_a_thing_is_worth() -> None:
    base = Reward(0.5, 0.5, 10.0).value
    assert base - Reward(0.5, 0.5, 11.0).value == pytest.approx(0.00039, abs=1e-6)
    assert Reward(0.51, 0.5, 10.0).value - base == pytest.approx(0.0035)
    assert Reward(0.5, 0.6, 10.0).value - base == pytest.approx(0.015)
    assert Reward(0.0, 0.7, 5.0).value == pytest.approx(0.6, abs=0.01)  # wrong, but timely


def test_lateness_is_counted_once() -> None:
    assert Reward(1.0, 1.0, 640.0).value == Reward(1.0, 1.0, 64.0).value
    assert Reward(1.0, 1.0, 5.0, timeout_s=10.0).time_share == 0.5


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
    assert -0.0251 <= Reward(correctness, similarity, seconds).value <= 1.0
