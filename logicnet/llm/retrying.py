"""Retrying: call the models again when their server fails, while time remains.

A second costs 0.0004 of reward, a right answer instead of none earns 0.4 (the validator's arithmetic,
LogicNet 1.6). Waiting a whole minute pays if the server comes back in one of twenty cases, and a vLLM that
pm2 restarts is back within two minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Unpack

from logicnet._util.backoff import Backoff
from logicnet.deadline import Deadline
from logicnet.llm._types import Completion, How, Message, Models

_FIRST_PAUSE_S = 0.4
_LONGEST_PAUSE_S = 2.0


class Retrying:
    """`Models` that repeat a failed call until its deadline, unless some text had arrived."""

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
        pauses = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        failed: Completion | None = None
        while True:
            done = await self._models.complete(messages, deadline=deadline, on_text=on_text, **how)
            if done.text.strip():
                return done
            if done.finish != "failed":
                return failed or done  # an earlier failure explains more than "time is up"
            failed, pause_s = done, pauses.next_s()
            if deadline.remaining_s() <= pause_s:
                return failed
            await asyncio.sleep(pause_s)
