"""The composition root of `logicnet tune serve`: queue, workers, HTTP, all ended in reverse order."""

import asyncio
import importlib.util
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial

import uvicorn
from loguru import logger

from logicnet._util.leaving import leave_within
from logicnet._util.net import is_loopback, require_free
from logicnet._util.stopping import StoppableServer
from logicnet.errors import LogicnetError, SettingsError, TuningError
from logicnet.settings import Settings
from logicnet.tuning.callers import Callers, Loopback, TokenHolders
from logicnet.tuning.control import ControlRoom
from logicnet.tuning.workshop import Workshop

_FLUSH_S = 2.0  # for a nonce to be written
_STOP_S = 5  # for requests that are being answered
_LEAVE_S = 5.0  # for downloads and evaluations, once all trainers have saved


Beside = Callable[[asyncio.Event], Coroutine[None, None, None]]
"""What goes on beside the service, until the event is set."""


def run(settings: Settings, beside: Beside | None = None) -> int:
    """Serve until a signal. Returns the exit status. Raises LogicnetError if it cannot start."""
    if importlib.util.find_spec("fastapi") is None:
        raise SettingsError("FastAPI is not installed: pip install 'logicnet[tuning]'")
    return _status(asyncio.run(_serve(settings, beside)))


async def _serve(settings: Settings, beside: Beside | None) -> int:
    from logicnet.tuning.service import service  # noqa: PLC0415 (FastAPI)

    shop = Workshop.of(settings)
    require_free(settings.tuning.host, settings.tuning.port, "--tuning")
    room = ControlRoom(shop.folders.store(), shop, settings.tuning)
    stop = asyncio.Event()
    async with _callers(settings) as callers:
        config = uvicorn.Config(
            service(room, callers),
            host=settings.tuning.host,
            port=settings.tuning.port,
            log_level="error",
            server_header=False,
            timeout_graceful_shutdown=_STOP_S,
            limit_concurrency=200,
            h11_max_incomplete_event_size=65_536,
        )
        server = StoppableServer(config)
        working = asyncio.create_task(shop.worker(room.store).run(stop, settings.tuning.concurrent_jobs))
        more = None if beside is None else asyncio.create_task(beside(stop))
        try:
            logger.info(
                "Training service on {} port {}: {} jobs at once, {} may wait. Stop with Ctrl-C or SIGTERM.",
                *(settings.tuning.host, settings.tuning.port),
                *(settings.tuning.concurrent_jobs, settings.tuning.queue_size),
            )
            await server.serve()
        except SystemExit:
            raise TuningError(
                f"cannot listen on {settings.tuning.host} port {settings.tuning.port}: set --tuning.port"
            ) from None
        finally:
            logger.info("Stopping: trainers save, and their jobs go on at the next start.")
            stop.set()
            if more is not None:
                await more  # first: trainers that stand still hear no SIGTERM
            await working
            room.close()
            logger.info("Stopped.")
    leave_within(_LEAVE_S, _status(server.stopped_by))
    return server.stopped_by


def _status(stopped_by: int) -> int:
    return 130 if stopped_by == signal.SIGINT else 0


@asynccontextmanager
async def _callers(settings: Settings) -> AsyncIterator[Callers]:
    """Who may call: by token if one is set; else this machine if bound to the loopback; else validators."""
    tuning = settings.tuning
    if tuning.token is not None:
        yield TokenHolders(tuning.token.get_secret_value())
        return
    if is_loopback(tuning.host):
        yield Loopback()
        return
    from logicnet.axon.admission import Admission  # noqa: PLC0415 (bittensor)
    from logicnet.axon.btauth import BtauthWire  # noqa: PLC0415
    from logicnet.axon.nonces import NonceStore  # noqa: PLC0415
    from logicnet.chain import load_hotkey, metagraph_refresher  # noqa: PLC0415
    from logicnet.ledger import Ledger  # noqa: PLC0415
    from logicnet.protocol import Hotkey  # noqa: PLC0415
    from logicnet.tuning.callers import Validators  # noqa: PLC0415
    from logicnet.volume.quota import VolumeBook  # noqa: PLC0415

    try:
        keypair = load_hotkey(settings.wallet)
    except LogicnetError as error:
        raise SettingsError(
            f"--tuning.host {tuning.host}: callers sign for this miner's hotkey, and {error} "
            "Or set --tuning.token."
        ) from None
    network = metagraph_refresher(settings, keypair)
    ledger = Ledger.open(settings.tuning.folder.expanduser() / "callers.sqlite", settings.ledger.keep_days)
    try:
        miner = settings.miner
        book = VolumeBook(miner.epoch_volume, miner.min_stake, miner.limit_interval)
        nonces = NonceStore("btauth", sink=ledger.record, restored=ledger.nonces)
        wire = BtauthWire(Hotkey(keypair.ss58_address), nonces)
        network.start(lambda _: None)
        admission = Admission(network.current, book, miner.min_stake)
        yield Validators(wire, admission, partial(ledger.flush, _FLUSH_S))
    finally:
        await network.stop()
        ledger.close()
