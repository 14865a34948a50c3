"""The safe volume, and what it earns, from the loads that a machine sustained. Pure arithmetic.

Validators ask in bursts: one sends its whole quota over eight lanes, so up to eight of its questions are
under way until the quota is used up, and it asks nothing for the rest of the interval. Bursts of several
validators coincide by chance. A volume is safe if in 99 of 100 cases the coinciding bursts are a load that
was sustained.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from logicnet.scoring.incentive import LANES, LOOP_S
from logicnet.scoring.reward import FULL_VOLUME, volume_factor

CHANCE = 0.99  # Share of the time in which coinciding bursts are no more than the sustained load
LATE_LIMIT = 0.01  # Share of a load's answers that may be late while it counts as sustained

CUT_LIMIT = 0.15
"""Share of answers whose model text the clock may cut off, above that of the lowest load. Such an answer is
sent in time, but it is right less often."""

SLACK = 0.8
"""Answers must be done in this share of a challenge's time: longer questions than the measured ones, and a
slower server tomorrow, take the rest."""


@dataclass(frozen=True, slots=True)
class Level:
    """The result of one load, `at_once` challenges at a time. `seconds` of its answers are sorted."""

    at_once: int
    seconds: tuple[float, ...]
    late: int  # not solved in time
    cut: int  # solved, though the clock cut off a model's text
    failed: int  # failed early, so not because of the load; not among the answers
    took_s: float
    usual_cut: float = 0.0  # share of answers that are cut off at the lowest load

    @property
    def answers(self) -> int:
        return len(self.seconds)

    @property
    def sustained(self) -> bool:
        return self.answers > 0 and not is_overload(self.late, self.cut, self.answers, self.usual_cut)

    @property
    def mean_s(self) -> float:
        return sum(self.seconds) / len(self.seconds)

    def quantile_s(self, share: float) -> float:
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))]

    def answers_in(self, interval_s: float) -> int:
        """Answers in an interval of constant load."""
        return int(self.at_once * interval_s / max(self.mean_s, 1e-3))


def is_overload(late: int, cut: int, answers: int, usual_cut: float) -> bool:
    """Whether more of `answers` are late or cut off than a sustained load may have."""
    return late > LATE_LIMIT * answers or cut > math.ceil((usual_cut + CUT_LIMIT) * answers)


@dataclass(frozen=True, slots=True)
class Advice:
    """`best` is the highest sustained load; it and `volume` are None if even one challenge is too many."""

    levels: Sequence[Level]
    best: Level | None = None
    volume: int | None = None


def advise(levels: Iterable[Level], interval_s: float = LOOP_S) -> Advice:
    """The largest safe volume of an interval, at most the 512 that earn the full reward."""
    ordered = tuple(sorted(levels, key=lambda level: level.at_once))
    best = None
    for level in ordered:
        if not level.sustained:
            break  # a higher load that was sustained was luck
        best = level
    return Advice(ordered, best, safe_volume(best.at_once, best.mean_s, interval_s) if best else None)


def safe_volume(at_once: int, seconds: float, interval_s: float = LOOP_S) -> int:
    """For a machine that sustains `at_once` challenges, each answered in `seconds` on average."""
    bursts = range(FULL_VOLUME + 1)
    safe = bisect_right(bursts, at_once, key=lambda volume: peak(volume, seconds, interval_s)) - 1
    return max(safe, min(at_once, FULL_VOLUME))  # which is sustained even if all of them come together


def peak(volume: int, seconds: float, interval_s: float = LOOP_S) -> int:
    """The most challenges at once, 99 times of 100, if `volume` are asked and each takes `seconds`."""
    # Eight challenges keep eight lanes busy for `seconds`. The number of such bursts that overlap is
    # Poisson-distributed, because validators are independent of each other.
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
    """The change of every reward with `volume`, as a share of it: -0.05 is 5 % less."""
    return volume_factor(volume) / volume_factor(instead_of) - 1.0


def break_even(volume: int) -> float:
    """The share of lost answers at which the full volume earns no more than `volume`."""
    return 1.0 - volume_factor(volume) / volume_factor(FULL_VOLUME)
