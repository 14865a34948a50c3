"""Time that passes only when a test says so: a clock, and a sleep that goes by it."""

from __future__ import annotations

import asyncio


class ManualTime:
    """`clock()` and `sleep()` to inject; `await advance(seconds)` lets sleepers wake in their order."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept_s: list[float] = []
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def clock(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        wake = asyncio.Event()
        self._sleepers.append((self.now_s + seconds, wake))
        await wake.wait()

    async def advance(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while due := sorted((s for s in self._sleepers if s[0] <= until_s), key=lambda s: s[0]):
            self.now_s, wake = due[0]
            self._sleepers.remove(due[0])
            wake.set()
            await settle()
        self.now_s = until_s
        await settle()


async def settle() -> None:
    """Let every task that can run do so, until all of them wait for something outside."""
    for _ in range(20):
        await asyncio.sleep(0)
