"""A small web server on a thread of its own, which serves the miner's metrics and state.

Requests cost the miner next to nothing, however many: a page is made again only after half a second, all
callers together get fifty replies a second, and connections are limited. If the server cannot start, the
miner logs a warning and mines on.
"""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import uvicorn
from loguru import logger

from logicnet._util.net import connect_url, is_loopback
from logicnet.deadline import Clock

FRESH_S = 0.5
PAUSE_S = 0.02  # between two replies
CONNECTIONS = 32
_SEND_S = 5.0  # for a caller to read its reply; then the connection is closed
_STOP_S = 2.0

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Page:
    """What is served at a path. `make` runs on the server's thread."""

    content_type: str
    make: Callable[[], bytes]


class TelemetryServer:
    """Use as a context manager around the miner's life."""

    def __init__(
        self,
        pages: Mapping[str, Page],
        *,
        host: str,
        port: int | None,
        address_file: Path,
        clock: Clock = time.monotonic,
    ) -> None:
        """With no `port` any free one. `address_file` is the file that says where it is, for the console."""
        self._host = host
        self._wanted_port = port
        self._address_file = address_file
        self._app = _App(pages, clock, only_loopback=is_loopback(host))
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port: int | None = None
        """The bound port; None while it does not serve."""

    def start(self) -> None:
        """Begin to serve; where that fails, log a warning."""
        try:
            family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
            listening = socket.create_server((self._host, self._wanted_port or 0), family=family)
        except OSError as error:
            where = f"{self._host} port {self._wanted_port}" if self._wanted_port else self._host
            logger.warning(
                "No /metrics and /state: cannot listen on {} ({}). Set --admin.host or --admin.port.",
                *(where, os.strerror(error.errno) if error.errno else error),
            )
            return
        self.port = int(listening.getsockname()[1])
        config = uvicorn.Config(
            self._app,
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            server_header=False,
            log_config=None,
            access_log=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=1,
        )
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=lambda: server.run(sockets=[listening]), name="telemetry", daemon=True
        )
        self._thread.start()
        self._write_address(self.port)

    def stop(self) -> None:
        """Stop serving. Harmless without a start, and when called twice."""
        if self._server is None or self._thread is None:
            return
        with suppress(OSError):
            self._address_file.unlink(missing_ok=True)
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        self._server = self._thread = self.port = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _write_address(self, port: int) -> None:
        url = connect_url(self._host, port)
        logger.info("Metrics are at {}/metrics.", url)
        try:
            new = self._address_file.with_name(self._address_file.name + ".new")
            new.touch(mode=0o600)
            new.write_text(json.dumps({"url": url, "pid": os.getpid()}))
            new.replace(self._address_file)
        except OSError as error:
            logger.warning(
                "`logicnet top` and `console` cannot find this miner: {} cannot be written ({}).",
                *(error.filename, error.strerror),
            )


class _App:
    """The ASGI application: `GET` of the pages, nothing else."""

    def __init__(self, pages: Mapping[str, Page], clock: Clock, *, only_loopback: bool) -> None:
        self._pages = pages
        self._clock = clock
        self._only_loopback = only_loopback
        self._made: dict[str, tuple[float, bytes]] = {}
        self._turn: asyncio.Lock | None = None

    async def __call__(self, scope: Scope, receive: object, send: Send) -> None:
        if self._turn is None:  # made on the loop that uses it
            self._turn = asyncio.Lock()
        async with self._turn:
            status, content_type, body = self._reply(scope)
            await asyncio.sleep(PAUSE_S)
        # Outside the lock, and for a limited time: a caller that does not read delays nobody else.
        headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-store")]
        headers.append((b"content-length", str(len(body)).encode()))
        with suppress(TimeoutError):
            async with asyncio.timeout(_SEND_S):
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _reply(self, scope: Scope) -> tuple[int, str, bytes]:
        text = "text/plain; charset=utf-8"
        if self._only_loopback and not is_loopback(host_of(dict(scope["headers"]).get(b"host", b""))):
            # A page of another site whose name resolves to this machine (DNS rebinding) may not read this.
            return 403, text, b"Use a loopback address as host.\n"
        if scope["method"] not in ("GET", "HEAD"):
            return 405, text, b"Only GET and HEAD are allowed.\n"
        page = self._pages.get(scope["path"])
        if page is None:
            return 404, text, f"The pages are {' and '.join(self._pages)}.\n".encode()
        made = self._made.get(scope["path"])
        if made is None or self._clock() - made[0] > FRESH_S:
            made = self._clock(), page.make()
            self._made[scope["path"]] = made
        return 200, page.content_type, made[1]


def host_of(header: bytes) -> str:
    """The host of a Host header, without its port."""
    host = header.decode("latin-1").strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
