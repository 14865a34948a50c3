from __future__ import annotations

import numpy
import pytest

from logicnet.evals.report.summary import differences, disagreements, quantile, summaries, worst
from tests.unit.evals.report.runs import mixed, row


def test_what_is_undecided_is_counted_and_in_no_mean():
    rows = [
        row(number=1, correctness=1.0, reward=0.9, true=True),
        row(number=2, correctness=None, reward=None, reward_low=0.2, reward_high=0.8, true=None),
    ]
    (one,) = summaries(rows, ["direct"])
    assert (one.correctness.mean, one.correctness.count) == (1.0, 1)
    assert (one.truth.mean, one.truth.count) == (1.0, 1)
    assert (one.undecided, one.unknown_truth, one.open_rewards) == (1, 1, 1)
    assert one.reward.mean == 0.9
    assert (one.reward_low, one.reward_high) == (pytest.approx(0.55), pytest.approx(0.85))


def test_silence_is_right_about_nothing_and_took_no_time_that_counts():
    silent = row(
        number=1, answer=None, reasoning=None, correctness=None, true=None, similarity=None, reward=0.0
    )
    (one,) = summaries([silent, row(number=2, correctness=1.0, true=True, process_time=4.0)], ["direct"])
    assert one.correctness.mean == 0.5
    assert one.truth.mean == 0.5
    assert one.undecided == 0
    assert (one.asked, one.answered) == (2, 1)
    assert one.max_s == 4.0


def test_an_answer_after_the_deadline_is_not_in_time():
    (one,) = summaries([row(process_time=65.0), row(number=1, process_time=64.0)], ["direct"])
    assert one.answered == 1


def test_what_was_not_scored_earns_nothing_and_loses_nothing():
    unscored = row(number=1, scored=False, correctness=None, true=None, similarity=None, reward=None)
    (one,) = summaries([row(), unscored], ["direct"])
    assert (one.asked, one.scored, one.reward.count) == (2, 1, 1)
    assert one.median_s == 2.0


def test_solvers_that_were_cut_off_are_counted():
    rows = [row(outcome="late"), row(number=1, outcome="failed"), row(number=2)]
    assert summaries(rows, ["direct"])[0].cut_off == 2


def test_a_target_without_rows_has_no_figures():
    (one,) = summaries([], ["nobody"])
    assert (one.asked, one.reward, one.median_s, one.tokens, one.reward_low) == (0, None, None, None, None)


def test_differences_are_of_pairs_and_say_what_is_significant():
    found = {
        (one.left, one.right, one.metric.name): one for one in differences(mixed(24), ["direct", "race"])
    }
    reward = found["direct", "race", "reward"]
    assert reward.verdict == "race is better"
    assert (reward.estimate.count, reward.asked_both) == (20, 24)
    assert found["direct", "race", "similarity"].verdict == "no difference"
    assert "too few" in differences(mixed(4), ["direct", "race"])[0].verdict


def test_less_time_is_better():
    slow = [row("slow", n, process_time=9.0 + n / 10) for n in range(20)]
    fast = [row("fast", n, process_time=3.0 + n / 10) for n in range(20)]
    found = {one.metric.name: one.verdict for one in differences(slow + fast, ["slow", "fast"])}
    assert found["seconds"] == "fast is better"
    assert found["tokens"] == "no difference"


def test_of_many_targets_each_is_compared_with_the_first():
    names = [f"t{n}" for n in range(6)]
    rows = [row(name, n) for name in names for n in range(3)]
    pairs = {(one.left, one.right) for one in differences(rows, names)}
    assert pairs == {("t0", name) for name in names[1:]}


def test_where_validator_and_truth_part():
    taken_for_right = row(number=1, correctness=0.9, true=False)
    taken_for_wrong = row(number=2, correctness=0.1, true=True)
    agreed = [row(number=3, correctness=1.0, true=True), row(number=4), row(number=5, true=None)]
    assert disagreements([taken_for_right, *agreed, taken_for_wrong]) == [taken_for_right, taken_for_wrong]


def test_the_worst_earned_least():
    rows = [
        row(number=1, reward=0.9),
        row(number=2, reward=None, reward_low=0.1, reward_high=0.55),
        row(number=3, reward=0.0, answer=None),
        row(number=4, reward=0.57, true=None),
        row(number=5, reward=0.57, process_time=1.0),
        row(number=6, reward=0.57, process_time=8.0),
        row(number=7, reward=0.1, scored=False),
    ]
    assert [one.id for one in worst(rows, 5)] == ["q3", "q2", "q6", "q5", "q4"]


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_quantiles_are_those_of_numpy(count):
    values = sorted(float(n * n % 97) for n in range(count))
    for share in (0.0, 0.5, 0.95, 1.0):
        assert quantile(values, share) == pytest.approx(float(numpy.quantile(values, share)))
