"""Puts questions to solvers in this process, as the miner would, and times them.

A heat is a few questions that one solver is given at once. All solvers run the same heat, one after the
other, before the next begins: so none is slowed by a rival, and a machine that drifts drifts for all.
Who goes first changes from heat to heat.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Unpack

from logicnet.deadline import Deadline, ReplyMargin
from logicnet.evals.bench.contestants import Contestant
from logicnet.evals.challenges.problem import Problem
from logicnet.llm import Completion, How, Message, Models
from logicnet.protocol import Challenge
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
    meter = Metered(models)
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

    A call that is cancelled never says how many: then the pieces that had arrived are counted, which
    are tokens on a vLLM.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self._calls: list[int] = []

    @property
    def tokens(self) -> int:
        return sum(self._calls)

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        call = len(self._calls)
        self._calls.append(0)
        on_text = how.get("on_text")

        def count(piece: str) -> None:
            self._calls[call] += 1
            if on_text is not None:
                on_text(piece)

        how["on_text"] = count
        done = await self._models.complete(messages, deadline=deadline, **how)
        self._calls[call] = max(done.tokens, self._calls[call])
        return done


async def run_heat(
    contestant: Contestant, problems: Sequence[Problem], models: Models, timeout_s: float
) -> list[Attempt]:
    """All `problems` at once to one solver; in their order."""
    return list(await asyncio.gather(*(ask(contestant, one, models, timeout_s) for one in problems)))
