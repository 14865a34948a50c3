"""Is this machine's clock right? Signatures carry times, and deadlines begin at them.

Time servers tell it to milliseconds. Where UDP port 123 is closed, the time of the newest block shows a
large error.
"""

import asyncio

from logicnet.axon.nonces import FUTURE_S
from logicnet.axon.wire import SLOWEST_TRANSIT_S
from logicnet.chain import SubnetSnapshot
from logicnet.errors import ChainError
from logicnet.operate.doctor.context import Context, Finding, error, not_checked, note, ok, warning
from logicnet.operate.doctor.sntp import Drift, drift

_TOLERATED_S = 0.5
"""A synchronised clock is right to a tenth of a second; a larger drift grows until requests are refused."""

_OLDEST_BLOCK = 10
"""In block times. If the newest block is older by our clock, the clock is ahead or the node has stopped."""

_MEND = "Turn clock synchronisation on: sudo timedatectl set-ntp true (or install chrony). Check: timedatectl"
_FROM_THE_FUTURE = "Every signed request seems to come from the future and is refused."


async def check(context: Context) -> Finding:
    servers, snapshot = await asyncio.gather(
        drift(context.system.time_servers, context.system.timeouts.time_s), _snapshot(context)
    )
    if servers is not None:
        return _by_servers(servers)
    if snapshot is not None:
        return _by_chain(snapshot)
    return not_checked(
        "Not checked: no time server replies (UDP port 123), and the chain cannot be read.",
        "Open UDP port 123 for outgoing packets, or compare `date -u` with a correct clock.",
    )


async def _snapshot(context: Context) -> SubnetSnapshot | None:
    try:
        return await context.snapshot()
    except ChainError:
        return None


def _by_servers(found: Drift) -> Finding:
    off_s, behind = found.certain_s, found.ahead_s < 0
    servers = f"{found.replies} time server{'s' if found.replies > 1 else ''}"
    what = f"The clock is {off_s:.1f} s {'behind' if behind else 'ahead'} ({servers})."
    if behind and off_s > FUTURE_S:
        return error(what, _FROM_THE_FUTURE, _MEND)
    if off_s > SLOWEST_TRANSIT_S:
        why = f"Requests seem to be {off_s:.0f} s old on arrival: they get less time, or are refused."
        return error(what, why, _MEND)
    if off_s > _TOLERATED_S:
        why = f"More than {FUTURE_S:g} s behind, every request is refused; ahead, each gets less time."
        return warning(what, why, _MEND)
    at_most_s = abs(found.ahead_s) + found.unsure_s
    return ok(f"The clock is right to {max(at_most_s, 0.01):.2f} s ({servers}).")


def _by_chain(snapshot: SubnetSnapshot) -> Finding:
    age_s = snapshot.read_at_s - snapshot.block_at_s
    if age_s < -FUTURE_S:
        what = f"The clock is {-age_s:.0f} s or more behind: block {snapshot.block} comes from its future."
        return error(what, _FROM_THE_FUTURE, _MEND)
    if age_s > _OLDEST_BLOCK * snapshot.block_s:
        return error(
            f"The newest block is {age_s:.0f} s old: the clock is ahead by that, or the node has stopped.",
            "If it is the clock, requests seem too old on arrival and are refused.",
            f"Compare `date -u` with a correct clock. {_MEND}",
        )
    return note(
        "No time server replies (UDP port 123). By the newest block the clock is right to about "
        f"{2 * snapshot.block_s:.0f} s; closer was not checked.",
        f"A clock that is {FUTURE_S:g} s behind refuses every request.",
        "Open UDP port 123 for outgoing packets, or see `timedatectl`.",
        checked=False,
    )
