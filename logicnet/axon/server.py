"""AxonServer: the axon on a port. See connection.py for the bounds on what a caller sends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from typing import Self

from loguru import logger

from logicnet.axon.app import Axon
from logicnet.axon.connection import Connection
from logicnet.axon.pool import ConnectionPool
from logicnet.deadline import TIMEOUT_CAP_S
from logicnet.errors import LogicnetError, SettingsError

CONNECTIONS = 800
"""At once, each with up to 256 KiB of a stranger's body."""

TURNED_AWAY = 64
"""Connections beyond that which get a refusal. More are dropped at once: a stranger could use up the
process's open files, and leave none for the models."""

OTHER_FILES = 256
"""Open files for all else: models, ledger, chain, log."""

LEAST_CONNECTIONS = 16

LAST_REPLIES_S = 2.0
"""For the last replies to leave the send buffers when the server stops."""

DRAIN_S = TIMEOUT_CAP_S + 2.0
"""For challenges in flight when the server stops; each ends by its own deadline."""


class AxonServer:
    """`app` on a port, inside a running event loop.

        async with AxonServer(app, host="0.0.0.0", port=8091) as server:
            ...  # server.port

    Leaving the block stops it: no new connections, and up to `drain_s` for challenges in flight.
    """

    def __init__(
        self,
        app: Axon,
        *,
        host: str,
        port: int,
        drain_s: float = DRAIN_S,
        connections: int = CONNECTIONS,
        turned_away: int = TURNED_AWAY,
    ) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._drain_s = drain_s
        self._pool: ConnectionPool[Connection] = ConnectionPool(connections, turned_away)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The bound port, also if port 0 was requested."""
        return self._port

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._pool)

    async def start(self) -> None:
        """Listen. SettingsError if the address is unusable, LogicnetError if another program uses it."""
        listening = _bound(self._host, self._port)
        self._port = listening.getsockname()[1]
        self._pool.most = _affordable(self._pool.most, self._pool.spare)
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: Connection(self._app, self._pool, self._tasks), sock=listening, backlog=2048
        )

    async def stop(self) -> None:
        """Close the listener, finish the requests in flight, cancel those that take longer than `drain_s`."""
        if self._listener is None:
            return
        self._listener.close()
        self._listener = None
        for connection in self._pool:
            connection.close_soon()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._drain_s)
            for task in late:
                task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_REPLIES_S):
                while len(self._pool):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        for connection in self._pool:
            connection.drop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()


_HINTS = {
    errno.EACCES: "permission denied; choose an --axon.port above 1023",
    errno.EADDRNOTAVAIL: "no such address on this machine; correct --axon.host",
}


def _affordable(most: int, spare: int) -> int:
    """`most`, or as many as the process may open files for. It raises its own limit as far as it may."""
    wanted = most + spare + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft >= wanted:
        return most
    fewer = max(LEAST_CONNECTIONS, soft - spare - OTHER_FILES)
    logger.warning(
        "The limit of {} open files allows {} connections instead of {}: set `ulimit -n {}` or more.",
        *(soft, fewer, most, wanted),
    )
    return fewer


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        where = f"cannot listen on {host} port {port}"
        if error.errno == errno.EADDRINUSE:
            # Not a SettingsError: the last miner may still be draining, so a supervisor should retry.
            message = f"{where}: another program uses it; stop it, or choose another --axon.port"
            raise LogicnetError(message) from None
        hint = f"{error.strerror or error}; correct --axon.host or --axon.port"
        raise SettingsError(f"{where}: {_HINTS.get(error.errno or 0, hint)}") from None
