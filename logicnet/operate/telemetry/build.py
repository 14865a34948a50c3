"""The telemetry's part of the composition root."""

import asyncio
from contextlib import AbstractContextManager

from loguru import logger

from logicnet.errors import LedgerError
from logicnet.events import EpochCount
from logicnet.ledger import Ledger, LedgerReader
from logicnet.operate.telemetry.deployments import Deployments
from logicnet.operate.telemetry.link import MODEL, as_json
from logicnet.operate.telemetry.meter import MOST_VALIDATORS, Meter
from logicnet.operate.telemetry.metrics import CONTENT_TYPE, metrics
from logicnet.operate.telemetry.server import Action, Page, serving
from logicnet.operate.telemetry.state import View, address_file
from logicnet.protocol import Hotkey
from logicnet.settings import AdminSettings


def restored_meter(ledger: Ledger) -> Meter:
    """A meter that continues the epochs in the ledger."""
    try:
        with LedgerReader.open(ledger.path) as reader:
            rows = reader.newest("epochs", MOST_VALIDATORS)
    except LedgerError as error:  # the writer of the ledger has logged the cause
        logger.debug("{}", error)
        rows = []
    names = ("started_at_s", "promised", "given", "refused")
    return Meter(
        (EpochCount(Hotkey(row["validator"]), *(row[name] for name in names)), row["answered_in_time"])
        for row in reversed(rows)
    )


def telemetry_server(
    view: View, admin: AdminSettings, deployments: Deployments | None = None
) -> AbstractContextManager[int | None]:
    """The server of this miner's `/metrics`, `/state` and `/model`, and its port; see `serving`.

    `POST /model` has the miner read the table of adapters. With `deployments` call this in their event loop.
    """
    pages = {
        "/metrics": Page(CONTENT_TYPE, metrics(view)),
        "/state": Page("application/json", lambda: view.state().model_dump_json().encode()),
    }
    actions = {}
    if deployments is not None:
        pages[MODEL] = Page("application/json", lambda: as_json(deployments.now()))
        actions[MODEL] = _follow(deployments)
    address = address_file(view.ledger.path)
    return serving(pages, actions, host=admin.host, port=admin.port, address_file=address)


def _follow(deployments: Deployments) -> Action:
    """For the server's thread; the miner's loop does it."""
    loop = asyncio.get_running_loop()

    async def followed() -> bytes:
        return as_json(await deployments.follow())

    return lambda: asyncio.wrap_future(asyncio.run_coroutine_threadsafe(followed(), loop))
