"""Trust: how often each sampler is right at each kind of question, and how samples err together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

_LEAST = 0.005  # trust is kept between this and 1 - this
MOST_VOTES = 64
"""Votes of one challenge that count, the first ones. More could underflow a float."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One sample's answer. `key` is its normal form; empty without an answer.

    `confidence`: mean log-probability per token of its trace or the tail of it (nats), None if unknown.
    """

    sampler: str
    key: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class SamplerRecord:
    """Counts of one sampler at one kind of question in scored runs; they may be discounted."""

    kind: str
    sampler: str
    right: float
    wrong: float
    silent: float = 0.0  # ended with no answer


@dataclass(frozen=True, slots=True)
class Prior:
    """The prior of a sampler without a record.

    `right`: chance that its answer is right. `strength`: questions that this prior is worth. `silent`: chance
    of no answer. `spread`: dependence on the ease of the question, in standard deviations of the sampler's
    noise; 0 = none.
    """

    right: float
    strength: float = 6.0
    silent: float = 0.05
    spread: float = 1.4


Priors = Mapping[str, Prior]

WEAK: Priors = MappingProxyType(
    {
        "reason": Prior(0.15),
        "program": Prior(0.33, silent=0.15),
        "check": Prior(0.25, silent=0.30),
        "formal": Prior(0.25, silent=0.40),
        "exact": Prior(0.98, strength=50.0, silent=0.0, spread=0.0),
        "forced": Prior(0.08),
    }
)
"""For models of a few hundred million parameters. SmolLM2-135M on easy tasks: 22 % with worked examples,
0 % without; 33 % by a program. `spread`: one of 8 programs was right in 56 %, which the spread 1.4 gives."""

CHAT: Priors = MappingProxyType(
    {
        "reason": Prior(0.80, spread=1.8),
        "program": Prior(0.75, silent=0.10, spread=1.8),
        "check": Prior(0.75, silent=0.10, spread=1.8),
        "formal": Prior(0.78, silent=0.15, spread=1.8),
        "exact": Prior(0.98, strength=50.0, silent=0.0, spread=0.0),
        "forced": Prior(0.50, spread=1.8),
    }
)
"""For chat models of some 7 billion: Qwen2.5-7B-Instruct has 91.6 % on GSM8K, 75.5 % on MATH (technical
report, arXiv:2412.15115). `spread`: the best in benchmarks/stopping.py, on the tuning seeds; published votes
of k gain little, so most questions are nearly always or nearly never answered right."""

_UNKNOWN = Prior(0.3, strength=4.0)
_KIND_STRENGTH = 8.0  # questions of one kind that the record at all other kinds is worth
_MOST_ELSEWHERE = 24.0  # questions of other kinds that count at most, because kinds differ

GUESSED: Mapping[str, float] = MappingProxyType({"yes-no": 0.5, "choice": 0.25})
"""Chance of being right by guessing: the least trust in a sampler without a record."""


@dataclass(frozen=True, slots=True)
class Scatter:
    """Chance that two wrong answers to one question are the same, `within` one sampler and `between` two.

    0 < between < within < 1.
    """

    within: float
    between: float

    def __post_init__(self) -> None:
        if not 0.0 < self.between < self.within < 1.0:
            raise ValueError("a scatter needs 0 < between < within < 1")


SCATTER: Mapping[str, Scatter] = MappingProxyType(
    {"yes-no": Scatter(0.98, 0.96), "choice": Scatter(0.55, 0.45)}
)
"""Kinds with few answers to choose from."""


@dataclass(frozen=True, slots=True)
class Regime:
    """How the samples of one question hang together: `spread` times that of the prior, and a scatter."""

    spread: float
    scatter: Scatter


ALIKE = Regime(1.0, Scatter(within=0.60, between=0.50))
"""A chat model at what it is good at: always or never right, nearly, and one trap catches most samples."""

WEAK_ALIKE = Regime(1.0, Scatter(within=0.30, between=0.15))
"""The same of a model of a few hundred million parameters."""

SPREAD_OUT = Regime(0.4, Scatter(within=0.12, between=0.06))
"""Hard questions: right now and then, and nearly every wrong answer is a new one."""

_Counts = tuple[float, float, float]  # right, wrong, silent
_NOTHING: _Counts = (0.0, 0.0, 0.0)

_KEPT = 0.98  # of what was learned while running, with each new question: a server may get another model
_PAYS = 0.85  # share of the best sampler's worth below which another is not begun


@dataclass(frozen=True, slots=True)
class Scale:
    """The usual confidence of a sampler's traces: mean and standard deviation, nats per token."""

    mean: float
    deviation: float


