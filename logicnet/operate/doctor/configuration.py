"""Settings: what `logicnet mine` would refuse, and what it takes but will not earn with."""

from __future__ import annotations

from collections.abc import Sequence

from logicnet.config import check
from logicnet.errors import SettingsError
from logicnet.operate.doctor.finding import Finding, error, note, ok
from logicnet.operate.doctor.site import Site
from logicnet.scoring.reward import FULL_VOLUME


async def look(site: Site) -> Sequence[Finding]:
    return findings(site)


def findings(site: Site) -> list[Finding]:
    found: list[Finding] = []
    try:
        check(site.config)
    except SettingsError as complaint:
        found += [
            error(line, "The miner does not start with it.", "Set it right, then start the miner again.")
            for line in str(complaint).splitlines()
        ]
    settings = site.settings
    if settings.offline:
        found.append(
            note(
                "The miner works without a chain (--offline).",
                "Nothing is earned without the chain; this is for trying things.",
                "Take LOGICNET_OFFLINE and LOGICNET_CHAIN__FILE out of .env to mine for real.",
            )
        )
    if settings.miner.epoch_volume < FULL_VOLUME:
        found.append(
            note(
                f"{settings.miner.epoch_volume} challenges are promised per interval; "
                f"{FULL_VOLUME} earn the full volume factor.",
                "A smaller promise earns a smaller share of each reward. A promise that is not kept earns "
                "less still.",
                "`logicnet volume advise` measures how far --miner.epoch_volume can be raised.",
            )
        )
    return found or [ok("The settings are fit to mine with.")]
