"""`logicnet tune competitions`, `commit` and `upload`: in this process, as the chain is in memory."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bittensor
import pytest
from bittensor.sp_core import Keypair

from logicnet.cli import main
from logicnet.config import read
from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.compete.commands import commit, upload
from logicnet.tuning.compete.competitions import Candidate, RuleState, competition
from logicnet.tuning.compete.options import CommitOptions, UploadOptions
from logicnet.tuning.compete.rules import new_weights
from logicnet.tuning.compete.submit import rival_weights
from tests.harness.hub import LoopbackHub
from tests.harness.mini_substrate import MiniChain
from tests.harness.model_folder import files_of, model_folder
from tests.harness.tiny_models import ROOT
from tests.unit.tuning.compete.conftest import HOTKEY, MINER, RIVAL, Clock, chain_of

Run = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model_folder(tmp_path / "model")


@pytest.fixture
def signer(tmp_path: Path, mini: MiniChain) -> Keypair:
    """A registered hotkey, in a wallet of the disk."""
    wallet = bittensor.Wallet("cold", "hot", path=str(tmp_path / "wallets"))
    wallet.create_new_hotkey(use_password=False, suppress=True)
    mini.add(wallet.hotkey.ss58_address)
    return wallet.hotkey


@pytest.fixture
def words(tmp_path: Path, hub: LoopbackHub, signer: Keypair, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Settings: that wallet, a token, folders of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ACCESS_TOKEN", hub.token)
    keys = ["--wallet.path", str(tmp_path / "wallets"), "--wallet.name", "cold", "--wallet.hotkey", "hot"]
    return [*keys, "--tuning.folder", str(tmp_path / "tuning")]


@pytest.fixture
def run_upload(words: list[str], mini: MiniChain, signer: Keypair) -> Run:
    return lambda **given: upload(UploadOptions.parse(given), read(words), chain_of(mini, signer))


@pytest.fixture
def run_commit(words: list[str], mini: MiniChain, signer: Keypair) -> Run:
    return lambda **given: commit(CommitOptions.parse(given), read(words), chain_of(mini, signer))


def test_upload_publishes_and_commits(
    run_upload: Run, hub: LoopbackHub, mini: MiniChain, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_upload(load_model_dir=folder, hf_repo_id="maker/model", base=str(folder)) == 0
    assert len(mini.commits) == 1
    assert f"Committed at block 1001: maker:model:{hub.head(('models', 'maker/model'))}:" in (
        capsys.readouterr().out
    )


@pytest.mark.thorough
def test_upload_goes_on_after_a_hub_and_after_a_chain_that_failed(
    run_upload: Run, hub: LoopbackHub, mini: MiniChain, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logicnet.tuning.compete.publish.FIRST_WAIT_S", 0.0)
    given = {"load_model_dir": folder, "hf_repo_id": "maker/model"}
    before = files_of(folder)
    hub.fail("/commit/", 503, times=1000)
    with pytest.raises(TuningError, match="`logicnet tune upload` goes on from there"):
        run_upload(**given)
    hub.heal()
    mini.refuse_commit = ["AccountNotAllowedCommit"]
    with pytest.raises(TuningError, match="the chain refuses the commitment"):
        run_upload(**given)
    assert run_upload(**given) == 0
    assert sum("PUT" in one for one in hub.requests) == 1  # the weights went once
    assert len(hub.history["models", "maker/model"]) == 2  # made, and filled
    assert files_of(folder) == before


def test_a_model_that_breaks_a_rule_is_not_uploaded(
    run_upload: Run, hub: LoopbackHub, tmp_path: Path
) -> None:
    wrong = model_folder(tmp_path / "wrong", architecture="GPT2LMHeadModel", max_position_embeddings=128)
    with pytest.raises(TuningError, match=r"not uploaded: architecture: GPT2.*; sequence: 128, wanted: 2048"):
        run_upload(load_model_dir=wrong, hf_repo_id="maker/model")
    assert not any("POST" in one for one in hub.requests)


@pytest.mark.parametrize("name", ["m1", "reason-mining"])
@pytest.mark.parametrize(
    ("template", "repo", "says"),
    [
        (None, f"maker/{'n' * 40}", "name: maker/n"),
        (
            "{{ cycler.__init__.__globals__.os.popen('id') }}",
            "maker/model",
            "template's code: tokenizer_config.json: line 1",
        ),
    ],
)
def test_what_no_validator_would_take_is_not_uploaded_and_stays(
    run_upload: Run,
    hub: LoopbackHub,
    mini: MiniChain,
    tmp_path: Path,
    name: str,
    template: str | None,
    repo: str,
    says: str,
) -> None:
    wrong = model_folder(tmp_path / "wrong", template=template)
    before = files_of(wrong)
    with pytest.raises(TuningError, match=f"the model is not uploaded: .*{says}") as error:
        run_upload(load_model_dir=wrong, hf_repo_id=repo, competition_id=name, base=str(wrong), really=True)
    assert "\n" not in str(error.value)
    assert (files_of(wrong), mini.commits) == (before, [])
    assert not any("POST" in one for one in hub.requests)


@pytest.mark.parametrize("what", ["missing", "file", "adapter"])
def test_a_folder_that_is_no_model_is_named(run_upload: Run, tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    if what == "file":
        path.write_text("x")
    if what == "adapter":
        path.mkdir()
        (path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(TuningError, match=what):
        run_upload(load_model_dir=path, hf_repo_id="maker/model")


@pytest.mark.thorough
def test_one_commit_for_ever_is_sent_only_if_it_is_really_meant(
    run_upload: Run,
    run_commit: Run,
    mini: MiniChain,
    signer: Keypair,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    repo = f"maker/model-{signer.ss58_address}"
    given = {"hf_repo_id": repo, "competition_id": "reason-mining", "base": str(folder)}
    tuned = model_folder(tmp_path / "tuned", seed=5)
    assert run_upload(load_model_dir=tuned, **given) == 0
    shown = capsys.readouterr().out
    assert "Nothing was sent. To commit it:" in shown
    for rule in ("name", "base", "chat template", "weights", "public", "commit", "commitment"):
        assert f"met       {rule:<17}" in shown
    assert run_commit(**given) == 0
    assert mini.commits == []
    assert run_commit(**given, really=True) == 0
    assert len(mini.commits) == 1
    assert "sealed; the chain opens it" in capsys.readouterr().out
    again = model_folder(tmp_path / "again", seed=6)
    with pytest.raises(TuningError, match="a second commitment makes it invalid for ever"):
        run_upload(load_model_dir=again, **given, really=True)
    assert len(mini.commits) == 1


async def _rival_commits(mini: MiniChain, hub: LoopbackHub, folder: Path) -> None:
    revision = hub.commit_model("rival/model", files_of(folder))
    chain = chain_of(mini, RIVAL)
    text = f'{{"model": "rival/model", "revision": "{revision}"}}'
    await chain.commit(text, reveal_blocks=1)
    mini.reveal(RIVAL.ss58_address, text)


async def test_a_copy_is_refused_before_it_costs_a_hotkey(
    hub: LoopbackHub, mini: MiniChain, clock: Clock, folder: Path, tmp_path: Path
) -> None:
    from logicnet.tuning.compete.submit import Submitter  # noqa: PLC0415
    from tests.unit.tuning.compete.conftest import committer  # noqa: PLC0415

    base = model_folder(tmp_path / "base", seed=9)
    await _rival_commits(mini, hub, folder)
    one = Submitter(committer(mini, clock, tmp_path, "reason-mining"), hub.token, base=str(base))
    with pytest.raises(TuningError, match="weights: the same as rival/model, wanted: committed by nobody"):
        await one.submit(folder, f"maker/{HOTKEY}")
    with pytest.raises(TuningError, match=f"weights: the same as {base}, wanted: committed by nobody"):
        await one.submit(base, f"maker/{HOTKEY}")  # nothing was trained
    assert len(mini.commits) == 1


async def test_a_rival_that_cannot_be_read_now_is_not_called_deleted(
    hub: LoopbackHub, mini: MiniChain, folder: Path
) -> None:
    await _rival_commits(mini, hub, folder)
    chain, chosen = chain_of(mini, MINER), competition("reason-mining")
    assert set((await rival_weights(chain, chosen, "maker/x") or {}).values()) == {"rival/model"}
    hub.fail("/api/models/rival/model", 500, times=20)
    assert await rival_weights(chain, chosen, "maker/x") is None
    hub.heal()
    hub.private.add("rival/model")
    assert await rival_weights(chain, chosen, "maker/x") == {}


def test_a_part_that_training_leaves_as_it_was_is_no_copy() -> None:
    def model(*weights: str, **more: Any) -> Candidate:
        named = {f"model-{one}.safetensors": one for one in weights}
        return Candidate("a/b", {}, named, 1.0, {}, {}, **more)

    base, rivals = model("eyes", "words"), {"eyes": "rival/model", "theirs": "rival/model"}
    for weights, state in (
        (("eyes", "ours"), RuleState.MET),
        (("eyes", "theirs"), RuleState.BROKEN),
        (("eyes", "words"), RuleState.BROKEN),
    ):
        assert new_weights(model(*weights, base=base, rivals=rivals)).state is state


@pytest.mark.thorough
def test_the_base_of_a_competition_is_read_from_the_hub(
    run_upload: Run, run_commit: Run, hub: LoopbackHub, mini: MiniChain, signer: Keypair, tmp_path: Path
) -> None:
    hub.add_model("Qwen/Qwen3.6-35B-A3B", model_folder(tmp_path / "base"))
    given = {"hf_repo_id": f"maker/{signer.ss58_address}", "competition_id": "reason-mining"}
    other = model_folder(tmp_path / "other", seed=1, hidden_size=32)
    with pytest.raises(TuningError, match=r"base: Qwen/Qwen3.6-35B-A3B, but hidden_size, wanted: Qwen"):
        run_upload(load_model_dir=other, **given)
    assert run_upload(load_model_dir=model_folder(tmp_path / "tuned", seed=2), **given) == 0
    assert run_commit(**given, really=True) == 0
    assert len(mini.commits) == 1


@pytest.mark.thorough
def test_what_is_not_known_costs_no_hotkey(
    run_upload: Run, run_commit: Run, mini: MiniChain, signer: Keypair, folder: Path
) -> None:
    given = {"hf_repo_id": f"maker/{signer.ss58_address}", "competition_id": "reason-mining"}
    for really in (False, True):
        with pytest.raises(TuningError, match=r"base: not read, wanted: Qwen/Qwen3.6-35B-A3B \(name a fold"):
            run_upload(load_model_dir=folder, **given, really=really)
        with pytest.raises(TuningError, match="chat template: one, wanted: the base model's"):
            run_commit(**given, really=really)
    assert mini.commits == []


def test_the_hash_of_another_model_is_not_committed(
    run_upload: Run, run_commit: Run, hub: LoopbackHub, mini: MiniChain, folder: Path, tmp_path: Path
) -> None:
    hub.commit_model("maker/model", files_of(folder))
    other = model_folder(tmp_path / "other", seed=8)
    given = {"hf_repo_id": "maker/model", "base": str(folder)}
    with pytest.raises(TuningError, match=r"has another model.safetensors than the folder"):
        run_commit(**given, load_model_dir=other, really=True)
    assert mini.commits == []
    assert run_commit(**given, load_model_dir=folder, really=True) == 0
    assert len(mini.commits) == 1


@pytest.mark.parametrize("revision", ["main", "v1.0", "abc123", "A" * 40])
def test_a_branch_is_no_commit(run_commit: Run, mini: MiniChain, revision: str) -> None:
    with pytest.raises(TuningError, match=f"--revision '{revision}' is not a commit: it takes 40 hex digits"):
        run_commit(hf_repo_id="maker/model", revision=revision, really=True)
    assert mini.commits == []


def test_a_dry_run_says_when_the_chain_allows_it(
    run_upload: Run, run_commit: Run, mini: MiniChain, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"hf_repo_id": "maker/model", "load_model_dir": folder}
    run_upload(**given)
    assert run_commit(**given) == 0
    assert "is on the chain since block 1001" in capsys.readouterr().out
    assert run_commit(**given, bind_hotkey=True) == 0
    assert "m1 takes one commitment in 20 minutes" in capsys.readouterr().out
    assert len(mini.commits) == 1


def test_a_repository_of_a_stranger_is_dry_run_too(run_commit: Run, hub: LoopbackHub) -> None:
    with pytest.raises(TuningError, match="the hub has no such repository"):
        run_commit(hf_repo_id="maker/none")


@pytest.mark.parametrize("command", ["upload", "commit"])
def test_a_missing_token_is_named_first(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.delenv("HF_ACCESS_TOKEN")
    given = ["--hf_repo_id", "maker/model"] + (["--load_model_dir", "x"] if command == "upload" else [])
    assert main(["tune", command, *given, *words]) == 2
    said = capsys.readouterr().err
    assert "HF_ACCESS_TOKEN or HUGGINGFACE_TOKEN or HF_TOKEN" in said
    assert said.count("\n") == 1


@pytest.mark.thorough
@pytest.mark.parametrize("variable", ["HF_ACCESS_TOKEN", "HUGGINGFACE_TOKEN", "HF_TOKEN"])
def test_each_name_of_the_token_is_read(
    hub: LoopbackHub,
    mini: MiniChain,
    folder: Path,
    words: list[str],
    signer: Keypair,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.delenv("HF_ACCESS_TOKEN")
    monkeypatch.setenv(variable, hub.token)
    options = UploadOptions.parse({"load_model_dir": folder, "hf_repo_id": "maker/model"})
    assert upload(options, read(words), chain_of(mini, signer)) == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--hf_repo_id", "maker/model"], "--load_model_dir is missing"),
        (["--load_model_dir", "x"], "--hf_repo_id '' takes NAMESPACE/NAME"),
        (["--load_model_dir", "x", "--hf_repo_id", "maker"], "--hf_repo_id 'maker' takes NAMESPACE/NAME"),
        (
            ["--load_model_dir", "x", "--hf_repo_id", "a/b", "--competition_id", "m2"],
            "Known: g1, m1, reason-mining",
        ),
        (["--load_model_dir", "x", "--hf_repo_id", "a/b", "--wallet.hotkey", "none"], "no hotkey"),
    ],
)
def test_a_flag_that_is_wrong_is_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str], given: list[str], says: str
) -> None:
    assert main(["tune", "upload", *words, *given]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_competitions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "competitions"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("m1", "g1", "reason-mining", "once per hotkey", "every 20 min"))


@pytest.mark.thorough
def test_the_documents_script_takes_its_flags(words: list[str], folder: Path) -> None:
    given = ["--load_model_dir", folder, "--hf_repo_id", "my-username/my-project"]
    environment = {name: one for name, one in os.environ.items() if name != "HF_ACCESS_TOKEN"}
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "upload_model.py", *given, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("a Hugging Face token with write access is missing")


def test_the_settings_name_the_subnet_before_the_competition(
    words: list[str], hub: LoopbackHub, mini: MiniChain
) -> None:
    from logicnet.tuning.compete.commands import submitter  # noqa: PLC0415

    options = UploadOptions.parse({"hf_repo_id": "maker/model"})
    assert submitter(options, read(words)).committer.journal.netuid == 6
    assert submitter(options, read([*words, "--netuid", "9"])).committer.journal.netuid == 9
    with pytest.raises(SettingsError):
        submitter(UploadOptions.parse({"competition_id": "zz"}), read(words))
