"""Puts questions to solvers in this process, times them, and scores their answers at full volume.

All solvers run the same heat (a few questions) one after the other, so none is slowed by a rival, and a
machine that drifts drifts for all. Who goes first changes from heat to heat.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

from logicnet.deadline import Deadline, ReplyMargin
from logicnet.evals.bench.contestants import Contestant
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.runs.run import INTERRUPTED, Row, stored
from logicnet.evals.runs.score import row_of, scored_input, scored_row
from logicnet.llm import Completion, How, Message, Models
from logicnet.protocol import Challenge
from logicnet.scoring.scorer import Score, Scorer
from logicnet.scoring.similarity import write_reference
from logicnet.solver.answering import Solution, answer_in_time


@dataclass(frozen=True, slots=True)
class Attempt:
    """One question to one solver, and its solution."""

    name: str  # of the solver
    problem: Problem
    solution: Solution
    asked_at_s: float  # unix
    seconds: float
    tokens: int


async def ask(contestant: Contestant, problem: Problem, models: Models, timeout_s: float) -> Attempt:
    """The solver gets a miner's deadline: `timeout_s` less the margin for the reply."""
    meter = Metered(contestant.models or models)
    challenge = Challenge(problem.asked, "Logic", problem.id)
    asked_at_s = time.time()
    deadline = Deadline.after(timeout_s - ReplyMargin().seconds(timeout_s))
    solution = await answer_in_time(contestant.solver, challenge, deadline, meter)
    return Attempt(contestant.name, problem, solution, asked_at_s, deadline.elapsed_s(), meter.tokens)


def heats(
    contestants: Sequence[Contestant], problems: Sequence[Problem], size: int
) -> Iterator[tuple[Sequence[Problem], Sequence[Contestant]]]:
    """The problems in heats of `size`, each with the order in which the solvers get it."""
    for number, start in enumerate(range(0, len(problems), size)):
        first = number % len(contestants)
        yield problems[start : start + size], [*contestants[first:], *contestants[:first]]


class Metered:
    """`models`, and how many tokens they have generated.

    Of a cancelled call the pieces that had arrived are counted, which are tokens on a vLLM.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self.tokens = 0

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        pieces = 0
        on_text = how.get("on_text")

        def count(piece: str) -> None:
            nonlocal pieces
            pieces += 1
            self.tokens += 1
            if on_text is not None:
                on_text(piece)

        how["on_text"] = count
        done = await self._models.complete(messages, deadline=deadline, **how)
        self.tokens += max(0, done.tokens - pieces)
        return done


async def run_heat(
    contestant: Contestant, problems: Sequence[Problem], models: Models, timeout_s: float
) -> list[Attempt]:
    """All `problems` at once to one solver; in their order."""
    return list(await asyncio.gather(*(ask(contestant, one, models, timeout_s) for one in problems)))


async def references(problems: Sequence[Problem], models: Models) -> dict[str, Completion]:
    """One for each problem, by its id."""
    written = await asyncio.gather(*(write_reference(one.question, models) for one in problems))
    return dict(zip((one.id for one in problems), written, strict=True))


async def mark(
    asked: Sequence[Attempt], scorer: Scorer, written: Mapping[str, Completion], timeout_s: float
) -> list[Row]:
    """A row for each, in order. Never raises for what a solver says."""
    replies = [
        scored_input(
            one.problem,
            one.solution.answer.answer if one.seconds <= timeout_s else None,
            written.get(one.problem.id),
            reasoning=one.solution.answer.reasoning,
            seconds=one.seconds,
            timeout_s=timeout_s,
        )
        for one in asked
    ]
    scores = await scorer.score(replies)
    return [_row(one, score, timeout_s) for one, score in zip(asked, scores, strict=True)]


def _row(one: Attempt, score: Score, timeout_s: float) -> Row:
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
    return scored_row(row, score)


def interrupted_row(name: str, problem: Problem, asked_at_s: float, timeout_s: float) -> Row:
    """The row of a question that was in flight when the run ended."""
    return replace(_asked_row(name, problem, asked_at_s, timeout_s), error=INTERRUPTED)


def _asked_row(name: str, problem: Problem, asked_at_s: float, timeout_s: float) -> Row:
    return row_of(problem, target=name, solver=name, asked_at=asked_at_s, timeout=timeout_s)
