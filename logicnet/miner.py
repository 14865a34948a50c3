"""The composition root: builds a miner from its settings, runs it, and takes it down again.

Nothing is decided here. What the rooms need of each other is handed to them, in the order in which
they can begin; leaving goes the other way round.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import Awaitable, Callable
from functools import partial

import uvloop
from loguru import logger

from logicnet.axon import Admission, Axon, AxonServer, Places
from logicnet.chain import load_hotkey, network_keeper
from logicnet.events import fan_out
from logicnet.ledger import Ledger, ledger_path
from logicnet.llm import Endpoint
from logicnet.logs import log_event
from logicnet.protocol import Hotkey
from logicnet.settings import Settings
from logicnet.solver import asks_models, load_solver
from logicnet.solver.answering import answer_in_time
from logicnet.volume import VolumeBook


def run(settings: Settings) -> None:
    """Mine until SIGTERM or SIGINT. Raises LogicnetError if that cannot begin."""
    uvloop.run(mine(settings))


async def mine(settings: Settings) -> None:
    """See `run`; for those who have an event loop already."""
    keypair = load_hotkey(settings.wallet)
    network = network_keeper(settings, keypair)
    solver = load_solver(settings.miner.solver)
    client = settings.miner.llm_client
    models = Endpoint(client.base_url, client.model, client.key)
    ledger = Ledger.open(ledger_path(settings))
    try:
        axon = Axon(
            hotkey=Hotkey(keypair.ss58_address),
            admission=Admission(network.current, _volume_book(settings, ledger), settings.miner.min_stake),
            places=Places(settings.miner.max_in_flight),
            solve=partial(answer_in_time, solver, models=models),
            sink=fan_out(ledger.record, log_event),
            solver=settings.miner.solver,
            epoch_volume=settings.miner.epoch_volume,
            category=settings.miner.category,
            allow_unbound=settings.axon.allow_unbound,
            restored=ledger.nonces,
        )
        async with AxonServer(axon, host=settings.bind_host, port=settings.axon.port) as server:
            logger.info(
                "Mining as {} on {} port {}, solver {}. Stop with Ctrl-C or SIGTERM.",
                *(keypair.ss58_address, settings.bind_host, server.port, settings.miner.solver),
            )
            network.start()
            probing = asyncio.create_task(say_who_answers(models)) if asks_models(solver) else None
            await _told_to_stop()
            logger.info("Stopping: nothing new is taken, what is in flight is answered.")
            if probing is not None:
                probing.cancel()
    finally:
        await network.stop()
        await models.close()
        ledger.close()
        logger.info("Stopped.")


def _volume_book(settings: Settings, ledger: Ledger) -> VolumeBook:
    miner = settings.miner
    return VolumeBook(miner.epoch_volume, miner.min_stake, miner.limit_interval, restored=ledger.epochs)


async def say_who_answers(
    models: Endpoint, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Tell the operator whether there is a model, rather than at the first challenge.

    vLLM takes minutes to start, so it is looked for until it is there.
    """
    for tries in itertools.count():
        probe = await models.probe()
        if not probe.error:
            logger.info("The model: {}.", probe)
            return
        if tries == 0:
            logger.warning("No model yet: {}. Challenges are answered with what there is.", probe)
        await sleep(min(2.0**tries, 30.0))


async def _told_to_stop() -> None:
    """Returns at the first SIGTERM or SIGINT; a second one then ends the process at once."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
