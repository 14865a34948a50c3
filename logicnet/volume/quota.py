"""How much each validator may ask: quotas from stakes, and epochs that hold each quota until their end.

Pure arithmetic; the caller passes the stakes and the time. Source of the constants and of the formula:
LogicNet 1.6, whose validators compute the same numbers on their side.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from logicnet.errors import Reason, Refusal
from logicnet.events import EpochCount
from logicnet.protocol import Hotkey

LEAST_PER_EPOCH = 2
MOST_PER_EPOCH = 80
"""Challenges per validator and interval, whatever its stake."""

_SWEEP_AT = 1024  # Epochs in memory before ended ones are removed; a subnet has some 256 hotkeys at a time


def quotas(stakes: Mapping[Hotkey, float], *, epoch_volume: int, min_stake: float) -> dict[Hotkey, int]:
    """Challenges per interval for every hotkey of the subnet.

    `stakes` holds all of them, in alpha. Those with `min_stake` or more share `epoch_volume` by
    stake; if nobody has that much, all share it equally. Every share is rounded down, then clamped
    to 2..80, so a hotkey below `min_stake` gets 2 while others have the stake.
    """
    # Fractions, because a float just below 30 would round a quota down to 29.
    enough = {
        hotkey: Fraction(stake)
        for hotkey, stake in stakes.items()
        if math.isfinite(stake) and stake >= min_stake
    }
    total = sum(enough.values())
    if total == 0:
        return dict.fromkeys(stakes, _clamped(Fraction(epoch_volume, max(1, len(stakes)))))
    none = Fraction(0)
    return {hotkey: _clamped(epoch_volume * enough.get(hotkey, none) / total) for hotkey in stakes}


def _clamped(share: Fraction) -> int:
    return min(MOST_PER_EPOCH, max(LEAST_PER_EPOCH, math.floor(share)))


@dataclass(slots=True)
class _Epoch:
    count: EpochCount
    ends_at_s: float


class VolumeBook:
    """Quota, given and refused challenges of every validator in its epoch.

    An epoch belongs to one validator: it opens with its first question and lasts `interval_s`, so
    it lines up with that validator's own loop. A quota that grows meanwhile is raised at once; one that
    falls, because stakes moved or the miner restarted with another volume, holds until the epoch ends.

    Times are unix seconds. When the clock jumps back, the epoch stays open, so no validator gets a
    second quota or waits for more than another interval.
    """

    def __init__(
        self, epoch_volume: int, min_stake: float, interval_s: float, restored: Iterable[EpochCount] = ()
    ) -> None:
        """`restored` are the last known epochs, at most one per validator."""
        self.epoch_volume = epoch_volume
        self.min_stake = min_stake
        self.interval_s = interval_s
        self._sweep_at = _SWEEP_AT
        self._epochs = {count.validator: _Epoch(count, count.started_at_s + interval_s) for count in restored}

    def quotas(self, stakes: Mapping[Hotkey, float]) -> dict[Hotkey, int]:
        """`quotas` for this book's volume."""
        return quotas(stakes, epoch_volume=self.epoch_volume, min_stake=self.min_stake)

    def open(self, validator: Hotkey, quota: int, now_s: float) -> EpochCount:
        """The validator's epoch; a new one with `quota` if none is open."""
        return self._current(validator, quota, now_s).count

    def take(self, validator: Hotkey, quota: int, now_s: float, *, over: bool = False) -> EpochCount:
        """Count one challenge as given, or raise Refusal OVER_QUOTA and count nothing.

        `over` takes one beyond the quota, too, from a validator that has any.
        """
        epoch = self._current(validator, quota, now_s)
        count = epoch.count
        if count.given >= count.announced and not (over and quota):
            next_in_s = math.ceil(epoch.ends_at_s - now_s)
            raise Refusal(
                Reason.OVER_QUOTA,
                f"Your quota of {count.announced} challenges in {self.interval_s:g} s is used up; "
                f"the next begins in {next_in_s} s.",
                retry_after_s=next_in_s,
            )
        epoch.count = replace(count, given=count.given + 1)
        return epoch.count

    def refuse(self, validator: Hotkey, quota: int, now_s: float) -> EpochCount:
        """Count one challenge as refused."""
        epoch = self._current(validator, quota, now_s)
        epoch.count = replace(epoch.count, refused=epoch.count.refused + 1)
        return epoch.count

    def __len__(self) -> int:
        """Epochs held in memory."""
        return len(self._epochs)

    def _current(self, validator: Hotkey, quota: int, now_s: float) -> _Epoch:
        epoch = self._epochs.get(validator)
        if epoch is not None and now_s < epoch.ends_at_s:
            # Only a clock that jumped back makes the second one smaller.
            epoch.ends_at_s = min(epoch.ends_at_s, now_s + self.interval_s)
            if quota > epoch.count.announced:
                epoch.count = replace(epoch.count, announced=quota)
            return epoch
        if len(self._epochs) >= self._sweep_at:
            self._sweep(now_s)
        epoch = _Epoch(EpochCount(validator, now_s, quota, 0, 0), now_s + self.interval_s)
        self._epochs[validator] = epoch
        return epoch

    def _sweep(self, now_s: float) -> None:
        self._epochs = {
            validator: epoch for validator, epoch in self._epochs.items() if now_s < epoch.ends_at_s
        }
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._epochs))
