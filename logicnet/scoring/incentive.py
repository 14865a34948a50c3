"""From rewards to rank, from rank to income. Source of formulas and constants: LogicNet 1.6.

In each loop of a validator the mean reward of every miner is ranked, and only the rank is paid.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Miner = TypeVar("Miner", bound=Hashable)
"""A uid, a hotkey, the name of a solver: whatever is being ranked."""

CUBIC = -1.038e-7  # of the rank, in the incentive less 1
SQUARE = 6.214e-5
LINEAR = -0.0129
CONSTANT = -0.0118

LEAST_MEAN = 0.3  # of a loop's rewards; at or below it a miner is paid as the last
LAST_PAID_RANK = 160
UNPAID_RANK = 250  # the rank whose incentive the others get

WEIGHT_LOOPS = 5
"""The weight on the chain is the mean over this many loops, the latest ones."""


@dataclass(frozen=True, slots=True)
class RankedMiner(Generic[Miner]):
    """One miner's place in one loop."""

    miner: Miner
    mean: float
    rank: int  # 1 is best; equal means share one
    incentive: float


def loop_mean(rewards: Sequence[float]) -> float:
    """The mean of a miner's rewards in one loop, at least 0. Raises ValueError without rewards."""
    if not rewards:
        raise ValueError("a miner that was not scored has no mean")
    return max(0.0, sum(rewards) / len(rewards))


def rank_incentive(rank: int) -> float:
    """The curve: 0.975 at rank 1, 0.754 at 20, 0.486 at 50, 0.090 at 160."""
    return 1.0 + (CUBIC * rank**3 + SQUARE * rank**2 + LINEAR * rank + CONSTANT)


def incentive(rank: int, mean: float) -> float:
    """The incentive of a miner at `rank` with this mean of rewards."""
    unpaid = mean <= LEAST_MEAN or rank > LAST_PAID_RANK
    return rank_incentive(UNPAID_RANK if unpaid else rank)


def standings(rewards: Mapping[Miner, Sequence[float]]) -> list[RankedMiner[Miner]]:
    """One loop, best miner first. Miners without a scored answer are not in it."""
    means = {miner: loop_mean(earned) for miner, earned in rewards.items() if earned}
    placed: list[RankedMiner[Miner]] = []
    for place, miner in enumerate(sorted(means, key=lambda miner: -means[miner]), start=1):
        mean = means[miner]
        rank = placed[-1].rank if placed and placed[-1].mean == mean else place
        placed.append(RankedMiner(miner, mean, rank, incentive(rank, mean)))
    return placed


def weights(incentives: Mapping[Miner, Sequence[float]]) -> dict[Miner, float]:
    """The weights on the chain, summing to 1, from each miner's incentives, the latest last.

    A loop before a miner's first counts as 0. If no miner earned anything, all weights are 0.
    """
    means = {
        miner: min(max(sum(earned[-WEIGHT_LOOPS:]) / WEIGHT_LOOPS, 0.0), 1.0)
        for miner, earned in incentives.items()
    }
    total = sum(means.values())
    return {miner: mean / total if total > 0 else 0.0 for miner, mean in means.items()}
