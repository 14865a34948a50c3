"""Score what targets said as a validator does, and put the scores into rows."""

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from logicnet.evals.challenges.checks import checker_of
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.runs.plan import RunPlan
from logicnet.evals.runs.run import Row
from logicnet.llm import Completion, Endpoint
from logicnet.llm.endpoint import reach
from logicnet.scoring.judge import Judge
from logicnet.scoring.scorer import Score, ScoredInput


async def reach_models(stack: AsyncExitStack, plan: RunPlan) -> tuple[Judge | None, Endpoint | None]:
    """The judge and the writer of references that `plan` names; `stack` closes them. See `reach`."""
    judge = reference = None
    if plan.judge is not None:
        judge = Judge(await stack.enter_async_context(reach("judge", *plan.judge, flag="--judge-url")))
    if plan.reference is not None:
        reference = await stack.enter_async_context(
            reach("reference", *plan.reference, flag="--reference-url")
        )
    return judge, reference


def scored_input(
    problem: Problem,
    answer: str | None,
    reference: Completion | None,
    *,
    reasoning: str,
    seconds: float,
    timeout_s: float,
) -> ScoredInput:
    """A target's reply. `answer` None: none came in time. `reference`: by a validator's own model."""
    text, failure = None, ""
    if reference is not None and reference.finish in ("stop", "length"):
        text = reference.text
    elif reference is not None:
        failure = reference.error or "it was not written in time"
    return ScoredInput(
        truth=problem.truth,
        answer=answer,
        question=problem.question,
        reasoning=reasoning,
        reference=text,
        reference_failure=failure,
        process_time_s=seconds,
        timeout_s=timeout_s,
        checker=checker_of(problem),
    )


def row_of(problem: Problem, **known: Any) -> Row:
    """A row with the fields of the question, and `known`."""
    return Row(
        id=problem.id,
        kind=problem.kind,
        source=problem.source,
        question=problem.asked,
        raw_question=problem.question,
        ground_truth=problem.truth,
        **known,
    )


def scored_row(row: Row, score: Score, *notes: str) -> Row:
    """`row` with its scores."""
    return replace(
        row,
        scored=True,
        correctness=score.correctness.score,
        decided_by=score.correctness.by,
        true=score.truth.right if score.truth else None,
        reference=score.reference,
        similarity=score.similarity.value if score.similarity else None,
        reward=score.reward.value,
        reward_low=score.reward.low,
        reward_high=score.reward.high,
        note="; ".join(filter(None, (row.note, *score.notes, *notes))),
    )
