"""Who wins a task: pure decisions on losses that were measured.

1. No score: nothing submitted, submitted after the deadline, not readable, no fine-tune, a copy.
2. Suspected of training on the test (`suspicion`): no score; named with the figure.
3. Of the others, the best `keep` by their loss on synthetic rows are compared on the test.
4. Score: 0.8 x test loss + 0.2 x synthetic loss; lower is better.
5. A later submission wins against an earlier one, and any against the original model, by 1 % at least.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from operator import attrgetter

from logicnet.errors import TuningError
from logicnet.tuning.verdict import WeightsVerdict

FEWEST_OTHERS = 2
"""Miners beside the one in question: one alone would tell nothing about what is usual."""

_SMALL_SAMPLE = (1.196, 1.495, 1.363, 1.206, 1.2, 1.14, 1.129, 1.107)
"""For 2 to 9 values: the median deviation of so few is too small (Croux and Rousseeuw, Time-efficient
algorithms for two highly robust estimators of scale, 1992)."""

_NORMAL = 1.4826
"""The standard deviation of a normal distribution / its median absolute deviation."""

_CONFIDENCE = 1.96
"""Standard errors on each side of a 95 % interval."""


@dataclass(frozen=True)
class JudgingRules:
    """Shares are of 1."""

    test_weight: float = 0.8  # the rest is the synthetic loss's
    win: float = 0.01  # relative; finetuning-subnet's
    keep: float = 0.75  # of the group: 3 of 4 are compared on the test
    sds: float = 3.0  # above the others, from which on a miner is suspected
    least_excess: float = 0.05  # of what a miner gained on the test: less is no reason to suspect it
    most_shift: float = 0.5  # of the others' synthetic loss: if rewording alone costs more, gaps tell nothing
    tie: float = 0.001  # relative; scores nearer than this are ordered by their curves


DEFAULT_RULES = JudgingRules()


class Fate(StrEnum):
    """What became of a submission; the first that holds, in this order."""

    MISSING = "nothing submitted"
    LATE = "too late"
    NOT_LOADABLE = "not readable"
    NO_FINETUNE = "no fine-tune"
    COPY = "copy"
    SUSPECTED = "suspected"
    BEHIND = "behind on synthetic rows"
    RANKED = "ranked"


@dataclass(frozen=True)
class RowLosses:
    """Of one model on the rows of both kinds that count for all models of a task, in the same order."""

    test: tuple[float, ...]  # mean of a row's tokens
    synthetic: tuple[float, ...]
    test_loss: float  # sum of the tokens' losses / tokens
    synthetic_loss: float


@dataclass(frozen=True)
class JudgedSubmission:
    """What is known of one miner's; what is not known is None."""

    miner: str
    submitted_s: float | None = None  # unix seconds
    verdict: WeightsVerdict | None = None
    copy_of: str | None = None  # an earlier miner
    losses: RowLosses | None = None
    area: float | None = None  # under its own held-out losses (`area_under`)
    refused: str = ""  # why it did not take the task


@dataclass(frozen=True)
class Suspicion:
    """How much more a miner gained on the test than on synthetic rows, above what the others did.

    In loss a token; `low` and `high` bound `excess` (95 %). `sds`: excess / what is usual, which is the
    robust spread of the others and the sampling error of the rows together. `share`: of its gain on the test.
    """

    excess: float
    low: float
    high: float
    sds: float
    share: float
    others: int
    clear: bool  # synthetic rows are not so much harder for all that gaps tell nothing
    suspected: bool


@dataclass(frozen=True)
class MinerResult:
    """`score` is None unless ranked; `place` counts from 1 over all."""

    miner: str
    place: int
    fate: Fate
    reason: str  # a line
    score: float | None = None
    test_loss: float | None = None
    synthetic_loss: float | None = None
    suspicion: Suspicion | None = None


@dataclass(frozen=True)
class JudgingResult:
    """Of one task. `winner`: a miner, or None; `why` says why it is so, in a line."""

    results: tuple[MinerResult, ...]
    winner: str | None
    why: str
    original_score: float | None


