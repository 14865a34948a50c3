"""AxonServer: uvicorn's HTTP protocol (httptools), with bounds, and all errors as JSON.

uvicorn alone accepts endless headers, waits for ever for the rest of a request, and writes errors in plain
text, which a Dendrite misreports.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from typing import Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from logicnet.axon.app import PROVEN, Axon
from logicnet.deadline import TIMEOUT_CAP_S
from logicnet.errors import LogicnetError, Reason, Refusal, SettingsError

HEAD_BYTES = 16 * 1024
"""Request line and headers together. A Dendrite's are 1 kB."""

HEAD_LINES = 100
"""Number of headers. A Dendrite sends 20."""

HEAD_S = 5.0
"""For the headers to arrive: enough for retransmissions, too short to hold many connections open."""

IDLE_S = 75
"""Keep-alive. Longer than a Dendrite's (aiohttp: 15 s), so that no request arrives while we close."""

LINGER_S = 2.0
"""To discard input after a refusal in mid-request: closing on unread bytes resets the connection, and the
caller would lose the refusal."""

CONNECTIONS = 800
"""At once: a hundred for each validator at most, below the usual limit of 1024 open files, each with up to
256 KiB of a stranger's body. Beyond it the oldest unverified connection is dropped, so that strangers
cannot keep validators out."""

TURNED_AWAY = 64
"""Connections beyond CONNECTIONS that get a refusal. More are dropped at once: a stranger could use up the
process's open files, and leave none for the models."""

AFTER_HEAD_BYTES = 17 * 1024 * 1024
"""Body, chunk framing and trailers: more than is read of a body before it is refused."""

UNREAD_S = 20.0
"""For a caller to read the reply."""

DRAIN_S = TIMEOUT_CAP_S + 2.0
"""For challenges in flight when the server stops; each ends by its own deadline."""


class AxonServer:
    """`app` on a port, inside a running event loop.

        async with AxonServer(app, host="0.0.0.0", port=8091) as server:
            ...  # server.port

    Leaving the block stops it: no new connections, and up to `drain_s` for challenges in flight.
    """

    def __init__(self, app: Axon, *, host: str, port: int, drain_s: float = DRAIN_S) -> None:
        self._host = host
        self._port = port
        self._drain_s = drain_s
        self._state = ServerState()
        self._unproven: _Unproven = {}
        self._listener: asyncio.Server | None = None
        self._config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            log_config=None,
            log_level="error",
            access_log=False,
            timeout_keep_alive=IDLE_S,
        )

    @property
    def port(self) -> int:
        """The bound port, also if port 0 was requested."""
        return self._port

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._state.connections)

    async def start(self) -> None:
        """Listen. SettingsError if the address is unusable, LogicnetError if another program uses it."""
        listening = _bound(self._host, self._port)
        self._port = listening.getsockname()[1]
        self._config.load()
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: _Protocol(self._config, self._state, self._unproven), sock=listening, backlog=2048
        )

    async def stop(self) -> None:
        """Close the listener, finish the requests in flight, cancel those that take longer than `drain_s`."""
        if self._listener is None:
            return
        self._listener.close()
        self._listener = None
        for connection in list(self._state.connections):
            connection.shutdown()
        end_s = time.monotonic() + self._drain_s
        while self._state.tasks and time.monotonic() < end_s:
            await asyncio.wait(self._state.tasks, timeout=end_s - time.monotonic())
        for task in self._state.tasks:
            task.cancel()
        # The last replies may still be in the send buffers.
        end_s = time.monotonic() + LINGER_S
        while self._state.connections and time.monotonic() < end_s:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for connection in list(self._state.connections):
            connection.transport.abort()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()


class _HeadTooLarge(Exception):
    """Stops the parser."""


