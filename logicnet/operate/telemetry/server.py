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
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from loguru import logger

from logicnet._util.files import write_whole
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


Action = Callable[[], Awaitable[bytes]]
"""What a `POST` without a body does; its reply is JSON. Any caller may post: it must do no harm."""


@contextmanager
def serving(
    pages: Mapping[str, Page],
    actions: Mapping[str, Action] | None = None,
    *,
    host: str,
    port: int | None,
    address_file: Path,
    clock: Clock = time.monotonic,
) -> Iterator[int | None]:
    """Serve `pages` and `actions` meanwhile. Yields the bound port.

    Where none can be bound it yields None, and logs a warning. With no `port` any free one. `address_file`
    is the file that says where it is, for the console.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port or 0), family=family)
    except OSError as error:
        logger.warning(
            "No /metrics and /state: cannot listen on {} ({}). Set --admin.host or --admin.port.",
            *(f"{host} port {port}" if port else host, os.strerror(error.errno) if error.errno else error),
        )
        yield None
        return
    config = uvicorn.Config(
        _App(pages, actions or {}, clock, only_loopback=is_loopback(host)),
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
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), name="telemetry", daemon=True)
    thread.start()
    bound = int(listening.getsockname()[1])
    _write_address(address_file, connect_url(host, bound))
    try:
        yield bound
    finally:
        with suppress(OSError):
            address_file.unlink(missing_ok=True)
        server.should_exit = True
        thread.join(_STOP_S)


def _write_address(file: Path, url: str) -> None:
    logger.info("Metrics are at {}/metrics.", url)
    try:
        write_whole(file, json.dumps({"url": url, "pid": os.getpid()}), mode=0o600)
    except OSError as error:
        logger.warning(
            "`logicnet top` and `console` cannot find this miner: {} cannot be written ({}).",
            *(error.filename, error.strerror),
        )


class _App:
    """The ASGI application: `GET` of the pages, `POST` of the actions, nothing else."""

    def __init__(
        self, pages: Mapping[str, Page], actions: Mapping[str, Action], clock: Clock, *, only_loopback: bool
    ) -> None:
        self._pages = pages
        self._actions = actions
        self._clock = clock
        self._only_loopback = only_loopback
        self._made: dict[str, tuple[float, bytes]] = {}
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: object, send: Send) -> None:
        async with self._turn:
            status, content_type, body = self._reply(scope)
            await asyncio.sleep(PAUSE_S)
        action = self._actions.get(scope["path"]) if scope["method"] == "POST" else None
        if action is not None and status == 405:
            status, content_type, body = 200, "application/json", await action()
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
