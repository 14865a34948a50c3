"""Disk: is there room for the ledger, the logs and the models, and may we write there?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from logicnet.doctor.finding import Finding, error, ok, warning
from logicnet.doctor.site import Site
from logicnet.ledger import ledger_path

GB = 10**9
_LEAST = GB // 5  # the ledger of some days; SQLite stops writing at 0
_ENOUGH = 2 * GB  # months of ledger and logs


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
                    f"{free / GB:.1f} GB are free where {what} go ({there}).",
                    "On a full disk what was promised and given is forgotten at the next restart, and no "
                    "model can be downloaded.",
                    "Remove old logs (.run/logs, ~/.pm2/logs; `npx pm2 install pm2-logrotate` keeps them "
                    "small) and models that are not used (~/.cache/huggingface).",
                )
            )
    if not found and least:
        found.append(ok(f"{least[0] / GB:.0f} GB of disk are free."))
    return found


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    folder = folder.absolute()
    return next((place for place in (folder, *folder.parents) if place.is_dir()), folder)
