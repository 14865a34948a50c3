"""A validator's correctness of one answer, in -1..1, in its four steps. Source: LogicNet 1.6."""

from __future__ import annotations

from logicnet.scoring import numeric
from logicnet.scoring._types import Verdict
from logicnet.scoring.judge import Judge, by_rule

EQUAL_SCORE = 1.0

NO_JUDGE = "only a judge could decide; give one with --judge-url"


def by_text(truth: str, answer: str) -> Verdict:
    """Steps 1 to 3, which need no model. The score is None where step 4 would decide."""
    if truth.strip().lower() == answer.strip().lower():
        return Verdict(EQUAL_SCORE, "equal")
    return numeric.compare(truth, answer)


async def correctness(truth: str, answer: str, *, question: str = "", judge: Judge | None = None) -> Verdict:
    """All four steps. Without a judge the fourth leaves an answer undecided, unless a rule decides it."""
    verdict = by_text(truth, answer)
    if verdict.score is not None:
        return verdict
    if judge is not None:
        judged = await judge.judge(question, truth, answer)
        return judged if judged.note else Verdict(judged.score, judged.by, verdict.note)
    ruled = by_rule(answer)
    if ruled is not None:
        return ruled
    return Verdict(None, "nobody", f"{verdict.note}; {NO_JUDGE}" if verdict.note else NO_JUDGE)
