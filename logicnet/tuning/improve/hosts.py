"""Where a candidate is served while it is proven: beside its base, or on a server of its own."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError, TuningError
from logicnet.scoring.options import ModelServer
from logicnet.tuning.improve.adapters import Adapter
from logicnet.tuning.improve.probe import probe
from logicnet.tuning.improve.server import LoraServer

START_S = 900.0  # for a model server to load a merged model; minutes on a GPU that compiles graphs first


class CandidateHost(Protocol):
    """Serves candidates of one form."""

    async def serve(self, adapter: Adapter) -> ModelServer:
        """Probed, under its name; calling it again changes nothing.

        Raises Unlike if the adapter is at fault, TuningError if the server is.
        """
        ...

    async def release(self, adapter: Adapter) -> None:
        """It is not served any more. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class BesideBase:
    """A vLLM with --enable-lora, which serves the base."""

    server: LoraServer
    reached: ModelServer

    async def serve(self, adapter: Adapter) -> ModelServer:
        adapter.check()
        await asyncio.to_thread(self.server.load, adapter.name, adapter.folder)
        await asyncio.to_thread(probe, self.server, adapter)
        return self.reached._replace(model=adapter.name)

    async def release(self, adapter: Adapter) -> None:
        with suppress(TuningError):
            await asyncio.to_thread(self.server.unload, adapter.name)


StartServer = Callable[[Path, str, int], Child]
"""Start a vLLM that serves a folder under a name on a port of the loopback."""


@dataclass(slots=True)
class OwnServer:
    """A vLLM for each merged candidate, which ends with `release`, or with this process."""

    start: StartServer
    _running: dict[str, tuple[Child, str]] = field(default_factory=dict)

    async def serve(self, adapter: Adapter) -> ModelServer:
        adapter.check()
        if adapter.name not in self._running:
            port = free_port()
            child = self.start(adapter.folder, adapter.name, port)
            url = f"http://127.0.0.1:{port}/v1"
            try:
                await asyncio.to_thread(child.wait_for, f"{url}/models", within_s=START_S)
            except BaseException:
                await asyncio.to_thread(child.stop)
                raise
            self._running[adapter.name] = (child, url)
        url = self._running[adapter.name][1]
        await asyncio.to_thread(probe, LoraServer(url), adapter)
        return ModelServer(url, adapter.name)

    async def release(self, adapter: Adapter) -> None:
        found = self._running.pop(adapter.name, None)
        if found is not None:
            with suppress(LogicnetError, OSError):
                await asyncio.to_thread(found[0].stop)

    @property
    def urls(self) -> list[str]:
        """Of the servers that run now."""
        return [url for _, url in self._running.values()]

    def close(self) -> None:
        for child, _ in self._running.values():
            child.stop()
        self._running.clear()
