"""Which apps pm2 runs and would start again, from its files.

The `pm2` command is not used: it starts a daemon where none runs, and the doctor only reads.
"""

import getpass
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from logicnet.config.started import StartedVllm, env_file_values, miner_app, started_vllm
from logicnet.operate.doctor.context import Context, System
from logicnet.operate.telemetry.state import State

VLLM = "sn35-vllm"

_UNITS = (
    "etc/systemd/system/*.wants/pm2-*.service",
    "etc/rc*.d/S*pm2*",  # System V, OpenRC's links are below
    "etc/runlevels/*/pm2*",
    "usr/local/etc/rc.d/pm2*",
)
"""The files that `pm2 startup` creates below the root (pm2 7, lib/API/Startup.js)."""


@dataclass(frozen=True, slots=True)
class Pm2:
    """The pm2 of one user, at `home` (PM2_HOME)."""

    home: Path
    system: System

    @classmethod
    def of(cls, system: System) -> Self:
        return cls(Path(system.environ.get("PM2_HOME") or system.home / ".pm2"), system)

    @property
    def runs(self) -> bool:
        return self._alive(self.home / "pm2.pid") is not None

    def pid(self, name: str) -> int | None:
        """The process of a running app."""
        files = sorted((self.home / "pids").glob(f"{name}-*.pid"))
        # sn35-miner-KEY-0 is an app of another name than sn35-miner-0
        ours = (file for file in files if file.stem.removeprefix(f"{name}-").isdecimal())
        found = (self._alive(file) for file in ours)
        return next((pid for pid in found if pid), None)

    def app_with(self, pid: int) -> str | None:
        """The app whose process is `pid`, or has started it."""
        for file in sorted((self.home / "pids").glob("*-*.pid")):
            name, _, number = file.stem.rpartition("-")
            own = self._alive(file) if number.isdecimal() else None
            if own is not None and (own == pid or pid in self.system.children(own)):
                return name
        return None

    def saved(self) -> set[str] | None:
        """The apps that `pm2 resurrect` starts; None if none were saved, or the file cannot be read."""
        try:
            apps = json.loads((self.home / "dump.pm2").read_text())
            return {str(app["name"]) for app in apps}
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def at_boot(self) -> Path | None:
        """The file that starts this user's pm2 with the machine."""
        units = [path for pattern in _UNITS for path in sorted(self.system.root.glob(pattern))]
        units += sorted((self.system.home / "Library" / "LaunchAgents").glob("pm2.*.plist"))
        user = _user()
        return next((path for path in units if re.search(rf"pm2[-.]{re.escape(user)}\b", path.name)), None)

    def _alive(self, file: Path) -> int | None:
        try:
            pid = int(file.read_text())
        except (OSError, ValueError):
            return None
        return pid if self.system.pid_exists(pid) else None


def app_of(context: Context, running: State | None = None) -> str:
    """The name that pm2 has for this miner; for the one that is `running`, whatever pm2 calls it.

    `pm2 start python -- neurons/miner/miner.py ...`, without a `--name`, makes an app `python`.
    """
    known = {**env_file_values(context.folder / ".env"), **context.system.environ}
    name, pm2 = miner_app(known, context.settings.wallet.hotkey), Pm2.of(context.system)
    if running is None or pm2.pid(name) is not None:
        return name
    return pm2.app_with(running.pid) or name


def vllm_here(context: Context) -> StartedVllm | None:
    """The vLLM that pm2 starts on this machine; None if it is not asked to. Raises SettingsError."""
    served = started_vllm(context.system.environ, context.folder / ".env")
    if served is None:
        return None
    pm2 = Pm2.of(context.system)
    named = any(name.startswith("SN35_VLLM_") for name in served.environment)
    return served if named or VLLM in (pm2.saved() or ()) or pm2.pid(VLLM) else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return ""
