"""kill -9 of the miner under load, twenty times, restarted by a real pm2: promises and counts survive.

Validators ask without a pause, also while the miner is dead; with each life of the miner one more
of them begins. So at every kill one quota is half spent, the earlier ones are used up, and all of
it must be known to the next life. What may be lost is the batch in flight: `BATCH_S` (0.1 s) from
its first event, and its commit.
"""

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
import pytest
from bittensor.sp_core import Keypair

from logicnet._util.processes import free_port
from logicnet.ledger import LedgerReader
from logicnet.operate.demo.stage import environment, hotkey, write_network
from tests.e2e.conftest import ROOT, START_S, kill_processes_of, until
from tests.harness.own_time import starved_s
from tests.harness.validator import Asked, Kill, Validator

KILLS = 20
QUOTA = 80

# The product's own configuration, but for its back-off: it grows to 15 s, and this is about the ledger.
CONFIG = """
const { apps } = require(%s)
const miner = apps.find((app) => app.name === 'sn35-miner')
delete miner.exp_backoff_restart_delay
module.exports = { apps: [{ ...miner, restart_delay: 50 }] }
"""


class Pm2:
    """A pm2 of this test alone, in a home of its own."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        self._home = home
        self._env = {**environment(), **settings, "PM2_HOME": str(home)}

    def run(self, *words: str) -> str:
        command = [str(ROOT / "node_modules" / ".bin" / "pm2"), *words]
        done = subprocess.run(
            command, env=self._env, capture_output=True, text=True, timeout=START_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def miner(self) -> psutil.Process | None:
        """The miner's process; None while it does not run."""
        daemon = psutil.Process(int((self._home / "pm2.pid").read_text()))
        for child in daemon.children():
            try:
                if any(word.endswith("miner.py") for word in child.cmdline()):
                    return child
            except psutil.Error:  # it ended meanwhile
                continue
        return None

    def restarts(self) -> int:
        (app,) = json.loads(self.run("jlist").splitlines()[-1])
        return int(app["pm2_env"]["restart_time"])


@dataclass
class Setting:
    pm2: Pm2
    ledger: Path
    validators: list[Keypair]
    miner_ss58: str
    url: str


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    validators = [Keypair.create_from_uri(f"//Killing/{number}") for number in range(KILLS + 1)]
    miner_ss58 = hotkey(tmp_path / "wallets", "miner").ss58_address
    stakes = {key.ss58_address: 20_000.0 for key in validators}
    write_network(tmp_path / "network.json", miner_ss58, stakes)
    port, ledger = free_port(), tmp_path / "ledger.sqlite"
    config = tmp_path / "kill.config.js"
    config.write_text(CONFIG % json.dumps(str(ROOT / "ecosystem.config.js")))
    settings = {
        "SN35_ENV_FILE": str(tmp_path / "no.env"),
        "SN35_LOGS": str(tmp_path / "logs"),
        "SN35_MINER_PYTHON": sys.executable,
        "LOGICNET_OFFLINE": "true",
        "LOGICNET_CHAIN__FILE": str(tmp_path / "network.json"),
        "LOGICNET_WALLET__PATH": str(tmp_path / "wallets"),
        "LOGICNET_WALLET__NAME": "demo",
        "LOGICNET_WALLET__HOTKEY": "miner",
        "LOGICNET_AXON__PORT": str(port),
        "LOGICNET_LEDGER__PATH": str(ledger),
        "LOGICNET_MINER__SOLVER": "constant",
        "LOGICNET_MINER__OVER_QUOTA": "refuse",
        "LOGICNET_MINER__EPOCH_VOLUME": str(QUOTA * len(validators)),
        "LOGICNET_MINER__LIMIT_INTERVAL": "3600",  # one epoch for the whole test
    }
    pm2 = Pm2(tmp_path / "pm2", settings)
    try:
        pm2.run("start", str(config))
        yield Setting(pm2, ledger, validators, miner_ss58, f"http://127.0.0.1:{port}")
    finally:
        try:
            pm2.run("kill")
        finally:
            kill_processes_of(tmp_path)  # only if the test failed: pm2 ends its own


async def kill(pm2: Pm2, after_s: float) -> Kill:
    """Kill the miner when it has lived on for `after_s` seconds."""
    miner = pm2.miner()
    assert miner is not None
    before_s = starved_s(miner.pid)
    await asyncio.sleep(after_s)
    killed = Kill(time.time(), starved_s(miner.pid) - before_s)
    miner.send_signal(signal.SIGKILL)
    await asyncio.to_thread(miner.wait, START_S)
    return killed


