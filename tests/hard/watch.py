"""Watch: an honest validator asks a miner all the while, and a row of the table says what came of it."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field

import httpx2
import psutil

from tests.e2e.conftest import ROOT, START_S, Miner, StartMiner
from tests.hard.conftest import TABLE, Size
from tests.harness.own_time import starved_s
from tests.harness.validator import Asked, Kill, Validator

EVERY_S = 0.25
MOST_MB = 200.0
CONSTANT = ("--miner.solver", "constant", "--miner.epoch_volume", "512")


@dataclass
class Watch:
    """`running` may be replaced by its next life. `genuine`: task uids of others that may be in the ledger.

    `kept` is false where the ledger itself is destroyed: what was in it may be lost.
    """

    running: Miner
    start: StartMiner
    flags: tuple[str, ...]
    kept: bool = True
    attempts: int = 0
    genuine: set[str] = field(default_factory=set)
    validators: list[Validator] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    ups_s: list[float] = field(default_factory=list)  # unix seconds at which the life after each kill served
    peak_mb: float = 0.0
    rows: Counter[str] = field(default_factory=Counter)  # challenges in the ledger, once it is over
    over: bool = False

    @property
    def log(self) -> list[Asked]:
        return [asked for validator in self.validators for asked in validator.log]

    async def attack(self, kind: str, size: Size) -> Counter[str]:
        """Let strangers attack (`attack.py`). How often they got each status, where they look."""
        attacking = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.hard.attack", kind, str(self.running.port)),
            *(str(size.seconds), str(self.running.network.wallets), str(size.mutations)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await attacking.communicate()
        found = json.loads(out)
        self.attempts += found["attempts"]
        self.genuine.update(found["genuine"])
        return Counter(found["statuses"])

    async def kill_and_restart(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """kill -9, and the next life on the same port and ledger. `meanwhile`: done in between."""
        old = self.running
        self.kills.append(Kill(time.time(), starved_s(old.child.pid)))
        old.child.signal(signal.SIGKILL)
        await asyncio.to_thread(old.child.stop)
        meanwhile()
        self.running = await asyncio.to_thread(self.start, *self.flags, ledger=old.ledger, port=old.port)
        self.ups_s.append(time.time())

    async def ask_for_ever(self, every_s: float) -> None:
        """Each question in its time, whether the one before is answered or not."""
        async with asyncio.TaskGroup() as group:
            number = 0
            while not self.over:
                validator = self.validators[number % len(self.validators)]
                group.create_task(validator.ask(f"What is {number}+{number}?"))
                number += 1
                await asyncio.sleep(every_s)

    async def measure(self) -> None:
        while True:
            with suppress(psutil.Error):  # it was killed
                rss = psutil.Process(self.running.child.pid).memory_info().rss
                self.peak_mb = max(self.peak_mb, rss / 1e6)
            await asyncio.sleep(0.05)

    def lost(self) -> list[Asked]:
        """Honest requests without an answer, but for those that a kill of ours cut off."""

        def cut_off(asked: Asked) -> bool:
            lives = zip(self.kills, self.ups_s, strict=True)
            return any(kill.at_s <= asked.at_s and asked.signed_s <= up_s for kill, up_s in lives)

        return [asked for asked in self.log if asked.status != 200 and not cut_off(asked)]

    def end(self) -> None:
        """Stop the miner with SIGTERM, which must do, and read its ledger."""
        status = self.running.child.stop(grace_s=START_S)
        assert status == 0, f"the miner ended with {status}"
        with closing(sqlite3.connect(f"file:{self.running.ledger}?mode=ro", uri=True)) as ledger:
            self.rows.update(uid for (uid,) in ledger.execute("SELECT task_uid FROM challenges"))

    def verdict(self, name: str) -> None:
        """Add a row to the table, and assert what it must be."""
        lost = self.lost()
        ours = {asked.task_uid for asked in self.log}
        wrongly = sum(count - (uid in ours | self.genuine) for uid, count in self.rows.items())

        def may_be_lost(asked: Asked) -> bool:
            end = next((kill for kill in self.kills if asked.signed_s <= kill.at_s), None)
            return not self.kept or (end is not None and end.may_lose(asked))

        answered = [asked for asked in self.log if asked.status == 200]
        rows_lost = sum(asked.task_uid not in self.rows and not may_be_lost(asked) for asked in answered)
        worst_s = max((asked.at_s - asked.signed_s for asked in self.log), default=0.0)
        TABLE.append(
            (
                *(name, self.attempts, wrongly, len(self.log), len(lost)),
                *(f"{worst_s:.2f}", f"{self.peak_mb:.0f}", rows_lost),
            )
        )
        assert lost == []
        assert wrongly == 0
        assert rows_lost == 0
        assert self.peak_mb < MOST_MB


@asynccontextmanager
async def watched(
    name: str,
    start: StartMiner,
    *flags: str,
    allowed_s: float = 64.0,
    skews_s: Iterable[tuple[bool, float]] = ((True, 0.0), (False, 0.0)),
    every_s: float = EVERY_S,
    **how: object,
) -> AsyncIterator[Watch]:
    """A miner that is asked during the block; the verdict is given after it.

    `skews_s`: for each honest validator, whether it asks over the classic wire, and its clock's error.
    """
    running = await asyncio.to_thread(start, *flags, **how)
    watch = Watch(running, start, flags)
    async with httpx2.AsyncClient(
        base_url=running.url,
        timeout=START_S,  # the machine may be starved, too
        trust_env=False,
        limits=httpx2.Limits(max_keepalive_connections=0),  # strangers must not find an old one to drop
    ) as http:
        bob, miner_ss58 = running.network.keys["bob"], running.network.miner_ss58
        for classic, skew_s in skews_s:
            watch.validators.append(Validator(bob, http, miner_ss58, classic, skew_s, allowed_s))
        measuring = asyncio.create_task(watch.measure())
        asking = asyncio.create_task(watch.ask_for_ever(every_s))
        try:
            yield watch
            await asyncio.sleep(2 * every_s)  # once more each, when all is over
            watch.over = True
            await asking
        finally:
            asking.cancel()
            measuring.cancel()
            await asyncio.wait((asking, measuring))
    watch.end()
    watch.verdict(name)
