"""What one answer earns. Source of formula and constants: LogicNet 1.6.

A second costs 0.00039, a point of probability of being right is worth 0.0035, a tenth of similarity
0.015; silence costs everything.
"""

from dataclasses import dataclass

from logicnet.protocol import LOGIC_TIMEOUT_S

SIMILARITY_WEIGHT = 0.3
CORRECTNESS_WEIGHT = 0.7
TIME_WEIGHT = 0.05  # taken off, for an answer that took all of the timeout

SPREAD = 2.0  # the weighted sum is divided by this ...
SHIFT = 0.5  # ... and raised by this, so that a timely wrong answer earns more than silence

SILENCE = 0.0  # no reply, an error, or a timeout
VOLUME_FLOOR = 0.9  # share of the reward that a miner keeps with no volume at all
VOLUME_SHARE = 0.1  # the rest, in proportion to its committed volume
FULL_VOLUME = 512  # challenges per epoch that earn all of it


@dataclass(frozen=True, slots=True)
class Reward:
    """One answer's reward before volume, and its parts."""

    correctness: float  # -1..1
    similarity: float  # -1..1
    process_time_s: float  # on the validator's clock
    timeout_s: float = LOGIC_TIMEOUT_S

    @property
    def time_share(self) -> float:
        return min(self.process_time_s / self.timeout_s, 1.0)

    @property
    def value(self) -> float:
        weighted = (
            SIMILARITY_WEIGHT * self.similarity
            + CORRECTNESS_WEIGHT * self.correctness
            - TIME_WEIGHT * self.time_share
        )
        return weighted / SPREAD + SHIFT


def volume_factor(epoch_volume: float) -> float:
    """The factor of committed volume on a positive reward: 0.9 to 1."""
    return VOLUME_FLOOR + VOLUME_SHARE * max(min(epoch_volume / FULL_VOLUME, 1.0), 0.0)


def with_volume(reward: float, epoch_volume: float) -> float:
    """The reward of a miner that committed `epoch_volume`; the factor leaves negative rewards alone."""
    return reward * volume_factor(epoch_volume) if reward > 0 else reward