async def kill_and_go_on(setting: Setting) -> tuple[list[Validator], list[Kill]]:
    """Twenty kills; the validators with what they saw, and the kills.

    Validator number N is promised its quota, and begins to ask, in life N of the miner.
    """
    kills: list[Kill] = []
    chance = random.Random(35)
    async with httpx2.AsyncClient(base_url=setting.url, timeout=20.0, trust_env=False) as http:
        validators = [
            Validator(key, http, setting.miner_ss58, classic=number % 2 == 0)
            for number, key in enumerate(setting.validators)
        ]
        async with asyncio.TaskGroup() as group:
            asking = []
            for number, validator in enumerate(validators):
                async with asyncio.timeout(START_S):
                    while not await validator.promise():
                        await asyncio.sleep(0.02)
                for earlier in validators[:number]:
                    assert earlier.last_answered is not None
                    replayed = await earlier.send(earlier.last_answered)
                    assert replayed and replayed.status_code == 401, "a replay after a restart"
                asking.append(group.create_task(validator.ask_for_ever()))
                await until(lambda one=validator: one.last_answered)
                if number < KILLS:
                    kills.append(await kill(setting.pm2, chance.uniform(1.2, 2.0)))
            await until(lambda: all(validator.used_up for validator in validators))
            for task in asking:
                task.cancel()
    return validators, kills


async def test_twenty_kills_lose_no_promise_and_no_count_beyond_the_batch(setting: Setting) -> None:
    validators, kills = await kill_and_go_on(setting)
    assert setting.pm2.restarts() == KILLS
    setting.pm2.run("delete", "sn35-miner")  # a gentle end: what is in memory is written

    with LedgerReader.open(setting.ledger) as reader:
        epochs = {row["validator"]: row for row in reader.rows("epochs")}
        epoch_count = sum(1 for _ in reader.rows("epochs"))
        challenges = list(reader.rows("challenges"))
    rows = {row["task_uid"]: row for row in challenges}
    given = Counter(row["validator"] for row in challenges)

    def end_of_life(asked: Asked) -> Kill | None:
        """The kill that ended the life of the miner that was asked."""
        return next((kill for kill in kills if asked.signed_s <= kill.at_s), None)

    def certain(asked: Asked) -> bool:
        end = end_of_life(asked)
        return end is None or not end.may_lose(asked)

    def down(at_s: float) -> bool:
        ups_s = (validator.promised_s for validator in validators[1:])
        return any(kill.at_s <= at_s <= up_s for kill, up_s in zip(kills, ups_s, strict=True))

    assert epoch_count == len(epochs) == len(validators), "a promise was lost, and a second quota begun"
    assert len(rows) == len(challenges), "a challenge was counted twice"
    assert set(rows) <= {asked.task_uid for validator in validators for asked in validator.log}
    lost_s = []
    for validator in validators:
        epoch = epochs[validator.key.ss58_address]
        assert epoch["promised"] == QUOTA
        assert epoch["started_at_s"] <= validator.promised_s, "the promise was lost, and made anew"
        assert epoch["given"] == given[validator.key.ss58_address] == QUOTA, (
            "used up to the last one, and no more"
        )
        lost = 0
        for asked in validator.log:
            if asked.status == 200 and rows.get(asked.task_uid, {}).get("ended_at_s") is None:
                end = end_of_life(asked)
                assert end and end.may_lose(asked), (
                    f"{asked} is not in the ledger, and was older than the batch at {end}"
                )
                lost += asked.task_uid not in rows
                lost_s.append(end.age_s(asked))
        assert validator.count(200) <= QUOTA + lost
        refused = [asked for asked in validator.log if asked.status == 429]
        assert sum(map(certain, refused)) <= epoch["refused"] <= len(refused) + validator.count(0)
        # Signed before the miner was up again, a request may be too early for it; never after that.
        odd = [asked for asked in validator.log if asked.status not in (0, 200, 429)]
        assert all(asked.status in (401, 503) and down(asked.signed_s) for asked in odd), odd
    answered = sum(validator.count(200) for validator in validators)
    oldest_s = max(lost_s, default=0.0)
    print(f"{answered} answered, {len(rows)} in the ledger; the oldest that is not was {oldest_s:.3f} s old")
