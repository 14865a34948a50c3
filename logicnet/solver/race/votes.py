"""A posterior over the answers so far and "none of these".

The model (derived in docs/stopping.md):

    a question has one hidden ease, u ~ N(0, 1), which all samples share: so they err together
    a sample is right with probability Phi(a + spread * u), on average its trust for this kind of question
    right answers are equal; wrong ones scatter as a hierarchical Dirichlet process: some attract, those
        of one sampler more than those of two

Each answer is a hypothesis, and so is "none is right". Every vote multiplies one factor into each, so the
order of votes does not matter. Keys are compared as they are: `logicnet.answers` makes equal answers equal.
Pure arithmetic: tens of microseconds for 16 votes.

The posterior only prices waiting. What is sent is elected: the answer whose votes weigh most, so that no
minority wins without a reason, which is trust in its sampler or confidence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import NormalDist, fmean, pstdev

from logicnet.solver.race.trust import MOST_VOTES, Scale, Scatter, Trust, Vote, between

DOUBT = 0.004  # chance that the model above does not hold, because of a misread question or a wrong reference
CONFIDENCE_WEIGHT = 0.35
"""Log-odds of being right per standard deviation of a trace's mean log-probability. Mild on purpose: within
one question, confidences put a right trace above a wrong one in about 6 of 10 pairs (CISC, arXiv:2502.06233),
and two unit normals that far apart differ by 0.36."""

_MOST_CONFIDENCE = 2.0  # standard deviations; larger ones count as this
_LEAST_DEVIATION = 0.02  # nats per token; closer traces are equally confident
_LEAST_TRACES = 3  # of one sampler in one challenge, to compare them with each other
_LEAST_RIGHT = 2e-3  # chance of one question, so that many votes do not underflow


@dataclass(frozen=True, slots=True)
class Posterior:
    """Chances of being right: `of` each answer, and `none` for none of them. They sum to 1."""

    of: Mapping[str, float]
    none: float
    best: str = ""  # the answer that is elected; "" before there is one
    chance: float = 0.0  # of `best`


def posterior(votes: Sequence[Vote], trust: Trust, kind: str) -> Posterior:
    """The posterior of `votes`. A single vote has the trust of its sampler; key "" does not count."""
    return Ballots.counted(votes, trust, kind).posterior()


@dataclass(slots=True)
class _AnswerVotes:
    """One answer's votes: `odds` is the product of its votes' odds of being right, at each ease.

    `weight` in the election: of each vote -log(1 - trust) * exp(confidence). Votes of one sampler weigh alike
    but for their confidence; one of a sampler that is nearly always right weighs as much as many others.
    """

    odds: tuple[tuple[float, ...], ...]  # of each regime
    samplers: dict[str, int]
    weight: float


@dataclass(slots=True)
class Ballots:
    """All votes of one challenge. The stopping rule looks ahead by adding others.

    `joint()` holds, for each answer and for "none", the probability of these votes and that hypothesis.
    Ballots with one more vote have joints that sum to this one's total times that vote's probability.
    """

    trust: Trust
    kind: str
    wrong: tuple[tuple[float, ...], ...]  # by regime and ease: product of all votes' chances of being wrong
    answers: dict[str, _AnswerVotes]
    totals: dict[str, int]  # votes with an answer, by sampler
    _joint: dict[str, float] | None = field(default=None)

    @classmethod
    def counted(cls, votes: Sequence[Vote], trust: Trust, kind: str) -> Ballots:
        wrong = tuple(tuple(share * weight for weight in _WEIGHTS) for share, _ in trust.regimes(kind))
        ballots = cls(trust, kind, wrong, {}, {})
        votes = [vote for vote in votes if vote.key][:MOST_VOTES]
        for vote, shift in zip(votes, _shifts(votes, trust), strict=True):
            ballots._add(vote.sampler, vote.key, shift)
        return ballots

    def plus(self, sampler: str, key: str) -> Ballots:
        """These and one more vote of usual confidence."""
        answers = dict(self.answers)
        if (old := answers.get(key)) is not None:
            answers[key] = _AnswerVotes(old.odds, dict(old.samplers), old.weight)
        more = Ballots(self.trust, self.kind, self.wrong, answers, dict(self.totals))
        more._add(sampler, key, 0.0)
        return more

    def joint(self) -> Mapping[str, float]:
        """By answer, and "" for none of them. Unnormalised."""
        if self._joint is None:
            joints = self.joints()
            self._joint = {key: sum(joint[key] for joint in joints) for key in ("", *self.answers)}
        return self._joint

    def joints(self) -> Sequence[Mapping[str, float]]:
        """The joint of each regime, its chance included."""
        regimes = enumerate(self.trust.regimes(self.kind))
        return [self._joint_of(place, regime.scatter) for place, (_, regime) in regimes]

    def _joint_of(self, place: int, scatter: Scatter) -> Mapping[str, float]:
        wrong = self.wrong[place]
        within, between = _concentrations(scatter)
        signatures = {key: tuple(sorted(one.samplers.values())) for key, one in self.answers.items()}
        everything = sorted(signatures.values())
        without: dict[tuple[int, ...], tuple[tuple[int, ...], ...]] = {}
        joint: dict[str, float] = {}
        for key, answer in self.answers.items():
            signature = signatures[key]
            if (rest := without.get(signature)) is None:
                others = everything.copy()
                others.remove(signature)
                rest = without[signature] = tuple(others)
            odds = answer.odds[place]
            chance = sum(map(float.__mul__, wrong, odds)) * _partition(rest, within, between)
            for sampler, total in self.totals.items():
                chance /= _rising(within, total - answer.samplers.get(sampler, 0))
            joint[key] = chance
        chance = sum(wrong) * _partition(tuple(everything), within, between)
        for total in self.totals.values():
            chance /= _rising(within, total)
        joint[""] = chance
        return joint

    def posterior(self) -> Posterior:
        joint = self.joint()
        sure = (1.0 - DOUBT) / sum(joint.values())
        of = {key: chance * sure for key, chance in joint.items() if key}
        if not of:
            return Posterior(of, 1.0)
        best = self.leader()
        return Posterior(of, joint[""] * sure + DOUBT, best, of[best])

    def leader(self) -> str:
        """The elected answer, empty without votes: the largest weight; among equals, the likeliest."""
        joint = self.joint()
        return min(
            self.answers,
            key=lambda key: (-round(self.answers[key].weight, 6), -joint[key], key),
            default="",
        )

    def _add(self, sampler: str, key: str, shift: float) -> None:
        right = self.trust.right(sampler, self.kind)
        spread = self.trust.prior(sampler).spread
        regimes = [regime.spread for _, regime in self.trust.regimes(self.kind)]
        wrong, odds = zip(*(_at_each_ease(right, spread * one, shift) for one in regimes), strict=True)
        weight = -math.log(1.0 - right) * math.exp(shift)
        self.wrong = _times(self.wrong, wrong)
        if (answer := self.answers.get(key)) is None:
            self.answers[key] = _AnswerVotes(odds, {sampler: 1}, weight)
        else:
            answer.odds = _times(answer.odds, odds)
            answer.samplers[sampler] = answer.samplers.get(sampler, 0) + 1
            answer.weight += weight
        self.totals[sampler] = self.totals.get(sampler, 0) + 1


def _shifts(votes: Sequence[Vote], trust: Trust) -> list[float]:
    """Log-odds that each vote's confidence adds, by the scale of its sampler or of its other votes."""
    scales: dict[str, Scale | None] = {}
    shifts = []
    for vote in votes:
        if vote.sampler not in scales:
            scales[vote.sampler] = trust.scales.get(vote.sampler) or _fellows(votes, vote.sampler)
        scale = scales[vote.sampler]
        if scale is None or vote.confidence is None or not math.isfinite(vote.confidence):
            shifts.append(0.0)
            continue
        above = (vote.confidence - scale.mean) / max(scale.deviation, _LEAST_DEVIATION)
        # In steps of a tenth, so that cached values serve other votes.
        above = round(max(-_MOST_CONFIDENCE, min(_MOST_CONFIDENCE, above)), 1)
        shifts.append(CONFIDENCE_WEIGHT * above)
    return shifts


