"""The server below the axon: uvicorn's HTTP with httptools, bounded, and JSON down to the last error.

uvicorn by itself takes header lines without end, waits for ever for the rest of a request, and says
in plain text what is wrong, which a Dendrite reports as something else.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from types import TracebackType
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
"""Headers. A Dendrite sends 20."""

HEAD_S = 5.0
"""Seconds for a head to arrive: longer than lost packets take, too short to hold many connections."""

IDLE_S = 75
"""Seconds for which an idle connection is kept: longer than a Dendrite keeps it (aiohttp: 15 s), so
that it is the Dendrite that closes it, and no request meets a connection that we are closing."""

LINGER_S = 2.0
"""Seconds to go on listening, deaf, after a refusal in mid-request. Closing on unread bytes would
reset the connection, and take the refusal with it."""

CONNECTIONS = 800
"""At once. Validators need a hundred each at most; a process may often open no more than 1024 files;
and a stranger can make us hold one body (256 KiB) on each. When there are more, the oldest on which
nobody has proved who they are makes room, so that strangers cannot keep validators out by waiting."""

TURNED_AWAY = 64
"""Connections beyond those that may stay to hear that there are too many; the rest are dropped without
a word, or a stranger could open more files here than the process may, and leave none for the models."""

AFTER_HEAD_BYTES = 17 * 1024 * 1024
"""Body, its chunks' framing and its trailers: above what is read of a body before it is refused."""

UNREAD_S = 20.0
"""Seconds for which a reply may wait for a caller who does not read."""

DRAIN_S = TIMEOUT_CAP_S + 2.0
"""Seconds for what is in flight when the server stops: every challenge ends by its own deadline."""


class AxonServer:
    """`app` on a port, inside a running event loop.

        async with AxonServer(app, host="0.0.0.0", port=8091) as server:
            ...  # server.port

    Leaving stops it: nothing new is taken, what is in flight is finished, for at most `drain_s`.
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
        """The port bound; with port 0, the one that the system chose."""
        return self._port

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._state.connections)

    async def start(self) -> None:
        """Listen; SettingsError if that address cannot be had, LogicnetError if another has it."""
        listening = _bound(self._host, self._port)
        self._port = listening.getsockname()[1]
        self._config.load()
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: _Protocol(self._config, self._state, self._unproven), sock=listening, backlog=2048
        )

    async def stop(self) -> None:
        """Take nothing new, finish what is in flight, cancel what is not finished in time."""
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
        # What was written last is still on its way out.
        end_s = time.monotonic() + LINGER_S
        while self._state.connections and time.monotonic() < end_s:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for connection in list(self._state.connections):
            connection.transport.abort()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()


class _HeadTooLarge(Exception):
    """Raised inside the parser to make it stop."""


class _Protocol(HttpToolsProtocol):
    """One connection: uvicorn's own, with bounds on all that comes before the app is asked."""

    app: Axon

    _deaf = False
    _in_head = True
    _chunk_bytes = 0
    _head_bytes = 0  # in whole chunks: the parser does not tell of a line that does not end
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
        del self._unproven[self]  # it has no room to make
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
                self._turn_away(Refusal(Reason.TOO_LARGE, "The request does not end."))
            return
        self._start_head_timer()  # also for empty lines after a reply, of which no request comes
        if was_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self._deaf:
                self._turn_away(_head_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._after_head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # trailers of a chunked body are no headers of the request, and have no bound
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_too_large = len(self.headers) > HEAD_LINES or (
            self._head_bytes + self._chunk_bytes > HEAD_BYTES  # a sum that is hardly ever needed
            and len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES
        )
        if self._head_too_large:
            raise _HeadTooLarge
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Called when the parser gave up, or we told it to."""
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
        if self.transport.is_closing():  # which waits for the last byte to be read
            self._start_unread_timer()

    def timeout_keep_alive_handler(self) -> None:
        # Not close(): it would wait for the reader of our last reply, who may never read.
        self.transport.abort()

    def _start_head_timer(self) -> None:
        if self._head_timer is None and not self._deaf:
            self._head_timer = self.loop.call_later(HEAD_S, self._head_is_late)

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

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._is_busy():
            self._start_head_timer()  # the next request may take as long as the answer to this one
        else:
            self._turn_away(Refusal(Reason.SLOW_BODY, f"No request came within {HEAD_S:g} s."))

    def _make_room(self) -> bool:
        """Drop the oldest connection that nobody who may ask has used; False if there is no older one."""
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
        """Refuse what never became a request."""
        self._deaf = True
        self._stop_head_timer()
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if self._is_busy():  # a reply in the middle of another would be read as that one
            self.transport.close()
            return
        reply = self.app.turn_away(refusal)
        lines = [name + b": " + value + b"\r\n" for name, value in reply.headers]
        self.transport.write(b"".join((STATUS_LINE[reply.status], *lines, b"\r\n", reply.body)))
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)


_Unproven = dict[_Protocol, None]
"""Connections in the order of their coming; those that are proven by now are passed over."""


def _head_too_large() -> Refusal:
    return Refusal(
        Reason.HEADERS_TOO_LARGE,
        f"The request's headers are more than {HEAD_BYTES // 1024} KiB or {HEAD_LINES} lines.",
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        where = f"cannot listen on {host} port {port}"
        match error.errno:
            case errno.EADDRINUSE:
                # Not a wrong setting: the last miner may be answering its last challenges, and whoever
                # restarts us is to try again.
                raise LogicnetError(
                    f"{where}: another program does; stop it, or choose another --axon.port"
                ) from None
            case errno.EACCES:
                message = f"{where}: not allowed; choose an --axon.port above 1023"
            case errno.EADDRNOTAVAIL:
                message = f"{where}: no such address on this machine; correct --axon.host"
            case _:
                message = f"{where}: {error.strerror or error}; correct --axon.host or --axon.port"
        raise SettingsError(message) from None
