"""Actions: what does not need the libraries that train (tests/tuning/test_actions.py has those)."""

import asyncio
import inspect
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from logicnet.chain import CommitmentChain
from logicnet.errors import ChainError, SettingsError, TuningError
from logicnet.settings import Settings, TuningSettings
from logicnet.tuning.compete.actions import CHAIN_TRIES, Actions
from logicnet.tuning.compete.commitment import Committed
from tests.harness.hub import LoopbackHub
from tests.harness.mini_substrate import MiniChain
from tests.harness.model_folder import files_of, model_folder
from tests.unit.tuning.compete.conftest import HOTKEY, MINER, chain_of

TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


class Saveable:
    """As of transformers: a model or a tokenizer that was loaded from a folder and saves itself."""

    def __init__(self, folder: Path, *, tokenizer: bool = False) -> None:
        self.name_or_path = str(folder)
        self._files = [one for one in folder.iterdir() if (one.name in TOKENIZER) is tokenizer]

    def save_pretrained(self, folder: str) -> None:
        for one in self._files:
            shutil.copy(one, folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model_folder(tmp_path / "model")


def config(tmp_path: Path, token: str | None, **more: Any) -> SimpleNamespace:
    settings = Settings(
        hf_token=None if token is None else SecretStr(token),
        tuning=TuningSettings(folder=tmp_path / "tuning"),
    )
    return SimpleNamespace(**{"hf_repo_id": "maker/model", "settings": settings, **more})


@pytest.fixture
def actions(hub: LoopbackHub, mini: MiniChain, tmp_path: Path) -> Actions:
    wallet = SimpleNamespace(hotkey=MINER)
    return Actions.create(config(tmp_path, hub.token), wallet, chain_of(mini))


def test_the_documents_program_runs_without_a_loop(
    actions: Actions, hub: LoopbackHub, mini: MiniChain, folder: Path, tmp_path: Path
) -> None:
    model = Saveable(folder)
    actions.save(model, str(tmp_path / "model-foo/"))
    assert files_of(tmp_path / "model-foo") == files_of(folder)  # with the tokenizer
    done = actions.push(model)
    assert isinstance(done, Committed)
    assert len(mini.commits) == 1
    assert hub.repositories["models", "maker/model"].keys() == {*files_of(folder), ".gitattributes"}
    assert list((tmp_path / "tuning" / "uploads").iterdir()) == []


def test_a_commitment_for_ever_is_never_pushed(
    actions: Actions, hub: LoopbackHub, mini: MiniChain, folder: Path
) -> None:
    with pytest.raises(TuningError, match="logicnet tune commit --competition_id reason-mining"):
        actions.push(Saveable(folder), parameters="reason-mining")
    assert mini.commits == []
    assert hub.requests == []


async def test_each_may_be_awaited(actions: Actions, mini: MiniChain, folder: Path) -> None:
    pushed = actions.push(Saveable(folder), Saveable(folder, tokenizer=True), "m1", retry_delay_secs=1)
    assert inspect.isawaitable(pushed)
    assert isinstance(await pushed, Committed)
    assert len(mini.commits) == 1


def test_the_documented_names_take_the_documented_arguments() -> None:
    wanted = {
        "create": ["config", "wallet", "subtensor"],
        "load_remote_model": ["uid", "metagraph", "download_dir"],
        "save": ["model", "tokenizer", "model_dir"],
        "load_local_model": ["model_dir", "model_parameters"],
        "push": ["model", "tokenizer", "parameters", "retry_delay_secs"],
    }
    for name, arguments in wanted.items():
        given = [one for one in inspect.signature(getattr(Actions, name)).parameters if one != "self"]
        assert given == arguments, name


@pytest.mark.thorough
async def test_a_chain_that_is_away_blocks_no_loop_and_ends(
    actions: Actions, mini: MiniChain, folder: Path, tmp_path: Path
) -> None:
    pauses: list[float] = []
    turns = 0

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        seen = turns
        while turns == seen:  # others run while it waits
            await asyncio.sleep(0.001)

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.005)

    mini.go_away()
    counting = asyncio.create_task(count())
    with pytest.raises(ChainError, match="could not connect"):
        await replace(actions, sleep=sleep).push(Saveable(folder), retry_delay_secs=60)
    counting.cancel()
    assert pauses == [60] * (CHAIN_TRIES - 1)
    kept = tmp_path / "tuning" / "uploads" / "maker--model"
    assert files_of(kept) == files_of(folder)  # `logicnet tune upload` goes on from there


async def test_a_chain_that_comes_back_takes_the_model_once(
    actions: Actions, mini: MiniChain, folder: Path
) -> None:
    async def sleep(_: float) -> None:
        mini.come_back()

    mini.go_away()
    assert isinstance(await replace(actions, sleep=sleep).push(Saveable(folder)), Committed)
    assert len(mini.commits) == 1


async def test_a_bound_hash_is_committed_if_asked_for(
    hub: LoopbackHub, mini: MiniChain, tmp_path: Path, folder: Path
) -> None:
    texts = set()
    for bound in (False, True):
        given = config(tmp_path, hub.token, bind_hotkey=bound)
        one = Actions.create(given, SimpleNamespace(hotkey=MINER), chain_of(mini))
        mini.pass_blocks(101)
        texts.add((await one.push(Saveable(folder))).text)
    assert len(texts) == 2


def test_what_is_missing_is_named_before_anything_is_done(mini: MiniChain, tmp_path: Path) -> None:
    wallet = SimpleNamespace(hotkey=MINER)
    with pytest.raises(SettingsError, match="HF_ACCESS_TOKEN"):
        Actions.create(config(tmp_path, None), wallet, chain_of(mini))
    with pytest.raises(TuningError, match="hf_repo_id 'model' is not NAMESPACE/NAME"):
        Actions.create(config(tmp_path, "token", hf_repo_id="model"), wallet, chain_of(mini))
    with pytest.raises(SettingsError, match="there is no such competition"):
        Actions.create(config(tmp_path, "token", competition_id="zz"), wallet, chain_of(mini))


def test_the_chain_is_that_of_the_settings(tmp_path: Path) -> None:
    found = Actions.create(config(tmp_path, "token"), SimpleNamespace(hotkey=MINER))
    assert isinstance(found.chain, CommitmentChain)
    assert (found.network, found.netuid, found.hotkey) == ("finney", 6, HOTKEY)
    other = config(tmp_path, "token", netuid=9, network="test")
    assert Actions.create(other, SimpleNamespace(hotkey=MINER)).netuid == 9


async def test_a_miner_without_a_model_is_named(actions: Actions, mini: MiniChain, tmp_path: Path) -> None:
    metagraph = SimpleNamespace(hotkeys=[one.hotkey for one in mini.neurons])
    with pytest.raises(TuningError, match="the miner 1 has no model in the competition m1"):
        await actions.load_remote_model(1, metagraph, tmp_path / "got")


def test_the_token_is_not_in_what_is_printed(hub: LoopbackHub, actions: Actions) -> None:
    assert hub.token not in repr(actions)
