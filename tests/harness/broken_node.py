"""A websocket server in the place of a chain's node, which fails as real nodes do.

It speaks websocket and enough JSON-RPC to get the real client as far as the failure wants it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Way = Literal[
    "no handshake",  # the TCP connection is taken, and that is all
    "silence",  # the websocket is opened, requests are read, nothing is answered
    "hang up",  # the connection is closed upon the first request
    "not json",
    "not json-rpc",
    "not a chain",  # well-formed answers to everything, of the wrong kind
    "an error",
    "not found",  # HTTP 404 instead of a websocket
]

_GARBAGE = {"not json": "<html>busy</html>", "not json-rpc": "[1, 2, 3]"}


class BrokenNode:
    """`requests` and `connections` count what came in."""

    def __init__(self, way: Way, port: int) -> None:
        self.way = way
        self.port = port
        self.connections = 0
        self.requests = 0
        self.open_now = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def on_websocket(self, websocket: ServerConnection) -> None:
        self.connections += 1
        self.open_now += 1
        try:
            async for message in websocket:
                self.requests += 1
                if self.way == "hang up":
                    return
                if self.way != "silence":
                    await websocket.send(self._reply(json.loads(message)))
        except ConnectionClosed:
            pass
        finally:
            self.open_now -= 1

    def _reply(self, request: dict[str, object]) -> str:
        if self.way in _GARBAGE:
            return _GARBAGE[self.way]
        if self.way == "an error":
            body: dict[str, object] = {
                "error": {"code": -32000, "message": "Client error:\nExecution failed"}
            }
        else:
            body = {"result": 7}
        return json.dumps({"jsonrpc": "2.0", "id": request["id"], **body})

    async def on_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_now += 1
        try:
            with contextlib.suppress(OSError):
                if self.way == "not found":
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                else:
                    await reader.read(-1)  # until the client gives up
        finally:
            self.open_now -= 1
            writer.close()


@asynccontextmanager
async def broken_node(way: Way, *, port: int = 0) -> AsyncIterator[BrokenNode]:
    node = BrokenNode(way, port)
    if way in ("no handshake", "not found"):
        tcp = await asyncio.start_server(node.on_tcp, "127.0.0.1", port)
        node.port = tcp.sockets[0].getsockname()[1]
        async with tcp:
            yield node
    else:
        async with serve(node.on_websocket, "127.0.0.1", port, close_timeout=0.1) as server:
            node.port = next(iter(server.sockets)).getsockname()[1]
            yield node
