"""The reference of a miner's reasoning: one plain completion of the raw question.

A validator asks a Qwen2.5-7B class model or gpt-4o-mini; any endpoint gives an estimate.
"""

from __future__ import annotations

from logicnet.deadline import Deadline
from logicnet.llm import Completion, Message, Models

MAX_TOKENS = 300
TEMPERATURE = 0.7


async def write_reference(question: str, models: Models, deadline: Deadline) -> Completion:
    """The reference for `question`, with no system prompt. Look at `finish` before believing `text`."""
    return await models.complete(
        [Message("user", question)], deadline=deadline, max_tokens=MAX_TOKENS, temperature=TEMPERATURE
    )
