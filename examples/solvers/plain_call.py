"""A peer: one plain call, the least that anybody does. Whatever costs more should earn more than this."""

from __future__ import annotations

from logicnet.answers import extract
from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.llm import Message, Models
from logicnet.protocol import Answer, Challenge

MAX_TOKENS = 1024


class PlainCall:
    """The bare question to the model; the answer is read from what it says."""

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        """Raises ModelError if the model wrote nothing that could be read."""
        said = await models.complete(
            [Message("user", challenge.question)],
            deadline=deadline.earlier(0.5),
            max_tokens=MAX_TOKENS,
            temperature=0.7,
        )
        answer = extract(said.text, challenge.question)
        if not answer:
            raise ModelError(said.error or "the model wrote nothing that could be read as an answer")
        return Answer(said.text, answer)
