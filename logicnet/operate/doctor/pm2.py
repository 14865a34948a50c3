"""Pm2: what it keeps running and would start again, from its own files.

The `pm2` command is not asked: it starts a daemon where none runs, and we only read.
"""

from __future__ import annotations

import getpass
import json
import re
from dataclasses import dataclass
from pathlib import Path

from logicnet.operate.doctor.site import Outside

MINER = "sn35-miner"

_UNITS = (
    "etc/systemd/system/*.wants/pm2-*.service",
    "etc/rc*.d/S*pm2*",  # System V, OpenRC's links are below
    "etc/runlevels/*/pm2*",
    "usr/local/etc/rc.d/pm2*",
)
"""What `pm2 startup` leaves once it is switched on (pm2 7, lib/API/Startup.js), below the root."""


@dataclass(frozen=True, slots=True)
class Pm2:
    """The pm2 of one user, at `home` (PM2_HOME)."""

    home: Path
    root: Path
    user_home: Path

    @classmethod
    def of(cls, outside: Outside) -> Pm2:
        home = outside.environ.get("PM2_HOME") or outside.home / ".pm2"
        return cls(Path(home), outside.root, outside.home)

    @property
    def runs(self) -> bool:
        return self._alive(self.home / "pm2.pid") is not None

    def pid(self, name: str) -> int | None:
        """Of an app that runs now."""
        found = (self._alive(file) for file in sorted((self.home / "pids").glob(f"{name}-*.pid")))
        return next((pid for pid in found if pid), None)

    def saved(self) -> set[str] | None:
        """The apps that `pm2 resurrect` starts; None if nothing was ever saved, or it cannot be read."""
        try:
            apps = json.loads((self.home / "dump.pm2").read_text())
            return {str(app["name"]) for app in apps}
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def at_boot(self) -> Path | None:
        """What starts this user's pm2 with the machine."""
        units = [path for pattern in _UNITS for path in sorted(self.root.glob(pattern))]
        units += sorted((self.user_home / "Library" / "LaunchAgents").glob("pm2.*.plist"))
        user = _user()
        return next((path for path in units if re.search(rf"pm2[-.]{re.escape(user)}\b", path.name)), None)

    @property
    def has_systemd(self) -> bool:
        return (self.root / "run" / "systemd" / "system").is_dir()

    def _alive(self, file: Path) -> int | None:
        try:
            pid = int(file.read_text())
        except (OSError, ValueError):
            return None
        return pid if (self.root / "proc" / str(pid)).is_dir() else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return ""
