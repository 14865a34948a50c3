"""A whole competition on this machine: the real hub client, the real chain client, and real trainings.

The first miner searches twelve trials, trains, uploads and commits. The second one starts from the best
model, which is the first one's, and compares what it trained with it.
"""

import contextlib
import io
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bittensor
import pytest
from huggingface_hub import constants

from logicnet.chain import CommitmentChain
from logicnet.config import read
from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.compete.mine import mine
from logicnet.tuning.compete.mine_options import MineOptions
from logicnet.tuning.compete.model_id import ModelId
from tests.harness.hub import LoopbackHub, loopback_hub
from tests.harness.mini_substrate import MiniChain
from tests.harness.tiny_models import TUNE_PYTHON

SPACE = "lr = [1e-3, 3e-3, 1e-2]\nr = [4, 8]\nalpha = [8, 16]\n"
TRIALS = 12


@dataclass(frozen=True)
class Arena:
    """A subnet with two miners, a hub, and the wallets of both."""

    folder: Path
    hub: LoopbackHub
    chain: MiniChain

    def wallet(self, name: str) -> bittensor.Wallet:
        return bittensor.Wallet("owner", name, path=str(self.folder / "wallets"))

    def run(self, miner: str, *settings: str, **flags: object) -> tuple[int, str]:
        """Exit status of `tune mine`, and what it printed."""
        words = ["--tuning.folder", str(self.folder / miner), "--tuning.python", str(TUNE_PYTHON)]
        words += ["--tuning.isolation", "process", "--tuning.concurrent_jobs", "2"]
        words += ["--wallet.path", str(self.folder / "wallets"), "--wallet.name", "owner"]
        environment = {"HF_ACCESS_TOKEN": self.hub.token}
        config = read([*words, "--wallet.hotkey", miner, *settings], environment, Path("none"))
        given = {
            "hf_repo_id": f"{self.hub.owner}/{miner}",
            "avg_loss_upload_threshold": 50.0,
            "competition_id": "m1",
            "dataset_repo_id": str(self.folder / "rows.jsonl"),
            "max_steps": 4,
            "device": "cpu",
            "trial_rows": 40,
            "space": str(self.folder / "first.toml"),
        }
        chain = None
        if "--offline" not in settings:
            chain = CommitmentChain(
                network="ws://127.0.0.1:9",
                netuid=self.chain.netuid,
                signer=self.wallet(miner).hotkey,
                timeout_s=60.0,
                open_substrate=self.chain.open,
            )
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = mine(MineOptions.parse(given | flags), config, chain)
        return status, out.getvalue()


