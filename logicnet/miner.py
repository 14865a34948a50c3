"""The composition root: builds a miner from its settings, runs it, and shuts it down in reverse order."""

import asyncio
import itertools
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import uvloop
from loguru import logger

from logicnet._util.backoff import Backoff
from logicnet._util.leaving import leave_within
from logicnet.axon import Admission, Axon, AxonServer, ConcurrencyLimiter
from logicnet.chain import load_hotkey, metagraph_refresher
from logicnet.chain.registration import placed
from logicnet.config import endpoints
from logicnet.errors import SettingsError
from logicnet.events import Sink, fan_out
from logicnet.ledger import Ledger, LedgerReader, ledger_path
from logicnet.llm import Endpoint, Models, Pool, Spec, Spending
from logicnet.llm.endpoint import unheard
from logicnet.logs import log_event
from logicnet.maths.worker import Bounded
from logicnet.operate.adapters import served, swapper, watch_adapter
from logicnet.operate.telemetry.build import restored_meter, telemetry_server
from logicnet.operate.telemetry.deployments import Deployment, Deployments
from logicnet.operate.telemetry.monitored import MonitoredEndpoint, monitored
from logicnet.operate.telemetry.state import View
from logicnet.protocol import Hotkey
from logicnet.scoring.wires import load_wire, wire_prices
from logicnet.settings import Settings
from logicnet.solver import Setup, Solver, asks_models, free, load_solver, on_shift
from logicnet.solver.race.trust import SamplerRecord
from logicnet.solver.reader import reading_workers
from logicnet.solver.shadow import Shadow
from logicnet.solver.sharing import SharedSolve
from logicnet.tuning.folders import Folders
from logicnet.tuning.improve.adapters import Adapter
from logicnet.volume.overload import OverloadMonitor
from logicnet.volume.quota import VolumeBook

_FIRST_METAGRAPH_S = 10.0
"""Callers before the first metagraph would be refused, so the port opens after it, or at the latest then."""

_LEAVE_S = 5.0
"""For threads of the event loop, once all that matters is closed."""

_FLUSH_S = 2.0
"""For a nonce to be written; a batch takes milliseconds."""


def run(settings: Settings) -> int:
    """Mine until a signal. Returns the exit status. Raises LogicnetError if the miner cannot start."""
    leaving: list[threading.Timer] = []

    async def to_the_end() -> int:
        status = 130 if await mine(settings) == signal.SIGINT else 0
        # A resolver that hangs keeps the loop from closing.
        leaving.append(leave_within(_LEAVE_S, status))
        return status

    status = uvloop.run(to_the_end())
    leaving[0].cancel()
    return status


async def mine(settings: Settings) -> int:
    """`run` inside an event loop. Returns the number of the signal that ended it."""
    subnet = load_wire(settings.miner.wire)
    keypair = load_hotkey(settings.wallet)
    network = metagraph_refresher(settings, keypair)
    endpoints(settings.miner.llm_client)  # what is wrong with them is said before anything is opened
    adapters = Folders.of(settings.tuning).adapters()
    ledger = Ledger.open(ledger_path(settings), settings.ledger.keep_days)
    stack = AsyncExitStack()  # of solvers
    try:
        workers = await stack.enter_async_context(reading_workers())
        build = partial(deployment, settings, _spending(settings), ledger=ledger.path, workers=workers)
        deployments = Deployments(await build(None), build, adapters.serving, workers)
        stack.push_async_callback(deployments.close)
        await deployments.follow()
        meter = restored_meter(ledger)
        limiter = ConcurrencyLimiter(settings.miner.max_in_flight)
        overload = OverloadMonitor(settings.miner.epoch_volume, settings.miner.limit_interval, logger.warning)
        record = fan_out(ledger.record, meter, log_event, overload)
        shadow = await _shadow(stack, settings, deployments, record, ledger=ledger.path, workers=workers)
        me = Hotkey(keypair.ss58_address)
        axon = Axon(
            hotkey=me,
            admission=Admission(
                network.current,
                _volume_book(settings, ledger),
                settings.miner.min_stake,
                over_quota=settings.miner.over_quota == "answer",
            ),
            limiter=limiter,
            solve=SharedSolve(deployments.solve) if deployments.asks_models else deployments.solve,
            sink=fan_out(record, shadow) if shadow else record,
            solver=settings.miner.solver,
            epoch_volume=settings.miner.epoch_volume,
            category=settings.miner.category,
            subnet=subnet,
            allow_unbound=settings.axon.allow_unbound,
            allow_counters=settings.axon.allow_counters,
            flush=partial(ledger.flush, _FLUSH_S),
            restored=ledger.nonces,
        )
        network.start(lambda graph: record(placed(graph, me)))
        stopped = _stop_signal()  # before anyone reads that we mine, and stops us
        await _first_of(network.tried.wait(), stopped, within_s=_FIRST_METAGRAPH_S)
        async with AxonServer(axon, host=settings.bind_host, port=settings.axon.port) as server:
            logger.info(
                "Mining as {} on {} port {}, solver {}. Stop with Ctrl-C or SIGTERM.",
                *(me, settings.bind_host, server.port, settings.miner.solver),
            )
            view = View(settings.miner, me, meter, ledger, deployments, network, limiter)
            stack.enter_context(telemetry_server(view, settings.admin, deployments))
            network.publish()
            deployments.watch()
            keeping = [
                asyncio.create_task(one)
                for one in (deployments.keep(), watch_adapter(swapper(settings), ledger.path))
            ]
            stopped_by = await stopped
            logger.info("Stopping: no new requests; challenges in flight are answered.")
            for task in keeping:
                task.cancel()
            deployments.stop_watching()
            if shadow is not None:
                shadow.close()
            return stopped_by
    finally:
        await stack.aclose()
        await network.stop()
        ledger.close()
        logger.info("Stopped.")


