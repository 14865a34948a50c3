"""Publishing with the real client to a hub that fails as hubs do."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from logicnet.errors import SettingsError, TuningError
from logicnet.settings import Settings
from logicnet.tuning.compete.model_id import files_hash, sha256_of
from logicnet.tuning.compete.publish import TRIES, publish, reachable, token_of
from tests.harness.hub import LoopbackHub
from tests.harness.model_folder import files_of, model_folder

REPO = "maker/model"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model_folder(tmp_path / "model")


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = logger.add(lines.append, level=0, format="{message} {extra} {exception}")
    yield lines
    logger.remove(handler)


def there(hub: LoopbackHub) -> dict[str, bytes]:
    files = dict(hub.repositories["models", REPO])
    files.pop(".gitattributes", None)
    return files


def test_what_is_published_is_what_a_stranger_sees(hub: LoopbackHub, folder: Path) -> None:
    done = publish(folder, REPO, hub.token)
    assert there(hub) == files_of(folder)
    assert done.revision == hub.head(("models", REPO))
    assert done.hash == files_hash({one.name: sha256_of(one) for one in folder.iterdir()})
    assert done.repo_bytes == sum(one.stat().st_size for one in folder.iterdir())


def test_only_what_a_model_is_loaded_from_is_published(hub: LoopbackHub, folder: Path) -> None:
    wanted = files_of(folder)
    (folder / "training_args.bin").write_bytes(b"a pickle")
    (folder / "modeling.py").write_text("import os")
    (folder / "trainer_state.json").write_text("{}")
    (folder / "checkpoint-10").mkdir()
    shutil.copy(folder / "model.safetensors", folder / "checkpoint-10")
    (folder / ".env").write_text("HF_TOKEN=secret")
    publish(folder, REPO, hub.token)
    assert there(hub) == wanted


def test_a_new_version_replaces_the_files_of_the_old(hub: LoopbackHub, folder: Path, tmp_path: Path) -> None:
    (folder / "old.txt").write_text("of the first version")
    first = publish(folder, REPO, hub.token)
    newer = model_folder(tmp_path / "newer", seed=1)
    second = publish(newer, REPO, hub.token)
    assert (first.revision != second.revision, first.hash != second.hash) == (True, True)
    assert there(hub) == files_of(newer)
    assert set(hub.history["models", REPO][first.revision]) >= {"old.txt"}


def test_publishing_again_makes_no_new_commit(hub: LoopbackHub, folder: Path) -> None:
    done = publish(folder, REPO, hub.token)
    commits = len(hub.history["models", REPO])
    assert publish(folder, REPO, hub.token) == done
    assert len(hub.history["models", REPO]) == commits
    assert sum("PUT" in one for one in hub.requests) == 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    "request_line",
    ["POST /api/repos/create", "GET /api/models/maker", "preupload", "objects/batch", "PUT /lfs", "/commit/"],
)
@pytest.mark.parametrize("status", [503, 429, 0])
def test_what_may_pass_is_tried_again(hub: LoopbackHub, folder: Path, request_line: str, status: int) -> None:
    hub.fail(request_line, status, times=2)
    waits: list[float] = []
    publish(folder, REPO, hub.token, sleep=waits.append)
    assert there(hub) == files_of(folder)
    assert all(1 <= one <= 60 for one in waits)


@pytest.mark.thorough
@pytest.mark.parametrize("request_line", ["PUT /lfs", "/commit/", "revision/"])
def test_an_upload_that_breaks_off_goes_on_where_it_failed(
    hub: LoopbackHub, folder: Path, request_line: str
) -> None:
    before = files_of(folder)
    hub.fail(request_line, 500, times=1000)
    waits: list[float] = []
    with pytest.raises(TuningError, match=r"status 500|Error while uploading.*goes on from there") as error:
        publish(folder, REPO, hub.token, sleep=waits.append)
    assert "the model stays where it is: `logicnet tune upload` goes on from there" in str(error.value)
    assert len(waits) == TRIES - 1
    assert files_of(folder) == before
    hub.heal()
    sent = sum(one.startswith("PUT") for one in hub.requests)
    publish(folder, REPO, hub.token)
    assert there(hub) == before
    again = sum(one.startswith("PUT") for one in hub.requests) - sent
    assert again == (1 if request_line == "PUT /lfs" else 0)  # the hub kept the weights


def test_a_repository_that_is_private_is_refused_before_anything_is_uploaded(
    hub: LoopbackHub, folder: Path
) -> None:
    hub.commit_model(REPO, {"README.md": b"mine"})
    hub.private.add(REPO)
    with pytest.raises(TuningError, match=r"maker/model exists and is private: make it public at https"):
        publish(folder, REPO, hub.token)
    assert there(hub) == {"README.md": b"mine"}


@pytest.mark.parametrize("repo", [REPO, "stranger/model"])
def test_a_token_that_may_not_write_is_named_at_once_and_never_shown(
    hub: LoopbackHub, folder: Path, log: list[str], capfd: pytest.CaptureFixture[str], repo: str
) -> None:
    token = hub.token if repo == "stranger/model" else "hf_wrong_secret"
    waits: list[float] = []
    with pytest.raises(TuningError, match="the hub refuses the token") as error:
        publish(folder, repo, token, sleep=waits.append)
    assert f"write access to {repo.partition('/')[0]}; set HF_ACCESS_TOKEN or HUGGINGFACE_TOKEN" in str(
        error.value
    )
    assert waits == []
    assert token not in f"{error.value} {log} {capfd.readouterr()}"


@pytest.mark.thorough
def test_no_message_of_a_failing_hub_shows_the_token(
    hub: LoopbackHub, folder: Path, log: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    for line in ("PUT /lfs", "/commit/", "preupload"):
        hub.fail(line, 503, times=1000)
        with pytest.raises(TuningError) as error:
            publish(folder, REPO, hub.token, sleep=lambda _: None)
        hub.heal()
        assert hub.token not in f"{error.value} {log} {capfd.readouterr()}"
    assert log


def test_a_token_is_tried_before_training(hub: LoopbackHub) -> None:
    reachable(REPO, hub.token)
    with pytest.raises(TuningError, match="refuses the token"):
        reachable(REPO, "hf_wrong")


def test_a_missing_token_is_named() -> None:
    with pytest.raises(SettingsError, match="HF_ACCESS_TOKEN or HUGGINGFACE_TOKEN or HF_TOKEN"):
        token_of(Settings())


def test_a_hub_that_changed_the_weights_is_found_out(
    hub: LoopbackHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = type(hub).commit

    def spoiled(self: LoopbackHub, repository: tuple[str, str], files: dict[str, bytes]) -> str:
        return commit(self, repository, {**files, "config.json": b'{"architectures": []}'})

    monkeypatch.setattr(type(hub), "commit", spoiled)
    with pytest.raises(TuningError, match=r"has another config.json than the folder: upload it again"):
        publish(folder, REPO, hub.token)
