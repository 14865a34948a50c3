"""One loop of a validator where every reward is decided: what ranges of ranks are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from logicnet.scoring.incentive import Miner, incentive, loop_mean


@dataclass(frozen=True, slots=True)
class RankedMiner(Generic[Miner]):
    """One miner's place in one loop."""

    miner: Miner
    mean: float
    rank: int  # 1 is best; equal means share one
    incentive: float


def standings(rewards: Mapping[Miner, Sequence[float]]) -> list[RankedMiner[Miner]]:
    """One loop, best miner first. Miners without a scored answer are not in it."""
    means = {miner: loop_mean(earned) for miner, earned in rewards.items() if earned}
    placed: list[RankedMiner[Miner]] = []
    for place, miner in enumerate(sorted(means, key=lambda miner: -means[miner]), start=1):
        mean = means[miner]
        rank = placed[-1].rank if placed and placed[-1].mean == mean else place
        placed.append(RankedMiner(miner, mean, rank, incentive(rank, mean)))
    return placed
