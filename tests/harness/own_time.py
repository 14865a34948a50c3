"""Time of our own: what passes while other programs have the processors does not count."""

from __future__ import annotations

import asyncio
import selectors
import time
from pathlib import Path

from logicnet.deadline import Deadline

_MOST_PER_EVENT_S = 0.001
"""What a wait that ended early counts at most: the rest may have been a wait for a processor."""


def starved_s(pid: int) -> float:
    """For how long the threads of a process have had to wait for a processor, in all."""
    return sum(_waited_s(thread) for thread in Path(f"/proc/{pid}/task").glob("*"))


def _waited_s(thread: Path) -> float:
    try:
        _, waited_ns, _ = (thread / "schedstat").read_text().split()
    except OSError:  # it has ended, or the kernel does not tell
        return 0.0
    return int(waited_ns) / 1e9


class _Selector(selectors.DefaultSelector):
    """Counts the seconds for which nothing was to be done, up to the timer that was waited for."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        began_s = time.monotonic()
        events = super().select(timeout)
        if timeout is not None and timeout > 0:
            least_s = min(time.monotonic() - began_s, _MOST_PER_EVENT_S)
            self.passed_s += min(timeout, least_s) if events else timeout
        return events


class OwnTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still while it has anything to do.

    A timer fires when the loop was idle for so long, however slow the machine is: what all sides of a test
    do in this loop before a deadline is done before it. Tests with `pytest.mark.own_time` run on it.
    """

    def __init__(self) -> None:
        self._counting = _Selector()
        self._start_s = time.monotonic()
        super().__init__(self._counting)

    def time(self) -> float:
        return self._start_s + self._counting.passed_s


def after(seconds: float) -> Deadline:
    """A deadline by the clock of the running loop."""
    return Deadline.after(seconds, clock=asyncio.get_running_loop().time)