def _fellows(votes: Sequence[Vote], sampler: str) -> Scale | None:
    known = sorted(  # sorted, so that float sums do not depend on the order
        vote.confidence
        for vote in votes
        if vote.sampler == sampler and vote.confidence is not None and math.isfinite(vote.confidence)
    )
    return Scale(fmean(known), pstdev(known)) if len(known) >= _LEAST_TRACES else None


_NORMAL = NormalDist()

_ByRegime = tuple[tuple[float, ...], ...]

_EASES = (-4.0, -3.2, -2.4, -1.6, -0.8, 0.0, 0.8, 1.6, 2.4, 3.2, 4.0)
"""Points of the integral over the ease: even steps, exact to six digits for a normal density."""
_WEIGHTS = tuple(_NORMAL.pdf(ease) / sum(map(_NORMAL.pdf, _EASES)) for ease in _EASES)


@lru_cache(maxsize=16384)
def _at_each_ease(right: float, spread: float, shift: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Chance of being wrong, and odds of being right, at each ease; on average `right`, before `shift`."""
    level = _NORMAL.inv_cdf(right) * math.sqrt(1.0 + spread * spread)
    chances = [between(_NORMAL.cdf(level + spread * ease), _LEAST_RIGHT) for ease in _EASES]
    odds = [chance / (1.0 - chance) * math.exp(shift) for chance in chances]
    return tuple(1.0 / (1.0 + one) for one in odds), tuple(odds)


@lru_cache(maxsize=64)
def _concentrations(scatter: Scatter) -> tuple[float, float]:
    """Of the Dirichlet processes, of one sampler and of all, that give these chances of collision.

    between = 1 / (1 + all);  within = between + (1 - between) / (1 + one)
    """
    return (1.0 - scatter.between) / (scatter.within - scatter.between) - 1.0, 1.0 / scatter.between - 1.0


@lru_cache(maxsize=65536)
def _partition(wrong: tuple[tuple[int, ...], ...], within: float, between: float) -> float:
    """Probability of wrong answers with so many votes, times prod_samplers rising(within, votes).

    `wrong` has one tuple for each answer: its votes, by sampler. Exact: in the Chinese restaurant franchise,
    sums over how many tables each answer has in each sampler, as coefficients of polynomials.
    """
    tables = [1.0]
    for answer in wrong:
        own = [1.0]
        for votes in answer:
            own = _product(own, _tables(votes, within))
        own = [many * math.gamma(count) if count else 0.0 for count, many in enumerate(own)]
        tables = _product(tables, own)
    shared = between ** len(wrong)
    return sum(shared * many / _rising(between, count) for count, many in enumerate(tables) if many)


@lru_cache(maxsize=1024)
def _tables(votes: int, concentration: float) -> list[float]:
    """At index t: weight of `votes` customers of one answer at t tables, |Stirling(votes, t)| * c**t."""
    weights = [1.0]
    for seated in range(votes):  # the rising factorial of x = c * t, as a polynomial
        longer = [0.0] * (len(weights) + 1)
        for power, weight in enumerate(weights):
            longer[power + 1] += weight * concentration
            longer[power] += weight * seated
        weights = longer
    return weights


@lru_cache(maxsize=4096)
def _rising(start: float, factors: int) -> float:
    return math.prod(start + place for place in range(factors))


def _times(one: _ByRegime, other: _ByRegime) -> _ByRegime:
    return tuple(tuple(map(float.__mul__, *both)) for both in zip(one, other, strict=True))


def _product(one: Sequence[float], other: Sequence[float]) -> list[float]:
    product = [0.0] * (len(one) + len(other) - 1)
    for place, value in enumerate(one):
        if value:
            for further, factor in enumerate(other):
                product[place + further] += value * factor
    return product
