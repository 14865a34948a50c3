"""Limits: may the miner open as many files as it has connections at once?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from logicnet.operate.doctor.finding import Finding, ok, unmade, warning
from logicnet.operate.doctor.pm2 import MINER, Pm2
from logicnet.operate.doctor.site import Site

_BESIDE = 512  # callers that wait, strangers, files and the chain
_EACH = 6  # of a challenge: its caller, and the calls of a solver that races several lines of attack


async def look(site: Site) -> Sequence[Finding]:
    return await asyncio.to_thread(findings, site)


def findings(site: Site) -> list[Finding]:
    pid = Pm2.of(site.outside).pid(MINER)
    limit = open_files(site.outside.root / "proc" / (str(pid) if pid else "self") / "limits")
    whose = "the miner" if pid else "this shell (the miner was not found)"
    if limit is None:
        return [unmade("Limit of open files not checked: this system has no /proc.", "See `ulimit -n`.")]
    wanted = _BESIDE + _EACH * site.settings.miner.max_in_flight
    if limit < wanted:
        return [
            warning(
                f"{whose.capitalize()} may have {limit} files open; {wanted} are wanted for "
                f"--miner.max_in_flight {site.settings.miner.max_in_flight}.",
                "At the limit new connections are dropped: challenges are lost when most of them come.",
                f"ulimit -n {max(wanted, 65_536)} before pm2 starts (or LimitNOFILE= in its systemd unit), "
                "then npx pm2 kill and start anew.",
            )
        ]
    return [ok(f"{whose.capitalize()} may have {limit:,} files open; {wanted} are wanted.")]


def open_files(limits: Path) -> int | None:
    """The soft limit, of a /proc/PID/limits. None if there is no such file."""
    try:
        found = re.search(r"^Max open files\s+(\d+|unlimited)", limits.read_text(), re.MULTILINE)
    except OSError:
        return None
    if found is None:
        return None
    return 2**20 if found[1] == "unlimited" else int(found[1])
