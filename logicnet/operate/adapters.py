"""Adapters of a miner: who serves them, the swap of the settings, and the watch over the first hour."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from loguru import logger

from logicnet.config import endpoints
from logicnet.errors import LogicnetError
from logicnet.ledger import LedgerReader, Which, ledger_path
from logicnet.llm import Spec
from logicnet.operate.telemetry.link import RunningMiner
from logicnet.settings import Settings
from logicnet.tuning.folders import Folders
from logicnet.tuning.improve.adapters import Adapter
from logicnet.tuning.improve.hour import HOUR_S, service, worse
from logicnet.tuning.improve.probe import Unlike
from logicnet.tuning.improve.server import LoraServer
from logicnet.tuning.improve.swap import Swapper, SwapUnderWay

LOOK_S = 30.0
"""Between two looks at the servers and the ledger: the time that a loss of the adapter may cost."""


def served(specs: Sequence[Spec], adapter: Adapter | None) -> list[Spec]:
    """The model servers, asked for `adapter` where they have it. Those that cost money keep their model.

    A merged model is asked in place of its base, at its own address.
    """
    if adapter is None:
        return list(specs)
    urls = [url.rstrip("/") for url in adapter.servers]
    found: dict[str, Spec] = {}
    for spec in specs:
        ours = spec.limit is None and spec.model in (None, adapter.base)
        if ours and adapter.form == "merged":
            new = [replace(spec, url=url, model=adapter.name) for url in adapter.servers]
        elif ours and spec.url.rstrip("/") in urls:
            new = [replace(spec, model=adapter.name)]
        else:
            new = [spec]
        found |= {f"{one.url} {one.model}": one for one in new}
    return list(found.values())


def swapper(
    settings: Settings, say: Callable[[str], None] = logger.info, more: Sequence[str] = ()
) -> Swapper:
    """The swap on the model servers of `settings`, those that cost money aside, and on `more` base URLs.

    Raises SettingsError.
    """
    servers = {
        spec.url.rstrip("/"): LoraServer(spec.url, spec.key.get_secret_value() if spec.key else None)
        for spec in endpoints(settings.miner.llm_client)
        if spec.limit is None and not spec.ray
    }
    servers |= {url.rstrip("/"): LoraServer(url) for url in more}
    store = Folders.of(settings.tuning).adapters()
    return Swapper(store, list(servers.values()), RunningMiner(ledger_path(settings)), say)


async def watch_adapter(swap: Swapper, ledger: Path) -> None:
    """Until cancelled: load what serves again where a restart lost it; roll it back if its hour is worse."""
    said = ""
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            await asyncio.to_thread(look, swap, ledger, time.time())
            said = ""
        except SwapUnderWay:
            continue
        except LogicnetError as error:
            if str(error) != said:
                logger.warning("The adapter is not looked after now: {}", said := str(error))


def look(swap: Swapper, ledger: Path, now_s: float) -> None:
    """One look at what serves, at unix time `now_s`. Raises LogicnetError."""
    adapter = swap.store.serving()
    if adapter is None or adapter.served_s is None:
        return
    try:
        if swap.restore():
            logger.info("{} is loaded again: its server had lost it.", adapter.name)
    except Unlike as error:
        _roll_back(swap, f"after a restart of its server {error}", adapter)
        return
    if adapter.kept_s is not None:
        return
    if (why := judged(ledger, adapter.served_s, now_s)) is not None:
        _roll_back(swap, why, adapter)
    elif now_s >= adapter.served_s + HOUR_S:
        swap.store.keep(adapter.name, now_s)
        logger.info("{} has served for an hour, no worse than before.", adapter.name)


def judged(ledger: Path, served_s: float, now_s: float) -> str | None:
    """Why the time since `served_s` is worse than the hour before, by the ledger; None if it is not."""
    with LedgerReader.open(ledger) as reader:
        rows = reader.watched(served_s - HOUR_S, most=1)
        refusals = list(reader.rows("refusals", Which(served_s - HOUR_S)))
    end_s = min(now_s, served_s + HOUR_S)
    before = service(
        (row for row in rows if row["admitted_at_s"] < served_s),
        (row for row in refusals if row["minute_s"] < served_s - 60.0),
    )
    after = service(
        (row for row in rows if served_s <= row["admitted_at_s"] <= end_s),
        (row for row in refusals if served_s <= row["minute_s"] <= end_s),
    )
    return worse(before, after)


def _roll_back(swap: Swapper, reason: str, adapter: Adapter) -> None:
    logger.warning("{} is rolled back: {}.", adapter.name, reason)
    swap.roll_back(reason, adapter.name)