def judge(
    submissions: Sequence[JudgedSubmission],
    original: RowLosses | None,
    *,
    deadline_s: float,
    twins: bool,
    rules: JudgingRules,
) -> JudgingResult:
    """Of all miners of a group. `twins`: each synthetic row was made of the test's row in its place."""
    fates = {one.miner: _before_losses(one, deadline_s) for one in submissions}
    measured = {
        one.miner: one.losses
        for one in submissions
        if one.losses is not None and fates[one.miner][0] is Fate.RANKED
    }
    suspicions = {
        miner: suspicion(
            losses,
            [its for other, its in measured.items() if other != miner],
            original,
            twins=twins,
            rules=rules,
        )
        for miner, losses in measured.items()
        if original is not None
    }
    for miner, found in suspicions.items():
        if found is not None and found.suspected:
            fates[miner] = (Fate.SUSPECTED, _in_words(found))
    kept = max(1, math.ceil(rules.keep * len(submissions)))
    by_synthetic = sorted(
        (miner for miner in measured if fates[miner][0] is Fate.RANKED),
        key=lambda miner: (measured[miner].synthetic_loss, miner),
    )
    for place, miner in enumerate(by_synthetic[kept:], kept + 1):
        fates[miner] = (Fate.BEHIND, f"place {place} by synthetic loss; {kept} are compared on the test")
    scores = {miner: score(measured[miner], rules) for miner in by_synthetic[:kept]}
    order = _ranked([one for one in submissions if one.miner in scores], scores, rules)
    rest = sorted(
        (one for one in submissions if one.miner not in scores),
        key=lambda one: (
            -list(Fate).index(fates[one.miner][0]),
            measured[one.miner].synthetic_loss if one.miner in measured else 0.0,
            one.miner,
        ),
    )
    results = tuple(
        MinerResult(
            miner=one.miner,
            place=place,
            fate=fates[one.miner][0],
            reason=fates[one.miner][1],
            score=scores.get(one.miner),
            test_loss=None if one.losses is None else one.losses.test_loss,
            synthetic_loss=None if one.losses is None else one.losses.synthetic_loss,
            suspicion=suspicions.get(one.miner),
        )
        for place, one in enumerate([*order, *rest], 1)
    )
    base = None if original is None else score(original, rules)
    in_time = sorted(order, key=lambda one: (one.submitted_s or 0.0, one.miner))
    winner, why = winner_of([(one.miner, scores[one.miner]) for one in in_time], base, rules)
    return JudgingResult(results, winner, why, base)


def score(losses: RowLosses, rules: JudgingRules) -> float:
    return rules.test_weight * losses.test_loss + (1 - rules.test_weight) * losses.synthetic_loss


def winner_of(
    scores: Sequence[tuple[str, float]], original: float | None, rules: JudgingRules
) -> tuple[str | None, str]:
    """The winner, and why. `scores` by miner, the earliest submission first."""
    best: str | None = None
    bar = math.inf if original is None else original
    for miner, found in scores:
        if found < bar * (1 - rules.win):
            best, bar = miner, found
    if best is None:
        why = f"no score is {rules.win:.0%} below the original model's" if scores else "nobody has a score"
        return None, why
    lower = min(scores, key=lambda one: one[1])
    if lower[0] != best:
        return best, (
            f"{lower[0]} has a lower score, but came later and is less than {rules.win:.0%} below {best}"
        )
    return best, "the lowest score"


