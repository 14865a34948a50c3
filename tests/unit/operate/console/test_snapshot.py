"""The mean reward that is shown: of all answers, and no better known than it is."""

from dataclasses import replace

import pytest

from logicnet.operate.console.snapshot import (
    FEWEST_JUDGED,
    FinishedChallenge,
    Snapshot,
    TimeBucket,
    correctness_ends,
    correctness_words,
    ends_words,
    headline,
)

WRONG, RIGHT = 0.55, 0.9


def answer(reward: float | None, by: str) -> FinishedChallenge:
    return FinishedChallenge(
        "c",
        0.0,
        "q",
        "a",
        "solved",
        3.0,
        64.0,
        by != "silence",
        reward=reward,
        known_by=by,
        between=(WRONG, RIGHT),
    )


def shown(*answers: FinishedChallenge) -> tuple[str, str]:
    now = Snapshot(0.0, "ledger", answers=answers)
    return next((value, note) for name, value, note in headline(now) if name == "reward")


def test_computed_answers_do_not_stand_for_those_of_the_model() -> None:
    computed, model = [answer(RIGHT, "exact")] * 6, [answer(None, "")] * 4
    value, note = shown(*computed, *model)
    assert value == "0.76 to 0.90"  # all four wrong, all four right; not the 0.90 of the six
    assert note == "6 computed, 4 left to the model, 0 of them judged"


def test_a_sample_that_was_judged_gives_a_mean_with_an_interval() -> None:
    computed, unknown = [answer(RIGHT, "exact")] * 20, [answer(None, "")] * 40
    judged = [answer(WRONG, "run")] * 10 + [answer(RIGHT, "run")] * 10
    reward = Snapshot(0.0, "ledger", answers=(*computed, *unknown, *judged)).reward
    assert reward is not None and reward.mean is not None
    assert reward.mean == pytest.approx((20 * RIGHT + 60 * (WRONG + RIGHT) / 2) / 80)
    assert reward.low < reward.mean < reward.high
    few = [answer(RIGHT, "run")] * (FEWEST_JUDGED - 1)
    reward = Snapshot(0.0, "ledger", answers=(*computed, *unknown, *few)).reward
    assert reward is not None and reward.mean is None


def test_where_all_is_known_it_is_one_figure() -> None:
    assert shown(answer(RIGHT, "exact"), answer(0.0, "silence")) == (
        "0.45",
        "1 computed, 0 left to the model, 0 of them judged, 1 late",
    )
    assert shown(answer(RIGHT, "exact"), answer(WRONG, "run"))[0] == "0.73"
    assert shown()[1] == "none known"


def correct(right: float | None, by: str) -> FinishedChallenge:
    return replace(answer(None, by), correctness=right, reward=None if right is None else RIGHT)


def test_correctness_is_that_of_all_answers_and_not_of_the_computed_ones() -> None:
    computed, model = [correct(1.0, "exact")] * 240, [correct(None, "")] * 260
    late = [answer(0.0, "silence")] * 5
    found = Snapshot(0.0, "ledger", answers=(*computed, *model, *late)).correctness
    assert found is not None and found.mean is None
    assert (found.low, found.high) == (0.48, 1.0)
    assert correctness_words(found) == "at least 0.48: 240 computed, 260 left to the model, 0 of them judged"
    assert Snapshot(0.0, "ledger", answers=tuple(late)).correctness is None


def test_correctness_of_a_judged_sample_has_a_mean_and_an_interval() -> None:
    computed, model = [correct(1.0, "exact")] * 50, [correct(None, "")] * 80
    wrong = [correct(0.0, "judge")] * 20
    found = Snapshot(0.0, "ledger", answers=(*computed, *model, *wrong)).correctness
    assert found is not None and found.mean == pytest.approx(1 / 3)
    assert found.low == pytest.approx(1 / 3) and 0.36 < found.high < 0.5
    few = Snapshot(0.0, "ledger", answers=(*computed, *model, *wrong[: FEWEST_JUDGED - 1])).correctness
    assert few is not None and few.mean is None and few.high < 1.0


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0, 1.0, "not known"),
        (0.48, 1.0, "at least 0.48"),
        (0.48, 0.9, "0.48 to 0.90"),
        (0.5, 0.5, "0.50"),
        (1.0, 1.0, "1.00"),
    ],
)
def test_an_end_that_says_nothing_is_not_shown(low: float, high: float, words: str) -> None:
    assert ends_words(low, high) == words


def test_a_busy_interval_counts_for_more_than_its_sample() -> None:
    busy = TimeBucket(0.0, answered=90, correct_low=0.0, correct_high=0.0)
    calm = TimeBucket(1.0, answered=12, missed=2, correct_low=1.0, correct_high=1.0)
    assert correctness_ends((busy, calm)) == (0.1, 0.1)
    unread = TimeBucket(2.0, answered=100)
    assert correctness_ends((busy, calm, unread)) == (0.05, 0.55)
    assert correctness_ends((TimeBucket(0.0),)) == (0.0, 1.0)
