"""Whatever fails around a miner, an honest validator hears an answer to all that it asks, and it is kept."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import StartMiner, until
from tests.hard.conftest import Model, Size
from tests.hard.watch import CONSTANT, Watch, watched

ALLOWED_S = 8.0
PROMISED = 200 * 2**20  # bytes of memory at most, under any attack (docs/hard.md)
DIRECT = ("--miner.solver", "direct", "--miner.epoch_volume", "512")


async def test_kill_9_at_random_points(miner: StartMiner, size: Size) -> None:
    chance = random.Random(35)
    async with watched("kill -9", miner, *CONSTANT, every_s=0.02) as watch:
        for _ in range(size.rounds):
            await asyncio.sleep(chance.uniform(0, 1.5))
            await watch.kill_and_restart()
            watch.attempts += 1


async def test_a_model_server_that_is_stopped(miner: StartMiner, model: Model, size: Size) -> None:
    async with watched("model SIGSTOP", miner, *DIRECT, *model.flags, allowed_s=ALLOWED_S) as watch:
        await answered(watch, "9")
        for _ in range(1 + size.rounds // 4):
            model.child.signal(signal.SIGSTOP)
            watch.attempts += 1
            await answered(watch, "I do not know")
            model.child.signal(signal.SIGCONT)
            await answered(watch, "9")


async def answered(watch: Watch, answer: str) -> None:
    """Wait until a question that is asked from now on gets that answer."""
    before = [len(validator.log) for validator in watch.validators]

    def news() -> list[str]:
        watch.running.child.check_running()
        logs = zip(watch.validators, before, strict=True)
        return [asked.answer for validator, count in logs for asked in validator.log[count:]]

    await until(lambda: answer in news())


@contextmanager
def no_room(pid: int) -> Iterator[None]:
    """No file of the process may grow, as on a full disk."""
    process = psutil.Process(pid)
    before = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (0, before[1]))
    yield
    process.rlimit(psutil.RLIMIT_FSIZE, before)


@contextmanager
def read_only(*paths: Path) -> Iterator[None]:
    """Nobody may write there; root may, so that there the file system refuses it."""
    root = os.geteuid() == 0

    def set_to(flag: str, mode: str) -> None:
        command = ["chattr", flag] if root else ["chmod", mode]
        subprocess.run([*command, *map(str, paths)], check=True)

    set_to("+i", "a-w")
    try:
        yield
    finally:
        set_to("-i", "u+w")


def files_of(ledger: Path) -> list[Path]:
    return [path for path in ledger.parent.glob(f"{ledger.name}*") if path.is_file()]


async def test_a_full_disk(miner: StartMiner, size: Size) -> None:
    async with watched("disk full", miner, *CONSTANT) as watch:
        for _ in range(size.rounds // 2):
            with no_room(watch.running.child.pid):
                watch.attempts += 1
                await asyncio.sleep(size.seconds)
            await asyncio.sleep(1.0)


async def test_a_folder_that_cannot_be_written(miner: StartMiner, size: Size, tmp_path: Path) -> None:
    ledger = tmp_path / "kept" / "ledger.sqlite"
    async with watched("read-only", miner, *CONSTANT, ledger=ledger) as watch:
        for _ in range(size.rounds // 2):
            with read_only(ledger.parent, *files_of(ledger)):
                watch.attempts += 1
                await asyncio.sleep(size.seconds)
            await asyncio.sleep(1.0)


DAMAGES = ("emptied", "cut in half", "garbage", "a page of zeros", "removed")


def damage(path: Path, how: str, chance: random.Random) -> None:
    data = path.read_bytes()
    if how == "removed":
        path.unlink()
    elif how == "emptied":
        os.truncate(path, 0)
    elif how == "cut in half":
        os.truncate(path, len(data) // 2)
    else:
        at, size = (0, len(data)) if how == "garbage" else (chance.randrange(len(data) + 1), 4096)
        with path.open("r+b") as file:
            file.seek(at)
            file.write(chance.randbytes(size) if how == "garbage" else bytes(size))


@pytest.mark.parametrize("how", DAMAGES)
async def test_damage_to_each_file_that_it_keeps(
    miner: StartMiner, model: Model, how: str, tmp_path: Path
) -> None:
    """While it runs, and before it starts again."""
    chance = random.Random(35)
    spent = tmp_path / "models.toml"
    spent.write_text(f'[[endpoint]]\nurl = "{model.url}"\nweight = 1\n')
    flags = (*DIRECT, "--miner.llm_client.base_url", str(spent))
    async with watched(f"files {how}", miner, *flags, ledger=tmp_path / "kept" / "ledger.sqlite") as watch:
        watch.kept = False
        await answered(watch, "9")
        for path in files_of(watch.running.ledger):
            damage(path, how, chance)
            watch.attempts += 1
            await answered(watch, "9")
        await watch.kill_and_restart(
            lambda: [damage(path, how, chance) for path in files_of(watch.running.ledger)]
        )
        await answered(watch, "9")


AHEAD_S = (0.0, 2.5, 20.0, 55.0)
BEHIND_S = 4.0


async def test_validators_whose_clocks_are_wrong(miner: StartMiner, size: Size) -> None:
    """One whose clock is behind is refused until the miner has run for so long: it may be a replay."""
    skews_s = [(classic, skew_s) for skew_s in AHEAD_S for classic in (True, False)]
    async with watched("clock skew", miner, *CONSTANT, skews_s=skews_s, every_s=0.1) as watch:
        await asyncio.sleep(BEHIND_S + 1.0)
        for one in watch.validators[:2]:
            watch.validators.append(replace(one, skew_s=-BEHIND_S, log=[]))
        watch.attempts = len(watch.validators)
        await asyncio.sleep(size.seconds)
    assert all(validator.log for validator in watch.validators)


async def test_a_resolver_that_hangs(miner: StartMiner, size: Size, tmp_path: Path) -> None:
    """glibc looks for names without a dot in a file of aliases first: nobody ever writes to this one."""
    os.mkfifo(aliases := tmp_path / "aliases")
    flags = (*DIRECT, "--miner.llm_client.base_url", "http://models:8000/v1")
    env = {"HOSTALIASES": str(aliases)}
    async with watched("resolver hangs", miner, *flags, env=env, allowed_s=ALLOWED_S) as watch:
        watch.attempts = 1
        await asyncio.sleep(size.seconds)


async def test_a_log_that_nobody_reads(miner: StartMiner, size: Size, tmp_path: Path) -> None:
    os.mkfifo(log := tmp_path / "log")
    pipe = os.open(log, os.O_RDWR | os.O_NONBLOCK)
    try:
        with pytest.raises(BlockingIOError):
            while True:
                os.write(pipe, b"x" * 4096)
        async with watched("log unread", miner, *CONSTANT, "--logging.debug", log=log) as watch:
            watch.attempts = 1
            await asyncio.sleep(size.seconds)
    finally:
        os.close(pipe)


async def test_little_memory(miner: StartMiner, size: Size) -> None:
    """Strangers want to fill the memory of a miner that may take as much as is promised, and no more.

    With less, libraries in C and Rust end the process at a failed allocation, whatever the miner does.
    """
    async with watched("memory pressure", miner, *CONSTANT) as watch:
        await asyncio.sleep(1.0)
        process = psutil.Process(watch.running.child.pid)
        before = process.rlimit(psutil.RLIMIT_AS)
        now = process.memory_info()
        process.rlimit(psutil.RLIMIT_AS, (now.vms + PROMISED - now.rss, before[1]))
        await watch.attack("half_bodies", size)
        process.rlimit(psutil.RLIMIT_AS, before)
