"""How a training ends when it is not simply done."""

import fcntl
import json
import pickle
import resource
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from logicnet.tuning.train.jobfile import EXIT_FAILED, EXIT_OUT_OF_MEMORY, EXIT_RUNNING, JobFile, Lora
from tests.harness.training import Trained, make_job, sums, train


def _ended(trained: Trained, reason: str, code: int = EXIT_FAILED) -> str:
    """The message of an ending without a result."""
    assert trained.code == code, trained.log
    assert not (trained.folder / "result.json").exists()
    last = trained.events[-1]
    assert (last["kind"], last["reason"]) == ("ended", reason)
    assert "\n" not in last["message"]
    return str(last["message"])


def test_a_folder_that_is_being_trained_is_left_alone(sft: JobFile, tmp_path: Path) -> None:
    make_job(tmp_path, sft, sums(8), sums(2))
    with (tmp_path / "running.lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = train(tmp_path)
    assert done.code == EXIT_RUNNING
    assert "4711" in done.log
    assert not (tmp_path / "events.jsonl").exists()


@pytest.mark.parametrize(
    ("dropped", "added", "words"),
    [
        ("", {"format": 99}, "has format 99, known is 1"),
        ("", {"rank": 3}, "has a field that is not known"),
        ("base", {}, "lacks"),
    ],
)
def test_a_job_file_of_another_format_is_refused(
    sft: JobFile, tmp_path: Path, dropped: str, added: dict[str, int], words: str
) -> None:
    path = make_job(tmp_path, sft, sums(8), sums(2)) / "job.json"
    found = json.loads(path.read_text()) | added
    found.pop(dropped, None)
    path.write_text(json.dumps(found))
    assert words in _ended(train(tmp_path), "failed")


def test_training_ends_in_time_with_the_best_weights_so_far(sft: JobFile, tmp_path: Path) -> None:
    long = replace(
        sft,
        optimisation=replace(sft.optimisation, epochs=10_000.0),
        stopping=replace(sft.stopping, evaluations=1, seconds=30.0, patience=10_000),
    )
    done = train(make_job(tmp_path, long, sums(16), sums(4)))
    assert done.code == 0, done.log
    assert done.result.reason == "time"
    assert 0 < done.result.steps < done.of_kind("started")[0]["steps"]


def test_training_ends_when_patience_does(sft: JobFile, tmp_path: Path) -> None:
    idle = replace(sft, optimisation=replace(sft.optimisation, lr=0.0, epochs=9.0))
    done = train(make_job(tmp_path, idle, sums(16), sums(4)))
    assert done.code == 0, done.log
    assert done.result.reason == "patience"
    assert len(done.of_kind("eval")) == 1 + 1 + idle.stopping.patience  # before it, the best one, and no gain
    assert done.result.best_loss == pytest.approx(done.result.first_loss, rel=1e-6)


def test_the_first_loss_that_is_not_finite_ends_training(sft: JobFile, tmp_path: Path) -> None:
    wild = replace(sft, optimisation=replace(sft.optimisation, lr=1e30, warmup=0.0))
    message = _ended(train(make_job(tmp_path, wild, sums(16), sums(4))), "non_finite")
    assert "lower lr" in message
    assert "step" in message


@pytest.mark.parametrize(
    ("template", "words"),
    [("{{ messages | nope }}", "No filter named 'nope'"), ("{{ raise_exception('no') }}", "no")],
)
def test_a_template_that_fails_is_its_callers_fault(
    sft: JobFile, tmp_path: Path, template: str, words: str
) -> None:
    job = replace(sft, chat_template=template)
    assert words in _ended(train(make_job(tmp_path, job, sums(8), sums(2))), "bad_input")


def test_a_full_disk_is_named_and_leaves_nothing_half_written(sft: JobFile, tmp_path: Path) -> None:
    wide = replace(sft, lora=Lora(r=64))
    make_job(tmp_path, wide, sums(16), sums(4))

    def limit() -> None:  # between the size of the adapter and that of its optimiser
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    done = train(tmp_path, limit=limit)
    message = _ended(done, "failed")
    assert message.startswith(f"cannot save to {tmp_path / 'checkpoints'}: ")
    assert "free disk space" in message
    assert not done.of_kind("checkpoint")
    assert not list((tmp_path / "checkpoints").glob("checkpoint-*"))
    assert not (tmp_path / "adapter").exists()


def test_memory_that_runs_out_has_its_own_exit_code(sft: JobFile, tmp_path: Path) -> None:
    wide = replace(
        sft, task="pretrain", optimisation=replace(sft.optimisation, batch=4096, max_length=512), threads=1
    )
    rows = [{"text": "sum " * 500 + str(number)} for number in range(4096)]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (5 << 30, 5 << 30))

    done = train(make_job(tmp_path, wide, rows, [{"text": "sum"}]), limit=limit)
    _ended(done, "out_of_memory", EXIT_OUT_OF_MEMORY)


class _Opened:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, ("/tmp/opened-by-a-pickle", "w"))


def test_a_pickle_in_place_of_safetensors_is_never_loaded(sft: JobFile, base: Path, tmp_path: Path) -> None:
    poisoned = tmp_path / "base"
    shutil.copytree(base, poisoned)
    (poisoned / "model.safetensors").unlink()
    (poisoned / "pytorch_model.bin").write_bytes(pickle.dumps(_Opened()))
    done = train(make_job(tmp_path / "job", replace(sft, base=str(poisoned)), sums(16), sums(4)))
    assert "safetensors" in _ended(done, "failed")
    assert not Path("/tmp/opened-by-a-pickle").exists()


def test_quantised_training_names_what_it_needs(sft: JobFile, tmp_path: Path) -> None:
    quantised = replace(sft, device="cpu", lora=Lora(quantised=True))
    message = _ended(train(make_job(tmp_path, quantised, sums(16), sums(4))), "failed")
    assert message == "lora.quantised (QLoRA) needs CUDA, this is cpu: set lora.quantised to false"
