"""The look that all browsers share."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from logicnet.operate.console.page import SharedSnapshot
from logicnet.operate.console.snapshot import Snapshot
from logicnet.operate.console.source import MinerSource


class Slow(MinerSource):
    """Its looks take until they may end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.may_end = threading.Event()
        self.begun = self.at_once = self.most_at_once = 0

    def snapshot(self) -> Snapshot:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.may_end.wait(30)
        self.at_once -= 1
        return super().snapshot()


async def begun(source: Slow, looks: int) -> None:
    async with asyncio.timeout(30):
        while source.begun < looks:
            await asyncio.sleep(0.005)


async def test_one_look_serves_all_who_ask(tmp_path: Path) -> None:
    with Slow(tmp_path / "l.sqlite") as source:
        shared = SharedSnapshot(source)
        asking = [asyncio.create_task(shared.latest()) for _ in range(5)]
        await begun(source, 1)
        source.may_end.set()
        first, *others = await asyncio.gather(*asking)
        assert all(one is first for one in others)
        assert source.begun == 1


async def test_a_browser_that_leaves_in_the_middle_of_a_look_does_not_begin_a_second_beside_it(
    tmp_path: Path,
) -> None:
    with Slow(tmp_path / "l.sqlite") as source:
        shared = SharedSnapshot(source)
        leaving = asyncio.create_task(shared.latest())
        await begun(source, 1)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        staying = asyncio.create_task(shared.latest())
        await asyncio.sleep(0.05)  # for a second look to begin, if there were one
        source.may_end.set()
        assert (await staying).ledger
        assert source.most_at_once == 1


async def test_the_next_look_is_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logicnet.operate.console.page.EVERY_S", 0.0)
    with Slow(tmp_path / "l.sqlite") as source:
        source.may_end.set()
        shared = SharedSnapshot(source)
        assert await shared.latest() is not await shared.latest()
