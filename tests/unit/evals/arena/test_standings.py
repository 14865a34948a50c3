"""Ranges of rank, incentive and weight: exact where all is known, true whatever comes out where not."""

import random

from hypothesis import given
from hypothesis import strategies as st

from logicnet.evals.arena.standings import RoundRank, Standings, places, weight_ranges
from logicnet.evals.runs.run import Row
from logicnet.scoring.incentive import weights
from logicnet.scoring.reward import Range
from tests.harness.ranks import standings

REWARD = st.floats(-0.2, 1.0)
EARNED = st.dictionaries(st.sampled_from("abcde"), st.lists(REWARD, max_size=3), max_size=5)


@given(EARNED)
def test_where_all_is_decided_it_is_what_a_validator_computes(earned):
    found = places({name: [Range(one, one) for one in rewards] for name, rewards in earned.items()})
    exact = {one.miner: one for one in standings(earned)}
    assert {one.target for one in found} == exact.keys()
    for one in found:
        assert one.mean == Range(exact[one.target].mean, exact[one.target].mean)
        assert one.best_rank == one.worst_rank == exact[one.target].rank
        assert one.incentive == Range(exact[one.target].incentive, exact[one.target].incentive)


@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.floats(0, 1), min_size=1, max_size=7), min_size=1))
def test_decided_incentives_give_the_validators_weights(incentives):
    ranges = {name: [Range(one, one) for one in paid] for name, paid in incentives.items()}
    exact = weights(incentives)
    assert weight_ranges(ranges) == {name: Range(exact[name], exact[name]) for name in incentives}


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.lists(st.tuples(REWARD, REWARD), min_size=1, max_size=3), min_size=1
    ),
    st.integers(),
)
def test_whatever_comes_out_lies_within(bounds, seed):
    ranges = {name: [Range(min(pair), max(pair)) for pair in pairs] for name, pairs in bounds.items()}
    chance = random.Random(seed)
    decided = {
        name: [chance.choice((one.low, one.high, chance.uniform(one.low, one.high))) for one in earned]
        for name, earned in ranges.items()
    }
    exact = {one.miner: one for one in standings(decided)}
    found = places(ranges)
    for one in found:
        real = exact[one.target]
        assert one.mean.low - 1e-12 <= real.mean <= one.mean.high + 1e-12
        assert one.best_rank <= real.rank <= one.worst_rank
        assert one.incentive.low <= real.incentive <= one.incentive.high
    on_chain = weights({name: [exact[name].incentive] for name in exact})
    for name, weight in weight_ranges({one.target: [one.incentive] for one in found}).items():
        assert weight.low - 1e-12 <= on_chain[name] <= weight.high + 1e-12


def test_who_was_not_scored_has_no_place_and_of_equal_ones_the_first_is_better():
    one = Range(0.5, 0.5)
    found = places({"b": [one], "a": [one], "c": []})
    assert [(place.target, place.best_rank, place.worst_rank) for place in found] == [
        ("b", 1, 1),
        ("a", 2, 2),
    ]


def test_of_equal_targets_the_one_named_first_is_better_whoever_was_scored_first():
    board = Standings(["a", "b"])
    for target in ("b", "a"):
        board.add(
            Row(
                target=target,
                id="1",
                question="?",
                ground_truth="1",
                scored=True,
                reward_low=0.5,
                reward_high=0.5,
            )
        )
    assert [place.target for place in board.of(1)] == ["a", "b"]


def test_ranges_apart_decide_a_rank_though_no_reward_is_decided():
    better, worse = places({"a": [Range(0.1, 0.4)], "b": [Range(0.5, 0.9)]})
    assert isinstance(better, RoundRank)
    assert (better.target, better.best_rank, better.worst_rank) == ("b", 1, 1)
    assert (worse.target, worse.best_rank, worse.worst_rank) == ("a", 2, 2)
