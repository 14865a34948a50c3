"""Hours, memory and disk of a job."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from logicnet.errors import TuningError
from logicnet.tuning.estimate import (
    CPU_PACE,
    GPU_PACE,
    TrainingDevice,
    TrainingPace,
    fitted,
    gpus,
    learn_from,
    memory_of,
    need_of,
    work_of,
)
from logicnet.tuning.facts import ModelFacts
from logicnet.tuning.presets import plan_of
from logicnet.tuning.train.jobfile import JobFile, Optimisation, TrainResult
from tests.harness.hub import safetensors
from tests.harness.scripted_nvml import GIB, ScriptedGpu, ScriptedNvml

GB = 10**9
SMOL = ModelFacts.of(
    "smollm",
    {"hidden_size": 576, "num_hidden_layers": 30, "intermediate_size": 1536, "vocab_size": 49152},
    134.5e6,
)
LLAMA = ModelFacts.of(
    "llama",
    {"hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336, "vocab_size": 128_256},
    8.03e9,
    fetch_bytes=16 * GB,
)
CPU = TrainingDevice("cpu", 2, 8 * GB, 100 * GB)
GPU = TrainingDevice("NVIDIA A100", 16, 80 * GB, 100 * GB)


def plan(family: str, model: ModelFacts, **overrides: Any) -> Any:
    return plan_of(family, model.parameters, overrides=overrides)


def need(asked: Any, model: ModelFacts, device: TrainingDevice, pace: TrainingPace, rows: int = 1000) -> Any:
    return need_of(asked, "sft", model, rows=rows, row_bytes=350.0, device=device, pace=pace)


def test_work_grows_with_rows_epochs_and_parameters():
    one = work_of(plan("smollm", SMOL, epochs=1), SMOL, 1000, 350)
    assert one == pytest.approx(1000 * 100 * 134.5e6)
    assert work_of(plan("smollm", SMOL, epochs=3), SMOL, 2000, 350) == pytest.approx(6 * one)
    assert work_of(plan("smollm", SMOL, epochs=1, max_length=50), SMOL, 1000, 350) == pytest.approx(one / 2)
    assert work_of(plan("smollm", SMOL, epochs=99, max_steps=10), SMOL, 1000, 350) == pytest.approx(
        one * 80 / 1000
    )
    quick = plan_of("smollm", SMOL.parameters, preset="quick_test")
    assert work_of(quick, SMOL, 1000, 350) == pytest.approx(one / 10)


def test_pictures_are_as_long_as_they_are_large():
    model = ModelFacts("sdxl", 3.5e9, {})
    small, large = (plan("sdxl", model, resolution=size, epochs=1, repeats=2) for size in (512, 1024))
    assert work_of(small, model, 10, 100) == pytest.approx(10 * 2 * 1024 * 3.5e9)
    assert work_of(large, model, 10, 100) == pytest.approx(4 * work_of(small, model, 10, 100))


def test_the_first_pace_is_a_guess_and_says_so(tmp_path):
    pace = TrainingPace.read(tmp_path / "pace.json")
    assert pace.of(CPU, "sft") == (2 * CPU_PACE, False)
    assert pace.of(GPU, "sft") == (GPU_PACE, False)
    assert pace.of(GPU, "dpo")[0] < GPU_PACE
    assert not need(plan("smollm", SMOL), SMOL, CPU, pace).measured


def test_the_pace_of_finished_jobs_is_learned_for_each_device_and_task(tmp_path):
    path = tmp_path / "new" / "pace.json"
    for seconds in (10.0, 20.0, 1000.0):  # one was slow
        TrainingPace.read(path).learn(CPU, "sft", 2e12, seconds)
    TrainingPace.read(path).learn(CPU, "sft", 0, 5.0)
    pace = TrainingPace.read(path)
    assert pace.of(CPU, "sft") == (1e11, True)
    assert pace.of(GPU, "sft") == (GPU_PACE, False)
    assert not pace.of(CPU, "dpo")[1]
    slow, fast = (need(plan("smollm", SMOL), SMOL, CPU, one) for one in (TrainingPace(path), pace))
    assert fast.measured
    assert fast.hours < slow.hours


def test_a_job_that_ended_teaches_its_pace(tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    (base / "model.safetensors").write_bytes(safetensors(1_000_000))
    job = JobFile("x", "sft", str(base), "m", optimisation=Optimisation(batch=4, epochs=2, max_length=100))
    job.write(tmp_path)
    (tmp_path / "train.jsonl").write_text("x" * 70 * 40)  # 40 rows of 20 tokens
    result = TrainResult(
        "done", 5, 2.0, 1.0, None, 5, {"trained": 40, "validation": 2}, 400.0, 1, "a", {}, {}
    )
    pace = TrainingPace(tmp_path / "pace.json")
    learn_from(tmp_path, replace(result, seconds=20.0), CPU, pace)
    assert not TrainingPace.read(pace.path).of(CPU, "sft")[1]  # imports took most of it
    learn_from(tmp_path, result, CPU, pace)
    assert TrainingPace.read(pace.path).of(CPU, "sft") == (5 * 4 * 20 * 1e6 / 400, True)


def test_old_jobs_are_forgotten(tmp_path):
    pace = TrainingPace(tmp_path / "pace.json")
    for number in range(40):
        pace.learn(CPU, "sft", 1e12, 1.0 if number < 20 else 10.0)
    assert TrainingPace.read(pace.path).of(CPU, "sft") == (1e11, True)


@pytest.mark.parametrize("content", ["{", "[]", '{"cpu sft": 3}', '{"cpu sft": ["x"]}', "\x00"])
def test_a_broken_file_of_paces_is_one_line(tmp_path, content):
    (tmp_path / "pace.json").write_text(content)
    with pytest.raises(TuningError, match="remove it, it is learned anew"):
        TrainingPace.read(tmp_path / "pace.json")


def test_memory_is_near_what_was_measured():
    """SFT of SmolLM2-135M, 8 rows of 84 tokens, r 16: a peak of 3.7 GB."""
    assert memory_of(plan("smollm", SMOL, max_length=84), "sft", SMOL) / GB == pytest.approx(3.7, rel=0.2)


def test_memory_by_what_is_trained():
    sizes = [
        memory_of(plan("llama", LLAMA, **asked), "sft", LLAMA)
        for asked in ({"quantised": True}, {}, {"r": 256}, {"full": True})
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < 24 * GB < sizes[1] < 48 * GB
    assert sizes[3] > 128 * GB
    shorter = memory_of(plan("llama", LLAMA, max_length=512), "sft", LLAMA)
    dpo, grpo = (memory_of(plan("llama", LLAMA), task, LLAMA) for task in ("dpo", "grpo"))
    assert shorter < sizes[1] < dpo < grpo


def test_a_shape_that_is_not_known_is_guessed():
    unknown = ModelFacts("x", LLAMA.parameters, {})
    ratio = memory_of(plan("llama", LLAMA), "sft", unknown) / memory_of(plan("llama", LLAMA), "sft", LLAMA)
    assert 0.6 < ratio < 1.4


def test_disk_has_the_download_and_the_checkpoints(tmp_path):
    pace = TrainingPace(tmp_path / "pace.json")
    there = replace(LLAMA, fetch_bytes=0)
    asked = need(plan("llama", LLAMA), LLAMA, GPU, pace)
    assert asked.disk_bytes - need(plan("llama", LLAMA), there, GPU, pace).disk_bytes == 16 * GB
    assert need(plan("llama", LLAMA, full=True), LLAMA, GPU, pace).disk_bytes > 16 * asked.disk_bytes


def test_a_batch_is_halved_until_it_fits():
    asked = plan("smollm", SMOL, max_length=2048, batch=64, accumulate=1)
    found = fitted(asked, "sft", SMOL, CPU)
    assert memory_of(found, "sft", SMOL) <= CPU.free_bytes < memory_of(asked, "sft", SMOL)
    steps = found.optimisation
    assert steps.batch * steps.accumulate == 64
    assert fitted(asked, "sft", SMOL, replace(GPU, free_bytes=500 * GB)) == asked
    odd = fitted(plan("smollm", SMOL, max_length=2048, batch=7), "sft", SMOL, replace(CPU, free_bytes=1))
    assert (odd.optimisation.batch, odd.optimisation.accumulate) == (1, 7)


def test_this_machine(tmp_path):
    found = TrainingDevice.here(tmp_path / "not" / "yet")
    assert found.cores >= 1
    assert min(found.free_bytes, found.disk_bytes) > 0


@pytest.mark.parametrize("broken", [False, True])
def test_the_gpu_with_the_most_free_memory_is_taken(monkeypatch, tmp_path, broken):
    class NVMLError(Exception):
        pass

    def memory(index: int) -> Any:
        if broken:
            raise NVMLError
        return SimpleNamespace(total=80 * GB, free=(10 * GB, 70 * GB)[index])

    nvml = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUUID=("GPU-a", "GPU-b").__getitem__,
        nvmlDeviceGetName=("RTX", "H100").__getitem__,
        nvmlDeviceGetMemoryInfo=memory,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    found = TrainingDevice.here(tmp_path)
    assert (found.kind, found.free_bytes > 0) == ("cpu" if broken else "H100", True)
    assert broken or found.free_bytes == 70 * GB


@pytest.mark.parametrize("held", [30 * GB, None])
def test_what_our_trainers_hold_of_a_gpu_counts_as_free_where_they_have_ended(monkeypatch, held):
    nvml = ScriptedNvml([ScriptedGpu(total_gib=80, free_gib=20)])
    running = [SimpleNamespace(pid=1, usedGpuMemory=held), SimpleNamespace(pid=2, usedGpuMemory=30 * GB)]
    monkeypatch.setattr(nvml, "nvmlDeviceGetComputeRunningProcesses", lambda _: running)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert [gpus()[0].free_bytes, gpus({3})[0].free_bytes] == 2 * [20 * GIB]
    wanted = 80 * GIB if held is None else 20 * GIB + held
    assert gpus({1})[0].free_bytes == wanted


def test_a_driver_that_does_not_list_processes_still_tells_of_its_gpu(monkeypatch):
    nvml = ScriptedNvml([ScriptedGpu(total_gib=80, free_gib=20)])

    def unknown(_: object) -> None:
        raise nvml.NVMLError

    monkeypatch.setattr(nvml, "nvmlDeviceGetComputeRunningProcesses", unknown)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert gpus({1})[0].free_bytes == 20 * GIB


def test_a_pace_file_is_json_that_anyone_can_read(tmp_path):
    TrainingPace(Path(tmp_path / "pace.json")).learn(GPU, "dpo", 1e13, 2.0)
    assert json.loads((tmp_path / "pace.json").read_text()) == {"NVIDIA A100 dpo": [5e12]}
