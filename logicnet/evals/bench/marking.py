"""From what a solver said to a row of the run: scored as a validator does, at full volume."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from logicnet.deadline import Deadline
from logicnet.evals.bench.asking import Attempt
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.runs.row import INTERRUPTED, Row, stored
from logicnet.llm import Completion, Models
from logicnet.scoring import Checker, Reward, Score, ScoredInput, Scorer, Similarity, write_reference
from logicnet.scoring.similarity import FAILED_SIMILARITY

REFERENCE_S = 60.0

CheckerOf = Callable[[Problem], Checker | None]

_LEAST, _MOST = -1.0, 1.0  # of correctness, and of a cosine


async def references(problems: Sequence[Problem], models: Models) -> dict[str, Completion]:
    """One for each problem, by its id: of the raw question, as a validator asks it."""
    written = await asyncio.gather(
        *(write_reference(one.question, models, Deadline.after(REFERENCE_S)) for one in problems)
    )
    return dict(zip((one.id for one in problems), written, strict=True))


async def mark(
    asked: Sequence[Attempt],
    scorer: Scorer,
    written: Mapping[str, Completion],
    timeout_s: float,
    checker_of: CheckerOf = lambda problem: None,
) -> list[Row]:
    """A row for each, in order. `checker_of` is a problem's own checker. Never raises for what is said."""
    scores = await scorer.score(
        [_reply(one, written.get(one.problem.id), timeout_s, checker_of) for one in asked]
    )
    return [
        _row(one, score, written.get(one.problem.id), timeout_s)
        for one, score in zip(asked, scores, strict=True)
    ]


def _reply(
    one: Attempt, reference: Completion | None, timeout_s: float, checker_of: CheckerOf
) -> ScoredInput:
    in_time = one.seconds <= timeout_s
    return ScoredInput(
        truth=one.problem.truth,
        answer=one.solution.answer.answer if in_time else None,
        question=one.problem.question,
        reasoning=one.solution.answer.reasoning,
        reference=_text(reference),
        process_time_s=one.seconds,
        timeout_s=timeout_s,
        checker=checker_of(one.problem),
    )


def _row(one: Attempt, score: Score, reference: Completion | None, timeout_s: float) -> Row:
    in_time = one.seconds <= timeout_s
    close, notes = score.similarity, score.notes
    if close is None and reference is not None and in_time:
        # A validator whose own model failed counts this; see `Similarity`.
        close = Similarity(FAILED_SIMILARITY, f"the reference failed: {reference.error or 'not in time'}")
        notes.append(close.failure)
    low, high = (
        _reward(end, score, close, one.seconds, timeout_s) if in_time else 0.0 for end in (_LEAST, _MOST)
    )
    answer = one.solution.answer
    return replace(
        _asked_row(one.name, one.problem, one.asked_at_s, timeout_s),
        answer=stored(answer.answer) if in_time else None,
        reasoning=stored(answer.reasoning) if in_time else None,
        process_time=one.seconds,
        error=one.solution.error if in_time else "the answer came after the deadline",
        outcome=one.solution.outcome,
        tokens=one.tokens,
        scored=True,
        correctness=score.correctness.score,
        decided_by=score.correctness.by,
        true=score.truth.right if score.truth else None,
        reference=_text(reference),
        similarity=close.value if close else None,
        reward=low if low == high else None,
        reward_low=low,
        reward_high=high,
        note="; ".join(notes),
        trail=answer.vote_log.fields() if answer.vote_log else None,
    )


def interrupted_row(name: str, problem: Problem, asked_at_s: float, timeout_s: float) -> Row:
    """Of a question that a solver was at when the run ended."""
    return replace(_asked_row(name, problem, asked_at_s, timeout_s), error=INTERRUPTED)


def _asked_row(name: str, problem: Problem, asked_at_s: float, timeout_s: float) -> Row:
    return Row(
        target=name,
        solver=name,
        id=problem.id,
        kind=problem.kind,
        source=problem.source,
        asked_at=asked_at_s,
        question=problem.asked,
        raw_question=problem.question,
        ground_truth=problem.truth,
        timeout=timeout_s,
    )


def _reward(end: float, score: Score, close: Similarity | None, time_s: float, timeout_s: float) -> float:
    """With `end` in place of what is not known."""
    right = score.correctness.score
    return Reward(
        end if right is None else right, end if close is None else close.value, time_s, timeout_s
    ).value


def _text(reference: Completion | None) -> str | None:
    if reference is None or reference.finish not in ("stop", "length"):
        return None
    return reference.text
