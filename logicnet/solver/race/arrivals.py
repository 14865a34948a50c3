"""Arrivals: when the samples of one question will end, from earlier durations and their running times.

Durations are log-normal, and the samples of one question share a part of the variance. Learned online,
without regard to answers and prices.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

LOST = 0.02  # share of samples that never end: a hung stream, a model that loops until its tokens are spent
SAME_QUESTION = 0.6
"""Share of the variance of log durations that all samples of one question have in common: a long question is
long for every sample. So one early arrival means that the others are near."""

_FORGET = 0.98
"""Weight of earlier durations with each new one: the last fifty count, which follows a server that slows."""

_MEMORY = 1.0 / (1.0 - _FORGET)
_LEAST_DEVIATION = 0.08  # of log seconds; even scripted samples vary as much

_Row = tuple[float, ...]

_STEPS = tuple((place / 20) ** 2.5 for place in range(1, 21))
"""Points in time as shares of the horizon, dense near now."""

_WINDOWS = (4, 6, 8, 11, 15, 20)  # numbers of steps after which waiting may stop
_LENGTHS = ((-math.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (math.sqrt(3.0), 1 / 6))
"""Lengths of a question in standard deviations of the shared part, with weights: three points that give the
first five moments of a normal density."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A sample that runs, and the seconds since its start; or one that ended, and what it took."""

    sampler: str
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Usual:
    """How long a sample takes: median seconds, and standard deviation of log seconds.

    `strength`: the number of observed durations that this prior is worth.
    """

    median_s: float
    deviation: float = 0.6
    strength: float = 3.0


_UNKNOWN = Usual(5.0, 0.8)


class Arrivals:
    """Log-normal durations by sampler, learned online with slow forgetting.

    The number of samples that run at the same time is part of the noise.
    """

    def __init__(self, usual: Mapping[str, Usual]) -> None:
        self._usual = dict(usual)
        self._seen: dict[str, tuple[float, float, float]] = {}  # weight, mean, sum of squares about it

    def observe(self, sampler: str, seconds: float) -> None:
        """Record a sample that ended after `seconds`. Do not record samples that were cut off."""
        value = math.log(max(seconds, 1e-3))
        weight, mean, squares = self._seen.get(sampler, (0.0, 0.0, 0.0))
        weight, squares = weight * _FORGET, squares * _FORGET
        weight += 1.0
        step = value - mean
        mean += step / weight
        self._seen[sampler] = (weight, mean, squares + step * (value - mean))

    def known(self, sampler: str) -> Usual:
        """The estimate for a sampler: its prior and its durations by their weights."""
        usual = self._usual.get(sampler, _UNKNOWN)
        weight, mean, squares = self._seen.get(sampler, (0.0, 0.0, 0.0))
        prior, strength = math.log(usual.median_s), usual.strength
        middle = (prior * strength + mean * weight) / (strength + weight)
        squares += usual.deviation**2 * strength + (mean - prior) ** 2 * strength * weight / (
            strength + weight
        )
        deviation = max(math.sqrt(squares / (strength + weight)), _LEAST_DEVIATION)
        return Usual(math.exp(middle), deviation, min(strength + weight, strength + _MEMORY))


