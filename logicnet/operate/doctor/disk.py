"""Disk: is there room for the ledger, the logs and the models, and may we write there?"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from logicnet.errors import LedgerError
from logicnet.ledger import LedgerReader, ledger_path
from logicnet.operate.doctor.finding import Finding, error, ok, warning
from logicnet.operate.doctor.site import Site

MB, GB = 10**6, 10**9
_LEAST = GB // 5  # less than a day of ledger at full volume; SQLite stops writing at 0
_ENOUGH = 2 * GB  # logs, and a week of ledger at full volume
_DAY_S = 86_400.0
_AHEAD_DAYS = 30  # how far a ledger is looked at that keeps everything

_WHY = (
    "On a full disk what was promised and given is forgotten at the next restart, and no model can be "
    "downloaded."
)


async def look(site: Site) -> Sequence[Finding]:
    return await asyncio.to_thread(findings, site)


def findings(site: Site) -> list[Finding]:
    ledger = ledger_path(site.settings).parent
    found: list[Finding] = []
    seen: set[int] = set()
    least: tuple[int, Path] | None = None
    for folder, what in ((ledger, "the ledger"), (site.folder, "logs")):
        there = _there(folder)
        if not os.access(there, os.W_OK | os.X_OK):
            found.append(
                error(
                    f"{what.capitalize()} cannot be written to {folder}: {there} is not ours to write.",
                    "The miner does not start without its ledger, pm2 not without its logs.",
                    f"Give {there} to the user that runs the miner, or choose another place "
                    "(--ledger.path, SN35_LOGS).",
                )
            )
            continue
        device = there.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = site.outside.free_bytes(there)
        least = min(least or (free, there), (free, there))
        if free < _ENOUGH:
            tell = error if free < _LEAST else warning
            found.append(
                tell(
                    f"{free / GB:.1f} GB are free for {what} ({there}).",
                    _WHY,
                    "Remove old logs (.run/logs, ~/.pm2/logs; `npx pm2 install pm2-logrotate` keeps them "
                    "small) and models that are not used (~/.cache/huggingface).",
                )
            )
    if not found:
        found.extend(_growth(site, site.outside.free_bytes(_there(ledger)), time.time()))
    if not found and least:
        found.append(ok(f"{least[0] / GB:.0f} GB of disk are free."))
    return found


def _growth(site: Site, free: int, now_s: float) -> Iterator[Finding]:
    """Whether what the ledger is to keep will fit, if the last day is like those to come."""
    try:
        with LedgerReader.open(ledger_path(site.settings)) as ledger:
            size, kept, today = ledger.size(), ledger.count(), ledger.count(now_s - _DAY_S)
    except LedgerError:  # which `demand` says
        return
    daily = size * today / max(kept, 1)
    days = site.settings.ledger.keep_days
    more = daily * days - size if days else daily * _AHEAD_DAYS
    if free - more >= _LEAST:
        return
    fits = int((size + free - _ENOUGH) / daily)
    yield warning(
        f"The ledger grows by {daily / MB:.0f} MB a day and keeps "
        + (f"{days} days, which takes {more / GB:.1f} GB more" if days else "all of it")
        + f"; {free / GB:.1f} GB are free.",
        _WHY,
        f"Keep less of it (--ledger.keep_days {fits}), or make room."
        if fits
        else "Put it on another disk (--ledger.path).",
    )


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    folder = folder.absolute()
    return next((place for place in (folder, *folder.parents) if place.is_dir()), folder)
