"""A solver for measuring: one model call of a few tokens at temperature 0, the same each time."""

from __future__ import annotations

import os

from logicnet.deadline import Deadline
from logicnet.llm import Message, Models
from logicnet.protocol import Answer, Challenge

MAX_TOKENS = int(os.environ.get("BENCH_MAX_TOKENS", "8"))


class OneCall:
    """The question as it is, to the model; what comes back is reasoning and answer."""

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        completion = await models.complete(
            [Message("user", challenge.question)], deadline=deadline, max_tokens=MAX_TOKENS
        )
        return Answer(reasoning=completion.text, answer=completion.text)