class Waits:
    """The arrivals to come: their order, chances and times.

    `reach[w][j]`: chance that arrival j + 1 comes within window w, given arrival j. `seconds[w][j]`: expected
    seconds between them, given arrival j. `windows_s[w]`: when waiting stops.
    """

    def __init__(
        self,
        pending: Sequence[Pending],
        arrived: Sequence[Pending],
        arrivals: Arrivals,
        *,
        horizon_s: float,
        pace: float,
        most: int,
    ) -> None:
        groups = Counter((one.sampler, round(one.elapsed_s, 2)) for one in pending)
        known = {
            sampler: arrivals.known(sampler) for sampler in {one.sampler for one in (*pending, *arrived)}
        }
        places = {sampler: math.log(usual.median_s * pace) for sampler, usual in known.items()}
        steps_s = [horizon_s * share for share in _STEPS]
        counts = [[0.0] * (most + 1) for _ in steps_s]  # of arrivals, most or more in the last
        lengths = _lengths(groups, arrived, known, places)
        for length, weight in lengths:
            rows: list[list[tuple[int, float]]] = [[] for _ in steps_s]
            for (sampler, elapsed_s), many in groups.items():
                deviation = known[sampler].deviation
                place = places[sampler] + length * deviation * math.sqrt(SAME_QUESTION)
                own = deviation * math.sqrt(1.0 - SAME_QUESTION)
                still = _surviving(elapsed_s, place, own)
                alive = 1.0 / (still + LOST / (1.0 - LOST))
                for row, step_s in zip(rows, steps_s, strict=True):
                    row.append((many, (still - _surviving(elapsed_s + step_s, place, own)) * alive))
            for count, row in zip(counts, rows, strict=True):
                for number, chance in enumerate(_counted(row, most)):
                    count[number] += weight * chance
        self.samplers = _order(groups, known, places, most)
        self.windows_s = [steps_s[window - 1] for window in _WINDOWS]
        self.reach: list[_Row] = []
        self.seconds: list[_Row] = []
        spent = [0.0] * (most + 1)
        last_s, last = 0.0, [1.0] + [0.0] * most
        for step, (step_s, count) in enumerate(zip(steps_s, counts, strict=True), 1):
            for number in range(most):
                spent[number] += (step_s - last_s) * (last[number] + count[number]) / 2.0
            last_s, last = step_s, count
            if step in _WINDOWS:
                came = [sum(count[number:]) for number in range(most + 1)]
                self.reach.append(tuple(came[n + 1] / max(came[n], 1e-12) for n in range(most)))
                self.seconds.append(tuple(spent[n] / max(came[n], 1e-12) for n in range(most)))


def _lengths(
    groups: Mapping[tuple[str, float], int],
    arrived: Sequence[Pending],
    known: Mapping[str, Usual],
    places: Mapping[str, float],
) -> list[tuple[float, float]]:
    """The weights of `_LENGTHS`, given the samples that have arrived and those that have not."""
    shared, own = math.sqrt(SAME_QUESTION), math.sqrt(1.0 - SAME_QUESTION)
    weights = []
    for length, usual in _LENGTHS:
        weight = usual
        for one in arrived:
            deviation = known[one.sampler].deviation
            off = (math.log(max(one.elapsed_s, 1e-3)) - places[one.sampler]) / deviation - length * shared
            weight *= LOST + math.exp(
                -((off / own) ** 2) / 2.0
            )  # LOST: one surprise must not exclude a length
        for (sampler, elapsed_s), many in groups.items():
            deviation = known[sampler].deviation
            still = _surviving(elapsed_s, places[sampler] + length * deviation * shared, deviation * own)
            weight *= ((1.0 - LOST) * still + LOST) ** many
        weights.append((length, weight))
    total = sum(weight for _, weight in weights)
    return [(length, weight / total) for length, weight in weights]


def _order(
    groups: Mapping[tuple[str, float], int],
    known: Mapping[str, Usual],
    places: Mapping[str, float],
    most: int,
) -> list[str]:
    """Samplers in the order of their expected arrivals, by the median of the remaining time."""
    expected: list[tuple[float, str]] = []
    for (sampler, elapsed_s), many in groups.items():
        deviation = known[sampler].deviation
        still = _surviving(elapsed_s, places[sampler], deviation)
        for number in range(many):
            # The n-th of `many` equal samples arrives at about this quantile of the remaining time.
            share = still * (1.0 - (number + 1) / (many + 1))
            expected.append((_reached(share, places[sampler], deviation) - elapsed_s, sampler))
    return [sampler for _, sampler in sorted(expected)[:most]]


def _counted(groups: Sequence[tuple[int, float]], most: int) -> list[float]:
    """Chances of 0, 1, ... arrivals, and at the end of `most` or more, of `many` samples at `chance` each."""
    counts = [1.0] + [0.0] * most
    for many, chance in groups:
        not_yet = 1.0 - chance
        for _ in range(many):
            counts[most] += counts[most - 1] * chance
            for number in range(most - 1, 0, -1):
                counts[number] = counts[number] * not_yet + counts[number - 1] * chance
            counts[0] *= not_yet
    return counts


_ROOT_2 = math.sqrt(2.0)
_NORMAL = NormalDist()


def _surviving(seconds: float, place: float, deviation: float) -> float:
    """Chance that a log-normal duration is longer."""
    if seconds <= 0.0:
        return 1.0
    return 0.5 * math.erfc((math.log(seconds) - place) / (deviation * _ROOT_2))


def _reached(share: float, place: float, deviation: float) -> float:
    """The seconds which this share of log-normal durations exceeds."""
    share = min(max(share, 1e-9), 1.0 - 1e-9)
    return math.exp(place + deviation * _NORMAL.inv_cdf(1.0 - share))
