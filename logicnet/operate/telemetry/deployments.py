"""Deployments: a model, and the solver that asks it. New challenges get the one that the table names.

A challenge keeps the deployment that it began with, so nothing changes under it. A deployment that was
replaced is closed after its last challenge.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Unpack

from loguru import logger

from logicnet.deadline import Deadline
from logicnet.errors import LogicnetError
from logicnet.llm import Completion, EndpointStatus, How, Message, Pool
from logicnet.maths.worker import Bounded
from logicnet.operate.telemetry.monitored import MonitoredEndpoint
from logicnet.protocol import Challenge
from logicnet.solver import Solver
from logicnet.solver.answering import Solution, answer_in_time
from logicnet.tuning.improve.adapters import Adapter
from logicnet.tuning.improve.swap import Following

EVERY_S = 5.0
"""Between two looks at the table: a swap tells the miner at once, this is for a swap that was killed."""


@dataclass(eq=False)
class Deployment:
    """`stack` closes its models and its solver. `model` is the name of an adapter; empty for the base.

    `watch` looks after its models until cancelled; None where the solver asks none.
    """

    model: str
    solver: Solver
    models: MonitoredEndpoint | Pool
    stack: AsyncExitStack
    watch: Callable[[], Coroutine[None, None, None]] | None = None
    in_flight: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)


Build = Callable[[Adapter | None], Awaitable[Deployment]]
"""The deployment of an adapter, or of the base. Raises LogicnetError."""


class Deployments:
    """For one event loop; `now` and `status` may be called from any thread.

    `wanted` reads the table: it blocks, and raises LogicnetError.
    """

    def __init__(
        self,
        first: Deployment,
        build: Build,
        wanted: Callable[[], Adapter | None],
        workers: Bounded | None = None,
    ) -> None:
        self._current = first
        self._build = build
        self._wanted = wanted
        self._workers = workers
        self._replaced: list[Deployment] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._one = asyncio.Lock()
        self._error = ""

    async def solve(self, challenge: Challenge, deadline: Deadline) -> Solution:
        """By the deployment that is current now. See `answer_in_time`."""
        mine = self._current
        mine.in_flight += 1
        try:
            return await answer_in_time(mine.solver, challenge, deadline, mine.models, self._workers)
        finally:
            mine.in_flight -= 1
            if not mine.in_flight:
                mine.idle.set()

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        """See `Models.complete`: of the current deployment."""
        return await self._current.models.complete(messages, deadline=deadline, **how)

    def status(self) -> list[EndpointStatus]:
        return self._current.models.status()

    @property
    def asks_models(self) -> bool:
        """Whether the solver does."""
        return self._current.watch is not None

    def costs(self) -> bool:
        """Whether model calls cost money now."""
        models = self._current.models
        return isinstance(models, Pool) and models.costs()

    def now(self) -> Following:
        in_flight = Counter({self._current.model: self._current.in_flight})
        for one in list(self._replaced):
            in_flight[one.model] += one.in_flight
        return Following(self._current.model, dict(+in_flight), self._error)

    def watch(self) -> None:
        """Look after the models of the current deployment, and of those to come."""
        self.stop_watching()
        if self._current.watch is not None:
            self._watching = asyncio.create_task(self._current.watch())

    def stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def follow(self) -> Following:
        """Read the table, and give new challenges what it names. What cannot be started changes nothing."""
        async with self._one:
            error = ""
            try:
                wanted = await asyncio.to_thread(self._wanted)
                if (wanted.name if wanted is not None else "") != self._current.model:
                    self._replace(await self._build(wanted))
            except LogicnetError as problem:
                error = str(problem)
                if error != self._error:
                    logger.warning("New challenges are still asked of {}: {}", _name(self._current), error)
            self._error = error
            return self.now()

    async def keep(self) -> None:
        """`follow` now and then, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.follow()

    async def close(self) -> None:
        """Close all of them, also with challenges in flight."""
        self.stop_watching()
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        for one in (*self._replaced, self._current):
            await one.stack.aclose()

    def _replace(self, new: Deployment) -> None:
        old, self._current = self._current, new
        logger.info(
            "New challenges are asked of {}; {} in flight end on {}.", _name(new), old.in_flight, _name(old)
        )
        self._replaced.append(old)
        if self._watching is not None:
            self.watch()
        task = asyncio.create_task(self._close_when_idle(old))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_when_idle(self, old: Deployment) -> None:
        while old.in_flight:
            old.idle.clear()
            await old.idle.wait()
        await old.stack.aclose()
        self._replaced.remove(old)


def _name(one: Deployment) -> str:
    return one.model or "the base model"
