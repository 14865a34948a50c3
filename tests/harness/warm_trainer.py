"""A process of the training environment that trains and evaluates one after the other: imports cost once.

Run as a module it is that process: each line names the file of a `LoraTraining`, or a request and an answer
of `evalfile`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from logicnet.tuning.train.evalfile import Evaluation, EvaluationRequest
from tests.harness.tiny_models import ROOT, TUNE_PYTHON


class WarmTrainer:
    """For a `with`. In the place of a `Workshop` it measures without isolation: nothing is a stranger's."""

    token = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [TUNE_PYTHON, "-m", "tests.harness.warm_trainer"],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.__exit__(None, None, None)  # its pipes are closed, which ends it

    def train(self, asked: Path) -> None:
        """Train what a file asks for."""
        self._asked(str(asked))

    def measure(self, asked: EvaluationRequest, folder: Path) -> Evaluation:
        """As `Workshop.measure`, without isolation."""
        asked.write(folder / "request.json")
        self._asked(f"{folder / 'request.json'}\t{folder / 'answer.json'}")
        return Evaluation.read(folder / "answer.json")

    def _asked(self, line: str) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        said = "begun"
        while said and not said.startswith("status "):
            said = self._process.stdout.readline()
        assert said == "status 0\n", (line, said)


def main() -> None:
    from logicnet.tuning.train.evaluate import main as evaluate  # noqa: PLC0415
    from tests.harness.lora_miner import LoraTraining, train  # noqa: PLC0415

    said = sys.stdout
    for line in sys.stdin:
        words = line.rstrip("\n").split("\t")
        if len(words) == 1:
            train(LoraTraining(**json.loads(Path(words[0]).read_text())))
        print(f"status {0 if len(words) == 1 else evaluate(*words)}", file=said, flush=True)


if __name__ == "__main__":
    main()
