"""MetagraphRefresher: fetches the metagraph beside the request path, and holds the last good one.

Until the first fetch succeeds, no caller is admitted; fetches are retried with exponential backoff. When
the chain fails later, the last good metagraph stays in force and its age is logged.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Coroutine

from loguru import logger

from logicnet._util.backoff import Backoff, Chance
from logicnet.chain._types import Chain, Metagraph
from logicnet.chain.publisher import AxonPublisher
from logicnet.chain.registration import RegistrationMonitor
from logicnet.deadline import Clock
from logicnet.errors import ChainError

Sleep = Callable[[float], Awaitable[None]]

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_STALE_S = 600.0  # from this age on, the age is logged each time it has doubled
_STOP_S = 0.4  # for the tasks to end, and again for the chain


class MetagraphRefresher:
    """`start()`, `publish()` and `stop()` are for the composition root; `current()` is free."""

    def __init__(
        self,
        chain: Chain,
        *,
        refresh_s: float,
        registration: RegistrationMonitor | None = None,
        publisher: AxonPublisher | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        chance: Chance = random.random,
    ) -> None:
        self._chain = chain
        self._refresh_s = refresh_s
        self._registration = registration
        self._publisher = publisher
        self._clock = clock
        self._sleep = sleep
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, chance=chance)
        self._graph: Metagraph | None = None
        self.tried = asyncio.Event()  # whether the first fetch has ended, well or not
        self._refreshed = asyncio.Event()
        self._away_since_s: float | None = None
        self._log_age_at_s = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._on_refresh: Callable[[Metagraph], None] | None = None

    def current(self) -> Metagraph | None:
        """The last good metagraph; None before the first fetch: then no caller may be admitted."""
        return self._graph

    def age_s(self) -> float | None:
        """Seconds since the current metagraph was fetched."""
        return None if self._graph is None else self._clock() - self._graph.fetched_at_s

    def start(self, on_refresh: Callable[[Metagraph], None] | None = None) -> None:
        """Start to fetch, and return at once. `on_refresh` is called with each metagraph."""
        self._on_refresh = on_refresh
        self._run(self._refresh_forever())

    def publish(self) -> None:
        """Publish the axon's address from now on: its port is open."""
        if self._publisher is not None:
            self._run(self._publish_forever(self._publisher))

    def _run(self, loop: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(loop)
        task.add_done_callback(_report_crash)
        self._tasks.append(task)

    async def stop(self) -> None:
        """Stop within a second, even if the chain hangs."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._chain.close(), _STOP_S)

    async def _refresh_forever(self) -> None:
        while True:
            try:
                graph = await self._chain.metagraph()
            except ChainError as error:
                self._failed(error)
                self.tried.set()
                await self._sleep(self._backoff.next_s())
            else:
                self._accept(graph)
                self.tried.set()
                await self._sleep(self._refresh_s)

    async def _publish_forever(self, publisher: AxonPublisher) -> None:
        while True:
            await self._refreshed.wait()
            self._refreshed.clear()
            if self._graph is not None:
                await publisher.consider(self._graph)

    def _accept(self, graph: Metagraph) -> None:
        first, self._graph = self._graph is None, graph
        self._backoff.reset()
        if first:
            count = len(graph.neurons)
            permitted = sum(neuron.validator_permit for neuron in graph.neurons)
            logger.info(
                "Metagraph fetched: block {}, {} neuron{}, {} of them with a validator permit.",
                *(graph.block, count, "" if count == 1 else "s", permitted),
            )
        elif self._away_since_s is not None:
            logger.info("The chain answers again after {}.", _duration(self._clock() - self._away_since_s))
        self._away_since_s = None
        if self._registration is not None:
            self._registration.observe(graph)
        if self._on_refresh is not None:
            self._on_refresh(graph)
        self._refreshed.set()

    def _failed(self, error: ChainError) -> None:
        age_s = self.age_s()
        if self._away_since_s is None:
            self._away_since_s = self._clock()
            self._log_age_at_s = max(_STALE_S, 2 * (age_s or 0.0))
            if age_s is None:
                logger.warning("No metagraph yet, so no caller is admitted. {} Retrying with backoff.", error)
            else:
                logger.warning("{} The metagraph of {} ago stays in force.", error, _duration(age_s))
            return
        logger.debug("{}", error)
        if age_s is not None and age_s >= self._log_age_at_s:
            self._log_age_at_s = 2 * age_s
            logger.warning(
                "The chain still does not answer. The metagraph in force is {} old.", _duration(age_s)
            )


def _report_crash(task: asyncio.Task[None]) -> None:
    """Without its loop the miner would go on with a metagraph that never changes."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.opt(exception=error).critical("A bug stopped the metagraph refresh: restart the miner.")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
