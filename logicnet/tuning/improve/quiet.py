"""Quiet: when a round may begin, and what has to stand still while a challenge is open."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from logicnet.deadline import Clock

CALM_S = 1.0
"""Without a challenge, before training goes on: bursts come in pieces."""

LOOK_S = 0.2
"""What a challenge may share with a trainer, before that one stands still."""

QUIET_HOURS = 8
"""Of a day, at most; those with the fewest challenges of the last week."""

_DAY_S = 86_400.0


def is_quiet(admitted_s: Sequence[float], now_s: float) -> bool:
    """Whether this hour of the day had few challenges; `admitted_s` are those of the last week. Pure.

    Without a day of them nothing is known, and every hour is as good as another.
    """
    if not admitted_s or now_s - min(admitted_s) < _DAY_S:
        return True
    counts = [0] * 24
    for at_s in admitted_s:
        counts[int(at_s % _DAY_S // 3600)] += 1
    here = counts[int(now_s % _DAY_S // 3600)]
    return sum(one < here for one in counts) < QUIET_HOURS


def trainers(jobs: Path) -> Iterable[psutil.Process]:
    """All processes of the training jobs in a folder: the home of each is its job's."""
    home = f"{jobs}/"
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it ended meanwhile, or is another user's
            if process.environ().get("HOME", "").startswith(home):
                yield process


async def stand_aside(
    busy: Callable[[], bool], working: Callable[[], Iterable[psutil.Process]], clock: Clock
) -> None:
    """Stop what is `working` (SIGSTOP) while `busy`; let it go on afterwards, also when cancelled.

    Both are called in a thread. What an earlier call left stopped, when it was killed, goes on first.
    """
    stopped, last_s, told_s = True, float("-inf"), float("-inf")
    try:
        while True:
            if await asyncio.to_thread(busy):
                last_s = clock()
                if not stopped or last_s - told_s >= CALM_S:  # again now and then: a job may have begun
                    await asyncio.to_thread(_signal, working, stop=True)
                    stopped, told_s = True, last_s
            elif stopped and clock() - last_s >= CALM_S:
                await asyncio.to_thread(_signal, working, stop=False)
                stopped = False
            await asyncio.sleep(LOOK_S)
    finally:
        _signal(working, stop=False)


def _signal(working: Callable[[], Iterable[psutil.Process]], *, stop: bool) -> None:
    for process in working():
        with suppress(psutil.Error):
            if (process.status() == psutil.STATUS_STOPPED) != stop:
                process.suspend() if stop else process.resume()