class _Protocol(HttpToolsProtocol):
    """One connection: uvicorn's, with bounds on everything before the app runs."""

    app: Axon

    _deaf = False
    _in_head = True
    _chunk_bytes = 0
    _head_bytes = 0  # in whole chunks: the parser does not report an unfinished line
    _head_too_large = False
    _head_timer: asyncio.TimerHandle | None = None
    _after_head_bytes = 0
    _unread_timer: asyncio.TimerHandle | None = None

    def __init__(self, config: uvicorn.Config, server_state: ServerState, unproven: _Unproven) -> None:
        super().__init__(config, server_state, {})
        self._unproven = unproven

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()
        self._unproven[self] = None
        if len(self.connections) <= CONNECTIONS or self._make_room():
            return
        del self._unproven[self]
        if len(self.connections) > CONNECTIONS + TURNED_AWAY:
            transport.abort()
        else:
            self._turn_away(Refusal(Reason.FULL, "Too many connections; ask again later."))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_unread_timer()
        self._unproven.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        was_in_head = self._in_head
        self._chunk_bytes = len(data)
        super().data_received(data)
        if not self._in_head and self._is_busy():
            self._stop_head_timer()
            self._after_head_bytes += len(data)
            if self._after_head_bytes > AFTER_HEAD_BYTES:
                self._turn_away(Refusal(Reason.TOO_LARGE, "The request is too long."))
            return
        self._start_head_timer()  # also for empty lines after a reply, which start no request
        if was_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self._deaf:
                self._turn_away(_head_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._after_head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # ignore the trailers of a chunked body
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_too_large = len(self.headers) > HEAD_LINES or (
            self._head_bytes + self._chunk_bytes > HEAD_BYTES  # rarely true, so the sum is rarely needed
            and len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES
        )
        if self._head_too_large:
            raise _HeadTooLarge
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Called when the parser failed, or we stopped it."""
        if self._head_too_large:
            self._turn_away(_head_too_large())
        else:
            self._turn_away(Refusal(Reason.MALFORMED, "This is not a valid HTTP request."))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_unread_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_unread_timer()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():  # closing waits for the last byte to be read
            self._start_unread_timer()

    def timeout_keep_alive_handler(self) -> None:
        # Not close(): it would wait for the caller to read our last reply.
        self.transport.abort()

    def _start_head_timer(self) -> None:
        if self._head_timer is None and not self._deaf:
            self._head_timer = self.loop.call_later(HEAD_S, self._head_timeout)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _start_unread_timer(self) -> None:
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(UNREAD_S, self.transport.abort)

    def _stop_unread_timer(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _head_timeout(self) -> None:
        self._head_timer = None
        if self._is_busy():
            self._start_head_timer()  # a pipelined request waits for the answer to this one
        else:
            self._turn_away(Refusal(Reason.SLOW_BODY, f"No request came within {HEAD_S:g} s."))

    def _make_room(self) -> bool:
        """Drop the oldest unverified connection; False if this one is the oldest."""
        while (oldest := next(iter(self._unproven))) is not self:
            del self._unproven[oldest]
            if not oldest._is_proven():
                self.connections.discard(oldest)
                oldest.transport.abort()
                return True
        return False

    def _is_proven(self) -> bool:
        return self.scope is not None and PROVEN in self.scope["state"]

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _turn_away(self, refusal: Refusal) -> None:
        """Refuse before there is a complete request."""
        self._deaf = True
        self._stop_head_timer()
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if self._is_busy():  # a second reply inside the first would corrupt it
            self.transport.close()
            return
        reply = self.app.turn_away(refusal)
        lines = [name + b": " + value + b"\r\n" for name, value in reply.headers]
        self.transport.write(b"".join((STATUS_LINE[reply.status], *lines, b"\r\n", reply.body)))
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)


_Unproven = dict[_Protocol, None]
"""Connections by age; those verified since are skipped."""


def _head_too_large() -> Refusal:
    return Refusal(
        Reason.HEADERS_TOO_LARGE,
        f"The request's headers are more than {HEAD_BYTES // 1024} KiB or {HEAD_LINES} lines.",
    )


_HINTS = {
    errno.EACCES: "permission denied; choose an --axon.port above 1023",
    errno.EADDRNOTAVAIL: "no such address on this machine; correct --axon.host",
}


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
