"""Quiet hours, and trainers that stand still while a challenge is open."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from logicnet.tuning.improve.quiet import is_quiet, stand_aside, trainers

DAY_S = 86_400.0


def week(busy_hours: set[int], seed: int = 1) -> list[float]:
    """Challenges of a week: many in some hours of the day, few in the others."""
    chance = random.Random(seed)
    hours = [(day, hour) for day in range(7) for hour in range(24)]
    return [
        day * DAY_S + hour * 3600 + chance.random() * 3600
        for day, hour in hours
        for _ in range(20 if hour in busy_hours else 2)
    ]


def test_the_hours_with_few_challenges_are_quiet():
    admitted = week({*range(8, 24)})
    found = {hour for hour in range(24) if is_quiet(admitted, 7 * DAY_S + hour * 3600 + 60)}
    assert found
    assert found <= {*range(8)}


def test_without_a_day_of_challenges_every_hour_will_do():
    assert is_quiet([], 1e9)
    assert is_quiet([1e9 - 100, 1e9 - 50], 1e9)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[psutil.Process]:
    """A process of a training job, by its home."""
    home = tmp_path / "jobs" / "j1" / "home"
    home.mkdir(parents=True)
    argv = [sys.executable, "-c", "import time\nwhile True: time.sleep(0.01)"]
    started = subprocess.Popen(argv, env={"HOME": str(home)})
    yield psutil.Process(started.pid)
    started.kill()
    started.wait(20)


async def comes(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


def stopped(process: psutil.Process) -> bool:
    return process.status() == psutil.STATUS_STOPPED


@pytest.mark.thorough
async def test_a_trainer_stands_still_while_a_challenge_is_open(tmp_path, worker):
    await comes(lambda: [one.pid for one in trainers(tmp_path / "jobs")] == [worker.pid])
    open_challenges: list[str] = []
    aside = asyncio.create_task(
        stand_aside(lambda: bool(open_challenges), lambda: trainers(tmp_path / "jobs"), time.monotonic)
    )
    open_challenges.append("one")
    await comes(lambda: stopped(worker))
    open_challenges.clear()
    await comes(lambda: not stopped(worker))
    open_challenges.append("two")
    await comes(lambda: stopped(worker))
    aside.cancel()
    await asyncio.gather(aside, return_exceptions=True)
    assert not stopped(worker)  # nobody is left to let it go on


async def test_a_trainer_that_was_left_standing_goes_on(tmp_path, worker):
    await comes(lambda: [one.pid for one in trainers(tmp_path / "jobs")] == [worker.pid])
    worker.suspend()
    await comes(lambda: stopped(worker))
    aside = asyncio.create_task(
        stand_aside(lambda: False, lambda: trainers(tmp_path / "jobs"), time.monotonic)
    )
    await comes(lambda: not stopped(worker))
    aside.cancel()
    await asyncio.gather(aside, return_exceptions=True)
