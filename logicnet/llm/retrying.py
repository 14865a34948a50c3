"""Insisting: models that are asked again when their server fails, as long as there is time.

Worth its seconds: each costs 0.0004 of reward, a right answer is worth 0.4 more than none (the
validator's arithmetic, LogicNet 1.6). To wait a whole minute for a server that is away pays if it
comes back in one of twenty cases, and a vLLM that pm2 restarts is back within one or two minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Unpack

from logicnet.deadline import Deadline
from logicnet.llm._types import Completion, How, Message, Models

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 2.0


class Insisting:
    """`models`, but a call that failed without a word is repeated, with pauses, until its deadline."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        deadline: Deadline,
        on_text: Callable[[str], None] | None = None,
        **how: Unpack[How],
    ) -> Completion:
        pause_s = _FIRST_PAUSE_S
        failed: Completion | None = None
        while True:
            completion = await self._models.complete(
                messages,
                deadline=deadline,
                on_text=on_text,
                **how,
            )
            if completion.text.strip():
                return completion
            if completion.finish != "failed":
                return failed or completion  # what went wrong before tells more than that time is up
            failed = completion
            if deadline.remaining_s() <= pause_s:
                return failed
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