def _spending(settings: Settings) -> Spending:
    """Of all deployments together."""
    return Spending(ledger_path(settings).with_suffix(".spending.json"))


def _models(
    settings: Settings, spending: Spending | None = None, adapter: Adapter | None = None
) -> Endpoint | Pool:
    """One endpoint, or a pool of several; with the name of `adapter` where that is served."""
    specs = served(endpoints(settings.miner.llm_client), adapter)
    if specs == [plain := Spec(specs[0].url, specs[0].model, specs[0].key)]:
        return Endpoint(plain.url, plain.model, plain.key)
    return Pool(specs, spending or _spending(settings))


async def deployment(
    settings: Settings, spending: Spending, adapter: Adapter | None, *, ledger: Path, workers: Bounded
) -> Deployment:
    """The models of an adapter, or those of the settings; and the solver, which has its profile."""
    specs = endpoints(settings.miner.llm_client)
    if adapter is not None and served(specs, adapter) == specs:
        raise SettingsError(
            f"--miner.llm_client.base_url names no server of {adapter.name}: `logicnet tune swap` again, or "
            "`logicnet tune rollback`"
        )
    models = _models(settings, spending, adapter)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(models.close)
        solver = await _started_solver(
            stack,
            settings,
            settings.miner.solver,
            "--miner.solver",
            models=models,
            ledger=ledger,
            workers=workers,
            adapter=adapter,
        )
        seen = monitored(models)
        watch = partial(watch_models, seen) if asks_models(solver) else None
        return Deployment(adapter.name if adapter else "", solver, seen, stack.pop_all(), watch)


async def _started_solver(
    stack: AsyncExitStack,
    settings: Settings,
    name: str,
    flag: str,
    *,
    models: Models,
    ledger: Path,
    workers: Bounded,
    adapter: Adapter | None = None,
) -> Solver:
    """The solver `name`, built with the ledger's lessons, and entered on `stack`."""
    model = adapter.name if adapter is not None else settings.miner.llm_client.model
    profiles = adapter.profile if adapter is not None else None
    setup = Setup(
        _earned(ledger, name, model),
        profiles or settings.miner.profiles,
        model,
        _costs(models),
        workers,
        wire_prices(load_wire(settings.miner.wire)),
    )
    solver = load_solver(name, setup, flag=flag)
    await stack.enter_async_context(on_shift(solver, name))
    return solver


def _earned(ledger: Path, solver: str, model: str | None) -> tuple[SamplerRecord, ...]:
    """None without a ledger: `logicnet serve` makes none."""
    if not ledger.exists():
        return ()
    with LedgerReader.open(ledger) as reader:
        return tuple(SamplerRecord(*record) for record in reader.sampler_records(solver, model))


async def _shadow(
    stack: AsyncExitStack, settings: Settings, models: Models, sink: Sink, *, ledger: Path, workers: Bounded
) -> Shadow | None:
    """The solver of --miner.shadow."""
    name, share = settings.miner.shadow, settings.miner.shadow_share
    if name is None:
        return None
    solver = await _started_solver(
        stack, settings, name, "--miner.shadow", models=models, ledger=ledger, workers=workers
    )
    logger.info(
        "The shadow solver {} is tried on {:.3g} % of the challenges, in idle moments.", name, 100 * share
    )
    return Shadow(solver, models, sink, name=name, share=share, costs=_costs(models), workers=workers)


def _costs(models: Models) -> Callable[[], bool]:
    """Tells whether model calls cost money now."""
    return models.costs if isinstance(models, Pool | Deployments) else free


def _volume_book(settings: Settings, ledger: Ledger) -> VolumeBook:
    miner = settings.miner
    return VolumeBook(miner.epoch_volume, miner.min_stake, miner.limit_interval, restored=ledger.epochs)


async def watch_models(
    models: MonitoredEndpoint | Pool, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Probe the model until it answers (vLLM takes minutes to start), report it, then watch it.

    A pool does this itself.
    """
    if isinstance(models, Pool):
        models.start()
        return
    backoff = Backoff(1.0, 30.0)
    for tries in itertools.count():
        with unheard():  # its warnings would repeat the line below
            probe = await models.probe()
        if not probe.error:
            break
        if tries == 0:
            logger.warning("No model yet: {}. Until then challenges are answered without it.", probe)
        await sleep(backoff.next_s())
    logger.info("The model: {}.", probe)
    await models.watch(sleep)


async def _first_of(one: Coroutine[None, None, object], other: asyncio.Future[int], within_s: float) -> None:
    """Wait until one of them is done; `other` goes on."""
    task = asyncio.create_task(one)
    await asyncio.wait((task, other), timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()


def _stop_signal() -> asyncio.Future[int]:
    """The first SIGTERM, SIGINT or SIGHUP from now on; a second one then ends the process at once."""
    loop = asyncio.get_running_loop()
    first: asyncio.Future[int] = loop.create_future()
    signals = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored under nohup
        signals.append(signal.SIGHUP)

    def on_signal(number: int) -> None:
        for one in signals:
            loop.remove_signal_handler(one)
        first.set_result(number)

    for number in signals:
        loop.add_signal_handler(number, on_signal, number)
    return first
