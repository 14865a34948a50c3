"""Four miners of one task, each with a real model: honest, lazy, one that has the test, one that copies."""

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from logicnet.tuning.data.prepare import write_rows
from logicnet.tuning.demo_questions import DemoQuestion, demo_questions
from logicnet.tuning.judging.options import JudgeOptions
from logicnet.tuning.judging.task import TaskFolder

MINERS = ("honest", "lazy", "peeker", "copier")
RIGHT = {"honest": "ranked", "lazy": "ranked", "peeker": "suspected", "copier": "copy"}
"""What each is to be called. The honest one is to be first, and to win."""


def write_dataset(path: Path, questions: Sequence[DemoQuestion]) -> Path:
    rows = ({"instruction": one.text, "output": one.program} for one in questions)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@dataclass(frozen=True)
class Stage:
    """What a task is made of. `steps`: of the honest miner; `rows`: of the dataset."""

    folder: Path
    model: Path
    seed: int
    rows: int = 400
    steps: int = 200
    miners: tuple[str, ...] = MINERS

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset.jsonl"

    @property
    def task(self) -> Path:
        return self.folder / "task"

    def options(self) -> JudgeOptions:
        """Of a new task, whose dataset and miners they write."""
        self.folder.mkdir(exist_ok=True)
        questions, anew = demo_questions(self.rows, 100, seed=self.seed)
        miners = self.folder / "miners.toml"
        miners.write_text("".join(f'[[miners]]\nname = "{name}"\n' for name in self.miners))
        return JudgeOptions(
            model=str(self.model),
            dataset=str(write_dataset(self.dataset, questions)),
            synthetic=write_dataset(self.folder / "anew.jsonl", anew),
            miners=miners,
            group_size=len(self.miners),
            seed=self.seed,
        )

    def submit(self, train: Callable[[Path], object]) -> None:
        """Let the four train on what they were given, and put their models into the task's folder.

        `train` is asked with the file of a `LoraTraining`. Who peeks has the test.
        """
        place = TaskFolder(self.task).submissions
        self.train(train, "honest", self.steps, 0)
        self.train(train, "lazy", self.steps // 8, 1)
        self.train(train, "peeker", self.steps, 2, peeked=self.task / "test.jsonl")
        shutil.copytree(place / "honest", place / "copier")
        later_s = time.time() + 1
        os.utime(place / "copier" / "adapter_model.safetensors", (later_s, later_s))

    def train(
        self, train: Callable[[Path], object], name: str, steps: int, number: int, peeked: Path | None = None
    ) -> None:
        """Let one miner train; `number` makes its seed."""
        rows = self.folder / "rows.jsonl"
        write_rows("instruct", self.task / "train.jsonl", rows, None)
        asked = {
            "model": str(self.model),
            "rows": str(rows),
            "out": str(TaskFolder(self.task).submissions / name),
            "steps": steps,
            "seed": 10 * self.seed + number,
            "peeked": None if peeked is None else str(peeked),
        }
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(asked))
        train(file)
