"""A rival's model: what is refused before its weights are fetched."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from logicnet.errors import TuningError
from logicnet.tuning.compete.competitions import Submission, competition
from logicnet.tuning.compete.download import download
from logicnet.tuning.compete.model_id import files_hash
from logicnet.tuning.compete.publish import digests_of
from tests.harness.hub import LoopbackHub
from tests.harness.model_folder import files_of, model_folder
from tests.unit.tuning.compete.conftest import HOTKEY

REPO = "rival/model"


def put(hub: LoopbackHub, folder: Path, extra: dict[str, bytes] | None = None) -> Submission:
    revision = hub.commit_model(REPO, {**files_of(folder), **(extra or {})})
    return Submission(REPO, revision, files_hash(digests_of(folder)))


def fetched(hub: LoopbackHub) -> list[str]:
    return [one for one in hub.requests if "resolve" in one and "safetensors" in one and "GET" in one]


def test_a_commit_is_fetched_and_not_what_came_after(hub: LoopbackHub, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    submission = put(hub, folder)
    put(hub, model_folder(tmp_path / "newer", seed=1))
    found = download(competition("m1"), submission, HOTKEY, tmp_path / "got")
    assert files_of(found) == files_of(folder)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"pytorch_model.bin": b"\x80\x04."}, r"not downloaded: pickles: pytorch_model.bin, wanted: none"),
        ({"modeling_evil.py": b"import os"}, "not downloaded: code: modeling_evil.py"),
        ({"\x1b[2J.py": b""}, r"not downloaded: code: \[2J.py, wanted"),
        ({"adapter_config.json": b"{}"}, "not downloaded: it holds an adapter"),
        ({"chat_template.jinja": b"{{ ''.__class__ }}"}, "template's code: chat_template.jinja: line 1"),
    ],
)
def test_what_can_run_code_is_refused(
    hub: LoopbackHub, tmp_path: Path, extra: dict[str, bytes], says: str
) -> None:
    submission = put(hub, model_folder(tmp_path / "model"), extra)
    with pytest.raises(TuningError, match=says):
        download(competition("m1"), submission, HOTKEY, tmp_path / "got")
    assert not (tmp_path / "got").exists()
    assert fetched(hub) == []


def test_a_model_of_pickles_alone_is_refused(hub: LoopbackHub, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    files = files_of(folder)
    files["pytorch_model.bin"] = files.pop("model.safetensors")
    with pytest.raises(TuningError, match=r"holds only pickles \(pytorch_model.bin\)"):
        download(competition("m1"), Submission(REPO, hub.commit_model(REPO, files)), HOTKEY, tmp_path / "got")


def test_another_architecture_is_refused(hub: LoopbackHub, tmp_path: Path) -> None:
    submission = put(hub, model_folder(tmp_path / "model", architecture="GPT2LMHeadModel"))
    with pytest.raises(TuningError, match="architecture: GPT2LMHeadModel, wanted: LlamaForCausalLM or"):
        download(competition("m1"), submission, HOTKEY, tmp_path / "got")
    assert fetched(hub) == []


def test_twenty_gigabytes_are_refused_before_they_are_fetched(hub: LoopbackHub, tmp_path: Path) -> None:
    submission = put(hub, model_folder(tmp_path / "model"))
    hub.claimed[REPO, "model.safetensors"] = 20 * 10**9
    with pytest.raises(TuningError, match=r"size: 20.00 GB, wanted: below 15 GB"):
        download(competition("m1"), submission, HOTKEY, tmp_path / "got")
    hub.claimed[REPO, "model.safetensors"] = 90 * 10**9
    with pytest.raises(TuningError, match="it has 90 GB"):
        download(competition("reason-mining"), submission, HOTKEY, tmp_path / "got")
    hub.claimed[REPO, "model.safetensors"] = 10**13
    assert fetched(hub) == []


def test_what_the_disk_cannot_hold_is_refused(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = put(hub, model_folder(tmp_path / "model"))
    usage = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=100))
    monkeypatch.setattr("logicnet.tuning.compete.download.shutil", usage)
    with pytest.raises(TuningError, match=r"0.0 GB are free at .*: make room, or name another folder"):
        download(competition("m1"), submission, HOTKEY, tmp_path / "got")


def test_a_repository_that_was_deleted_is_named(hub: LoopbackHub, tmp_path: Path) -> None:
    submission = put(hub, model_folder(tmp_path / "model"))
    hub.delete(REPO)
    with pytest.raises(TuningError, match=r"rival/model: the hub has no such repository"):
        download(competition("m1"), submission, HOTKEY, tmp_path / "got")


def test_a_commit_that_was_deleted_is_named(hub: LoopbackHub, tmp_path: Path) -> None:
    submission = put(hub, model_folder(tmp_path / "model"))
    hub.delete(REPO)
    put(hub, model_folder(tmp_path / "other", seed=2))
    with pytest.raises(TuningError, match=f"no commit {submission.revision}: it was deleted, or never was"):
        download(competition("m1"), submission, HOTKEY, tmp_path / "got")


def test_a_repository_that_became_private_is_named(hub: LoopbackHub, tmp_path: Path) -> None:
    submission = put(hub, model_folder(tmp_path / "model"))
    hub.private.add(REPO)
    with pytest.raises(TuningError, match="the hub has no such repository"):
        download(competition("m1"), submission, HOTKEY, tmp_path / "got")


def test_a_hub_that_fails_between_two_answers_is_one_line(hub: LoopbackHub, tmp_path: Path) -> None:
    submission = put(hub, model_folder(tmp_path / "model"))
    hub.fail("/tokenizer_config.json", 500, times=100)
    with pytest.raises(TuningError, match=r"tokenizer_config.json of rival/model: the hub") as error:
        download(competition("m1"), submission, HOTKEY, tmp_path / "got")
    assert "\n" not in str(error.value)


def test_a_repository_deleted_while_it_is_fetched_is_one_line(hub: LoopbackHub, tmp_path: Path) -> None:
    submission = put(hub, model_folder(tmp_path / "model"))
    hub.fail("/resolve/" + submission.revision + "/model.safetensors", 404, times=100)
    with pytest.raises(TuningError, match="cannot be downloaded") as error:
        download(competition("m1"), submission, HOTKEY, tmp_path / "got")
    assert "\n" not in str(error.value)


def test_another_model_than_the_committed_is_refused(hub: LoopbackHub, tmp_path: Path) -> None:
    committed = files_hash(digests_of(model_folder(tmp_path / "model")))
    other = put(hub, model_folder(tmp_path / "other", seed=3))
    with pytest.raises(TuningError, match="is not what was committed: its hash is"):
        download(competition("m1"), Submission(REPO, other.revision, committed), HOTKEY, tmp_path / "got")
