"""What one answer earns. Source of formula and constants: LogicNet 1.6.

A second costs 0.00039, a point of probability of being right is worth 0.0035, a tenth of similarity
0.015; silence costs everything.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from logicnet.protocol import LOGIC_TIMEOUT_S

SIMILARITY_WEIGHT = 0.3
CORRECTNESS_WEIGHT = 0.7
TIME_WEIGHT = 0.05  # taken off, for an answer that took all of the timeout

SPREAD = 2.0  # the weighted sum is divided by this ...
SHIFT = 0.5  # ... and raised by this, so that a timely wrong answer earns more than silence

AN_ANSWER = CORRECTNESS_WEIGHT / SPREAD  # of a right answer over one without a point
SILENCE = 0.0  # no reply, an error, or a timeout
VOLUME_FLOOR = 0.9  # share of the reward that a miner keeps with no volume at all
VOLUME_SHARE = 0.1  # the rest, in proportion to its committed volume
FULL_VOLUME = 512  # challenges per epoch that earn all of it


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both possible."""

    low: float
    high: float

    @property
    def value(self) -> float | None:
        """None while it is undecided."""
        return self.low if self.low == self.high else None


def reward_of(
    correctness: float, similarity: float, process_time_s: float, timeout_s: float = LOGIC_TIMEOUT_S
) -> float:
    """One answer's reward before volume. Scores are in -1..1, the time is on the validator's clock."""
    time_share = min(process_time_s / timeout_s, 1.0)
    weighted = SIMILARITY_WEIGHT * similarity + CORRECTNESS_WEIGHT * correctness - TIME_WEIGHT * time_share
    return weighted / SPREAD + SHIFT


@dataclass(frozen=True, slots=True)
class Prices:
    """What an answer's parts are worth, in reward. The defaults are those of LogicNet 1.6."""

    right: float = AN_ANSWER  # for a right answer instead of a wrong one
    similarity: float = SIMILARITY_WEIGHT / SPREAD  # for a cosine of 1 instead of 0
    second: float = TIME_WEIGHT / SPREAD / LOGIC_TIMEOUT_S


LOGICNET_PRICES = Prices()


def prices_of(reward: Callable[[float, float, float, float], float], timeout_s: float) -> Prices:
    """The prices that a reward of correctness, similarity, seconds and timeout implies.

    Differences half-way to the timeout, and the mean cost of a second of a right answer. None is negative.
    Raises ValueError if one is no finite number, and whatever `reward` raises.
    """
    half_s = timeout_s / 2.0
    found = Prices(
        right=reward(1.0, 0.5, half_s, timeout_s) - reward(0.0, 0.5, half_s, timeout_s),
        similarity=reward(1.0, 1.0, half_s, timeout_s) - reward(1.0, 0.0, half_s, timeout_s),
        second=(reward(1.0, 0.5, 0.0, timeout_s) - reward(1.0, 0.5, timeout_s, timeout_s)) / timeout_s,
    )
    if not all(map(math.isfinite, (found.right, found.similarity, found.second))):
        raise ValueError("a reward is no finite number")
    return Prices(max(0.0, found.right), max(0.0, found.similarity), max(0.0, found.second))


def volume_factor(epoch_volume: float) -> float:
    """The factor of committed volume on a positive reward: 0.9 to 1."""
    return VOLUME_FLOOR + VOLUME_SHARE * max(min(epoch_volume / FULL_VOLUME, 1.0), 0.0)


def with_volume(reward: float, epoch_volume: float) -> float:
    """The reward of a miner that committed `epoch_volume`; the factor leaves negative rewards alone."""
    return reward * volume_factor(epoch_volume) if reward > 0 else reward
