"""The drift of this machine's clock, by time servers (a client of SNTP, RFC 4330).

A request is one datagram to UDP port 123 from any port, so it needs no privileges. The clock is not set.
"""

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from logicnet.chain.loop_thread import LoopThread

TimeServer = tuple[str, int]  # host, UDP port

SERVERS: Sequence[TimeServer] = (
    ("time.cloudflare.com", 123),
    ("time.google.com", 123),
    ("pool.ntp.org", 123),
)
"""Of three operators: the median outvotes a wrong one."""

_SINCE_1900_S = 2_208_988_800  # from NTP's epoch to Unix's
_CLIENT = 0b00_100_011  # no warning, version 4, mode 3
_SHAPE = struct.Struct("!4B11I")  # header, delays and reference, then four 64-bit times
_SLOWEST_S = 2.0  # a slower reply is too uncertain


class Drift(NamedTuple):
    """`ahead_s`: seconds by which our clock is ahead of a server's, plus or minus `unsure_s`, half of the
    round trip. `replies`: the number of servers."""

    ahead_s: float
    unsure_s: float
    replies: int = 1

    @property
    def certain_s(self) -> float:
        """The least error of our clock, either way."""
        return max(0.0, abs(self.ahead_s) - self.unsure_s)


async def drift(servers: Sequence[TimeServer], within_s: float) -> Drift | None:
    """The median of the servers' replies; None if none replies in time."""
    # On a thread of its own: a DNS lookup that hangs must not delay the end of the program.
    thread = LoopThread("time")
    try:
        found = await thread.run(lambda: _ask_all(servers, within_s), 2 * within_s)
    except (TimeoutError, OSError):
        return None
    finally:
        thread.stop()
    return sorted(found)[len(found) // 2]._replace(replies=len(found)) if found else None


async def _ask_all(servers: Sequence[TimeServer], within_s: float) -> list[Drift]:
    asked = [asyncio.ensure_future(_ask(server)) for server in servers]
    done, late = await asyncio.wait(asked, timeout=within_s)
    for task in late:
        task.cancel()
    answers = [task.result() for task in done if not task.exception()]
    return [answer for answer in answers if answer is not None]


async def _ask(server: TimeServer) -> Drift | None:
    """The reply of one server; None if it cannot be used. Raises OSError."""
    loop = asyncio.get_running_loop()
    token = secrets.token_bytes(8)  # returned as the origin: only a server that got the request knows it
    for family, kind, protocol, _, address in await loop.getaddrinfo(*server, type=socket.SOCK_DGRAM):
        # The next address where this one cannot be reached, as IPv6 often cannot.
        with suppress(OSError), socket.socket(family, kind, protocol) as query:
            query.setblocking(False)
            query.connect(address)
            sent_s = time.time()
            await loop.sock_sendall(query, bytes([_CLIENT]) + bytes(39) + token)
            reply = await loop.sock_recv(query, 2 * _SHAPE.size)
            return drift_of(reply, token, sent_s, time.time())
    return None


def drift_of(reply: bytes, token: bytes, sent_s: float, received_s: float) -> Drift | None:
    """None if `reply` does not answer our request, or its server has no time."""
    if len(reply) < _SHAPE.size or reply[24:32] != token or received_s - sent_s > _SLOWEST_S:
        return None
    head, stratum, *rest = _SHAPE.unpack_from(reply)
    server_received_s, server_sent_s = _unix_s(rest[9], rest[10]), _unix_s(rest[11], rest[12])
    if head & 0b111 != 4 or head >> 6 == 3 or not 1 <= stratum <= 15 or server_sent_s <= 0:
        return None
    way_s = (received_s - sent_s) - (server_sent_s - server_received_s)
    return Drift(((sent_s - server_received_s) + (received_s - server_sent_s)) / 2, max(0.0, way_s) / 2)


def _unix_s(seconds: int, fraction: int) -> float:
    # The 32 bits start again in 2036 (RFC 4330, section 3).
    era = 2**32 if seconds < 2**31 else 0
    return seconds + era - _SINCE_1900_S + fraction / 2**32
