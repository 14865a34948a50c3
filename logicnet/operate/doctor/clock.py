"""Clock: is this machine's time right? Signatures carry times, and deadlines begin at them.

Time servers tell it to milliseconds. Where UDP port 123 is shut, the block's time tells a gross error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from logicnet.axon.nonces import FUTURE_S
from logicnet.axon.timeouts import SLOWEST_TRANSIT_S
from logicnet.chain import Survey
from logicnet.errors import ChainError
from logicnet.operate.doctor.finding import Finding, Severity, error, ok, unmade, warning
from logicnet.operate.doctor.site import Site
from logicnet.operate.doctor.sntp import Drift, drift

_WORTH_MENDING_S = 0.5
"""A machine that keeps its time is right to a tenth of a second; more grows to a refusal some day."""

_OLDEST_HEAD_BLOCKS = 10
"""A head of the chain that is older by our clock: then the clock is ahead, or the node stands still."""

_MEND = "Switch time keeping on: sudo timedatectl set-ntp true (or install chrony); `timedatectl` shows it."


async def look(site: Site) -> Sequence[Finding]:
    servers, survey = await asyncio.gather(
        drift(site.outside.time_servers, site.outside.patience.time_s), _survey(site)
    )
    if servers is not None:
        return [_by_servers(servers)]
    if survey is not None:
        return [_by_chain(survey)]
    return [
        unmade(
            "Not checked: no time server answers (UDP port 123), and no block tells the time.",
            "Let UDP port 123 out, or compare `date -u` with a clock that is right.",
        )
    ]


async def _survey(site: Site) -> Survey | None:
    if site.settings.offline:
        return None
    try:
        return await site.survey()
    except ChainError:
        return None


def _by_servers(found: Drift) -> Finding:
    off_s, behind = found.certain_s, found.ahead_s < 0
    servers = f"{found.replies} time server{'s' if found.replies > 1 else ''}"
    said = f"The clock is {off_s:.1f} s {'behind' if behind else 'ahead'} ({servers})."
    if behind and off_s > FUTURE_S:
        return error(said, "Every signed request seems to come from the future and is refused.", _MEND)
    if off_s > SLOWEST_TRANSIT_S:
        return error(
            said,
            f"Requests seem to have taken {off_s:.0f} s to arrive: they get less time, or are refused "
            "as too old.",
            _MEND,
        )
    if off_s > _WORTH_MENDING_S:
        return warning(
            said, f"Beyond {FUTURE_S:g} s behind every request is refused; ahead, each gets less time.", _MEND
        )
    at_most_s = abs(found.ahead_s) + found.unsure_s
    return ok(f"The clock is right to {max(at_most_s, 0.01):.2f} s ({servers}).")


def _by_chain(survey: Survey) -> Finding:
    age_s = survey.read_at_s - survey.block_at_s
    if age_s < -FUTURE_S:
        return error(
            f"The clock is {-age_s:.0f} s or more behind: block {survey.block} comes from its future.",
            "Every signed request seems to come from the future and is refused.",
            _MEND,
        )
    if age_s > _OLDEST_HEAD_BLOCKS * survey.block_s:
        return error(
            f"The newest block is {age_s:.0f} s old: the clock is ahead by that, or the node stands still.",
            "Requests seem to have taken long to arrive and are refused as too old.",
            f"Compare `date -u` with a clock that is right. {_MEND}",
        )
    return Finding(
        Severity.NOTE,
        "No time server answers (UDP port 123). By the newest block the clock is right to about "
        f"{2 * survey.block_s:.0f} s; closer was not checked.",
        "A clock that is 2 s behind refuses every request.",
        "Let UDP port 123 out, or see `timedatectl`.",
        checked=False,
    )