@pytest.fixture(scope="module")
def arena(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("competition")
    luck = random.Random(1)
    pairs = [(luck.randrange(100), luck.randrange(100)) for _ in range(300)]  # 15 are held out
    rows = [{"question": f"What is {a} + {b}?", "response": f"print({a} + {b})"} for a, b in pairs]
    (folder / "first.toml").write_text(SPACE)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch, loopback_hub() as hub:
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        patch.setattr(constants, "ENDPOINT", hub.url)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub-cache"))
        patch.setattr(constants, "HF_TOKEN_PATH", str(folder / "no-token"))
        patch.setenv("BTCLI_TOKEN_SYMBOLS_CACHE", str(folder / "token_symbols.json"))
        chain = MiniChain(netuid=6)
        found = Arena(folder, hub, chain)
        for incentive, name in enumerate(("first", "second", "neither"), start=1):
            found.wallet(name).create_new_hotkey(suppress=True)
            chain.add(found.wallet(name).hotkey.ss58_address, incentive=40_000 // incentive)
        hub.commit_model("maker/tiny", {one.name: one.read_bytes() for one in base.iterdir()})
        yield found


@pytest.fixture(scope="module")
def first(arena: Arena) -> tuple[int, str]:
    return arena.run("first", load_repo="maker/tiny")


@pytest.fixture(scope="module")
def second(arena: Arena, first: tuple[int, str]) -> tuple[int, str]:
    space = arena.folder / "space.toml"
    space.write_text("lr = [2e-3]\nr = [8]\nalpha = [16]\n")
    return arena.run("second", load_best=True, comparison_uid=0, space=str(space), max_steps=8)


def committed(arena: Arena, miner: str) -> ModelId:
    fields = arena.chain.committed[arena.wallet(miner).hotkey.ss58_address]["info"]["fields"]
    ((_, shown),) = fields[0].items()
    return ModelId.parse(bytes.fromhex(shown.removeprefix("0x")).decode())


def test_the_first_miner_searches_trains_uploads_and_commits(arena: Arena, first: tuple[int, str]) -> None:
    status, said = first
    assert status == 0, said
    assert len(re.findall(rf"^trial \d+ of {TRIALS} ", said, re.MULTILINE)) == TRIALS
    found = re.search(r"Average loss on \d+ held-out samples: ([\d.]+), of maker/tiny ([\d.]+)", said)
    assert found is not None and float(found[1]) < float(found[2])
    found = committed(arena, "first")
    assert (found.namespace, found.name, found.competition_id) == ("maker", "first", "m1")
    assert found.commit == arena.hub.head(("models", "maker/first"))
    assert arena.hub.token not in said


def test_what_is_uploaded_is_the_whole_trained_model(
    arena: Arena, first: tuple[int, str], base: Path
) -> None:
    files = arena.hub.repositories["models", "maker/first"]
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(files)
    assert not [name for name in files if name.startswith("adapter")]
    (folder,) = (arena.folder / "first" / "models").iterdir()
    assert files["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert files["model.safetensors"] != (base / "model.safetensors").read_bytes()
    (job,) = (arena.folder / "first" / "jobs").iterdir()
    asked = json.loads((job / "job.json").read_text())
    assert (asked["base_name"], asked["device"]) == ("maker/tiny", "cpu")


def test_the_second_miner_starts_from_the_best_and_meets_it(arena: Arena, second: tuple[int, str]) -> None:
    status, said = second
    assert status == 0, said
    theirs = committed(arena, "first")
    assert f"The miner 0 submitted maker/first at {theirs.commit}" in said
    for words in (
        "average loss on ",
        "95 % interval ",
        "win rate: ",
        "against maker/first of the miner 0 it ",
    ):
        assert words in said
    ours = committed(arena, "second")
    assert (ours.name, ours.commit) == ("second", arena.hub.head(("models", "maker/second")))
    assert ours.hash != theirs.hash
    (fetched,) = (arena.folder / "second" / "downloads").iterdir()
    held = arena.hub.repositories["models", "maker/first"]["model.safetensors"]
    assert (fetched / "model.safetensors").read_bytes() == held


def test_the_same_command_goes_on_and_uploads_nothing_offline(arena: Arena, first: tuple[int, str]) -> None:
    trainings = sorted(arena.folder.rglob("result.json"))
    asked = len(arena.hub.requests)
    flags = {"hf_repo_id": None, "avg_loss_upload_threshold": None}
    status, said = arena.run("first", "--offline", load_repo="maker/tiny", **flags)
    assert status == 0, said
    assert said.rstrip().endswith("Offline: nothing is uploaded.")
    assert sorted(arena.folder.rglob("result.json")) == trainings
    assert not [one for one in arena.hub.requests[asked:] if not one.startswith(("GET", "HEAD"))]


def test_what_cannot_work_is_said_before_anything_is_trained(arena: Arena) -> None:
    long = f"{arena.hub.owner}/{'n' * 40}"
    arena.hub.commit_model("maker/private", {"README.md": b""})
    arena.hub.private.add("maker/private")
    arena.hub.commit_model("rival/model", {"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    for flags, error, words in (
        ({"hf_repo_id": long}, TuningError, "too long for the chain"),
        ({"load_repo": "maker/none"}, TuningError, "maker/none"),
        ({"load_repo": None}, SettingsError, "no model to start from"),
        ({"load_repo": None, "load_uid": 7}, TuningError, "there is no miner 7 on the subnet"),
        ({"load_repo": None, "load_uid": 2}, TuningError, "the miner 2 has no model in the competition"),
        ({"comparison_uid": 9}, TuningError, "there is no miner 9 on the subnet"),
        ({"competition_id": "zz"}, SettingsError, "there is no such competition"),
        ({"competition_id": "reason-mining"}, SettingsError, "it is not judged by loss"),
        ({"space": "nowhere"}, SettingsError, "nowhere"),
        ({"wandb_project": "p"}, SettingsError, "--wandb_entity is missing"),
        ({"hf_repo_id": "maker/private"}, TuningError, "private"),
        ({"load_repo": "rival/model"}, TuningError, "pickle"),
    ):
        with pytest.raises(error, match=re.escape(words)) as found:
            arena.run("neither", **{"load_repo": "maker/tiny"} | flags)
        assert "\n" not in str(found.value)
    assert not list((arena.folder / "neither" / "jobs").glob("*"))
    with pytest.raises(SettingsError, match="--load_best asks the chain, and --offline forbids it"):
        arena.run("neither", "--offline", load_best=True)


def test_competitions_are_listed(arena: Arena) -> None:
    status, said = arena.run("first", list_competitions=True)
    assert status == 0
    assert {"m1", "g1", "reason-mining"} <= set(said.split())


def test_a_hub_and_a_chain_that_fail_after_the_training_lose_nothing(
    arena: Arena, first: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one, as the first miner's model is then another repository's."""
    monkeypatch.setattr("logicnet.tuning.compete.publish.FIRST_WAIT_S", 0.0)
    (model,) = (arena.folder / "first" / "models").iterdir()
    trained = {one.name: one.read_bytes() for one in model.iterdir()}
    trainings = sorted(arena.folder.rglob("result.json"))
    arena.chain.pass_blocks(101)
    commits = len(arena.chain.commits)
    flags = {"load_repo": "maker/tiny", "hf_repo_id": "maker/again"}
    arena.hub.fail("/commit/", 503, times=1000)
    with pytest.raises(TuningError, match="the model stays where it is: `logicnet tune upload` goes on"):
        arena.run("first", **flags)
    arena.hub.heal()
    arena.chain.refuse_commit = ["AccountNotAllowedCommit"]
    with pytest.raises(TuningError, match=r"refuses the commitment \(AccountNotAllowedCommit\): register"):
        arena.run("first", **flags)
    assert {one.name: one.read_bytes() for one in model.iterdir()} == trained
    status, said = arena.run("first", **flags)
    assert status == 0, said
    assert f"The trained model is in {model}" in said
    assert (committed(arena, "first").name, len(arena.chain.commits)) == ("again", commits + 2)
    assert sorted(arena.folder.rglob("result.json")) == trainings
