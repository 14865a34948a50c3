"""NetworkKeeper: keeps the last good metagraph at hand, and renews it beside the request path.

A chain that is away at the start is asked again with growing pauses, and nobody is known until it
answers. One that goes away later leaves the last good metagraph in force; its age is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable

from loguru import logger

from logicnet._util.backoff import Backoff, Chance
from logicnet.chain._types import Chain, Metagraph
from logicnet.chain.publisher import AxonPublisher
from logicnet.chain.standing import RegistrationMonitor
from logicnet.deadline import Clock
from logicnet.errors import ChainError

Sleep = Callable[[float], Awaitable[None]]

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_STALE_S = 600.0  # from here on the age is told again each time it has doubled
_STOP_S = 0.4  # what tasks, and then the chain, get to end in


class NetworkKeeper:
    """`start()` and `stop()` belong to whoever composes the miner; `current()` costs nothing."""

    def __init__(
        self,
        chain: Chain,
        *,
        refresh_s: float,
        standing: RegistrationMonitor | None = None,
        publisher: AxonPublisher | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        chance: Chance = random.random,
    ) -> None:
        self._chain = chain
        self._refresh_s = refresh_s
        self._standing = standing
        self._publisher = publisher
        self._clock = clock
        self._sleep = sleep
        self._pauses = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, chance=chance)
        self._graph: Metagraph | None = None
        self._renewed = asyncio.Event()
        self._away_since_s: float | None = None
        self._tell_age_at_s = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._told: Callable[[Metagraph], None] | None = None

    def current(self) -> Metagraph | None:
        """The last good metagraph; None until there was one: nobody may be admitted."""
        return self._graph

    def age_s(self) -> float | None:
        """Seconds since the current metagraph was fetched."""
        return None if self._graph is None else self._clock() - self._graph.fetched_at_s

    def start(self, told: Callable[[Metagraph], None] | None = None) -> None:
        """Begin. Returns at once; the first metagraph comes when the chain gives it. `told` hears of each."""
        self._told = told
        loops = [self._keep_renewing()]
        if self._publisher is not None:
            loops.append(self._keep_published(self._publisher))
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        for task in self._tasks:
            task.add_done_callback(_report_a_bug)

    async def stop(self) -> None:
        """End within a second, whatever the chain is doing."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._chain.close(), _STOP_S)

    async def _keep_renewing(self) -> None:
        while True:
            try:
                graph = await self._chain.metagraph()
            except ChainError as error:
                self._missed(error)
                await self._sleep(self._pauses.next_s())
            else:
                self._renew(graph)
                await self._sleep(self._refresh_s)

    async def _keep_published(self, publisher: AxonPublisher) -> None:
        while True:
            await self._renewed.wait()
            self._renewed.clear()
            if self._graph is not None:
                await publisher.consider(self._graph)

    def _renew(self, graph: Metagraph) -> None:
        first, self._graph = self._graph is None, graph
        self._pauses.reset()
        if first:
            count = len(graph.neurons)
            permitted = sum(neuron.validator_permit for neuron in graph.neurons)
            logger.info(
                "The network is known: block {}, {} neuron{}, {} of them with a validator permit.",
                *(graph.block, count, "" if count == 1 else "s", permitted),
            )
        elif self._away_since_s is not None:
            logger.info("The chain is back after {}.", _duration(self._clock() - self._away_since_s))
        self._away_since_s = None
        if self._standing is not None:
            self._standing.observe(graph)
        if self._told is not None:
            self._told(graph)
        self._renewed.set()

    def _missed(self, error: ChainError) -> None:
        age_s = self.age_s()
        if self._away_since_s is None:
            self._away_since_s = self._clock()
            self._tell_age_at_s = max(_STALE_S, 2 * (age_s or 0.0))
            if age_s is None:
                logger.warning(
                    "No metagraph yet, so nobody is admitted. {} Asking again, with growing pauses.", error
                )
            else:
                logger.warning("{} Going on with the metagraph of {} ago.", error, _duration(age_s))
            return
        logger.debug("{}", error)
        if age_s is not None and age_s >= self._tell_age_at_s:
            self._tell_age_at_s = 2 * age_s
            logger.warning("The chain is still away. The metagraph in force is {} old.", _duration(age_s))


def _report_a_bug(task: asyncio.Task[None]) -> None:
    """A loop that ended by itself would leave the miner with a metagraph that no longer changes."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.opt(exception=error).critical(
            "The chain is no longer watched, by a bug of ours: restart the miner."
        )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
