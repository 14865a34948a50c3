"""A reply of a model server that ends, whatever the server sends.

A module of its own, because httpx2 is imported late.
"""

from collections.abc import AsyncIterator

import httpx2

MOST_BYTES = 64 << 20
"""Of one reply: a token with its metadata takes 300, so these are 200,000 tokens."""


class BoundedStream(httpx2.AsyncByteStream):
    """`stream`, broken off with ValueError after `MOST_BYTES`."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in self._stream:
            read += len(chunk)
            if read > MOST_BYTES:
                raise ValueError("a reply without end")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def bounded(response: httpx2.Response) -> None:
    """An event hook. Compression, which we do not ask for, is not undone: a megabyte may hold a gigabyte."""
    response.headers.pop("content-encoding", None)
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = BoundedStream(response.stream)
