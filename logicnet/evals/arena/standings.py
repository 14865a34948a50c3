"""Rank, incentive and weight, also where rewards are only known as ranges.

Without a judge or a reference some rewards are undecided. Then so may be who ranks before whom: each
figure is a range, from the worst to the best that can still come out, and where everything is decided
both ends are what a validator computes (`logicnet.scoring.incentive`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from logicnet.evals.runs.score import Range
from logicnet.scoring.incentive import incentive, loop_mean, weights


@dataclass(frozen=True, slots=True)
class RoundRank:
    """One target in one round. Rank 1 is best; equal means share one."""

    target: str
    mean: Range  # of the rewards
    best_rank: int
    worst_rank: int
    incentive: Range


def places(rewards: Mapping[str, Sequence[Range]]) -> list[RoundRank]:
    """One round, best first. Targets without a scored question are not in it."""
    means = {
        target: Range(loop_mean([one.low for one in earned]), loop_mean([one.high for one in earned]))
        for target, earned in rewards.items()
        if earned
    }
    placed = []
    for target, mean in means.items():
        others = [other for name, other in means.items() if name != target]
        best = 1 + sum(other.low > mean.high for other in others)
        worst = 1 + sum(other.high > mean.low for other in others)
        paid = Range(incentive(worst, mean.low), incentive(best, mean.high))
        placed.append(RoundRank(target, mean, best, worst, paid))
    return sorted(placed, key=lambda place: (-place.mean.high, -place.mean.low))


def weight_ranges(incentives: Mapping[str, Sequence[Range]]) -> dict[str, Range]:
    """The weights for the chain, from each target's incentives, latest last; see `weights`.

    Alone among targets that all earned nothing, a weight is 0; otherwise they sum to 1.
    """
    lows = {target: [one.low for one in earned] for target, earned in incentives.items()}
    highs = {target: [one.high for one in earned] for target, earned in incentives.items()}
    return {
        target: Range(
            weights(highs | {target: lows[target]})[target], weights(lows | {target: highs[target]})[target]
        )
        for target in incentives
    }
