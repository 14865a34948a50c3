"""A server that does nothing: one canned reply to whatever arrives. It shows what the load itself can do."""

from __future__ import annotations

import asyncio
import sys

import uvloop


class _Canned(asyncio.Protocol):
    def __init__(self, reply: bytes, request_length: int) -> None:
        self._reply = reply
        self._request_length = request_length
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        while self._received >= self._request_length:
            self._received -= self._request_length
            self._transport.write(self._reply)


async def _serve(port: int, reply: bytes, request_length: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Canned(reply, request_length), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    port, request_length, reply_length = map(int, sys.argv[1:])
    body = b"x" * reply_length
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    uvloop.run(_serve(port, head + body, request_length))
