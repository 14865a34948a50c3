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
    rank: int  # 1 is best; of equal means the first has the better one
    incentive: float


def standings(rewards: Mapping[Miner, Sequence[float]]) -> list[RankedMiner[Miner]]:
    """One loop, best miner first. Miners without a scored answer are not in it."""
    means = {miner: loop_mean(earned) for miner, earned in rewards.items() if earned}
    return [
        RankedMiner(miner, means[miner], rank, incentive(rank, means[miner]))
        for rank, miner in enumerate(sorted(means, key=lambda miner: -means[miner]), start=1)
    ]
