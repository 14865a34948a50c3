"""One HTTP exchange over ASGI: the request's body, read within bounds, and the JSON reply."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson

from logicnet.errors import Reason, Refusal

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MOST_BYTES = 256 * 1024
"""Of a body. A question of 20 kB with its envelope is 24 kB; no model reads ten times that."""

READ_S = 10.0
"""For a body to arrive. A validator's comes with its headers."""

_DRAIN_BYTES = 16 * 1024 * 1024
_DRAIN_S = 2.0

CLOSE = (b"connection", b"close")

_RETRY_AFTER_S = {Reason.FULL: 5, Reason.NO_METAGRAPH: 30}
"""Challenges end within seconds; a chain takes longer to come back."""


class CallerGone(Exception):
    """The caller hung up before its request was complete."""


class Body:
    """The body of one request as it arrives, and whether the caller is still connected."""

    __slots__ = ("_content", "_receive", "complete")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._content: bytes | None = None
        self.complete = False

    async def read(self) -> bytes:
        """The whole body; Refusal TOO_LARGE or SLOW_BODY, or CallerGone."""
        if self._content is None:
            self._content = await self._read()
        return self._content

    async def hung_up(self) -> None:
        """Return when the caller disconnects. The body must have been read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def drain(self) -> bool:
        """Discard the rest of the body within bounds; True if it is complete, so another request can follow.

        Closing a connection with unread bytes resets it, and the caller would lose our reply.
        """
        size = 0
        try:
            async with asyncio.timeout(_DRAIN_S):
                while not self.complete and size <= _DRAIN_BYTES:
                    size += len(await self._next())
        except (TimeoutError, CallerGone):
            pass
        return self.complete

    async def _read(self) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(READ_S):
                while not self.complete:
                    chunk = await self._next()
                    size += len(chunk)
                    if size > MOST_BYTES:
                        raise too_large()
                    chunks.append(chunk)
        except TimeoutError:
            raise Refusal(Reason.SLOW_BODY, f"The body did not arrive within {READ_S:g} s.") from None
        return b"".join(chunks)

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        self.complete = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        return chunk


def too_large() -> Refusal:
    return Refusal(Reason.TOO_LARGE, f"The body is larger than {MOST_BYTES // 1024} KiB.")


@dataclass(frozen=True, slots=True)
class HttpReply:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def reply(status: int, content: Any, *extra: tuple[bytes, bytes]) -> HttpReply:
    try:
        body = orjson.dumps(content)
    except TypeError:
        # Numbers beyond 64 bits and half surrogate pairs are legal JSON, so a request can bring them,
        # and the reply repeats them.
        body = json.dumps(content).encode()
    length = (b"content-length", b"%d" % len(body))
    return HttpReply(status, [(b"content-type", b"application/json"), length, *extra], body)


def refusal_reply(refusal: Refusal, *extra: tuple[bytes, bytes]) -> HttpReply:
    """A refused caller's reply. A Dendrite shows `message` as its status message."""
    wait_s = refusal.retry_after_s or _RETRY_AFTER_S.get(refusal.reason)
    if wait_s is not None:
        extra = (*extra, (b"retry-after", b"%d" % wait_s))
    if refusal.reason is Reason.BAD_METHOD:
        extra = (*extra, (b"allow", b"POST"))
    return reply(refusal.reason.status, {"message": refusal.message, "reason": refusal.reason}, *extra)
