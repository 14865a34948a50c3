"""A validator's loop: how it asks, how it ranks miners by their mean reward, and what a rank earns.

Only the rank is paid. Source of formulas and constants: LogicNet 1.6. Quotas are in `logicnet.volume.quota`,
the timeouts of the two questions in `logicnet.protocol`.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

LOOP_S = 600.0  # one loop: `Information` first, then the questions, then ranks and weights
BATCH_MINERS = 8  # asked the same question at once
LANES = 8  # batches under way at once
LANE_STAGGER_S = 4.0  # between the starts of two lanes
SCORED_SHARE = 0.5  # of the queries, roughly; the others are asked and not scored

REPHRASE_TEMPERATURE = 0.7  # a pool task is retold as some persona would ask it
REPHRASE_MAX_TOKENS = 1024


Miner = TypeVar("Miner", bound=Hashable)  # a uid, a hotkey, the name of a solver: whatever is being ranked
CUBIC = -1.038e-7  # of the rank, in the incentive less 1
SQUARE = 6.214e-5
LINEAR = -0.0129
CONSTANT = -0.0118

LEAST_MEAN = 0.3  # of a loop's rewards; at or below it a miner is paid as the last
LAST_PAID_RANK = 160
UNPAID_RANK = 250  # the rank whose incentive the others get

WEIGHT_LOOPS = 5  # the weight on the chain is the mean over this many loops, the latest ones


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


def weights(incentives: Mapping[Miner, Sequence[float]]) -> dict[Miner, float]:
    """Weights on the chain, summing to 1 (or 0), from incentives, latest last; missing loops are 0."""
    means = {
        miner: min(max(sum(earned[-WEIGHT_LOOPS:]) / WEIGHT_LOOPS, 0.0), 1.0)
        for miner, earned in incentives.items()
    }
    total = sum(means.values())
    return {miner: mean / total if total > 0 else 0.0 for miner, mean in means.items()}
