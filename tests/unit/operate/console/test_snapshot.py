"""The mean reward that is shown: of all answers, and no better known than it is."""

import pytest

from logicnet.operate.console.snapshot import FEWEST_JUDGED, FinishedChallenge, Snapshot, headline

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
