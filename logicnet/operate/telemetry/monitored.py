"""One model server as `Models`, with its health, load and speed observed.

Health is judged by its calls. While there are none it is probed, so that a server that recovers or dies
without traffic is noticed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Unpack

from logicnet.deadline import Clock, Deadline
from logicnet.llm import Completion, Endpoint, EndpointStatus, How, Message, Pool, Probe
from logicnet.llm.health import TokenRate

_SILENCE_S = 10.0  # a call that was cut off earlier than this, without text, proves nothing
_QUIET_S = 15.0  # without a call or a reply for this long, the server is probed


class MonitoredEndpoint:
    """An endpoint that reports its own status."""

    def __init__(self, endpoint: Endpoint, clock: Clock = time.monotonic) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._failed_at_s = 0.0
        self._judged_at_s = float("-inf")
        self._rate = TokenRate()
        self._calls = 0
        self._error = ""

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        """See `Models.complete`."""
        self._calls += 1
        try:
            done = await self._endpoint.complete(messages, deadline=deadline, **how)
        finally:
            self._calls -= 1
        if done.text or done.finish != "deadline" or done.seconds >= _SILENCE_S:
            self._judge(done)
        if done.tokens > 1 and done.finish != "failed":
            self._rate.wrote(done.tokens, done.seconds)
        return done

    async def probe(self) -> Probe:
        """See `Endpoint.probe`. Its result counts unless a call has ended meanwhile."""
        began_s = self._clock()
        probe = await self._endpoint.probe()
        if not self._calls and self._judged_at_s <= began_s:
            self._set_health(probe.error)
        return probe

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Probe the server whenever it has been quiet, never beside calls; until cancelled."""
        while True:
            await sleep(_QUIET_S)
            if not self._calls and self._clock() - self._judged_at_s >= _QUIET_S:
                await self.probe()

    def _judge(self, done: Completion) -> None:
        silent = done.finish == "deadline" and not done.text  # for example a vLLM whose engine hangs
        error = f"{self._endpoint.place} wrote nothing for {done.seconds:.0f} s" if silent else done.error
        self._set_health(error)

    def _set_health(self, error: str) -> None:
        """Unhealthy because of `error`, or healthy if it is empty."""
        self._judged_at_s = self._clock()
        if error and not self._error:
            self._failed_at_s = self._judged_at_s
        self._error = error

    def status(self) -> list[EndpointStatus]:
        down_s = self._clock() - self._failed_at_s if self._error else 0.0
        rate, place = self._rate.tokens_per_s, self._endpoint.place
        return [EndpointStatus(place, not self._error, self._error, self._calls, rate, False, 0.0, down_s)]


def monitored(models: Endpoint | Pool) -> MonitoredEndpoint | Pool:
    """`models` if they report their status already, else monitored."""
    return MonitoredEndpoint(models) if isinstance(models, Endpoint) else models
