"""`--tuning.improve`: rounds of the loop beside `logicnet tune serve`, on what challenges leave free."""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import psutil
from loguru import logger

from logicnet._util.processes import Child
from logicnet.errors import LedgerError, LogicnetError, TuningError
from logicnet.ledger import LedgerReader, ledger_path
from logicnet.operate.telemetry.link import RunningMiner
from logicnet.settings import Settings
from logicnet.tuning.folders import Folders
from logicnet.tuning.improve.quiet import is_quiet, stand_aside, trainers

EVERY_S = 60.0
"""Between two looks whether a round may begin."""

AGAIN_S = 3600.0
"""After a round began; one that has a reason to stop ends at once, and would again."""

_WEEK_S = 7 * 86_400.0
_END_S = 30.0  # for a round to keep what it has


async def unattended(settings: Settings, words: Sequence[str], stop: asyncio.Event) -> None:
    """Until `stop`: a round in each quiet hour; it and all trainers stand still while a challenge is open.

    `words` are the settings as flags: a round is a `logicnet tune improve` with them.
    """
    folders, miner = Folders.of(settings.tuning), RunningMiner(ledger_path(settings))
    rounds: list[Child] = []

    def busy() -> bool:
        try:
            now = miner.look()
        except TuningError:
            return False  # it does not say: it may not be held up for ever by that
        return now is not None and any(now.in_flight.values())

    def working() -> Iterator[psutil.Process]:
        yield from trainers(folders.jobs)
        for one in rounds:
            with suppress(psutil.Error):
                process = psutil.Process(one.process.pid)
                yield from [process, *process.children(recursive=True)]

    aside = asyncio.create_task(stand_aside(busy, working, time.monotonic))
    try:
        begun_s = -AGAIN_S
        while not await _within(stop, EVERY_S):
            under_way = bool(rounds) and rounds[0].process.poll() is None
            if under_way or time.monotonic() - begun_s < AGAIN_S:
                continue
            if not await asyncio.to_thread(quiet, settings) or await asyncio.to_thread(busy):
                continue
            begun_s = time.monotonic()
            argv = [sys.executable, "-m", "logicnet", "tune", "improve", "--rounds", "1", *words]
            log = folders.root / "improve.log"
            for one in rounds:
                await asyncio.to_thread(one.stop)  # it has ended; its guard has not
            logger.info("A quiet hour: a round begins. What it says is in {}.", log)
            try:
                rounds[:] = [Child.start("the round", argv, log=log)]
            except LogicnetError as error:
                logger.warning("No round: {}", error)
    finally:
        aside.cancel()
        await asyncio.gather(aside, return_exceptions=True)
        for one in rounds:
            await asyncio.to_thread(one.stop, grace_s=_END_S)


def quiet(settings: Settings) -> bool:
    """Whether the ledger calls this a quiet hour. Blocks."""
    now_s = time.time()
    try:
        with LedgerReader.open(ledger_path(settings)) as reader:
            admitted = [row["admitted_at_s"] for row in reader.watched(now_s - _WEEK_S, most=1)]
    except LedgerError:  # no miner has written one here
        return True
    return is_quiet(admitted, now_s)


async def _within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