def suspicion(
    mine: RowLosses,
    others: Sequence[RowLosses],
    original: RowLosses,
    *,
    twins: bool,
    rules: JudgingRules,
) -> Suspicion | None:
    """None if there are too few others to say.

    Rows differ in difficulty far more than miners do, so miners are compared on the same rows: with the
    others whose gap between synthetic and test loss is in the middle.
    """
    if len(others) < FEWEST_OTHERS:
        return None
    gaps = [_mean(one.synthetic) - _mean(one.test) for one in others]
    middle = statistics.median(gaps)
    by_gap = sorted(range(len(others)), key=lambda number: gaps[number])
    halves = [others[by_gap[(len(others) - 1) // 2]], others[by_gap[len(others) // 2]]]
    more = [
        [own - (a + b) / 2 for own, a, b in zip(of(mine), of(halves[0]), of(halves[1]), strict=True)]
        for of in (attrgetter("synthetic"), attrgetter("test"))
    ]
    if twins:
        excess, error = _mean_and_error([one - other for one, other in zip(*more, strict=True)])
    else:
        (synthetic, error_s), (test, error_t) = map(_mean_and_error, more)
        excess, error = synthetic - test, math.hypot(error_s, error_t)
    usual = math.hypot(_robust_sd(gaps, middle), error)
    sds = excess / usual if usual > 0 else math.copysign(math.inf, excess) if excess else 0.0
    gain = _mean(original.test) - _mean(mine.test)
    share = excess / gain if gain > 0 else 0.0
    clear = middle <= rules.most_shift * statistics.fmean(_mean(one.synthetic) for one in halves)
    return Suspicion(
        excess=excess,
        low=excess - _CONFIDENCE * error,
        high=excess + _CONFIDENCE * error,
        sds=sds,
        share=share,
        others=len(others),
        clear=clear,
        suspected=clear and sds >= rules.sds and share >= rules.least_excess,
    )


def area_under(curve: Sequence[tuple[float, float]]) -> float | None:
    """The mean height of a curve of (step, loss), a straight line between its points; None without two."""
    points = sorted(curve)
    width = points[-1][0] - points[0][0] if points else 0.0
    if width <= 0:
        return None
    return sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(points)) / width


def common_rows(found: Mapping[str, Sequence[tuple[float, int] | None]], tests: int) -> dict[str, RowLosses]:
    """The losses of models on the rows that every one of them was measured on.

    `found`: by model, for each row of the test and then each synthetic row the sum over its tokens and their
    number; None for a row that was left out. `tests`: rows of the test. Raises TuningError if none is left.
    """
    whole = list(zip(*found.values(), strict=True))
    used = [number for number, row in enumerate(whole) if all(one is not None for one in row)]
    parts = [number for number in used if number < tests], [number for number in used if number >= tests]
    if not all(parts):
        raise TuningError("no row of the test, or no synthetic row, could be measured: they are too long")
    return {
        name: _losses([[rows[number] for number in part] for part in parts]) for name, rows in found.items()
    }


def _losses(parts: Sequence[Sequence[tuple[float, int] | None]]) -> RowLosses:
    (test, test_loss), (synthetic, synthetic_loss) = (
        (
            tuple(total / tokens for total, tokens in filter(None, part)),
            sum(total for total, _ in filter(None, part)) / sum(tokens for _, tokens in filter(None, part)),
        )
        for part in parts
    )
    return RowLosses(test, synthetic, test_loss, synthetic_loss)


def _before_losses(one: JudgedSubmission, deadline_s: float) -> tuple[Fate, str]:
    """The fate by all but losses; RANKED if nothing speaks against it."""
    if one.submitted_s is None:
        return Fate.MISSING, f"it refused the task: {one.refused}" if one.refused else "nothing was submitted"
    if one.submitted_s > deadline_s:
        return Fate.LATE, f"{one.submitted_s - deadline_s:.0f} s after the deadline"
    found = one.verdict or WeightsVerdict("not_loadable", "it was not measured")
    if not found.is_finetune:
        broken = found.word == "not_loadable"
        reason = found.reason if broken else f"{found.word.replace('_', ' ')}: {found.reason}"
        return Fate.NOT_LOADABLE if broken else Fate.NO_FINETUNE, reason
    if one.copy_of is not None:
        return Fate.COPY, f"a copy of {one.copy_of}, who was earlier"
    return Fate.RANKED, ""


def _in_words(found: Suspicion) -> str:
    return (
        f"it probably trained on the test: {found.sds:.1f} sd above the {found.others} others, "
        f"{found.share:.0%} of its gain"
    )


def _ranked(
    submissions: Sequence[JudgedSubmission], scores: Mapping[str, float], rules: JudgingRules
) -> list[JudgedSubmission]:
    """By score; those nearer than a tie to the first of them by their curves, then by time."""
    left = sorted(submissions, key=lambda one: scores[one.miner])
    found: list[JudgedSubmission] = []
    while left:
        most = scores[left[0].miner] * (1 + rules.tie)
        tied = [one for one in left if scores[one.miner] <= most]
        left = left[len(tied) :]
        found += sorted(
            tied,
            key=lambda one: (math.inf if one.area is None else one.area, one.submitted_s or 0.0, one.miner),
        )
    return found


def _robust_sd(values: Sequence[float], middle: float) -> float:
    deviation = statistics.median(abs(one - middle) for one in values)
    few = len(values) - 2
    factor = _SMALL_SAMPLE[few] if few < len(_SMALL_SAMPLE) else len(values) / (len(values) - 0.8)
    return _NORMAL * factor * deviation


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return _mean(values), math.inf
    return _mean(values), statistics.stdev(values) / math.sqrt(len(values))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
