"""Seconds of our own: what passes while other programs have the processors does not count."""

from __future__ import annotations

import time
from pathlib import Path


def own_s() -> float:
    """A clock of this thread. Where the kernel does not tell, it is `time.monotonic`."""
    return time.monotonic() - _waited_s(Path("/proc/thread-self"))


def starved_s(pid: int) -> float:
    """For how long the threads of a process have had to wait for a processor, in all."""
    return sum(_waited_s(thread) for thread in Path(f"/proc/{pid}/task").glob("*"))


def _waited_s(thread: Path) -> float:
    try:
        _, waited_ns, _ = (thread / "schedstat").read_text().split()
    except OSError:  # it has ended, or the kernel does not tell
        return 0.0
    return int(waited_ns) / 1e9
