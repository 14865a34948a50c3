"""Rows of a bench, scored as a validator does, at full volume."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from logicnet.evals.bench.asking import Attempt
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.runs.row import INTERRUPTED, Row, stored
from logicnet.evals.runs.score import Mark, TimedReply, marked_row, marks, reference_to, row_of
from logicnet.llm import Completion, Models
from logicnet.scoring import Scorer


async def references(problems: Sequence[Problem], models: Models) -> dict[str, Completion]:
    """One for each problem, by its id."""
    written = await asyncio.gather(*(reference_to(one, models) for one in problems))
    return dict(zip((one.id for one in problems), written, strict=True))


async def mark(
    asked: Sequence[Attempt], scorer: Scorer, written: Mapping[str, Completion], timeout_s: float
) -> list[Row]:
    """A row for each, in order. Never raises for what a solver says."""
    replies = [
        TimedReply(
            one.problem,
            one.solution.answer.answer if one.seconds <= timeout_s else None,
            one.solution.answer.reasoning,
            one.seconds,
            written.get(one.problem.id),
        )
        for one in asked
    ]
    found = await marks(scorer, replies, timeout_s)
    return [_row(one, its_mark, timeout_s) for one, its_mark in zip(asked, found, strict=True)]


def _row(one: Attempt, its_mark: Mark, timeout_s: float) -> Row:
    in_time, answer = one.seconds <= timeout_s, one.solution.answer
    row = replace(
        _asked_row(one.name, one.problem, one.asked_at_s, timeout_s),
        answer=stored(answer.answer) if in_time else None,
        reasoning=stored(answer.reasoning) if in_time else None,
        process_time=one.seconds,
        error=one.solution.error if in_time else "the answer came after the deadline",
        outcome=one.solution.outcome,
        tokens=one.tokens,
        trail=answer.vote_log.fields() if answer.vote_log else None,
    )
    return marked_row(row, its_mark)


def interrupted_row(name: str, problem: Problem, asked_at_s: float, timeout_s: float) -> Row:
    """The row of a question that was in flight when the run ended."""
    return replace(_asked_row(name, problem, asked_at_s, timeout_s), error=INTERRUPTED)


def _asked_row(name: str, problem: Problem, asked_at_s: float, timeout_s: float) -> Row:
    return row_of(problem, target=name, solver=name, asked_at=asked_at_s, timeout=timeout_s)
