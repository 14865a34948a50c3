"""Connection: HTTP/1.1 on one socket, served to an ASGI application. Every bound on what a stranger sends.

Requests on one connection are served one after another. What breaks a bound is refused once everything that
was asked before it has its reply; then the connection is closed.
"""

from __future__ import annotations

import asyncio
import http
import ipaddress
from collections import deque
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote

import httptools

from logicnet.axon.app import PROVEN, Axon
from logicnet.axon.http import Message, Scope
from logicnet.axon.pool import ConnectionPool
from logicnet.errors import Reason, Refusal

HEAD_BYTES = 16 * 1024
"""Request line and headers together. A Dendrite's are 1 kB."""

HEAD_LINES = 100
"""Number of headers. A Dendrite sends 20."""

HEAD_S = 20.0
"""For the headers to arrive, from the start of the connection. A busy validator may open a connection and
send its request many seconds later; the pool bounds how many connections can wait so."""

BODY_PIECES = 4096
"""Chunks and trailers of one body: each costs time on the event loop, however short it is."""

REQUESTS_AHEAD = 8
"""Requests that may wait on one connection. No known Dendrite sends a second before the first reply."""

UNREAD_BODY_BYTES = 64 * 1024
"""Of a body that the application has not taken yet; above it no more is read."""

IDLE_S = 75.0
"""Keep-alive. Longer than a Dendrite's (aiohttp: 15 s), so that no request arrives while we close."""

LINGER_S = 2.0
"""To discard input after a refusal in mid-request: closing on unread bytes resets the connection, and the
caller would lose the refusal."""

UNREAD_S = 20.0
"""For a caller to read the reply."""

_BUFFER = bytearray(64 * 1024)
"""For all connections: what is read into it is used up before the next is read. uvloop's own reads are four
times as large, and a thousand callers who send bodies at once took that much more memory."""

_STATUS_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in http.HTTPStatus}


class _OutOfBounds(Exception):
    """Stops the parser; the refusal is in `Connection._refusal`."""


class Exchange:
    """One request and its reply, as ASGI's `receive` and `send`. The reply's body is one message."""

    __slots__ = (
        *("_connection", "_news", "_start", "body", "complete", "expects_continue"),
        *("gone", "keep_alive", "pieces", "replied", "scope", "told"),
    )

    def __init__(
        self, connection: Connection, scope: Scope, keep_alive: bool, expects_continue: bool
    ) -> None:
        self._connection = connection
        self._news = asyncio.Event()
        self._start: Message = {}
        self.scope = scope
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.body = bytearray()  # not yet taken by the application
        self.pieces = 0
        self.complete = False  # all of the body has arrived
        self.told = False  # and the application has it
        self.gone = False  # no more of it will come
        self.replied = False

    def notify(self) -> None:
        self._news.set()

    async def receive(self) -> Message:
        if self.expects_continue:
            self.expects_continue = False
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while True:
            if self.gone or self.replied:
                return {"type": "http.disconnect"}
            if self.body or (self.complete and not self.told):
                taken, self.body = bytes(self.body), bytearray()
                self.told = self.complete
                self._connection.taken(self)
                return {"type": "http.request", "body": taken, "more_body": not self.complete}
            self._news.clear()
            await self._news.wait()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif not self.gone:
            self.replied = True
            self.keep_alive = self._connection.reply(
                self._start["status"],
                self._start["headers"],
                b"" if self.scope["method"] == "HEAD" else message["body"],
                keep_alive=self.keep_alive,
            )


