"""Replicas: several supervised vLLMs side by side, and a vllm-router in front of them.

One that ends leaves the others. Our own miner needs no router: its pool sees each replica's load, speed and
health, and takes a call on where a replica leaves it. A router is for clients that take one address.
"""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from logicnet._util.backoff import Backoff
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving.vllm.launch import Launch
from logicnet.operate.serving.vllm.supervisor import Supervisor

_ROUTER = "vllm-router"
_FLAGS = (
    # cache_aware, the default, sends the same question to the same engine, which may be the stuck one
    *("--policy", "power_of_two", "--health-check-interval-secs", "5"),
    # it listens as soon as one replica answers, which may be after a download
    *("--worker-startup-timeout-secs", "1800", "--worker-startup-check-interval", "2"),
    *("--log-level", "warning"),
)


def router_launch(python: str, host: str, port: int, urls: Sequence[str]) -> Launch:
    """A vllm-router at `port`, its metrics behind it; that beside `python`, or else on the PATH.

    Raises SettingsError if it is not installed.
    """
    program = shutil.which(_ROUTER, path=Path(python).parent) or shutil.which(_ROUTER)
    if program is None:
        raise SettingsError(
            f"--router needs {_ROUTER}, which is not installed: pip install {_ROUTER} (in the environment of "
            f"{python})"
        )
    words = ["--host", host, "--port", str(port), "--prometheus-port", str(port + 1)]
    return Launch([program, *words, *_FLAGS, "--worker-urls", *urls], host, port)


@dataclass
class Replicas:
    """`run` runs them all; `router` as long as a replica is left."""

    replicas: Sequence[Supervisor]
    router: Supervisor | None = None

    def __post_init__(self) -> None:
        self._running = set(self.replicas)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Raises LogicnetError if no replica could be kept."""
        over = asyncio.Event()

        async def hand_on() -> None:
            await stop.wait()
            over.set()

        tasks = [asyncio.create_task(self._keep(one, over)) for one in self.replicas]
        handing = asyncio.create_task(hand_on())
        routers = [self.router] if self.router is not None else []
        others = [asyncio.create_task(self._keep(one, over)) for one in routers]
        try:
            ended = await asyncio.gather(*tasks)
        finally:
            over.set()
            handing.cancel()
            await asyncio.gather(*tasks, *others, handing, return_exceptions=True)
        errors = [error for error in ended if error is not None]
        if len(errors) == len(tasks):
            raise errors[0]

    async def _keep(self, one: Supervisor, over: asyncio.Event) -> LogicnetError | None:
        """Run it until `over`. Returns why it was given up, if it was.

        What no retry mends ends it; anything else does if no other replica runs, so that who started us
        sees it.
        """
        pauses = Backoff(one.policy.first_s, one.policy.longest_s)
        while True:
            try:
                await one.run(over)
            except LogicnetError as error:
                self._running.discard(one)
                why = str(error).rstrip(".")
                if isinstance(error, SettingsError) or not self._running:
                    if self._running:
                        logger.error(f"{why}. {one.name} is given up; the others go on")
                    return error
                delay_s = pauses.next_s()
                logger.error(f"{why}. The others go on; {one.name} is tried again in {delay_s:.0f} s")
                with suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), delay_s)
                if over.is_set():
                    return None
                if one is not self.router:
                    self._running.add(one)
            else:
                return None
