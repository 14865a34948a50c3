"""Results per target of a run, and whether the differences between targets are significant.

Unknown values are left out, never guessed; every mean has its count. An answer that never came counts
as wrong, with a reward of 0.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Literal

from logicnet.evals.report.estimate import Estimate, mean_of, mean_of_differences
from logicnet.evals.runs.run import Row
from logicnet.votelog import read_vote_log

RIGHT_FROM = 0.5  # a validator's correctness from which it takes an answer for right rather than wrong
MOST_COMPARED = 4  # targets that are all compared with each other; of more, each is compared with the first


def correctness(row: Row) -> float | None:
    """A validator's; 0 for silence, None where it is undecided."""
    return 0.0 if row.answer is None and row.scored else row.correctness


def truth(row: Row) -> float | None:
    """1 if the answer is truly right, 0 if not; None where nobody can say."""
    if row.answer is None and row.scored:
        return 0.0
    return None if row.true is None else float(row.true)


def seconds(row: Row) -> float | None:
    return None if row.answer is None else row.process_time


def in_time(row: Row) -> bool:
    """An answer that a validator counts."""
    return row.answer is not None and (row.process_time is None or row.process_time <= row.timeout)


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that a row may have."""

    name: str
    of: Callable[[Row], float | None]
    better: Literal["more", "less"]
    digits: int = 3


METRICS = (
    Metric("reward", lambda row: row.reward, "more"),
    Metric("correctness", correctness, "more"),
    Metric("truly right", truth, "more"),
    Metric("similarity", lambda row: row.similarity, "more"),
    Metric("seconds", seconds, "less", 1),
    Metric("tokens", lambda row: row.tokens, "less", 0),
)


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """One target. Estimates are None where no row has the number."""

    target: str
    asked: int
    scored: int
    answered: int  # in time
    cut_off: int  # answered with what there was, because the solver was late or failed
    undecided: int  # answers that only a judge could have scored, and there was none
    unknown_truth: int  # answers of which nobody can say whether they are right
    reward: Estimate | None
    reward_low: float | None  # the mean of all scored rows, if every open one comes out worst
    reward_high: float | None  # and best; both None if some row says neither
    correctness: Estimate | None
    truth: Estimate | None
    similarity: Estimate | None
    median_s: float | None
    p95_s: float | None
    max_s: float | None
    tokens: float | None

    @property
    def open_rewards(self) -> int:
        """Rewards that are not known, because something about the answer is undecided."""
        return self.scored - (self.reward.count if self.reward else 0)


def summaries(rows: Iterable[Row], targets: Sequence[str]) -> list[TargetSummary]:
    """One for each of `targets`, in that order."""
    by_target = _by_target(rows, targets)
    return [_summary(target, by_target[target]) for target in targets]


def _summary(target: str, rows: Sequence[Row]) -> TargetSummary:
    scored = [row for row in rows if row.scored]
    answered = [row for row in scored if row.answer is not None]
    times_s = sorted(_known(seconds(row) for row in rows))
    tokens = _known(row.tokens for row in rows)
    lows = _known(row.reward if row.reward is not None else row.reward_low for row in scored)
    highs = _known(row.reward if row.reward is not None else row.reward_high for row in scored)
    bounded = scored and len(lows) == len(highs) == len(scored)
    return TargetSummary(
        target=target,
        asked=len(rows),
        scored=len(scored),
        answered=sum(map(in_time, rows)),
        cut_off=sum(row.outcome in ("late", "failed", "waited") for row in rows),
        undecided=sum(row.correctness is None for row in answered),
        unknown_truth=sum(row.true is None for row in answered),
        reward=mean_of(_known(row.reward for row in scored)),
        reward_low=fmean(lows) if bounded else None,
        reward_high=fmean(highs) if bounded else None,
        correctness=mean_of(_known(map(correctness, scored))),
        truth=mean_of(_known(map(truth, scored))),
        similarity=mean_of(_known(row.similarity for row in scored)),
        median_s=quantile(times_s, 0.5),
        p95_s=quantile(times_s, 0.95),
        max_s=times_s[-1] if times_s else None,
        tokens=fmean(tokens) if tokens else None,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more of `metric` `left` has than `right`, over the questions where both are known."""

    left: str
    right: str
    metric: Metric
    estimate: Estimate
    asked_both: int

    @property
    def verdict(self) -> str:
        """Which target is better, if the difference is statistically significant."""
        if self.estimate.significant is None:
            return "too few to say"
        if not self.estimate.significant:
            return "not significant" if self.estimate.low is not None else "no difference"
        more = self.estimate.mean > 0
        good = more == (self.metric.better == "more")
        return f"{self.left if good else self.right} is better"


