"""Bodies: read within a size and a time, and explained to the caller when they are wrong."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError

from logicnet.axon._types import Receive
from logicnet.errors import Reason, Refusal

MOST_BYTES = 256 * 1024
"""A question of 20 kB with its envelope is 24 kB; no model reads ten times that."""

READ_S = 10.0
"""A validator's body comes with its headers. Who needs longer keeps a connection busy on purpose."""

_DRAIN_BYTES = 16 * 1024 * 1024
_DRAIN_S = 2.0


class CallerGone(Exception):
    """The caller hung up before its request was complete. Nobody is there to be told."""


class Body:
    """The body of one request, still on its way, and the caller behind it."""

    __slots__ = ("_content", "_receive", "complete")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._content: bytes | None = None
        self.complete = False

    async def read(self) -> bytes:
        """All of it; Refusal TOO_LARGE or SLOW_BODY, or CallerGone."""
        if self._content is None:
            self._content = await self._read()
        return self._content

    async def hung_up(self) -> None:
        """Return when the caller has gone. The body must have been read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def drain(self) -> bool:
        """Throw the rest away, within bounds, so that a caller who is still sending hears the reply.

        A connection closed on unread bytes is reset, and takes the reply with it. True if all of
        the body came, so that another request can follow.
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


def bad_body(error: ValidationError) -> Refusal:
    """What is wrong, in the names of our own fields; nothing of what the caller wrote."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return Refusal(Reason.BAD_BODY, "The body is not valid JSON.")
    field = first["loc"][0] if first["loc"] else "body"
    return Refusal(Reason.BAD_BODY, f"Field {field} of the body: {first['msg']}.")
