"""Tiny random models of each family are trained, resumed, saved and loaded again; bad input is named."""

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from logicnet.tuning.train.jobfile import (
    EXIT_FAILED,
    Image,
    JobFile,
    Lora,
    Optimisation,
    Stopping,
    TrainResult,
)
from tests.harness.pictures import SIZE, dataset
from tests.harness.tiny_models import ROOT, TUNE_PYTHON

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
MANY = """
import sys
from pathlib import Path
from logicnet.tuning.train.__main__ import train
print(*(train(Path(folder)) for folder in sys.argv[1:]))
"""
START_S = 300.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diffusion")
    python("-m", "tests.harness.tiny_diffusion", folder)
    return folder


def python(*words: str | Path) -> str:
    done = subprocess.run(
        [TUNE_PYTHON, *words], cwd=ROOT, env=ENVIRONMENT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def made(folder: Path, models: Path, family: str, **image: Any) -> JobFile:
    """A job of four steps."""
    dataset(folder)
    job = JobFile(
        id="job",
        task="image",
        base=str(models / family),
        base_name=f"tiny/{family}",
        lora=Lora(r=4, alpha=8, dropout=0.1),
        optimisation=Optimisation(
            lr=1e-2, schedule="constant", warmup=0.0, batch=2, accumulate=2, epochs=9, max_steps=4
        ),
        stopping=Stopping(evaluations=4),
        image=Image(**{"family": family, "resolution": SIZE, "repeats": 2} | image),
        threads=1,
    )
    job.write(folder)
    return job


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    path = folder / "events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


@pytest.fixture(scope="module")
def trained(models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished job's folder of each family."""
    root = tmp_path_factory.mktemp("trained")
    folders = {family: root / family for family in ("sd", "sdxl", "flux")}
    made(folders["sd"], models, "sd", snr_gamma=5.0)
    made(folders["sdxl"], models, "sdxl", text_lr=1e-3)
    made(folders["flux"], models, "flux", text_lr=1e-3)
    assert python("-c", MANY, *folders.values()).split()[-3:] == ["0", "0", "0"]
    return folders


@pytest.mark.parametrize("family", ["sd", "sdxl", "flux"])
def test_training_lowers_the_held_out_loss(trained: dict[str, Path], family: str) -> None:
    folder = trained[family]
    result = TrainResult.read(folder)
    evaluated = events(folder, "eval")
    assert [one["step"] for one in evaluated] == [0, 1, 2, 3, 4]
    assert result.best_loss < result.first_loss == evaluated[0]["loss"]
    assert (result.reason, result.rows) == ("done", {"trained": 6, "validation": 2})
    assert [one["step"] for one in events(folder, "step")] == [1, 2, 3, 4]
    assert events(folder, "ended")[-1]["reason"] == "done"
    assert (folder / result.adapter / "pytorch_lora_weights.safetensors").stat().st_size > 10_000
    assert set(result.hashes) == {"base", "train", "validation", "adapter"}


ADAPTER_KEYS = """
import sys
from safetensors import safe_open
with safe_open(sys.argv[1], "pt") as file:
    print(*sorted({key.partition(".")[0] for key in file.keys()}))
"""


@pytest.mark.parametrize(
    ("family", "parts"),
    [
        ("sd", ["unet"]),
        ("sdxl", ["text_encoder", "text_encoder_2", "unet"]),
        ("flux", ["text_encoder", "transformer"]),
    ],
)
def test_text_encoders_are_trained_if_they_have_a_rate(
    trained: dict[str, Path], family: str, parts: list[str]
) -> None:
    weights = trained[family] / "adapter" / "pytorch_lora_weights.safetensors"
    assert python("-c", ADAPTER_KEYS, weights).split() == parts


def start(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "trainer.log").open("ab") as log:
        return subprocess.Popen(
            [TUNE_PYTHON, "-m", "logicnet.tuning.train", folder],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=log,
            stderr=log,
        )


def until_checkpoint(folder: Path, step: int, child: subprocess.Popen[bytes]) -> None:
    last = time.monotonic() + START_S
    while not any(one["step"] >= step for one in events(folder, "checkpoint")):
        assert child.poll() is None and time.monotonic() < last, (folder / "trainer.log").read_text()
        time.sleep(0.02)


def test_a_stopped_and_a_killed_training_end_as_one_that_was_left_alone(
    models: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    job = made(tmp_path / "job", models, "sd", snr_gamma=5.0)
    folder = tmp_path / "job"
    # The checkpoint of the last step is followed by the loading of the result, which takes long.
    for signal_number, step in ((signal.SIGTERM, 1), (signal.SIGKILL, 3)):
        child = start(folder)
        until_checkpoint(folder, step, child)
        child.send_signal(signal_number)
        assert child.wait(START_S) == (EXIT_FAILED if signal_number == signal.SIGTERM else -signal.SIGKILL)
        assert not (folder / "result.json").exists()
    assert start(folder).wait(START_S) == 0
    resumed = [one["resumed_from"] for one in events(folder, "started")]
    assert resumed[0] is None and resumed[1] >= 1 and resumed[2] >= 3
    assert [one["reason"] for one in events(folder, "ended")] == ["cancelled", "done"]
    alone = {one["step"]: one["loss"] for one in events(trained["sd"], "eval")}
    assert {one["step"]: one["loss"] for one in events(folder, "eval")} == pytest.approx(alone, rel=1e-6)
    result, expected = TrainResult.read(folder), TrainResult.read(trained["sd"])
    assert result.hashes["adapter"] == expected.hashes["adapter"]
    assert job.optimisation.max_steps == result.steps


def cut_short(folder: Path, job: JobFile) -> None:
    path = folder / "pictures" / "3.png"
    path.write_bytes(path.read_bytes()[:60])


def no_caption(folder: Path, job: JobFile) -> None:
    path = folder / "validation.jsonl"
    path.write_text(path.read_text().replace("a fade 7", "  "))


def no_picture(folder: Path, job: JobFile) -> None:
    (folder / "pictures" / "5.png").unlink()


def other_family(folder: Path, job: JobFile) -> None:
    replace(job, base=job.base.removesuffix("sd") + "sdxl").write(folder)


def odd_resolution(folder: Path, job: JobFile) -> None:
    replace(job, image=replace(job.image, resolution=33)).write(folder)


def too_fast(folder: Path, job: JobFile) -> None:
    fast = replace(job.optimisation, lr=1e30)
    replace(job, optimisation=fast, stopping=Stopping(evaluations=1)).write(folder)


def a_pickle(folder: Path, job: JobFile) -> None:
    base = folder / "base"
    for path in Path(job.base).rglob("*"):
        if path.is_file():
            copy = base / path.relative_to(job.base)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(path)
    weights = base / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    replace(job, base=str(base)).write(folder)


BROKEN = {
    cut_short: ("bad_input", "train.jsonl, line 4: pictures/3.png"),
    no_caption: ("bad_input", "validation.jsonl, line 2: pictures/7.png has no caption"),
    no_picture: ("bad_input", "train.jsonl, line 6: pictures/5.png"),
    other_family: ("failed", "set image_family sdxl"),
    odd_resolution: ("failed", "resolution 33"),
    too_fast: ("non_finite", "step 2, in train.jsonl, line"),
    a_pickle: ("failed", "unet"),
}


@pytest.fixture(scope="module")
def broken(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("broken")
    for breaking in BROKEN:
        folder = root / breaking.__name__
        breaking(folder, made(folder, models, "sd"))
    statuses = python("-c", MANY, *(root / breaking.__name__ for breaking in BROKEN)).split()
    assert statuses[-len(BROKEN) :] == [str(EXIT_FAILED)] * len(BROKEN)
    return root


@pytest.mark.parametrize("breaking", BROKEN, ids=lambda breaking: breaking.__name__)
def test_what_is_wrong_is_named_in_one_line(broken: Path, breaking: Any) -> None:
    folder = broken / breaking.__name__
    reason, words = BROKEN[breaking]
    ended = events(folder, "ended")[-1]
    assert ended["reason"] == reason
    assert words in ended["message"], ended["message"]
    assert "\n" not in ended["message"]
    assert not (folder / "result.json").exists()
