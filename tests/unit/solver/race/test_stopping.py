"""Stopping: waits where votes may still change the choice, and not for the dead, the late or the agreed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logicnet.scoring.reward import Prices, prices_of, reward_of
from logicnet.solver.race.arrivals import Arrivals, Pending, Usual
from logicnet.solver.race.stopping import REPLY_RESERVE_S, Decision, StoppingRule
from logicnet.solver.race.trust import CHAT, Trust, Vote

KIND = "story"
CHATS = Trust(priors=CHAT)


def punctual() -> Arrivals:
    """Reasoning takes 3 to 8 seconds, programs 2."""
    arrivals = Arrivals({"reason": Usual(5.0), "program": Usual(3.0)})
    for _ in range(20):
        for seconds in (3.0, 4.0, 5.0, 6.0, 8.0):
            arrivals.observe("reason", seconds)
        arrivals.observe("program", 2.0)
    return arrivals


ARRIVALS = punctual()


def said(text: str) -> list[Vote]:
    return [Vote("reason", letter) for letter in text]


def decide(
    votes: list[Vote], trust: Trust, pending: list[Pending], *, left_s: float, **words: Any
) -> Decision:
    """Of a reply that is due in `left_s`."""
    return StoppingRule(votes, trust, KIND, ARRIVALS, **words).decide(pending, left_s - REPLY_RESERVE_S)


def start(votes: list[Vote], pending: list[Pending], left_s: float, slows: float = 0.0) -> Decision:
    rule = StoppingRule(votes, CHATS, KIND, ARRIVALS)
    return rule.start("reason", pending, left_s - REPLY_RESERVE_S, slows=slows)


def asked(
    votes: list[Vote],
    pending: int,
    at_s: float,
    *,
    left_s: float = 50.0,
    prices: Prices | None = None,
    similarity_gain: float = 0.0,
    look_ahead: int = 3,
    sampler: str = "reason",
) -> Decision:
    return decide(
        votes,
        CHATS,
        [Pending(sampler, at_s)] * pending,
        left_s=left_s,
        prices=prices or Prices(),
        similarity_gain=similarity_gain,
        look_ahead=look_ahead,
    )


def test_prices_are_the_validators() -> None:
    prices = Prices()
    worst = reward_of(correctness=0.0, similarity=0.0, process_time_s=0.0)
    assert reward_of(1.0, 0.0, 0.0) - worst == pytest.approx(prices.right)
    assert reward_of(0.0, 1.0, 0.0) - worst == pytest.approx(prices.similarity)
    assert worst - reward_of(0.0, 0.0, 10.0) == pytest.approx(10 * prices.second)


def test_the_prices_of_another_reward_are_evaluated_from_it() -> None:
    found = prices_of(reward_of, 64.0)
    assert (found.right, found.similarity) == pytest.approx((Prices().right, Prices().similarity))
    assert found.second == pytest.approx(Prices().second)
    assert prices_of(lambda right, like, took_s, _: 3 * right - like - took_s**2, 10.0) == Prices(3, 0, 10)
    with pytest.raises(ValueError, match="no finite number"):
        prices_of(lambda *_: math.nan, 10.0)


def test_waits_for_a_first_answer() -> None:
    assert asked([], 4, 1.0).go_on


def test_waits_while_two_answers_are_level_and_stops_when_all_agree() -> None:
    assert asked(said("ab"), 3, 4.0).go_on
    assert not asked(said("aaaa"), 3, 4.0).go_on
    assert asked(said("ab"), 3, 4.0).gain > asked(said("aab"), 3, 4.0).gain > asked(said("aa"), 3, 4.0).gain


def test_sees_that_two_votes_can_change_what_one_cannot() -> None:
    """Two for a: the next vote alone leaves the choice as it is, and one step sees no gain at all."""
    assert asked(said("a"), 6, 4.0, look_ahead=1).gain == 0.0
    assert asked(said("a"), 6, 4.0, look_ahead=2).go_on
    assert asked(said("a"), 6, 4.0, look_ahead=3).worth >= asked(said("a"), 6, 4.0, look_ahead=2).worth


def test_nothing_pending_or_no_time_left_is_the_end() -> None:
    assert not asked(said("ab"), 0, 4.0).go_on
    assert not asked([], 4, 4.0, left_s=REPLY_RESERVE_S).go_on
    assert not asked([], 4, 4.0, left_s=-5.0).go_on


def test_looks_again_before_the_reserve_is_touched() -> None:
    for left_s in (1.1, 2.0, 5.0, 60.0):
        assert asked(said("ab"), 3, 4.0, left_s=left_s).look_again_s <= left_s - REPLY_RESERVE_S


def test_a_sample_long_overdue_is_not_waited_for() -> None:
    level = said("abab")
    assert asked(level, 1, 5.0).go_on
    assert not asked(level, 1, 40.0, left_s=24.0).go_on


def test_dear_seconds_stop_sooner() -> None:
    assert asked(said("ab"), 3, 4.0).go_on
    assert not asked(said("ab"), 3, 4.0, prices=Prices(second=1.0)).go_on


def test_a_told_answer_waits_for_a_trace_of_the_models_own() -> None:
    told = [Vote("exact", "a")]
    weak = Trust()
    pending = [Pending("reason", 4.0)] * 3

    def gain(similarity_gain: float, votes: list[Vote]) -> float:
        found = decide(votes, weak, pending, left_s=50.0, similarity_gain=similarity_gain)
        return found.worth

    assert gain(0.0, told) < gain(0.02, told) < gain(0.05, told)
    traced = [*told, Vote("reason", "a")]
    assert gain(0.05, traced) == pytest.approx(gain(0.0, traced), abs=1e-4)  # there already


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.builds(
            Vote, st.sampled_from(["reason", "program", "exact"]), st.sampled_from(["", "a", "b", "c"])
        ),
        max_size=10,
    ),
    st.lists(
        st.builds(Pending, st.sampled_from(["reason", "program", "new"]), st.floats(0.0, 100.0)), max_size=12
    ),
    st.floats(-1.0, 64.0),
    st.floats(0.0, 0.1),
)
def test_is_always_a_sensible_decision(
    votes: list[Vote], pending: list[Pending], left_s: float, similarity_gain: float
) -> None:
    for trust in (Trust(), CHATS):
        found = decide(votes, trust, pending, left_s=left_s, similarity_gain=similarity_gain)
        assert math.isfinite(found.gain)
        assert 0.0 <= found.gain <= 0.35 + similarity_gain + 1e-9
        assert 0.0 <= found.price <= 64 * Prices().second
        assert found.go_on == (found.gain > found.price)
        assert (found.look_again_s > 0.0) == found.go_on
        assert found.look_again_s <= max(left_s - REPLY_RESERVE_S, 0.0)


def test_starting_another_is_worth_less_the_more_there_are() -> None:
    def worth(running: int, slows: float = 0.0) -> float:
        pending = [Pending("reason", 0.0)] * running
        return start([], pending, 60.0, slows).worth

    assert worth(0) > worth(1) > worth(4) > worth(8) >= 0.0
    assert worth(4, slows=0.3) < worth(4)


def test_another_sample_is_started_on_doubt_and_not_on_agreement() -> None:
    def go_on(votes: list[Vote], left_s: float = 50.0) -> bool:
        return start(votes, [], left_s).go_on

    assert go_on(said("ab"))
    assert not go_on(said("aaa"))
    assert not go_on(said("ab"), left_s=1.5)


def test_one_early_arrival_says_that_the_others_are_near() -> None:
    pending = [Pending("reason", 2.5)] * 2
    alone = decide(said("ab"), CHATS, pending, left_s=50.0)
    near = decide(said("ab"), CHATS, pending, left_s=50.0, arrived=[Pending("reason", 2.0)] * 2)
    assert near.price < alone.price
