"""The gate: whether a candidate may be served, by the rows of one bench that asked both models.

Each question was asked of both, so differences are taken question by question. The interval of reward is
that with one more question won and one lost: seconds alone prove nothing. Looks are counted: the interval of
look k, from 0, has level 1 - alpha / 2^k. Its lower end lies above zero by chance with half of that, so over
all looks on one base a candidate that is no better is served with probability alpha at most.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from logicnet.evals.report.estimate import FEWEST, Estimate, mean_in_doubt, mean_of_differences
from logicnet.evals.report.summary import quantile
from logicnet.evals.runs.run import Row
from logicnet.scoring.reward import AN_ANSWER, reward_of

BASE, CANDIDATE = "base", "candidate"
"""The targets of a proof's rows."""

ALPHA = 0.05
LEAST_OF_KIND = 20
"""Questions from which on a kind is judged by itself; of fewer, noise decides."""

MOST_SLOWER = 1.10
"""p95 of the candidate's seconds against the base's, and the base's capacity against the candidate's."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A candidate compared with its base. Differences are candidate less base, per question.

    `reasons`: why it is not served, in words; empty if it is.
    """

    base: str  # the names under which both were asked
    candidate: str
    questions: int  # that both were asked
    alpha: float  # of this look
    reward: Estimate | None
    right: Estimate | None  # share of truly right answers
    accuracy: float | None = None  # of the candidate: share of truly right answers
    kinds: Mapping[str, Estimate] = field(default_factory=dict)  # `right`, of those of LEAST_OF_KIND and more
    p95_s: tuple[float, float] | None = None  # base, candidate
    tokens_per_s: tuple[float, float] | None = None  # base, candidate, many calls at once; None: not measured
    reasons: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.reasons

    def fields(self) -> dict[str, Any]:
        """As JSON; `of_fields` reads it."""
        return asdict(self) | {"passed": self.passed}

    @classmethod
    def of_fields(cls, found: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError for what `fields` did not make."""
        known = {name: value for name, value in found.items() if name != "passed"}
        for name in ("reward", "right"):
            known[name] = Estimate(**known[name]) if known[name] is not None else None
        known["kinds"] = {kind: Estimate(**one) for kind, one in known["kinds"].items()}
        for name in ("p95_s", "tokens_per_s"):
            known[name] = tuple(known[name]) if known[name] is not None else None
        return cls(**known | {"reasons": tuple(known["reasons"])})


def alpha_of(look: int, alpha: float = ALPHA) -> float:
    """Of the look with this number, from 0, on one base."""
    return alpha / 2.0**look


def worth(row: Row) -> float | None:
    """The reward of a row; None if it was interrupted.

    Where no judge decided, the truth does; a similarity that was not measured counts as 0 for both models.
    """
    if row.reward is not None or not row.scored:
        return row.reward
    truth = 0.0 if row.true is None else (1.0 if row.true else -1.0)
    correctness = truth if row.correctness is None else row.correctness
    return reward_of(correctness, row.similarity or 0.0, row.process_time or 0.0, row.timeout)


def judge(
    rows: Iterable[Row],
    *,
    look: int,
    names: tuple[str, str] = (BASE, CANDIDATE),
    tokens_per_s: tuple[float, float] | None = None,
    alpha: float = ALPHA,
    most_slower: float = MOST_SLOWER,
) -> Proof:
    """Judge the rows of the targets BASE and CANDIDATE; `names` are what those models are called. Pure."""
    by_target: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if worth(row) is not None:
            by_target[row.target][row.id] = row
    pairs = [
        (by_target[BASE][key], by_target[CANDIDATE][key])
        for key in by_target[BASE].keys() & by_target[CANDIDATE]
    ]
    pairs.sort(key=lambda pair: pair[0].id)  # the bootstrap draws by place
    level = 1.0 - alpha_of(look, alpha)
    rewards = [(worth(other) or 0.0) - (worth(one) or 0.0) for one, other in pairs]
    reward = mean_in_doubt(rewards, AN_ANSWER, level)
    right = _difference(
        {one.id: (float(bool(one.true)), float(bool(other.true))) for one, other in pairs}, level
    )
    by_kind: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for one, other in pairs:
        by_kind[one.kind][one.id] = (float(bool(one.true)), float(bool(other.true)))
    kinds = {
        kind: found
        for kind, values in sorted(by_kind.items())
        if len(values) >= LEAST_OF_KIND and (found := _difference(values, level)) is not None
    }
    p95_s = _p95_s(pairs)
    accuracy = sum(bool(other.true) for _, other in pairs) / len(pairs) if pairs else None
    proof = Proof(
        *names, len(pairs), alpha_of(look, alpha), reward, right, accuracy, kinds, p95_s, tokens_per_s
    )
    return replace(proof, reasons=tuple(_reasons(proof, most_slower)))


def _difference(values: Mapping[str, tuple[float, float]], level: float) -> Estimate | None:
    after = {key: candidate for key, (_, candidate) in values.items()}
    return mean_of_differences(after, {key: base for key, (base, _) in values.items()}, level)


def _p95_s(pairs: list[tuple[Row, Row]]) -> tuple[float, float] | None:
    """A question without a reply took all of its timeout."""
    found = [
        quantile(sorted(row.timeout if row.process_time is None else row.process_time for row in side), 0.95)
        for side in zip(*pairs, strict=True)
    ]
    return (found[0], found[1]) if len(found) == 2 and found[0] is not None and found[1] is not None else None


def _reasons(found: Proof, most_slower: float) -> Iterator[str]:
    reward, right = found.reward, found.right
    if reward is None or right is None or found.questions < FEWEST:
        yield f"both answered only {found.questions} questions, and a proof needs {FEWEST}: ask more"
        return
    if reward.low is not None and not reward.low > 0:
        yield f"reward {reward.mean:+.3f}, and its interval begins at {reward.low:+.3f}, not above zero"
    if right.mean < 0:
        yield f"truly right answers fall by {-right.mean:.1%}"
    for kind, one in found.kinds.items():
        if (one.high is not None and one.high < 0) or (one.high is None and one.mean < 0):
            yield f"{kind} loses {-one.mean:.1%} of its right answers"
    if (p95_s := found.p95_s) is not None and p95_s[1] > p95_s[0] * most_slower:
        yield f"95 % of its answers take up to {p95_s[1]:.1f} s, the base's {p95_s[0]:.1f} s"
    if (pace := found.tokens_per_s) is not None and pace[1] * most_slower < pace[0]:
        yield f"it generates {pace[1]:.0f} tokens/s, the base {pace[0]:.0f}: merge it into the model"
