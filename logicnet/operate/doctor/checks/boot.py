"""Does the miner come back by itself after a restart of the machine?"""

from __future__ import annotations

from collections.abc import Iterator

from logicnet.operate.doctor.context import Context
from logicnet.operate.doctor.finding import Finding, error, not_checked, note, ok, warning
from logicnet.operate.doctor.pm2 import MINER, Pm2

_WHY = "After a restart of the machine nothing is mined until somebody starts the miner."
_START = "npx pm2 start ecosystem.config.js"


def check(context: Context) -> Iterator[Finding]:
    pm2 = Pm2.of(context.system)
    if not pm2.home.is_dir():
        yield not_checked(
            f"Not checked: pm2 has never run for this user ({pm2.home}).",
            f"{_START}; with another process manager, check that it starts the miner at boot.",
        )
        return
    found = [*_running(pm2), *_starting(pm2)]
    yield from found or [ok(f"pm2 starts with the machine ({pm2.at_boot()}) and starts the miner.")]


def _running(pm2: Pm2) -> Iterator[Finding]:
    if not pm2.runs:
        yield error("pm2 does not run.", "Nothing restarts the miner when it ends.", _START)
    elif pm2.pid(MINER) is None:
        yield error(
            f"pm2 runs, but not its app {MINER}.",
            "Challenges are not answered.",
            f"npx pm2 logs {MINER} --nostream shows the error; then {_START}.",
        )


def _starting(pm2: Pm2) -> Iterator[Finding]:
    if MINER not in (pm2.saved() or ()):
        yield warning(f"pm2 has not saved its app {MINER}.", _WHY, "npx pm2 save")
    if pm2.at_boot() is not None:
        return
    if pm2.has_systemd:
        yield warning(
            "pm2 does not start with the machine.",
            _WHY,
            "npx pm2 startup prints a command for root; run that, then npx pm2 save.",
        )
    else:
        yield note(
            "Not checked: without systemd (a container?) it is not known whether pm2 starts at boot.",
            _WHY,
            "Put `npx pm2 resurrect`, run in this folder, into the start command of the container, and run "
            "`npx pm2 save` now.",
            checked=False,
        )
