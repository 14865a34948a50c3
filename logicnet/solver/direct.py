"""DirectSolver: reason first, then ask for the final answer."""

from __future__ import annotations

from logicnet.deadline import Deadline
from logicnet.llm import Message, Models
from logicnet.protocol import Answer, Challenge
from logicnet.solver.conclusion import concluded, guessed


class DirectSolver:
    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        reasoning = await models.complete(
            [Message("user", challenge.question)], deadline=deadline, max_tokens=2048, temperature=0.8
        )
        return Answer(reasoning.text, concluded(reasoning.text) or guessed(reasoning.text))
