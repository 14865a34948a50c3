"""The telemetry's part of the composition root."""

from contextlib import AbstractContextManager

from loguru import logger

from logicnet.errors import LedgerError
from logicnet.events import EpochCount
from logicnet.ledger import Ledger, LedgerReader
from logicnet.operate.telemetry.meter import MOST_VALIDATORS, Meter
from logicnet.operate.telemetry.metrics import CONTENT_TYPE, metrics
from logicnet.operate.telemetry.server import Page, serving
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


def telemetry_server(view: View, admin: AdminSettings) -> AbstractContextManager[int | None]:
    """The server of this miner's `/metrics` and `/state`, and its port; see `serving`."""
    pages = {
        "/metrics": Page(CONTENT_TYPE, metrics(view)),
        "/state": Page("application/json", lambda: view.state().model_dump_json().encode()),
    }
    address = address_file(view.ledger.path)
    return serving(pages, host=admin.host, port=admin.port, address_file=address)
