"""A mean and its confidence interval, of 95 % unless asked otherwise: the percentile bootstrap, with a seed.

Differences are resampled question by question, so that hard and easy questions cancel out (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RESAMPLES = 10_000
LEVEL = 0.95
FEWEST = 10  # values below which an interval is too narrow to be believed, so none is given
_NUMBERS_AT_ONCE = 2_000_000  # 16 MB of them
_SEED = 35  # of the drawing, not of the questions: the same run gives the same intervals


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of `count` values; `low` and `high` bound it.

    Both are None for too few values, and where all are equal: resampling cannot vary them.
    """

    mean: float
    low: float | None
    high: float | None
    count: int

    @property
    def significant(self) -> bool | None:
        """Whether the mean differs from 0 at the 5 % level; None if there are too few values to say."""
        if self.low is None or self.high is None:
            return None if self.count < FEWEST else self.mean != 0
        return self.low > 0 or self.high < 0

    @property
    def without_interval(self) -> str:
        """Why there is no interval; empty if there is one."""
        if self.low is not None:
            return ""
        return "too few" if self.count < FEWEST else "all equal"

    def in_words(self, digits: int = 3, interval: str = "") -> str:
        """As `+0.120 (+0.040 to +0.200)`, or why there is no interval. `interval`: its name."""
        bounds = self.without_interval
        if self.low is not None and self.high is not None:
            bounds = f"{interval}{self.low:+.{digits}f} to {self.high:+.{digits}f}"
        return f"{self.mean:+.{digits}f} ({bounds})"


def mean_of(values: Sequence[float], level: float = LEVEL) -> Estimate | None:
    """The mean of `values` with its interval of `level`, a probability; None if there are none."""
    if not values:
        return None
    mean = math.fsum(values) / len(values)
    if len(values) < FEWEST or min(values) == max(values):
        return Estimate(mean, None, None, len(values))
    low, high = _interval(values, level)
    return Estimate(mean, low, high, len(values))


def mean_of_differences(
    left: Mapping[str, float], right: Mapping[str, float], level: float = LEVEL
) -> Estimate | None:
    """How much more `left` has than `right`, on the questions that both know; None if there are none."""
    return mean_of([value - right[name] for name, value in left.items() if name in right], level)


def mean_in_doubt(differences: Sequence[float], one: float, level: float = LEVEL) -> Estimate | None:
    """The mean of paired differences, and the interval that it has with one more of `one` and one of `-one`.

    That no question was lost in n does not show that none is in a thousand: without the two, a millisecond
    that is always gained lies above zero.
    """
    if not differences:
        return None
    found = mean_of([*differences, one, -one], level)
    assert found is not None
    mean = math.fsum(differences) / len(differences)
    return Estimate(mean, found.low, found.high, len(differences))


def _interval(values: Sequence[float], level: float) -> tuple[float, float]:
    import numpy  # noqa: PLC0415 (a tenth of a second)

    drawn = numpy.random.default_rng(_SEED)
    array = numpy.asarray(values, dtype=float)
    batch = max(1, _NUMBERS_AT_ONCE // len(array))
    means = [
        array[drawn.integers(0, len(array), size=(min(batch, RESAMPLES - done), len(array)))].mean(axis=1)
        for done in range(0, RESAMPLES, batch)
    ]
    low, high = numpy.quantile(numpy.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
