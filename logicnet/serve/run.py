"""The composition root of `logicnet serve`: the miner's models and solver, behind `ChatApp`."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import uvicorn
import uvloop
from loguru import logger

from logicnet._util.leaving import leave_within
from logicnet._util.net import connect_url, is_loopback, require_free
from logicnet._util.stopping import StoppableServer
from logicnet.axon import ConcurrencyLimiter
from logicnet.config import endpoints
from logicnet.errors import LogicnetError, SettingsError
from logicnet.ledger import ledger_path
from logicnet.llm import Spending
from logicnet.miner import deployment
from logicnet.operate.telemetry.deployments import Deployments
from logicnet.serve.app import ChatApp
from logicnet.settings import ServeSettings, Settings
from logicnet.solver.reader import reading_workers
from logicnet.solver.sharing import SharedSolve
from logicnet.tuning.folders import Folders

CONNECTIONS = 512
"""At once: all that solve and wait, and some that are idle."""

_STOP_S = 5  # for requests that are being answered
_LEAVE_S = 5.0  # for threads of the event loop


def run(settings: Settings) -> int:
    """Serve until a signal. Returns the exit status. Raises LogicnetError if it cannot start."""
    host, port = settings.serve.host, settings.serve.port
    if settings.serve.key is None and not is_loopback(host):
        raise SettingsError(f"--serve.host {host}: others reach it, so callers need a key: set --serve.key")
    endpoints(settings.miner.llm_client)  # what is wrong with them is said before anything is opened
    require_free(host, port, "--serve")
    status = 130 if uvloop.run(_serve(settings)) == signal.SIGINT else 0
    leave_within(_LEAVE_S, status)
    return status


async def _serve(settings: Settings) -> int:
    """Returns the number of the signal that ended it."""
    where = connect_url(settings.serve.host, settings.serve.port)
    async with opened(settings) as app:
        server = StoppableServer(served(app, settings.serve))
        logger.info(
            "OpenAI's API at {}/v1, model {}: up to {:g} s a question. Stop with Ctrl-C or SIGTERM.",
            *(where, app.model, settings.serve.deadline),
        )
        try:
            await server.serve()
        except SystemExit:  # uvicorn's, if another program took the port meanwhile
            raise LogicnetError(f"cannot listen at {where}: set --serve.port") from None
    logger.info("Stopped.")
    return server.stopped_by


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[ChatApp]:
    """The application with the miner's models and solver, which end with the block."""
    ledger = ledger_path(settings)
    # A running miner writes sums of its own; in one file for both, each would lose what the other adds.
    spending = Spending(ledger.with_suffix(".serve-spending.json"))
    adapters = Folders.of(settings.tuning).adapters()
    key = settings.serve.key
    async with AsyncExitStack() as stack:
        workers = await stack.enter_async_context(reading_workers())
        build = partial(deployment, settings, spending, ledger=ledger, workers=workers)
        deployments = Deployments(await build(None), build, adapters.serving, workers)
        stack.push_async_callback(deployments.close)
        await deployments.follow()
        deployments.watch()
        keeping = asyncio.create_task(deployments.keep())
        stack.callback(keeping.cancel)
        yield ChatApp(
            SharedSolve(deployments.solve) if deployments.asks_models else deployments.solve,
            ConcurrencyLimiter(settings.miner.max_in_flight),
            model=f"logicnet-{settings.miner.solver}",
            deadline_s=settings.serve.deadline,
            key=None if key is None else key.get_secret_value(),
        )


def served(app: ChatApp, settings: ServeSettings) -> uvicorn.Config:
    """How uvicorn serves it."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=_STOP_S,
    )