class Connection(asyncio.BufferedProtocol):
    """See the module. `pool` bounds how many there are; `tasks` holds what is being served."""

    def __init__(self, app: Axon, pool: ConnectionPool[Connection], tasks: set[asyncio.Task[None]]) -> None:
        self._app = app
        self._pool = pool
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._queue: deque[Exchange] = deque()  # the first is being served
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: Refusal | None = None  # to be told when the queue is empty
        self._deaf = False  # what comes is discarded
        self._unread: Exchange | None = None  # its body has to be taken before more is read
        self._serving = False
        self._paused = False  # the caller does not read our replies
        self._ending = False
        self._in_head = True
        self._began = False  # some bytes of the next head have come
        self._head_bytes = 0  # in whole chunks: the parser does not report an unfinished line
        self._chunk_bytes = 0
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []

    @property
    def busy(self) -> bool:
        """Whether a request is being served."""
        return bool(self._queue)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass of it
        self._wait(HEAD_S, self._head_is_late)
        place = self._pool.add(self, _address(transport.get_extra_info("peername")))
        if place == "dropped":
            self.drop()
        elif place == "refused":
            self._refuse(Refusal(Reason.FULL, "Too many connections; ask again later."))

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self._pool.remove(self)
        self._deaf = True
        for exchange in self._queue:
            exchange.gone = True
            exchange.notify()

    def get_buffer(self, sizehint: int) -> bytearray:
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        if self._deaf:
            return
        data = bytes(memoryview(_BUFFER)[:nbytes])
        self._chunk_bytes = len(data)
        was_in_head = self._in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # what follows is another protocol's; the request is served as any other
            self._queue[-1].keep_alive = False
        except httptools.HttpParserError:
            self._refuse(self._refusal or Refusal(Reason.MALFORMED, "This is not a valid HTTP request."))
            return
        if not self._queue and not self._began:  # an empty line counts, too
            self._wait(HEAD_S, self._head_is_late)
        self._began = self._in_head or not self._queue
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(_head_too_large())

    def pause_writing(self) -> None:
        self._paused = True
        self._wait(UNREAD_S, self._transport.abort)

    def resume_writing(self) -> None:
        self._paused = False
        if not self._ending:
            self._wait(None)
            self._go_on()

    def close_soon(self) -> None:
        """Close once the request that is being served has its reply."""
        if self._queue:
            self._queue[0].keep_alive = False
        else:
            self._close()

    def drop(self) -> None:
        """Close at once, without a word."""
        self._deaf = True
        for exchange in self._queue:
            exchange.gone = True
            exchange.body.clear()  # now, not in the loop's next turn: many may be dropped in one
        self._transport.abort()

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def taken(self, exchange: Exchange) -> None:
        """The application has taken the body so far."""
        if self._unread is exchange:
            self._unread = None
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def reply(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, *, keep_alive: bool
    ) -> bool:
        """Write a reply. Whether the connection is kept."""
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        if (b"connection", b"close") in headers:
            keep_alive = False
        elif not keep_alive:
            lines.append(b"connection: close\r\n")
        self.write(b"".join((_STATUS_LINES[status], *lines, b"\r\n", body)))
        return keep_alive

    # What the parser calls.

    def on_message_begin(self) -> None:
        if len(self._queue) >= REQUESTS_AHEAD:
            message = f"At most {REQUESTS_AHEAD} requests may wait on a connection."
            self._stop_at(Refusal(Reason.FULL, message))
        self._in_head = True
        self._head_bytes = 0
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:  # a trailer of a chunked body
            self._count_piece()
            return
        self._headers.append((name.lower(), value))
        if len(self._headers) > HEAD_LINES:
            self._stop_at(_head_too_large())

    def on_headers_complete(self) -> None:
        self._in_head = self._began = False
        headers = self._headers
        if self._head_bytes + self._chunk_bytes > HEAD_BYTES:  # rarely, so the sum is rarely needed
            size = len(self._url) + sum(len(name) + len(value) for name, value in headers)
            if size > HEAD_BYTES:
                self._stop_at(_head_too_large())
        url = httptools.parse_url(self._url)
        path = url.path.decode("ascii")
        scope = {
            "type": "http",
            "method": self._parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
            "headers": headers,
            "state": {PROVEN: self._prove},
        }
        keep_alive = self._parser.get_http_version() != "1.0" and self._parser.should_keep_alive()
        expects = any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers)
        self._queue.append(Exchange(self, scope, keep_alive=keep_alive, expects_continue=expects))
        if len(self._queue) == 1:
            self._go_on()

    def on_chunk_header(self) -> None:
        self._count_piece()

    def on_body(self, body: bytes) -> None:
        exchange = self._queue[-1]
        if exchange.replied:
            return
        exchange.body += body
        self._pool.hold(self, len(body))
        exchange.notify()
        if len(exchange.body) > UNREAD_BODY_BYTES and self._unread is None:
            self._unread = exchange
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        exchange = self._queue[-1]
        exchange.complete = True
        exchange.notify()

    # What happens next.

    def _count_piece(self) -> None:
        """Of the body that is coming in: it is that of the last exchange."""
        exchange = self._queue[-1]
        exchange.pieces += 1
        if exchange.pieces > BODY_PIECES:
            self._stop_at(Refusal(Reason.TOO_LARGE, "The body comes in too many pieces."))

    def _prove(self, hotkey: str) -> None:
        self._pool.prove(self, hotkey)

    def _serve(self) -> None:
        self._wait(None)
        self._serving = True
        task = self._loop.create_task(self._run(self._queue[0]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, exchange: Exchange) -> None:
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        finally:
            self._served(exchange)

    def _served(self, exchange: Exchange) -> None:
        self._serving = False
        self._pool.release(self)
        self._queue.popleft()
        self.taken(exchange)
        if exchange.replied and exchange.keep_alive and exchange.complete:
            self._go_on()
        elif exchange.gone and self._refusal is not None:
            self._tell(self._refusal)  # in place of the reply to what was broken off
        else:
            self._close()

    def _go_on(self) -> None:
        """With the next request, once the caller has read enough of the last reply."""
        if self._serving or self._paused or self._transport.is_closing():
            return
        if self._queue:
            self._serve()
        elif self._refusal is not None:
            self._tell(self._refusal)
        elif self._deaf:
            self._close()
        elif self._began:
            self._wait(HEAD_S, self._head_is_late)
        else:
            self._wait(IDLE_S, self.drop)  # not close(): it would wait for the last reply to be read

    def _stop_at(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise _OutOfBounds

    def _head_is_late(self) -> None:
        self._refuse(Refusal(Reason.SLOW_BODY, f"No request came within {HEAD_S:g} s."))

    def _refuse(self, refusal: Refusal) -> None:
        """Refuse what is not a complete request, and close; what was asked before it is answered first."""
        self._deaf = True
        self._refusal = refusal
        if not self._queue:
            self._tell(refusal)
        elif not self._queue[-1].complete:
            self._queue[-1].gone = True
            self._queue[-1].notify()

    def _tell(self, refusal: Refusal) -> None:
        if self._transport.is_closing():
            return
        self._ending = True
        told = self._app.turn_away(refusal)
        self.reply(told.status, told.headers, told.body, keep_alive=False)
        self._transport.write_eof()
        self._wait(LINGER_S, self._transport.abort)

    def _close(self) -> None:
        self._deaf = self._ending = True
        self._queue.clear()
        if self._transport.is_closing():  # a timer would keep what is lost in memory
            return
        self._transport.close()
        self._wait(UNREAD_S, self._transport.abort)  # closing waits for the last byte to be read

    def _wait(self, seconds: float | None, then: Callable[[], object] | None = None) -> None:
        """The one thing that this connection waits for; None: it waits for the application."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and then is not None:
            self._timer = self._loop.call_later(seconds, then)


def _head_too_large() -> Refusal:
    return Refusal(
        Reason.HEADERS_TOO_LARGE,
        f"The request's headers are more than {HEAD_BYTES // 1024} KiB or {HEAD_LINES} lines.",
    )


def _address(peer: tuple[Any, ...] | None) -> str:
    """Whom a connection comes from: the address; of IPv6 its network of 64 bits, which one host can fill."""
    host = str(peer[0]) if peer else ""
    return host if ":" not in host else str(ipaddress.ip_network((host.partition("%")[0], 64), strict=False))
