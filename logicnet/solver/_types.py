"""The one protocol of this room."""

from __future__ import annotations

from typing import Protocol

from logicnet.deadline import Deadline
from logicnet.llm import Models
from logicnet.protocol import Answer, Challenge


class Solver(Protocol):
    """A strategy: challenge, deadline and models in; reasoning and answer out.

    `solve` should return before `deadline`. If it does not, or raises, the miner sends the text
    that its models had written so far; it is never silent, but an answer of your own is better.
    One instance serves all challenges, concurrently.
    """

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer: ...


def asks_models(solver: Solver) -> bool:
    """False if the solver says so itself (`asks_models = False`): then none is looked for at start."""
    return bool(getattr(solver, "asks_models", True))
