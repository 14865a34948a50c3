"""Jobs' folders, and the trainer as a process of the training environment."""

import json
import os
import random
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logicnet.tuning.train.jobfile import JobFile, TrainResult
from tests.harness.tiny_models import ROOT, TUNE_PYTHON


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def sums(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of task sft: questions with the program that answers them."""
    luck = random.Random(seed)
    pairs = [(luck.randrange(100), luck.randrange(100)) for _ in range(count)]
    return [
        {"prompt": [user(f"What is {a} + {b}?")], "completion": [assistant(f"print({a} + {b})")]}
        for a, b in pairs
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@dataclass(frozen=True)
class Trained:
    """A trainer that ended."""

    folder: Path
    code: int
    log: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "events.jsonl").read_text().splitlines()]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    @property
    def result(self) -> TrainResult:
        return TrainResult.read(self.folder)


def make_job(
    folder: Path, job: JobFile, train: list[dict[str, Any]], validation: list[dict[str, Any]]
) -> Path:
    """Write a job's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "train.jsonl", train)
    write_rows(folder / "validation.jsonl", validation)
    job.write(folder)
    return folder


def start(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    limit: Callable[[], None] | None = None,
    processes: int = 1,
) -> "subprocess.Popen[str]":
    """Start `python -m logicnet.tuning.train` with one thread and no secrets of the developer's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    fixed = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    together = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.Popen(
        [
            TUNE_PYTHON,
            *(together if processes > 1 else []),
            "-m",
            "logicnet.tuning.train",
            *arguments,
        ],
        env=kept | fixed | dict(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=limit,  # noqa: PLW1509  (this process has one thread here)
    )


def train(
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    limit: Callable[[], None] | None = None,
    processes: int = 1,
) -> Trained:
    """Train a job's folder to its end."""
    process = start(folder, environment=environment, limit=limit, processes=processes)
    log, _ = process.communicate(timeout=600)
    return Trained(folder, process.returncode, log)
