"""May the miner open as many files as it has connections at once?"""

from __future__ import annotations

from collections.abc import Iterator

from logicnet.operate.doctor.context import Context
from logicnet.operate.doctor.finding import Finding, not_checked, ok, warning
from logicnet.operate.doctor.pm2 import MINER, Pm2

_RESERVE = 512  # for waiting callers, strangers, files and the chain
_EACH = 6  # for a challenge: its caller, and the calls of its samplers


def check(context: Context) -> Iterator[Finding]:
    pid = Pm2.of(context.system).pid(MINER)
    limit = context.system.open_files(pid)
    if limit is None:
        yield not_checked("Not checked: the limit of open files cannot be read.", "See `ulimit -n`.")
        return
    in_flight = context.settings.miner.max_in_flight
    needed = _RESERVE + _EACH * in_flight
    what = "The miner" if pid else "This shell (the miner was not found)"
    if limit >= needed:
        yield ok(f"{what} may have {limit:,} files open; {needed} are needed.")
        return
    yield warning(
        f"{what} may have {limit} files open; --miner.max_in_flight {in_flight} needs {needed}.",
        "At the limit new connections are dropped: challenges are lost under load.",
        f"ulimit -n {max(needed, 65_536)} before pm2 starts (or LimitNOFILE= in its systemd unit), then npx "
        "pm2 kill and start again.",
    )
