"""Boot: does everything come back by itself after the machine was started anew?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from logicnet.operate.doctor.finding import Finding, Severity, error, ok, unmade, warning
from logicnet.operate.doctor.pm2 import MINER, Pm2
from logicnet.operate.doctor.site import Site

_WHY = "After a restart of the machine nothing is mined until somebody notices."


async def look(site: Site) -> Sequence[Finding]:
    return await asyncio.to_thread(findings, site)


def findings(site: Site) -> list[Finding]:
    pm2 = Pm2.of(site.outside)
    if not pm2.home.is_dir():
        return [
            unmade(
                f"Not checked: pm2 has never run for this user ({pm2.home}).",
                "npx pm2 start ecosystem.config.js; or see that whatever runs the miner starts at boot.",
            )
        ]
    found: list[Finding] = []
    if not pm2.runs:
        found.append(
            error(
                "pm2 does not run.",
                "Nothing starts the miner again when it ends.",
                "npx pm2 start ecosystem.config.js",
            )
        )
    elif pm2.pid(MINER) is None:
        found.append(
            error(
                f"pm2 runs, but not its app {MINER}.",
                "No validator is answered.",
                f"npx pm2 logs {MINER} --nostream says why; then npx pm2 start ecosystem.config.js.",
            )
        )
    saved = pm2.saved()
    if saved is None or MINER not in saved:
        found.append(warning("What pm2 runs is not saved.", _WHY, "npx pm2 save"))
    unit = pm2.at_boot()
    if unit is None and pm2.has_systemd:
        found.append(
            warning(
                "pm2 does not start with the machine.",
                _WHY,
                "npx pm2 startup prints a command for root; run that, then npx pm2 save.",
            )
        )
    elif unit is None:
        found.append(
            Finding(
                Severity.NOTE,
                "Whether pm2 starts with the machine cannot be told: it has no systemd (a container?).",
                _WHY,
                "Put `npx pm2 resurrect`, run in this folder, into the start command that your provider asks "
                "for, and `npx pm2 save` now.",
                checked=False,
            )
        )
    return found or [ok(f"pm2 starts with the machine ({unit}) and brings the miner back.")]
