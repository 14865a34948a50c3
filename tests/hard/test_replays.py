"""The same signed request many times at once: one is admitted, also if the miner is killed meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from tests.e2e.conftest import StartMiner
from tests.hard.conftest import Size
from tests.hard.mutations import Draft
from tests.hard.watch import CONSTANT, Watch, watched
from tests.harness.validator import Validator

AT_ONCE = 40
WIRES = pytest.mark.parametrize("classic", [True, False], ids=["classic", "btauth"])
SKEWS = pytest.mark.parametrize("skew_s", [0.0, 30.0], ids=["now", "ahead"])
"""A nonce that is ahead is newer than the next life's start, too: only the ledger tells that it was used."""


async def race(watch: Watch, request: bytes) -> list[bytes]:
    """The statuses that the request gets on many connections; all send its last byte at the same time."""
    last_byte = asyncio.Event()
    ready: asyncio.Queue[None] = asyncio.Queue()

    async def send() -> bytes:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", watch.running.port)
            writer.write(request[:-1])
            ready.put_nowait(None)
            await last_byte.wait()
            writer.write(request[-1:])
            status = (await reader.readline())[9:12]
            writer.close()
            return status
        ready.put_nowait(None)
        return b""

    sending = [asyncio.create_task(send()) for _ in range(AT_ONCE)]
    for _ in sending:
        await ready.get()
    last_byte.set()
    watch.attempts += AT_ONCE
    return list(await asyncio.gather(*sending))


def request_of(watch: Watch, classic: bool, skew_s: float) -> bytes:
    alice = watch.running.network.keys["alice"]
    validator = Validator(alice, watch.validators[0].http, watch.running.network.miner_ss58, classic, skew_s)
    uid = f"raced-{len(watch.genuine)}"
    watch.genuine.add(uid)
    return Draft.of(*validator.signed(logic_question="What is 3+4?", task_uid=uid)).raw()


@WIRES
@SKEWS
async def test_of_a_race_of_replays_one_is_admitted(
    miner: StartMiner, size: Size, classic: bool, skew_s: float
) -> None:
    async with watched(
        f"replays {'classic' if classic else 'btauth'} {skew_s:+g} s", miner, *CONSTANT
    ) as watch:
        for _ in range(10 * size.rounds):
            statuses = await race(watch, request_of(watch, classic, skew_s))
            assert sorted(statuses) == [b"200"] + [b"401"] * (AT_ONCE - 1)
    assert watch.genuine <= watch.rows.keys()


@SKEWS
async def test_after_kill_9_no_replay_is_admitted(miner: StartMiner, size: Size, skew_s: float) -> None:
    chance = random.Random(35)
    async with watched(f"replays, kill -9 {skew_s:+g} s", miner, *CONSTANT) as watch:
        for number in range(size.rounds):
            request = request_of(watch, number % 2 == 0, skew_s)
            racing = asyncio.create_task(race(watch, request))
            if number % 2:
                await asyncio.sleep(chance.uniform(0, 0.06))
            else:
                assert (await racing).count(b"200") == 1
            await watch.kill_and_restart()
            statuses = await racing + await race(watch, request)
            assert statuses.count(b"200") <= 1
            assert statuses[-1] == b"401"