class Trust:
    """How often a sampler is right: its record, shrunk to its record elsewhere, and that to a prior.

    With r right of n at this kind, R of N at all others, these counted as 24 at most:

        elsewhere = (prior * strength + R) / (strength + N)
        right     = (elsewhere * 8 + r) / (8 + n)           (or `strength`, if that is more than 8)

    Silence likewise. `learn` adds what ends without an answer while running, and how well a sampler's answers
    do in the votes. That decides who is begun, but not how likely an answer is: where nobody agrees, votes
    alone cannot tell a hard question from a poor model, and a rule that doubts its model stops too early.
    """

    def __init__(
        self,
        records: Iterable[SamplerRecord] = (),
        priors: Priors = WEAK,
        *,
        scales: Mapping[str, Scale] = MappingProxyType({}),
        scatter: Mapping[str, Scatter] = SCATTER,
    ) -> None:
        """`scatter`: of kinds with few answers. Others have one of two regimes, equally likely."""
        self.priors = priors
        self.scales = scales
        self._one_regime = {kind: ((1.0, Regime(1.0, one)),) for kind, one in scatter.items()}
        self._regimes = ((0.5, ALIKE if priors is CHAT else WEAK_ALIKE), (0.5, SPREAD_OUT))
        self._counts: dict[tuple[str, str], _Counts] = {}
        for record in records:
            one = (max(record.right, 0.0), max(record.wrong, 0.0), max(record.silent, 0.0))
            place = (record.sampler, record.kind)
            self._counts[place] = _sum(self._counts.get(place, _NOTHING), one)
        self._learned: dict[tuple[str, str], _Counts] = {}
        self._right: dict[tuple[str, str], float] = {}

    def prior(self, sampler: str) -> Prior:
        return self.priors.get(sampler, _UNKNOWN)

    def right(self, sampler: str, kind: str) -> float:
        """Chance that an answer of this sampler is right at this kind; between 0.005 and 0.995."""
        if (known := self._right.get((sampler, kind))) is None:
            known = self._right[sampler, kind] = between(self._chance(sampler, kind, self._counts), _LEAST)
        return known

    def silent(self, sampler: str, kind: str) -> float:
        """Chance that a sample ends without an answer, in steps of 0.01."""
        prior = self.prior(sampler)
        here, there = self._records(sampler, kind, self._both())
        usually = _shrunk(prior.silent, prior.strength, there[2], there[0] + there[1])
        strength = max(_KIND_STRENGTH, prior.strength)
        return round((usually * strength + here[2]) / (strength + sum(here)), 2)

    def pays(self, sampler: str, kind: str, others: Iterable[str]) -> bool:
        """Whether a sample of it is right about as often as one of the best of `others`."""
        counts = self._both()

        def worth(one: str) -> float:
            return self._chance(one, kind, counts) * (1.0 - self.silent(one, kind))

        return worth(sampler) >= _PAYS * max(map(worth, others), default=0.0)

    def regimes(self, kind: str) -> Sequence[tuple[float, Regime]]:
        """How samples may hang together, with chances that sum to 1."""
        return self._one_regime.get(kind, self._regimes)

    def learn(self, votes: Sequence[Vote], chances: Mapping[str, float], kind: str) -> None:
        """Learn from one question's votes. Nobody knows the truth: each answer is right with its chance.

        A single vote says nothing about itself; silence says what it is.
        """
        voted = float(sum(vote.key != "" for vote in votes) > 1)
        for place, (right, wrong, silent) in self._learned.items():
            self._learned[place] = (_KEPT * right, _KEPT * wrong, _KEPT * silent)
        for vote in votes[:MOST_VOTES]:
            chance = voted * chances.get(vote.key, 0.0)
            more = (chance, voted - chance, 0.0) if vote.key else (0.0, 0.0, 1.0)
            place = (vote.sampler, kind)
            self._learned[place] = _sum(self._learned.get(place, _NOTHING), more)

    def _chance(self, sampler: str, kind: str, counts: Mapping[tuple[str, str], _Counts]) -> float:
        prior = self.prior(sampler)
        (right, wrong, _), there = self._records(sampler, kind, counts)
        usually = max(_shrunk(prior.right, prior.strength, there[0], there[1]), GUESSED.get(kind, 0.0))
        strength = max(_KIND_STRENGTH, prior.strength)
        return (usually * strength + right) / (strength + right + wrong)

    def _both(self) -> Mapping[tuple[str, str], _Counts]:
        """Records and what was learned while running."""
        both = dict(self._counts)
        for place, counts in self._learned.items():
            both[place] = _sum(both.get(place, _NOTHING), counts)
        return both

    def _records(
        self, sampler: str, kind: str, counts: Mapping[tuple[str, str], _Counts]
    ) -> tuple[_Counts, _Counts]:
        """Of this kind, and of all others."""
        there = _NOTHING
        for (other, other_kind), record in counts.items():
            if other == sampler and other_kind != kind:
                there = _sum(there, record)
        return counts.get((sampler, kind), _NOTHING), there


def _shrunk(prior: float, strength: float, cases: float, others: float) -> float:
    """The share of `cases` among all of other kinds, shrunk to a prior."""
    share = min(1.0, _MOST_ELSEWHERE / (cases + others)) if cases + others else 0.0
    return (prior * strength + cases * share) / (strength + (cases + others) * share)


def between(chance: float, least: float) -> float:
    return min(max(chance, least), 1.0 - least)


def _sum(one: _Counts, other: _Counts) -> _Counts:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]
