from __future__ import annotations

import random
import statistics

import pytest

from logicnet.evals.report.estimate import FEWEST, Estimate, mean_of, mean_of_differences


def test_nothing_has_no_mean():
    assert mean_of([]) is None
    assert mean_of_differences({"a": 1.0}, {"b": 1.0}) is None


def test_too_few_values_have_no_interval():
    few = mean_of([0.0, 1.0] * (FEWEST // 2 - 1))
    assert (few.mean, few.low, few.high, few.significant) == (0.5, None, None, None)


def test_values_that_never_vary_are_no_certainty():
    same = mean_of([0.25] * 20)
    assert (same.mean, same.low, same.high, same.without_interval) == (0.25, None, None, "all equal")
    assert same.significant
    assert mean_of([0.0] * 20).significant is False
    assert mean_of([0.0] * 2).without_interval == "too few"


def test_the_interval_is_that_of_the_central_limit():
    drawn = random.Random(3)
    values = [drawn.gauss(1.0, 2.0) for _ in range(400)]
    found = mean_of(values)
    error = statistics.stdev(values) / 20
    assert found.low == pytest.approx(found.mean - 1.96 * error, abs=0.05 * error * 4)
    assert found.high == pytest.approx(found.mean + 1.96 * error, abs=0.05 * error * 4)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    drawn = random.Random(35)
    held = 0
    for _ in range(100):
        found = mean_of([drawn.random() for _ in range(40)])
        held += found.low <= 0.5 <= found.high
    assert 88 <= held <= 100


def test_a_higher_level_gives_a_wider_interval_around_the_same_mean():
    values = [float(number % 7) for number in range(100)]
    usual, wide = mean_of(values), mean_of(values, 0.999)
    assert usual is not None and wide is not None
    assert usual.mean == wide.mean
    assert usual.low is not None and wide.low is not None and wide.low < usual.low
    assert usual.high is not None and wide.high is not None and wide.high > usual.high


def test_the_same_values_give_the_same_interval():
    values = [random.Random(1).random() for _ in range(50)]
    assert mean_of(values) == mean_of(list(values))


def test_pairs_cancel_what_makes_questions_hard():
    drawn = random.Random(7)
    hard = {f"q{n}": drawn.random() for n in range(60)}
    better = {name: value + 0.02 + drawn.uniform(-0.01, 0.01) for name, value in hard.items()}
    paired = mean_of_differences(better, hard)
    assert paired.significant
    assert paired.mean == pytest.approx(0.02, abs=0.005)
    # Side by side, without pairs, nobody could tell.
    assert mean_of(list(better.values())).low < mean_of(list(hard.values())).high


def test_only_questions_that_both_know_are_compared():
    found = mean_of_differences({"a": 3.0, "b": 1.0, "c": 9.0}, {"a": 1.0, "b": 1.0, "d": 5.0})
    assert (found.mean, found.count) == (1.0, 2)


@pytest.mark.thorough
def test_many_values_are_drawn_in_bounded_memory():
    found = mean_of([float(n % 2) for n in range(5_000)])
    assert found.low < 0.5 < found.high


def test_an_estimate_is_said_with_its_interval_or_why_it_has_none():
    assert Estimate(0.12, 0.04, 0.2, 30).in_words() == "+0.120 (+0.040 to +0.200)"
    assert Estimate(-1.0, -2.0, 0.5, 30).in_words(1, "95 % interval ") == "-1.0 (95 % interval -2.0 to +0.5)"
    assert Estimate(0.5, None, None, 2).in_words() == "+0.500 (too few)"
