"""The swap on a scripted server that speaks vLLM's LoRA calls, where no miner runs."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from pathlib import Path

import pytest

from logicnet._util.processes import free_port
from logicnet.errors import TuningError
from logicnet.operate.telemetry.link import RunningMiner
from logicnet.tuning.improve.adapters import AdapterState, AdapterStore
from logicnet.tuning.improve.server import LoraServer
from logicnet.tuning.improve.swap import Following, Swapper
from tests.harness.adapters import BASE, TUNED, proven, text, trained
from tests.harness.scripted_model import ScriptedModel

KEY = "k-1"


class Stage:
    """A table, and servers; `said` is what the swap told."""

    def __init__(self, root: Path, *servers: ScriptedModel) -> None:
        self.root = root
        self.store = AdapterStore(root / "tuning")
        self.said: list[str] = []
        self._made = 0
        self.swapper = Swapper(
            self.store,
            [LoraServer(one.base_url, one.key) for one in servers],
            RunningMiner(root / "no-ledger.sqlite"),
            self.said.append,
        )

    def adapter(self, **how: object) -> str:
        self._made += 1
        return proven(self.store, trained(self.root / f"made-{self._made}", **how)).name  # type: ignore[arg-type]

    async def swap(self, name: str) -> None:
        await asyncio.to_thread(self.swapper.swap, name)

    async def serving(self, name: str) -> None:
        await self.swap(name)
        found = self.store.serving()
        assert found is not None
        assert found.name == name


async def test_a_proven_adapter_serves_and_the_one_before_comes_back(tmp_path):
    async with ScriptedModel(loras=16, key=KEY) as server:
        stage = Stage(tmp_path, server)
        first, second, third = stage.adapter(), stage.adapter(), stage.adapter()
        for name in (first, second, third):
            await stage.serving(name)
        assert list(server.adapters) == [second, third]  # what comes back by a roll back stays loaded
        assert stage.store.serving().servers == (server.base_url,)
        back = await asyncio.to_thread(stage.swapper.roll_back, "slower")
        assert back.name == second
        assert list(server.adapters) == [second]
        assert stage.store.get(third).reason == "slower"
        assert await asyncio.to_thread(stage.swapper.roll_back, "slower") is None
        assert server.adapters == {}
    assert "The base serves again." in stage.said


WRONG = {
    "without effect": ({"expected": text(logprobs=BASE)}, "no effect"),
    "without effect there": ({"says": text(logprobs=BASE)}, "says what scripted says"),
    "of another base": ({"says": text(logprobs=[-4.0, -0.1, -5.0, -2.0])}, "does not say what its trainer"),
    "of another vocabulary": ({"says": text(prompt=[99999])}, "its base is another one"),
    "that never stops writing": ({"says": text(ended=False)}, "does not stop writing"),
    "that never stopped writing": ({"expected": text(ended=False)}, "does not stop writing"),
    "whose trainer wrote nothing down": ({"expected": {"texts": 5}}, "does not say what the adapter wrote"),
    "whose trainer wrote half down": ({"expected": text(logprobs=TUNED[:2])}, "without their log-prob"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("what", WRONG)
async def test_an_adapter_that_is_not_what_it_should_be_is_refused(tmp_path, what):
    how, words = WRONG[what]
    async with ScriptedModel(loras=16) as server:
        stage = Stage(tmp_path, server)
        good = stage.adapter()
        await stage.serving(good)
        bad = stage.adapter(**how)
        with pytest.raises(TuningError, match=words) as told:
            await stage.swap(bad)
        assert "\n" not in str(told.value)
        assert str(told.value).endswith(f"{good} goes on serving")
        assert stage.store.serving().name == good
        assert stage.store.get(bad).state is AdapterState.REFUSED
        assert list(server.adapters) == [good]


def _without_lora(server: ScriptedModel) -> None:
    server.loras = None


def _low_rank(server: ScriptedModel) -> None:
    server.loras = 8


def _another_base(server: ScriptedModel) -> None:
    server.model = "another"


UNABLE = {
    "takes no adapters .404.: restart it with `logicnet vllm --enable-lora`": _without_lora,
    r"refused load_lora_adapter .500.: LoRA rank 16 is greater than max_lora_rank 8": _low_rank,
    "no model server of this miner serves scripted": _another_base,
}


@pytest.mark.parametrize("words", UNABLE)
async def test_a_server_that_cannot_is_no_fault_of_the_adapter(tmp_path, words):
    async with ScriptedModel(loras=16) as server:
        stage = Stage(tmp_path, server)
        name = stage.adapter()
        UNABLE[words](server)
        with pytest.raises(TuningError, match=words) as told:
            await stage.swap(name)
        assert str(told.value).endswith("The base goes on serving")
        assert stage.store.get(name).state is AdapterState.PROVEN
        server.loras, server.model = 16, "scripted"
        await stage.serving(name)


async def test_a_server_that_is_away_is_said_in_one_line(tmp_path):
    stage = Stage(tmp_path, ScriptedModel(port=free_port()))
    with pytest.raises(TuningError, match=r"does not answer .ConnectError.") as told:
        await stage.swap(stage.adapter())
    assert "\n" not in str(told.value)


async def test_a_folder_that_a_full_disk_cut_is_not_loaded(tmp_path):
    async with ScriptedModel(loras=16) as server:
        stage = Stage(tmp_path, server)
        name = stage.adapter()
        (stage.store.get(name).folder / "adapter_model.safetensors").write_bytes(b"")
        with pytest.raises(TuningError, match="is not as it was"):
            await stage.swap(name)
        assert server.adapters == {}


async def test_a_disk_that_is_full_leaves_no_half_an_adapter(tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    stage = Stage(tmp_path)
    made = trained(tmp_path / "made")
    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(TuningError, match="No space left on device"):
        stage.store.add(made, "scripted", 1.0)
    assert stage.store.all() == []


@pytest.mark.thorough
async def test_replicas_are_switched_when_all_probes_pass(tmp_path):
    async with ScriptedModel(loras=16) as one, ScriptedModel(loras=16) as other:
        stage = Stage(tmp_path, one, other)
        first = stage.adapter()
        await stage.serving(first)
        assert stage.store.serving().servers == (one.base_url, other.base_url)
        other.loras = 8
        second = stage.adapter()
        with pytest.raises(TuningError, match="rank"):
            await stage.swap(second)
        assert list(one.adapters) == list(other.adapters) == [first]


@pytest.mark.thorough
async def test_what_a_restart_lost_is_loaded_and_probed_again(tmp_path):
    async with ScriptedModel(loras=16) as server:
        stage = Stage(tmp_path, server)
        name = stage.adapter()
        await stage.serving(name)
        assert not await asyncio.to_thread(stage.swapper.restore)
        server.adapters.clear()
        assert await asyncio.to_thread(stage.swapper.restore)
        assert list(server.adapters) == [name]


async def test_a_merged_model_is_probed_at_its_own_address(tmp_path):
    async with ScriptedModel() as base, ScriptedModel(loras=16, model="scripted-a1") as merged:
        stage = Stage(tmp_path, base, merged)
        made = trained(tmp_path / "merged")
        added = stage.store.add(made, "scripted", 1.0, "merged")
        merged.adapters = {"scripted-a1": str(added.folder)}  # it says what the adapter said
        stage.store.prove(added.name, {"reward": 0.1})
        await stage.serving(added.name)
        assert stage.store.serving().servers == (merged.base_url,)
        assert not [path for path in base.paths if "completions" in path]


class Stubborn:
    """A miner that cannot follow to an adapter, as one whose profile is broken."""

    def __init__(self, store: AdapterStore) -> None:
        self._store = store

    def look(self) -> Following:
        return Following("")

    def follow(self) -> Following:
        return Following("", {}, "profile.toml: no such key" if self._store.serving() else "")


async def test_a_miner_that_cannot_follow_keeps_what_served(tmp_path):
    async with ScriptedModel(loras=16) as server:
        stage = Stage(tmp_path, server)
        stage.swapper.miner = Stubborn(stage.store)
        name = stage.adapter()
        with pytest.raises(TuningError, match=r"no such key. The base goes on serving"):
            await stage.swap(name)
        assert stage.store.serving() is None
        assert stage.store.get(name).state is AdapterState.ROLLED_BACK
        assert server.adapters == {}


async def test_a_second_swap_at_the_same_time_is_refused(tmp_path):
    async with ScriptedModel(loras=16) as server:
        stage = Stage(tmp_path, server)
        first, second = stage.adapter(), stage.adapter()
        problems: list[str] = []

        def meanwhile(path: str) -> None:
            if path.endswith("load_lora_adapter") and not problems:
                try:
                    stage.swapper.swap(second)
                except TuningError as error:
                    problems.append(str(error))

        server.on_request = meanwhile
        await stage.serving(first)
    assert problems == ["another swap or roll back is under way: try again when it is done"]
