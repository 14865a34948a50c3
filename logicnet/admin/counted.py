"""Counted: one model server as `Models`, with its load and its speed kept in sight."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, Unpack, runtime_checkable

from logicnet.deadline import Clock, Deadline
from logicnet.llm import Completion, Endpoint, How, Message, Models, Standing
from logicnet.llm.pace import Pace


@runtime_checkable
class Stands(Protocol):
    """Models that know how their servers stand; a `Pool` does."""

    def standing(self) -> list[Standing]: ...


_SILENCE_S = 10.0  # a call that had less than that says nothing of its server


class Counted:
    """`models`, which are one endpoint, and what can be seen of it from its calls."""

    def __init__(self, models: Endpoint, clock: Clock = time.monotonic) -> None:
        self._models = models
        self._clock = clock
        self._out_at_s = 0.0
        self._pace = Pace()
        self._calls = 0
        self._why = ""

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        deadline: Deadline,
        on_text: Callable[[str], None] | None = None,
        **how: Unpack[How],
    ) -> Completion:
        """See `Models.complete`."""
        self._calls += 1
        try:
            done = await self._models.complete(messages, deadline=deadline, on_text=on_text, **how)
        finally:
            self._calls -= 1
        if done.text or done.finish != "deadline" or done.seconds >= _SILENCE_S:
            self._judge(done)
        if done.tokens > 1 and done.finish != "failed":
            self._pace.wrote(done.tokens, done.seconds)
        return done

    def _judge(self, done: Completion) -> None:
        silent = done.finish == "deadline" and not done.text  # a vLLM whose engine is stuck, say
        why = f"{self._models.place} wrote nothing for {done.seconds:.0f} s" if silent else done.error
        if why and not self._why:
            self._out_at_s = self._clock()
        self._why = why

    def standing(self) -> list[Standing]:
        out_s = self._clock() - self._out_at_s if self._why else 0.0
        speed = self._pace.tokens_per_s
        place = self._models.place
        return [Standing(place, not self._why, self._why, self._calls, speed, False, 0.0, out_s)]


def counted(models: Models) -> Models:
    """`models` themselves if they know how they stand, else so that they do."""
    return Counted(models) if isinstance(models, Endpoint) else models
