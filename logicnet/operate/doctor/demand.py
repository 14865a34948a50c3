"""Demand: do validators still ask, do they ask what we answer, and are we in time? From the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from logicnet.errors import LedgerError, Reason
from logicnet.ledger import LedgerReader, Which, ledger_path
from logicnet.operate.doctor.finding import Finding, Severity, error, note, ok, unmade, warning
from logicnet.operate.doctor.site import Site

_SINCE_S = 86_400.0  # what was a day ago says little of today
_QUIET_S = 3 * 3600.0  # validators ask several times in an hour while they are at work
_LATEST = 200  # challenges; enough to tell 5 % late from chance
_LATE_SHARE = 0.05
_REFUSED_SHARE = 0.5
_MANY = 20  # requests in a day; strangers who look for open doors make a few


async def look(site: Site) -> Sequence[Finding]:
    return await asyncio.to_thread(_findings, site, time.time())


def _findings(site: Site, now_s: float) -> list[Finding]:
    path = ledger_path(site.settings)
    try:
        with LedgerReader.open(path) as ledger:
            latest = ledger.newest("challenges", _LATEST, Which(now_s - _SINCE_S))
            refused = {
                row["reason"]: int(row["count"]) for row in ledger.refusals_by_reason(Which(now_s - _SINCE_S))
            }
    except LedgerError as gone:
        if not path.exists():
            return [unmade("Not checked: there is no ledger yet.", "Mine for a while.", Severity.NOTE)]
        return [
            error(
                str(gone),
                "Quotas and used nonces are kept there; the miner does not start without.",
                "Move the file aside and start the miner: it begins a new one.",
            )
        ]
    found = [*_refusals(refused, len(latest))]
    if not latest:
        unknown = refused.get(Reason.UNKNOWN_SYNAPSE, 0)
        if unknown >= _MANY:
            return [
                *found,
                warning(
                    f"Nobody asked in a day what we answer, but {unknown} requests were for something else.",
                    "If they were validators', the subnet now asks what this version does not know.",
                    "Look for a new logicnet; its CHANGELOG says which questions it answers.",
                ),
            ]
        why = "Only what is asked is paid."
        mend = "See what is said of the network, the place and the validators; then wait an hour."
        if site.settings.offline:
            return [*found, note("Nobody asked anything in the last day, or since the ledger was begun.")]
        said = "Nobody asked anything in the last day, or since the ledger was begun."
        return [*found, warning(said, why, mend)]
    quiet_s = now_s - latest[0]["admitted_at_s"]
    late = sum(not row["in_time"] for row in latest if row["ended_at_s"] is not None)
    said = (
        f"The last challenge came {quiet_s / 60:.0f} minutes ago; {late} of the last {len(latest)} were late"
    )
    if late > _LATE_SHARE * len(latest):
        found.append(
            warning(
                f"{said}.",
                "A late answer earns nothing, a wrong one in time about 0.6.",
                "Promise less (--miner.epoch_volume), or see what is said of the models.",
            )
        )
    elif quiet_s > _QUIET_S:
        found.append(
            warning(
                f"{said}.",
                "Only what is asked is paid.",
                "See what is said of the network and the validators.",
            )
        )
    else:
        found.append(ok(f"{said}."))
    return found


def _refusals(refused: dict[str, int], answered: int) -> list[Finding]:
    unverified = refused.get(Reason.NOT_VERIFIED, 0)
    over = refused.get(Reason.OVER_QUOTA, 0)
    found = []
    if unverified > _REFUSED_SHARE * (answered + unverified) and unverified >= _MANY:
        found.append(
            warning(
                f"{unverified} requests of the last day carried no signature that we could believe.",
                "If they were validators', each was income.",
                "See what is said of the clock and the wallet: is it the hotkey that is registered?",
            )
        )
    if over > _REFUSED_SHARE * (answered + over) and over >= _MANY:
        found.append(
            note(
                f"{over} challenges of the last day were beyond the promised volume.",
                "Each could have been answered.",
                "Raise --miner.epoch_volume, if the model server keeps up.",
            )
        )
    return found
