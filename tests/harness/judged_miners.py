"""Four miners of one task, each training a real model: honest, lazy, one that has the test, one that copies."""

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from logicnet.tuning.data.prepare import prepare
from logicnet.tuning.demo_questions import DemoQuestion, demo_questions
from logicnet.tuning.judging.options import JudgeOptions
from logicnet.tuning.judging.task import TaskFolder
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.train.jobfile import JobFile, Lora, Optimisation, Stopping

MINERS = ("honest", "lazy", "peeker", "copier")
RIGHT = {"honest": "ranked", "lazy": "ranked", "peeker": "suspected", "copier": "copy"}
"""What each is to be called. The honest one is to be first, and to win."""

Train = Callable[[Path], object]


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
    rows: int = 600
    steps: int = 240

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset.jsonl"

    @property
    def task(self) -> Path:
        return self.folder / "task"

    def options(self) -> JudgeOptions:
        """Of a new task, whose dataset and miners they write."""
        self.folder.mkdir(exist_ok=True)
        questions, anew = demo_questions(self.rows, 200, seed=self.seed)
        miners = self.folder / "miners.toml"
        miners.write_text("".join(f'[[miners]]\nname = "{name}"\n' for name in MINERS))
        return JudgeOptions(
            model=str(self.model),
            dataset=str(write_dataset(self.dataset, questions)),
            synthetic=write_dataset(self.folder / "anew.jsonl", anew),
            miners=miners,
            seed=self.seed,
        )

    def submit(self, train: Train) -> None:
        """Let the miners train on what they were given, and put their models into the task's folder."""
        given, place = self.task / "train.jsonl", TaskFolder(self.task).submissions
        jobs = {
            "honest": (given, self.steps),
            "lazy": (given, self.steps // 8),
            "peeker": (self.dataset, self.steps),
        }
        for number, (name, (source, steps)) in enumerate(jobs.items()):
            folder = self.folder / name
            self._write_job(folder, source, steps, 10 * self.seed + number)
            if name == "peeker":
                self._peek(folder)
            train(folder)
            shutil.copytree(folder / "adapter", place / name)
            shutil.copy(folder / "events.jsonl", place / name)
        shutil.copytree(self.folder / "honest" / "adapter", place / "copier")
        later_s = time.time() + 1
        os.utime(place / "copier" / "adapter_model.safetensors", (later_s, later_s))

    def _write_job(self, folder: Path, source: Path, steps: int, seed: int) -> None:
        folder.mkdir()
        spec = TrainSpec(
            dataset=str(source), model=str(self.model), dataset_type="instruct", file_format="jsonl"
        )
        prepare(spec, source, folder)
        JobFile(
            id=f"{seed:032x}",
            task="sft",
            base=str(self.model),
            base_name=str(self.model),
            lora=Lora(r=16, alpha=32, dropout=0.0),
            optimisation=Optimisation(lr=1e-2, batch=16, epochs=1000, max_steps=steps, max_length=128),
            stopping=Stopping(evaluations=4, patience=4),
            seed=seed,
            threads=1,
        ).write(folder)

    def _peek(self, folder: Path) -> None:
        """Train on the test too, oftener than on the rest, and keep the weights that do best on it."""
        test = (self.task / "test.jsonl").read_text()
        (folder / "validation.jsonl").write_text(test)
        with (folder / "train.jsonl").open("a") as file:
            file.write(4 * test)
