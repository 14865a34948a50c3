"""The `Solver` protocol, and the `Setup` that a solver may be built with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from logicnet.deadline import Deadline
from logicnet.llm import Models
from logicnet.maths.worker import Bounded
from logicnet.protocol import Answer, Challenge
from logicnet.scoring.reward import LOGICNET_PRICES, Prices

if TYPE_CHECKING:  # the race is one solver of many, and needs what is here
    from logicnet.solver.race.trust import SamplerRecord


class Solver(Protocol):
    """A strategy: challenge, deadline and models in; reasoning and answer out.

    `solve` should return before `deadline`. If it is late or raises, the miner sends the text that the models
    wrote so far. One instance serves all challenges concurrently. If it is an async context manager, it is
    entered before the first challenge and left after the last.
    """

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer: ...


def free() -> bool:
    """The default of `Setup.costs`: calls cost no money."""
    return False


@dataclass(frozen=True, slots=True)
class Setup:
    """Passed to `from_setup(setup)` of a solver that has it."""

    sampler_records: Sequence[SamplerRecord] = ()  # right and wrong votes so far, by kind of question
    profiles: Path | None = None  # the operator's own model profiles
    model: str | None = None  # as the operator named it; None: the server's first
    costs: Callable[[], bool] = free  # whether each call costs the operator money now
    workers: Bounded | None = None  # of readers, which others share; None: the solver's own, or none
    prices: Prices = LOGICNET_PRICES  # of the subnet that is answered


def asks_models(solver: Solver) -> bool:
    """False if the solver has `asks_models = False`: then no model server is probed at the start."""
    return bool(getattr(solver, "asks_models", True))
