"""A fine-tune from job.json to result.json, and what it leaves."""

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from logicnet.tuning.improve.adapters import AdapterStore
from logicnet.tuning.improve.probe import LEAST_EFFECT, expected_texts
from logicnet.tuning.train.jobfile import JobFile, Lora
from tests.harness.training import Trained, assistant, make_job, start, sums, train, user

SECRET = "hf_9f8e7d6c5b4a39281706"


@pytest.fixture(scope="module")
def done(sft: JobFile, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("done")
    prompt_too_long = {"prompt": [user("word " * 80 + "?")], "completion": [assistant("print(1)")]}
    too_long = {"prompt": [user("Count.")], "completion": [assistant("1 " * 80)]}
    rows = [*sums(46), prompt_too_long, too_long]
    held_out = [{"prompt": [user(f"{SECRET}?")], "completion": [assistant("print(1)")]}, *sums(7, seed=1)]
    logged = replace(sft, sample=True, report_to=("wandb", "trackio"), wandb_project="arithmetic-lessons")
    make_job(folder, logged, rows, held_out)
    return train(folder, environment={"HF_TOKEN": SECRET, "WANDB_API_KEY": "0" * 40})


def test_held_out_loss_falls_and_the_best_checkpoint_is_the_result(done: Trained) -> None:
    assert done.code == 0, done.log
    result = done.result
    evaluations = done.of_kind("eval")
    assert [event["step"] for event in evaluations] == [0, 6, 12, 18]
    assert result.first_loss == evaluations[0]["loss"]
    assert result.best_loss == min(event["loss"] for event in evaluations) < 0.7 * result.first_loss
    assert [event["step"] for event in evaluations if event["loss"] == result.best_loss] == [result.best_step]
    assert result.reason == done.of_kind("ended")[0]["reason"] == "done"
    assert result.rows == {"trained": 47, "validation": 8, "cut": 1, "too_long": 1}


def test_events_tell_of_each_step_and_checkpoint(done: Trained) -> None:
    started = done.of_kind("started")[0]
    assert (started["device"], started["threads"], started["steps"], started["resumed_from"]) == (
        "cpu",
        1,
        18,
        None,
    )
    steps = done.of_kind("step")
    assert [event["step"] for event in steps] == list(range(1, 19))
    assert all(event["tokens"] > 8 and event["seconds"] > 0 for event in steps)
    assert all(0 < event["memory"] < 1 and event["gpu"] is None for event in steps)
    assert [event["step"] for event in done.of_kind("checkpoint")] == [6, 12, 18]
    assert len(done.of_kind("sample")) == 4
    (warning,) = [one["message"] for one in done.of_kind("warning") if "max_length" in one["message"]]
    assert warning.startswith("dropped: 1 row is longer than max_length ")
    assert "train.jsonl, line 48, column 'completion'" in warning


def test_adapter_names_its_base_and_the_result_its_hashes(done: Trained, base: Path) -> None:
    adapter = done.folder / "adapter"
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny/llama"
    assert all(str(base).encode() not in path.read_bytes() for path in adapter.iterdir())
    lines = hashlib.sha256((done.folder / "train.jsonl").read_bytes()).hexdigest()
    assert done.result.hashes["train"] == lines
    assert {"torch", "transformers", "trl", "peft"} <= set(done.result.versions)


def test_every_linear_layer_is_trained_and_a_name_that_matches_none_is_said(
    done: Trained, sft: JobFile, tmp_path: Path
) -> None:
    """Fault 3 of docs/documented.md: the documents' miner names its layers "all", which matches none."""
    linear = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    weights = (done.folder / "adapter" / "adapter_model.safetensors").read_bytes()
    names = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")]).keys() - {"__metadata__"}
    assert {name.split(".")[-3] for name in names} == linear  # ...mlp.up_proj.lora_A.weight
    wrong = train(make_job(tmp_path / "job", replace(sft, lora=Lora(targets="all")), sums(8), sums(2)))
    assert wrong.code == 1
    (ended,) = wrong.of_kind("ended")
    assert ended["reason"] == "failed"
    assert "Target modules all not found in the base model" in ended["message"]


def test_what_the_adapter_says_is_written_down_for_the_probe_of_a_server(
    done: Trained, tmp_path: Path
) -> None:
    added = AdapterStore(tmp_path).add(done.folder / "adapter", "tiny/llama", 1.0)
    added.check()
    texts = expected_texts(added.folder)
    assert len(texts) == 3
    assert all(max((*one.logprobs, *one.base_logprobs)) <= 0.0 for one in texts)
    assert all(one.effect > LEAST_EFFECT for one in texts)


def test_secrets_are_in_neither_events_nor_log(done: Trained) -> None:
    assert "***" in done.of_kind("sample")[0]["prompt"]
    assert SECRET not in (done.folder / "events.jsonl").read_text() + done.log


def test_wandb_stays_offline_without_a_network_and_trackio_writes_beside(done: Trained) -> None:
    (log,) = (done.folder / "wandb").glob("offline-run-*/*.wandb")
    assert b"arithmetic-lessons" in log.read_bytes()
    assert list((done.folder / "trackio").glob("*.db"))


def test_merged_weights_are_a_model_of_the_bases_type(done: Trained, base: Path, tmp_path: Path) -> None:
    process = start("merge", base, done.folder / "adapter", tmp_path / "merged")
    log, _ = process.communicate(timeout=300)
    assert process.returncode == 0, log
    merged, before = tmp_path / "merged" / "model.safetensors", base / "model.safetensors"
    assert merged.stat().st_size == before.stat().st_size
    assert merged.read_bytes() != before.read_bytes()
    assert (tmp_path / "merged" / "chat_template.jinja").exists()


@pytest.fixture(scope="module")
def whole(sft: JobFile, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(make_job(tmp_path_factory.mktemp("whole"), sft, sums(48), sums(8, seed=1)))


@pytest.fixture(scope="module")
def broken(sft: JobFile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Trained]]:
    """The same job: asked to stop, started again, killed, started again."""
    folder = make_job(tmp_path_factory.mktemp("broken"), sft, sums(48), sums(8, seed=1))
    runs = []
    for step, signal in ((7, "terminate"), (13, "kill")):
        process = start(folder)
        _wait_for_step(process, folder, step)
        getattr(process, signal)()
        log, _ = process.communicate(timeout=600)
        runs.append(Trained(folder, process.returncode, log))
    with (folder / "events.jsonl").open("a") as events:
        events.write('{"at": 1, "kind": "st')  # torn in mid-line, as by a power cut
    runs.append(train(folder))
    yield runs


def _wait_for_step(process: "subprocess.Popen[str]", folder: Path, step: int) -> None:
    while process.poll() is None:
        path = folder / "events.jsonl"
        if path.exists() and f'"step": {step},' in path.read_text():
            return
        time.sleep(0.02)
    assert process.stdout is not None
    raise AssertionError(process.stdout.read())


def test_a_trainer_asked_to_stop_saves_first(broken: list[Trained]) -> None:
    stopped = broken[0]
    assert stopped.code == 1
    ended = next(event for event in stopped.events if event["kind"] == "ended")
    assert ended["reason"] == "cancelled"
    assert stopped.of_kind("started")[1]["resumed_from"] >= 7


def test_a_killed_training_ends_with_the_weights_of_an_unbroken_one(
    broken: list[Trained], whole: Trained
) -> None:
    assert broken[1].code == -9
    assert broken[2].code == 0, broken[2].log
    assert broken[2].of_kind("started")[2]["resumed_from"] >= 12
    result = broken[2].result
    assert result.steps == 18
    assert result.first_loss == whole.result.first_loss
    assert result.best_loss == whole.result.best_loss
    assert result.hashes == whole.result.hashes


def test_a_done_job_is_not_trained_again(whole: Trained) -> None:
    before = (whole.folder / "events.jsonl").read_bytes()
    assert train(whole.folder).code == 0
    assert (whole.folder / "events.jsonl").read_bytes() == before


def test_a_trainer_killed_before_its_result_only_makes_that(whole: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    shutil.copytree(whole.folder, folder)
    (folder / "result.json").unlink()
    shutil.rmtree(folder / "adapter")
    done = train(folder)
    assert done.code == 0, done.log
    assert len(done.of_kind("step")) == 18
    assert done.result.hashes == whole.result.hashes
    assert (done.result.best_step, done.result.best_loss) == (whole.result.best_step, whole.result.best_loss)
