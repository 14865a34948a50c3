"""Ranks, the curve, and what goes on the chain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.scoring.incentive import incentive, loop_mean, rank_incentive, weights
from tests.harness.ranks import standings


@pytest.mark.parametrize(("rank", "earned"), [(1, 0.975), (20, 0.754), (50, 0.486), (160, 0.090)])
def test_the_curve_where_the_spec_names_it(rank: int, earned: float) -> None:
    assert rank_incentive(rank) == pytest.approx(earned, abs=0.0005)


def test_the_curve_falls_where_it_is_paid() -> None:
    curve = [rank_incentive(rank) for rank in range(1, 161)]
    assert curve == sorted(curve, reverse=True)


def test_who_gets_the_last_ones_pay() -> None:
    last = rank_incentive(250)
    assert incentive(1, 0.3) == incentive(161, 0.9) == last
    assert incentive(1, 0.301) == rank_incentive(1)
    assert incentive(160, 0.9) == rank_incentive(160)


def test_means() -> None:
    assert loop_mean([0.5, 0.7]) == pytest.approx(0.6)
    assert loop_mean([-0.2, 0.1]) == 0.0
    with pytest.raises(ValueError, match="no mean"):
        loop_mean([])


def test_one_loop() -> None:
    loop = standings({"a": [0.5, 0.7], "b": [0.9], "idle": [], "c": [0.6], "d": [0.1]})
    assert [(s.miner, s.rank) for s in loop] == [("b", 1), ("a", 2), ("c", 3), ("d", 4)]
    assert [s.incentive for s in loop] == [
        rank_incentive(1),
        rank_incentive(2),
        rank_incentive(3),
        rank_incentive(250),
    ]


def test_weights_are_over_five_loops() -> None:
    assert weights({"a": [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], "b": [0.5] * 5}) == {"a": 0.0, "b": 1.0}
    assert weights({"new": [1.0], "old": [1.0] * 5}) == pytest.approx({"new": 1 / 6, "old": 5 / 6})
    assert weights({"a": [], "b": [0.0]}) == {"a": 0.0, "b": 0.0}


@given(st.dictionaries(st.integers(0, 255), st.lists(st.floats(0, 1), max_size=8), max_size=30))
def test_weights_sum_to_one_or_nothing(incentives: dict[int, list[float]]) -> None:
    total = sum(weights(incentives).values())
    assert total == pytest.approx(1.0) or total == 0.0
