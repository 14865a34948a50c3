"""The miner's side of an adapter: which servers are asked for it, and the watch over its first hour."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from logicnet.events import Admitted, Answered, EpochCount
from logicnet.ledger import Ledger
from logicnet.llm import Limit, Spec
from logicnet.operate.adapters import look, served
from logicnet.operate.telemetry.link import RunningMiner
from logicnet.protocol import Hotkey
from logicnet.tuning.improve.adapters import Adapter, AdapterState, AdapterStore
from logicnet.tuning.improve.hour import HOUR_S
from logicnet.tuning.improve.server import LoraServer
from logicnet.tuning.improve.swap import Swapper
from tests.harness.adapters import BASE, proven, text, trained
from tests.harness.scripted_model import ScriptedModel

SWAPPED_S = 1_700_000_000.0
ALICE = Hotkey("5Alice")


def adapter(**facts: object) -> Adapter:
    known = {"name": "m-a1", "base": "m", "folder": Path("m-a1"), "form": "adapter", "digest": ""}
    return Adapter(**{**known, "servers": ("http://a/v1", "http://b/v1"), **facts})  # type: ignore[arg-type]


def test_replicas_that_have_the_adapter_are_asked_for_it():
    paid = Spec("http://a/v1", "m", limit=Limit(5.0))
    specs = [
        Spec("http://a/v1", key=SecretStr("k")),
        Spec("http://b/v1/", "m"),
        Spec("http://b/v1", "other"),
        Spec("http://c/v1"),
        paid,
    ]
    assert [one.model for one in served(specs, adapter())] == ["m-a1", "m-a1", "other", None, "m"]
    assert served(specs, None) == specs


def test_a_merged_model_takes_the_place_of_its_base():
    specs = [Spec("http://a/v1", "m"), Spec("http://c/v1", "other")]
    found = served(specs, adapter(form="merged", servers=("http://new/v1",)))
    assert [(one.url, one.model) for one in found] == [("http://new/v1", "m-a1"), ("http://c/v1", "other")]


def fill(path: Path, *, seconds_after: float) -> None:
    """Two hours of a ledger: 20 seconds an answer before the swap, then `seconds_after`."""
    with Ledger.open(path, keep_days=0) as ledger:
        for number in range(120):
            at_s = SWAPPED_S - HOUR_S + number * 60.0 + 1.0
            seconds = 20.0 + number % 7 if at_s < SWAPPED_S else seconds_after + number % 7
            name = f"c{number}"
            epoch = EpochCount(ALICE, at_s, 100, 1, 0)
            ledger.record(Admitted(at_s, name, ALICE, "classic", "", "Logic", "What?", 60.0, epoch))
            ledger.record(Answered(at_s + seconds, name, ALICE, "race", "solved", seconds, "r", "a"))
        ledger.flush()


async def scene(server: ScriptedModel, folder: Path) -> tuple[Swapper, str, str]:
    """Two versions, the second of which serves since SWAPPED_S."""
    store = AdapterStore(folder / "tuning")
    miner = RunningMiner(folder / "ledger.sqlite")
    swap = Swapper(store, [LoraServer(server.base_url)], miner, now_s=lambda: SWAPPED_S)
    first, second = (proven(store, trained(folder / f"made-{number}")).name for number in (1, 2))
    for name in (first, second):
        await asyncio.to_thread(swap.swap, name)
    return swap, first, second


@pytest.mark.thorough
@pytest.mark.parametrize(("seconds", "worse"), [(20.0, False), (40.0, True)])
async def test_an_adapter_that_answers_later_is_rolled_back_within_its_hour(tmp_path, seconds, worse):
    fill(tmp_path / "ledger.sqlite", seconds_after=seconds)
    async with ScriptedModel(loras=16) as server:
        swap, first, second = await scene(server, tmp_path)
        for minute in range(0, 61, 5):
            if swap.store.serving().name == second:
                await asyncio.to_thread(look, swap, tmp_path / "ledger.sqlite", SWAPPED_S + minute * 60.0)
        assert swap.store.serving().name == (first if worse else second)
        if worse:
            assert "took longer than" in swap.store.get(second).reason
            assert list(server.adapters) == [first]
        else:
            assert swap.store.get(second).kept_s is not None


@pytest.mark.thorough
async def test_after_a_restart_what_no_longer_says_the_same_is_rolled_back(tmp_path):
    fill(tmp_path / "ledger.sqlite", seconds_after=20.0)
    async with ScriptedModel(loras=16) as server:
        swap, first, second = await scene(server, tmp_path)
        server.adapters.clear()
        await asyncio.to_thread(look, swap, tmp_path / "ledger.sqlite", SWAPPED_S + 60.0)
        assert second in server.adapters
        folder = swap.store.get(second).folder
        (folder / "says.txt").write_text(json.dumps({"texts": [text(logprobs=BASE)]}))  # its base is another
        server.adapters.clear()
        await asyncio.to_thread(look, swap, tmp_path / "ledger.sqlite", SWAPPED_S + 90.0)
        assert swap.store.serving().name == first
        found = swap.store.get(second)
        assert found.state is AdapterState.ROLLED_BACK
        assert found.reason.startswith("after a restart of its server it has no effect there")
