"""Validators that keep the bounded worker busy do not keep it from others."""

from __future__ import annotations

import asyncio
import itertools
import re
import signal
import time

from tests.e2e.conftest import StartMiner, until
from tests.hard.conftest import Model, Size
from tests.hard.watch import Watch, watched
from tests.harness.validator import Asked, Validator

RACE = ("--miner.solver", "race", "--miner.epoch_volume", "512")
AT_ONCE = 24
LONG = "Simplify 1/(sqrt({})+sqrt(3)+sqrt(5)+sqrt(7)+sqrt(11))."
"""The most costly that is known: a fifth of a second."""


async def keep_busy(watch: Watch, size: Size, name: str, first: int) -> None:
    """Ask many such questions at once, all the while; one that was asked already is not computed again."""
    validator = Validator(
        watch.running.network.keys[name],
        watch.validators[0].http,
        watch.running.network.miner_ss58,
        classic=False,
        allowed_s=5.0 + size.seconds,
    )
    numbers = itertools.count(first)
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + size.seconds

    async def again() -> None:
        while loop.time() < ends_s:
            await validator.ask(LONG.format(next(numbers)))

    await asyncio.gather(*(again() for _ in range(AT_ONCE)))
    watch.attempts += len(validator.log)
    watch.genuine.update(asked.task_uid for asked in validator.log)


def is_right(asked: Asked) -> bool:
    number = re.search(r"\d+", asked.question)
    return number is not None and asked.answer == str(2 * int(number[0]))


async def test_what_only_the_worker_can_answer_is_answered(
    miner: StartMiner, model: Model, size: Size
) -> None:
    async with watched("worker busy", miner, *RACE, *model.flags, every_s=1.0) as watch:
        await until(lambda: any(map(is_right, watch.log)))
        model.child.signal(signal.SIGSTOP)  # so that no model can answer in the worker's place
        alone_s = time.time()
        await asyncio.gather(keep_busy(watch, size, "alice", 20), keep_busy(watch, size, "charlie", 10_000))
    asked_of_it = [asked for asked in watch.log if asked.signed_s > alone_s]
    assert asked_of_it
    assert [asked for asked in asked_of_it if not is_right(asked)] == []
