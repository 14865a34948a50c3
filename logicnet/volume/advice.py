"""From what was kept at which load to the volume that is safe, and what it earns. Pure arithmetic.

Validators ask in bursts: one sends its whole quota over eight lanes, so up to eight questions of its are
under way until the quota is used up, and it asks nothing for the rest of the interval. When several do so
is chance. A volume is safe if all bursts that come together, 99 times of 100, are a load that was kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from logicnet.scoring.reward import FULL_VOLUME, volume_factor
from logicnet.scoring.rhythm import LANES, LOOP_S

CHANCE = 0.99
"""Share of the time in which the bursts that fall together are no more than what was kept."""

TOLERATED = 0.01
"""Share of a load's answers that may be late without its counting as broken."""

CUT_MORE = 0.15
"""Share of answers of which a model's text may be cut off by the clock, above that of the lowest load. Such
an answer is sent, so it is no broken promise, but it is right less often."""

SLACK = 0.8
"""Answers must be done in this share of the time that a challenge has: questions longer than those that
were measured, and a server that is slower tomorrow, take the rest."""


@dataclass(frozen=True, slots=True)
class Level:
    """What came of so many challenges `at_once`. Seconds are those of the answers, in order of size."""

    at_once: int
    seconds: tuple[float, ...]
    late: int  # the solver was not done in their time
    cut: int  # it was, though the clock had cut off what a model wrote
    failed: int  # broken off early, whatever the load; not among the answers
    took_s: float
    usual_cut: float = 0.0  # share of answers that are cut with hardly any load

    @property
    def answers(self) -> int:
        return len(self.seconds)

    @property
    def kept(self) -> bool:
        return self.answers > 0 and not is_broken(self.late, self.cut, self.answers, self.usual_cut)

    @property
    def mean_s(self) -> float:
        return sum(self.seconds) / len(self.seconds)

    def quantile_s(self, share: float) -> float:
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))]

    def answers_in(self, interval_s: float) -> int:
        """How many an interval would hold, were the load always this one."""
        return int(self.at_once * interval_s / max(self.mean_s, 1e-3))


def is_broken(late: int, cut: int, answers: int, usual_cut: float) -> bool:
    """Whether so many late and cut ones of `answers` are more than a load may have."""
    return late > TOLERATED * answers or cut > math.ceil((usual_cut + CUT_MORE) * answers)


@dataclass(frozen=True, slots=True)
class Advice:
    """`volume` is None if not even one challenge at a time was kept, or nothing was measured."""

    volume: int | None
    levels: Sequence[Level]

    @property
    def best(self) -> Level | None:
        """The highest load that was kept, with every lower one."""
        return highest_kept(self.levels)


def advise(levels: Iterable[Level], interval_s: float = LOOP_S) -> Advice:
    """The largest volume that is safe in an interval, at most the 512 that earn all."""
    ordered = tuple(sorted(levels, key=lambda level: level.at_once))
    best = highest_kept(ordered)
    return Advice(None if best is None else safe_volume(best.at_once, best.mean_s, interval_s), ordered)


def highest_kept(levels: Sequence[Level]) -> Level | None:
    """None if the lowest was not kept. What is kept above a load that is not, was luck."""
    best = None
    for level in sorted(levels, key=lambda level: level.at_once):
        if not level.kept:
            break
        best = level
    return best


def safe_volume(at_once: int, seconds: float, interval_s: float = LOOP_S) -> int:
    """For a machine that keeps `at_once` challenges, each in `seconds` on average then."""
    safe = min(at_once, FULL_VOLUME)  # so few are kept even if all of them come together
    while safe < FULL_VOLUME and peak(safe + 1, seconds, interval_s) <= at_once:
        safe += 1
    return safe


def peak(volume: int, seconds: float, interval_s: float = LOOP_S) -> int:
    """Challenges at once that a volume comes to, 99 times of 100, if each takes `seconds`."""
    # Each eight of them keep eight lanes busy for `seconds`; how many such eights overlap is a Poisson
    # variable, as they come from validators that know nothing of each other.
    return LANES * _poisson_quantile(volume / LANES * seconds / interval_s, CHANCE)


def _poisson_quantile(mean: float, share: float) -> int:
    count, chance = 0, math.exp(-mean)
    total = chance
    while total < share and count < 10 * (mean + 10):
        count += 1
        chance *= mean / count
        total += chance
    return max(1, count)


def gain(volume: int, instead_of: int) -> float:
    """What promising `volume` does to every reward, as a share of it: -0.05 is 5 % less."""
    return volume_factor(volume) / volume_factor(instead_of) - 1.0


def break_even(volume: int) -> float:
    """The share of lost answers at which promising the full volume earns no more than keeping this one."""
    return 1.0 - volume_factor(volume) / volume_factor(FULL_VOLUME)
