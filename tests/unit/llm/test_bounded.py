"""Replies without end, of whatever kind: they end here, and the memory that they take is bounded."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from logicnet.errors import ModelError
from logicnet.llm import _bounded
from logicnet.llm._client import Client

MOST = 1 << 20
CHUNK = b"1,\n" * 20_000
BODY = {"model": "m", "messages": [{"role": "user", "content": "?"}], "stream": True}


class Endless:
    """Answers every request with `head` and then the same chunk again and again."""

    def __init__(self, status: str, kind: str) -> None:
        self.head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode()
        self.sent = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.head)
            while self.sent < 100 * MOST:
                writer.write(CHUNK)
                await writer.drain()
                self.sent += len(CHUNK)
        writer.close()


@asynccontextmanager
async def asked(server: Endless) -> AsyncIterator[Client]:
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    client = Client(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", None)
    try:
        yield client
    finally:
        await client.close()
        listening.close()


@pytest.mark.parametrize("status", ["200 OK", "500 Broken"])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_reply_without_end_is_broken_off(
    monkeypatch: pytest.MonkeyPatch, status: str, kind: str, streamed: bool
) -> None:
    monkeypatch.setattr(_bounded, "MOST_BYTES", MOST)
    server = Endless(status, kind)
    async with asked(server) as client, asyncio.timeout(60):
        with pytest.raises(ModelError, match=r"broke off its reply|answered 500"):
            if streamed:
                async for _ in client.stream(BODY):
                    pass
            else:
                await client.json("/models")
    assert server.sent < 50 * MOST  # what fits into the buffers between comes on top


async def test_what_was_packed_unasked_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bounded, "MOST_BYTES", MOST)
    packed = gzip.compress(b"[" + b"1," * (50 * MOST) + b"1]")
    seen = b""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen = await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(packed)}\r\n"
        writer.write(head.encode() + b"content-encoding: gzip\r\n\r\n" + packed)
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    client = Client(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", None)
    with pytest.raises(ModelError):
        await client.json("/models")
    assert b"accept-encoding: identity" in seen.lower()
    await client.close()
    listening.close()
