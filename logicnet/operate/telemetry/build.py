"""The admin's part of the composition root."""

from __future__ import annotations

import time
from collections.abc import Iterator

from loguru import logger

from logicnet.axon import ConcurrencyLimiter
from logicnet.chain import NetworkKeeper
from logicnet.errors import LedgerError
from logicnet.events import EpochCount
from logicnet.ledger import Ledger, LedgerReader
from logicnet.llm import Models
from logicnet.operate.telemetry.meter import MOST_VALIDATORS, Meter, Volume
from logicnet.operate.telemetry.metrics import CONTENT_TYPE, Metrics
from logicnet.operate.telemetry.server import AdminServer, Page
from logicnet.operate.telemetry.state import View, address_file
from logicnet.protocol import Hotkey
from logicnet.settings import Settings


def meter_of(ledger: Ledger) -> Meter:
    """A meter that knows the epochs of before this start."""
    return Meter(_restored(ledger))


def watched(
    settings: Settings,
    hotkey: Hotkey,
    meter: Meter,
    *,
    ledger: Ledger,
    models: Models,
    network: NetworkKeeper,
    places: ConcurrencyLimiter,
) -> AdminServer:
    """What serves `/metrics` and `/state` of this miner; not yet begun."""
    miner = settings.miner
    view = View(
        hotkey=hotkey,
        solver=miner.solver,
        interval_s=miner.limit_interval,
        epoch_volume=miner.epoch_volume,
        most_in_flight=miner.max_in_flight,
        meter=meter,
        ledger=ledger,
        models=models,
        network=network,
        places=places,
        started_at_s=time.time(),
    )
    pages = {
        "/metrics": Page(CONTENT_TYPE, Metrics(view).page),
        "/state": Page("application/json", lambda: view.state().model_dump_json().encode()),
    }
    return AdminServer(
        pages, host=settings.admin.host, port=settings.admin.port, told_in=address_file(ledger.path)
    )


def _restored(ledger: Ledger) -> Iterator[Volume]:
    try:
        with LedgerReader.open(ledger.path) as reader:
            rows = reader.newest("epochs", MOST_VALIDATORS)
    except LedgerError as error:  # the miner writes it, and has said what is wrong
        logger.debug("{}", error)
        return
    for row in reversed(rows):
        count = EpochCount(
            Hotkey(row["validator"]), row["started_at_s"], row["promised"], row["given"], row["refused"]
        )
        yield Volume(count, row["answered_in_time"])
