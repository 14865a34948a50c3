"""Whatever strangers do, an honest validator hears an answer to all that it asks."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from contextlib import closing

import psutil
import pytest

from tests.e2e.conftest import ROOT, Miner, Network, StartMiner, until
from tests.hard.attack import KINDS
from tests.hard.conftest import TABLE

ATTACK_S = 6.0
MOST_MB = 200.0
FLAGS = ("--miner.solver", "constant", "--miner.epoch_volume", "512")


class Honest:
    """Asks again and again, each time on a new connection: strangers have no older one to drop."""

    def __init__(self, running: Miner) -> None:
        self.running = running
        self.waits_s: list[float] = []
        self.lost: list[str] = []
        self.challenges = 0

    async def ask_until(self, attacking: asyncio.subprocess.Process) -> None:
        number = 0
        while attacking.returncode is None or number < 3:
            wire = ("classic", "btauth")[number % 2]
            began_s = time.monotonic()
            async with self.running.asked_by("bob") as bob:
                if number % 2:
                    reply = await bob.information(wire=wire)
                else:
                    reply = await bob.challenge(f"What is {number}+1?", wire=wire, task_uid=f"t-{number}")
                    self.challenges += 1
            self.waits_s.append(time.monotonic() - began_s)
            if not reply.success:
                self.lost.append(f"{reply.status} {reply.message}")
            number += 1
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_honest_request_is_lost(kind: str, miner: StartMiner, network: Network) -> None:
    running = miner(*FLAGS)
    process = psutil.Process(running.child.pid)
    arguments = [kind, str(running.port), str(ATTACK_S), str(network.wallets)]
    attacking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.hard.attack", *arguments), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    honest, peak_mb = Honest(running), 0.0
    asking = asyncio.create_task(honest.ask_until(attacking))
    waiting = asyncio.create_task(attacking.communicate())
    while not asking.done():
        peak_mb = max(peak_mb, process.memory_info().rss / 1e6)
        await asyncio.wait((asking,), timeout=0.05)
    await asking
    out, _ = await waiting
    admitted = await taken(running, honest.challenges)
    TABLE.append(
        (
            *(kind, int(out), admitted - honest.challenges, len(honest.waits_s), len(honest.lost)),
            *(f"{max(honest.waits_s):.2f}", f"{peak_mb:.0f}"),
        )
    )
    assert honest.lost == []
    assert admitted == honest.challenges
    assert peak_mb < MOST_MB
    assert "Traceback" not in running.said


async def taken(running: Miner, at_least: int) -> int:
    """Challenges in the ledger, once all that were answered are there."""

    def count() -> int:
        with closing(sqlite3.connect(f"file:{running.ledger}?mode=ro", uri=True)) as ledger:
            (found,) = ledger.execute("SELECT count(*) FROM challenges").fetchone()
        return int(found)

    await until(lambda: count() >= at_least)
    await asyncio.sleep(0.5)
    return count()
