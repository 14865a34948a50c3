"""Rank, incentive and weight, also where rewards are only known as ranges: undecided without a judge.

Each figure goes from its worst to its best; if all is decided, both ends are what a validator computes.
"""

import math
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from logicnet.evals.runs.run import Row
from logicnet.scoring.incentive import incentive, loop_mean, weights
from logicnet.scoring.reward import Range


@dataclass(frozen=True, slots=True)
class RoundRank:
    """One target in one round. Rank 1 is best."""

    target: str
    mean: Range  # of the rewards
    best_rank: int
    worst_rank: int
    incentive: Range


def places(rewards: Mapping[str, Sequence[Range]]) -> list[RoundRank]:
    """One round, best first. Targets without a scored question are not in it.

    `rewards` in the order of the miners' uids: of equal means the first has the better rank, as a validator's
    stable sort has it.
    """
    means = {
        target: Range(loop_mean([one.low for one in earned]), loop_mean([one.high for one in earned]))
        for target, earned in rewards.items()
        if earned
    }
    placed = []
    for number, (target, mean) in enumerate(means.items()):
        others = [(other, before < number) for before, other in enumerate(means.values()) if before != number]
        best = 1 + sum((other.low, first) > (mean.high, False) for other, first in others)
        worst = 1 + sum((other.high, first) > (mean.low, False) for other, first in others)
        paid = Range(incentive(worst, mean.low), incentive(best, mean.high))
        placed.append(RoundRank(target, mean, best, worst, paid))
    return sorted(placed, key=lambda place: (-place.mean.high, -place.mean.low))


def weight_ranges(incentives: Mapping[str, Sequence[Range]]) -> dict[str, Range]:
    """Weights from each target's incentives, latest last. All earned nothing: 0; else they sum to 1."""
    lows = {target: [one.low for one in earned] for target, earned in incentives.items()}
    highs = {target: [one.high for one in earned] for target, earned in incentives.items()}
    return {
        target: Range(
            weights(highs | {target: lows[target]})[target], weights(lows | {target: highs[target]})[target]
        )
        for target in incentives
    }


_FIGURES = ("correctness", "true", "similarity", "reward_low", "reward_high")  # of a `Row`


@dataclass
class TargetTally:
    """One target."""

    asked: int = 0
    answered: int = 0  # a reply that counts
    scored: int = 0
    undecided: int = 0  # scored, with a range as reward
    figures: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _FIGURES})
    seconds: list[float] = field(default_factory=list)  # sorted
    last_error: str = ""

    def add(self, row: Row) -> None:
        self.asked += 1
        self.answered += row.answer is not None
        self.last_error = row.error or self.last_error
        if row.process_time is not None and row.answer is not None:
            insort(self.seconds, row.process_time)
        if row.scored:
            self.scored += 1
            self.undecided += row.reward is None
            for name, known in self.figures.items():
                if (value := getattr(row, name)) is not None:
                    known.append(float(value))

    def mean(self, name: str) -> float | None:
        """Of one of the figures; None if none is known."""
        return fmean(self.figures[name]) if self.figures[name] else None

    def second(self, share: float) -> float | None:
        """The nearest-rank quantile of the seconds."""
        place = max(0, math.ceil(share * len(self.seconds)) - 1)
        return self.seconds[place] if self.seconds else None


class Standings:
    """The standings of every round that has scored rows, and the weights that follow.

    One of `names` without Information in a round earns 0 in it; one asked but not scored skips the round.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._rewards: dict[int, dict[str, list[Range]]] = {}
        self._asked: dict[int, set[str]] = {}
        self._paid: dict[int, Mapping[str, Range]] = {}

    def add(self, row: Row) -> None:
        self._paid.pop(row.round, None)
        self._asked.setdefault(row.round, set()).add(row.target)
        earned = self._rewards.setdefault(row.round, {})
        if row.scored and row.reward_low is not None and row.reward_high is not None:
            earned.setdefault(row.target, []).append(Range(row.reward_low, row.reward_high))

    def of(self, number: int) -> list[RoundRank]:
        """Best first."""
        # A copy, at once: a table may be drawn in another thread.
        rewards = dict(self._rewards.get(number, {}))
        return places({name: rewards[name] for name in self._names if name in rewards})

    def weights(self) -> Mapping[str, Range]:
        """The weights for the chain after the rounds so far."""
        incentives: dict[str, list[Range]] = {name: [] for name in self._names}
        for number in sorted(self._rewards):
            paid = self._paid_in(number)
            for name in self._names:
                if name in paid:
                    incentives[name].append(paid[name])
                elif name not in self._asked[number]:
                    incentives[name].append(Range(0.0, 0.0))
        return weight_ranges(incentives)

    def _paid_in(self, number: int) -> Mapping[str, Range]:
        paid = self._paid.get(number)
        if paid is None:
            paid = {place.target: place.incentive for place in self.of(number)}
            if number < max(self._rewards):  # it is over
                self._paid[number] = paid
        return paid
