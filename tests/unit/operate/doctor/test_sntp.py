"""The clock against scripted time servers, over real datagrams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.operate.doctor.sntp import TimeServer as Address
from logicnet.operate.doctor.sntp import drift, drift_of
from tests.unit.operate.doctor.healthy import TimeServer

TOKEN = b"\x01" * 8


@asynccontextmanager
async def running(*servers: TimeServer) -> AsyncIterator[list[Address]]:
    async with AsyncExitStack() as stack:
        for server in servers:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda server=server: server,
                ("127.0.0.1", 0),  # type: ignore[misc]
            )
            stack.callback(transport.close)
        yield [("127.0.0.1", server.port) for server in servers]


async def test_one_server_that_lies_is_outvoted() -> None:
    servers = [TimeServer() for _ in range(3)]
    servers[1].ahead_s = 1000.0
    async with running(*servers) as addresses:
        found = await drift(addresses, 5.0)
    assert found is not None
    assert (found.replies, found.certain_s) == (3, 0.0)


async def test_servers_that_are_not_there_are_done_without() -> None:
    silent, good = TimeServer(), TimeServer()
    silent.silent = True
    good.ahead_s = -100.0
    async with running(silent, good) as addresses:
        found = await drift([*addresses, ("nowhere.invalid", 123)], 0.5)
    assert found is not None
    assert (found.replies, round(found.ahead_s)) == (1, 100)


async def test_nobody_answers() -> None:
    assert await drift([("127.0.0.1", 9), ("nowhere.invalid", 123)], 0.3) is None


def test_what_lies_between_is_half_of_the_way() -> None:
    server = TimeServer()
    reply = server.reply(TOKEN)
    stamp = drift_of(reply, TOKEN, 0.0, 0.0)
    assert stamp is not None
    now_s = -stamp.ahead_s
    found = drift_of(reply, TOKEN, now_s - 0.5, now_s + 1.0)
    assert found is not None
    assert (round(found.ahead_s, 3), round(found.unsure_s, 3), found.certain_s) == (0.25, 0.75, 0.0)


@pytest.mark.parametrize("stratum", [0, 16])
def test_a_server_without_time_is_not_believed(stratum: int) -> None:
    server = TimeServer()
    server.stratum = stratum
    assert drift_of(server.reply(TOKEN), TOKEN, 0.0, 0.0) is None


@given(st.binary(max_size=80))
def test_anybody_may_send_anything(reply: bytes) -> None:
    assert drift_of(reply, TOKEN, 0.0, 0.0) is None or reply[24:32] == TOKEN
