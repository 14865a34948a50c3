"""A raw HTTP/1.1 load: requests built beforehand, keep-alive connections, one request in flight on each.

Written on asyncio's Protocol with uvloop, because an HTTP client library would be slower than the server
it measures. Replies are only framed while the clock runs; their content is looked at afterwards.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import psutil
import uvloop


@dataclass(frozen=True)
class Round:
    """One round's outcome. `replies` are (queue, place in the queue, whole response)."""

    seconds: float  # from the first byte sent to the last reply
    latencies_ns: list[int]
    replies: list[tuple[int, int, bytes]]
    broken: list[str]  # one line for each connection that did not live to the end
    server_cpu_s: float

    @property
    def per_s(self) -> float:
        return len(self.replies) / self.seconds

    @property
    def cpu_us(self) -> float:
        """What the server used per request."""
        return self.server_cpu_s / len(self.replies) * 1e6

    def p_ms(self, percent: float) -> float:
        """The nearest-rank percentile of the latencies."""
        ordered = sorted(self.latencies_ns)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] / 1e6


def raw_request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """The bytes of `POST path`."""
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def split_reply(reply: bytes) -> tuple[int, bytes]:
    """Status and body of a whole response."""
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head[9:12]), body


class _Connection(asyncio.Protocol):
    def __init__(self, queue: int, requests: Sequence[bytes], round_: _Recorder) -> None:
        self._queue = queue
        self._requests = requests
        self._round = round_
        self._transport: asyncio.Transport | None = None
        self._sent = 0
        self._sent_ns = 0
        self._received = b""
        self._length = 0  # of the whole response, once its head is here

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass of it

    def send_next(self) -> None:
        assert self._transport is not None
        if self._sent == len(self._requests) or time.perf_counter_ns() > self._round.stop_ns:
            self._round.finished(None)
            return
        self._sent_ns = time.perf_counter_ns()
        self._transport.write(self._requests[self._sent])
        self._sent += 1

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if not self._length:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._length = end + 4 + _content_length(self._received[:end])
        if len(self._received) < self._length:
            return
        now_ns = time.perf_counter_ns()
        self._round.latencies_ns.append(now_ns - self._sent_ns)
        self._round.replies.append((self._queue, self._sent - 1, self._received))
        self._round.last_ns = now_ns
        self._received, self._length, self._sent_ns = b"", 0, 0
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sent_ns:
            self._round.finished(f"connection {self._queue} closed before reply {self._sent - 1}")

    def close(self) -> None:
        self._sent_ns = 0
        if self._transport is not None:
            self._transport.close()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("a reply without content-length")


class _Recorder:
    def __init__(self, connections: int, stop_ns: int) -> None:
        self.stop_ns = stop_ns
        self.last_ns = 0
        self.latencies_ns: list[int] = []
        self.replies: list[tuple[int, int, bytes]] = []
        self.broken: list[str] = []
        self._left = connections
        self.done = asyncio.Event()

    def finished(self, broken: str | None) -> None:
        if broken:
            self.broken.append(broken)
        self._left -= 1
        if not self._left:
            self.done.set()


async def _drive(
    port: int, queues: Sequence[Sequence[bytes]], seconds: float, grace_s: float, process: psutil.Process
) -> Round:
    loop = asyncio.get_running_loop()
    recorder = _Recorder(len(queues), stop_ns=2**63)
    connections = []
    for number, requests in enumerate(queues):
        connection = _Connection(number, requests, recorder)
        await loop.create_connection(lambda connection=connection: connection, "127.0.0.1", port)
        connections.append(connection)
    before_s = cpu_s(process)
    gc.collect()
    gc.disable()  # a pause of ours would be counted as one of the server's
    try:
        began_ns = time.perf_counter_ns()
        recorder.stop_ns = began_ns + int(seconds * 1e9)
        for connection in connections:
            connection.send_next()
        try:
            await asyncio.wait_for(recorder.done.wait(), seconds + grace_s)
        except TimeoutError:
            recorder.broken.append(f"replies missing {grace_s:g} s after the end of the round")
    finally:
        gc.enable()
        for connection in connections:
            connection.close()
    seconds = (max(recorder.last_ns, began_ns + 1) - began_ns) / 1e9
    return Round(seconds, recorder.latencies_ns, recorder.replies, recorder.broken, cpu_s(process) - before_s)


def cpu_s(process: psutil.Process) -> float:
    """Seconds of CPU that `process` has used so far."""
    times = process.cpu_times()
    return times.user + times.system


def drive(
    port: int,
    queues: Sequence[Sequence[bytes]],
    *,
    seconds: float,
    process: psutil.Process,
    grace_s: float = 30.0,
) -> Round:
    """Send each queue over its own connection to 127.0.0.1:`port`, until it is empty or `seconds` passed.

    `process` is the server. Replies still out then have `grace_s` to arrive.
    """
    return uvloop.run(_drive(port, queues, seconds, grace_s, process))
