"""A mean and how far it can be believed: the percentile bootstrap, with a seed.

Questions are drawn again with replacement from those that were asked, many times; the middle 95 % of
the means that come out is the interval. For a difference, what is drawn are the differences question
by question, so that hard and easy questions cancel out (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapters 8 and 13).
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from logicnet.errors import SettingsError

RESAMPLES = 10_000
LEVEL = 0.95
FEWEST = 10
"""Values below which an interval is too narrow to be believed, so none is given."""

_NUMBERS_AT_ONCE = 2_000_000  # 16 MB of them
_SEED = 35  # of the drawing, not of the questions: the same run gives the same intervals


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of `count` values; `low` and `high` bound it.

    Both are None where there are too few values to say, and where all are equal: what never varied in
    what was drawn cannot vary when it is drawn again, and that is no certainty.
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


def mean_of(values: Sequence[float]) -> Estimate | None:
    """The mean of `values` with its interval; None if there are none."""
    if not values:
        return None
    mean = math.fsum(values) / len(values)
    if len(values) < FEWEST or min(values) == max(values):
        return Estimate(mean, None, None, len(values))
    low, high = _interval(values)
    return Estimate(mean, low, high, len(values))


def mean_of_differences(left: Mapping[str, float], right: Mapping[str, float]) -> Estimate | None:
    """How much more `left` has than `right`, on the questions that both know; None if there are none."""
    return mean_of([value - right[name] for name, value in left.items() if name in right])


def _interval(values: Sequence[float]) -> tuple[float, float]:
    require()
    import numpy  # noqa: PLC0415 (a tenth of a second)

    drawn = numpy.random.default_rng(_SEED)
    array = numpy.asarray(values, dtype=float)
    batch = max(1, _NUMBERS_AT_ONCE // len(array))
    means = [
        array[drawn.integers(0, len(array), size=(min(batch, RESAMPLES - done), len(array)))].mean(axis=1)
        for done in range(0, RESAMPLES, batch)
    ]
    low, high = numpy.quantile(numpy.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def require() -> None:
    """Raise SettingsError unless what intervals need is installed."""
    if importlib.util.find_spec("numpy") is None:
        raise SettingsError("intervals need numpy: pip install 'logicnet[bench]'")
