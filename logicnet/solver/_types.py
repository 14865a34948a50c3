"""What a solver is, and what one may be built with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from logicnet.deadline import Deadline
from logicnet.llm import Models
from logicnet.protocol import Answer, Challenge

if TYPE_CHECKING:  # the race is one solver of many, and needs what is here
    from logicnet.solver.race.votes import SamplerRecord


class Solver(Protocol):
    """A strategy: challenge, deadline and models in; reasoning and answer out.

    `solve` should return before `deadline`. If it does not, or raises, the miner sends the text
    that its models had written so far; it is never silent, but an answer of your own is better.
    One instance serves all challenges, concurrently. One that is an async context manager is entered
    before the first challenge and left after the last.
    """

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer: ...


def free() -> bool:
    """That no call costs money."""
    return False


@dataclass(frozen=True, slots=True)
class Setup:
    """What is known when a solver is built, for one whose class has `from_setup(setup)`."""

    sampler_records: Sequence[SamplerRecord] = ()  # what samplers have earned so far, by kind of question
    profiles: Path | None = None  # a file of the operator's own model profiles
    model: str | None = None  # the name it is asked for by; None: whichever the server has first
    costs: Callable[[], bool] = free  # whether each call costs the operator money now


def asks_models(solver: Solver) -> bool:
    """False if the solver says so itself (`asks_models = False`): then none is looked for at start."""
    return bool(getattr(solver, "asks_models", True))