def differences(rows: Iterable[Row], targets: Sequence[str]) -> list[Difference]:
    """Of every two targets, or of each with the first if there are many; per metric."""
    by_target = _by_target(rows, targets)
    pairs = (
        list(combinations(targets, 2))
        if len(targets) <= MOST_COMPARED
        else [(targets[0], other) for other in targets[1:]]
    )
    found = []
    for left, right in pairs:
        both = {row.id for row in by_target[left]} & {row.id for row in by_target[right]}
        for metric in METRICS:
            estimate = mean_of_differences(
                _values(by_target[left], metric), _values(by_target[right], metric)
            )
            if estimate is not None:
                found.append(Difference(left, right, metric, estimate, len(both)))
    return found


_TRUTHS = ("right", "wrong", "unknown")

Origin = Literal["computed", "model"]


def origin(row: Row) -> Origin | None:
    """Whether the answer was computed exactly or left to a model; None if the row has no vote log."""
    log = read_vote_log(row.trail)
    if log is None:
        return None
    return "computed" if any(v.sampler == "exact" and v.key == log.chosen for v in log.votes) else "model"


@dataclass(frozen=True, slots=True)
class Split:
    """A target's questions whose answer was computed, or those that were left to the model."""

    target: str
    origin: Origin
    count: int
    truth: Estimate | None
    reward: Estimate | None


def splits(rows: Iterable[Row], targets: Sequence[str]) -> list[Split]:
    """For each target with vote logs, what was computed and what was left to the model."""
    parts: dict[tuple[str, Origin], list[Row]] = {}
    for row in rows:
        if row.scored and (found := origin(row)) is not None:
            parts.setdefault((row.target, found), []).append(row)
    kinds: tuple[Origin, ...] = ("computed", "model")
    return [
        Split(
            target,
            kind,
            len(part),
            mean_of(_known(map(truth, part))),
            mean_of(_known(row.reward for row in part)),
        )
        for target in targets
        for kind in kinds
        if (part := parts.get((target, kind)))
    ]


@dataclass(frozen=True, slots=True)
class Confusion:
    """A target's answers, counted by the validator's verdict (rows) and by truth (columns)."""

    target: str
    rows: Sequence[tuple[str, Sequence[int]]]
    truths: Sequence[str] = _TRUTHS


def confusions(rows: Iterable[Row], targets: Sequence[str]) -> list[Confusion]:
    """One for each target with a scored answer."""
    counts = Counter(
        (row.target, _verdict(row), "unknown" if row.true is None else "right" if row.true else "wrong")
        for row in rows
        if row.scored and row.answer is not None
    )
    seen = {target for target, _, _ in counts}
    return [
        Confusion(
            target,
            [
                (verdict, [counts[target, verdict, one] for one in _TRUTHS])
                for verdict in ("right", "wrong", "undecided")
            ],
        )
        for target in targets
        if target in seen
    ]


def _verdict(row: Row) -> str:
    if row.correctness is None:
        return "undecided"
    return "right" if row.correctness >= RIGHT_FROM else "wrong"


def disagreements(rows: Iterable[Row]) -> list[Row]:
    """Answers that a validator takes for right and are wrong, or the other way round."""
    return [
        row
        for row in rows
        if row.true is not None
        and row.correctness is not None
        and row.true != (row.correctness >= RIGHT_FROM)
    ]


def worst(rows: Iterable[Row], count: int = 10) -> list[Row]:
    """The `count` that earned least; among equals those that are surely wrong, then the slowest first."""

    def badness(row: Row) -> tuple[float, bool, float]:
        earned = row.reward if row.reward is not None else row.reward_high
        return (math.inf if earned is None else earned, row.true is not False, -(row.process_time or 0.0))

    return sorted((row for row in rows if row.scored), key=badness)[:count]


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Of sorted numbers, with the straight line between two neighbours; None if there are none."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _by_target(rows: Iterable[Row], targets: Sequence[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {target: [] for target in targets}
    for row in rows:
        if row.target in found:
            found[row.target].append(row)
    return found


def _values(rows: Sequence[Row], metric: Metric) -> Mapping[str, float]:
    # Of rows that nobody scored, only the time and the tokens are anything.
    return {
        row.id: value
        for row in rows
        if (value := metric.of(row)) is not None and (row.scored or metric.name in ("seconds", "tokens"))
    }


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
