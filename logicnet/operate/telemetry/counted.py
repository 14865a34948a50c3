"""Counted: one model server as `Models`, with its load and its speed kept in sight.

Its health is seen from its calls. While it has none a probe tells, or a server that came back in a
quiet night would be out until the next challenge, and one that died in it would be well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, Unpack, runtime_checkable

from logicnet.deadline import Clock, Deadline
from logicnet.llm import Completion, Endpoint, EndpointStatus, How, Message, Pool, Probe
from logicnet.llm.pace import TokenRate


@runtime_checkable
class Stands(Protocol):
    """Models that know how their servers stand; a `Pool` does."""

    def standing(self) -> list[EndpointStatus]: ...


_SILENCE_S = 10.0  # a call that had less than that says nothing of its server
_QUIET_S = 15.0  # so long without a word from it, and without a call that waits for one, and it is probed


class Counted:
    """`models`, which are one endpoint, and what can be seen of it from its calls."""

    def __init__(self, models: Endpoint, clock: Clock = time.monotonic) -> None:
        self._models = models
        self._clock = clock
        self._out_at_s = 0.0
        self._judged_at_s = float("-inf")
        self._pace = TokenRate()
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

    async def probe(self) -> Probe:
        """See `Endpoint.probe`. What comes of it counts, unless a call has told more meanwhile."""
        begun_s = self._clock()
        probe = await self._models.probe()
        if not self._calls and self._judged_at_s <= begun_s:
            self._stands(probe.error)
        return probe

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Probe it while nothing is heard of it, and never beside calls; until cancelled."""
        while True:
            await sleep(_QUIET_S)
            if not self._calls and self._clock() - self._judged_at_s >= _QUIET_S:
                await self.probe()

    def _judge(self, done: Completion) -> None:
        silent = done.finish == "deadline" and not done.text  # a vLLM whose engine is stuck, say
        self._stands(f"{self._models.place} wrote nothing for {done.seconds:.0f} s" if silent else done.error)

    def _stands(self, why: str) -> None:
        """It is out because of `why`, or well if there is none."""
        self._judged_at_s = self._clock()
        if why and not self._why:
            self._out_at_s = self._judged_at_s
        self._why = why

    def standing(self) -> list[EndpointStatus]:
        out_s = self._clock() - self._out_at_s if self._why else 0.0
        speed = self._pace.tokens_per_s
        place = self._models.place
        return [EndpointStatus(place, not self._why, self._why, self._calls, speed, False, 0.0, out_s)]


def counted(models: Endpoint | Pool) -> Counted | Pool:
    """`models` themselves if they know how they stand, else so that they do."""
    return Counted(models) if isinstance(models, Endpoint) else models
