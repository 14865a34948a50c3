"""Seconds of our own: what passes while other programs have the processors does not count."""

from __future__ import annotations

import time
from pathlib import Path

_SCHEDULED = Path("/proc/thread-self/schedstat")  # nanoseconds: that it ran, and that it had to wait for it


def own_s() -> float:
    """A clock of this thread. Where the kernel does not tell, it is `time.monotonic`."""
    waited_ns = int(_SCHEDULED.read_text().split()[1]) if _SCHEDULED.exists() else 0
    return time.monotonic() - waited_ns / 1e9
