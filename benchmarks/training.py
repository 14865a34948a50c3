"""A training job against the same training by a plain TRL script: seconds, and the held-out loss at the end.

    python benchmarks/training.py [--rounds 3] [--rows 96] [--base .run/model/smollm2]

Both train the demo's questions on the CPU with one thread, with the same seed, numbers, evaluations and
checkpoints; each is a process of .venv-tune, imports included, and they take turns. The goal is a ratio of at
most 1.03 and the same final loss to 1 %. CPU time stands beside wall time: other programs disturb it less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from logicnet.tuning.demo_questions import demo_questions
from logicnet.tuning.train.jobfile import JobFile, Optimisation, Stopping, TrainResult

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-tune" / "bin" / "python"
HELD_OUT = 16


def make_job(folder: Path, base: Path, count: int) -> None:
    train, held_out = demo_questions(count, HELD_OUT)
    folder.mkdir()
    for name, questions in (("train", train), ("validation", held_out)):
        text = "".join(json.dumps(question.row()) + "\n" for question in questions)
        (folder / f"{name}.jsonl").write_text(text)
    JobFile(
        id="0" * 32,
        task="sft",
        base=str(base),
        base_name=base.name,
        optimisation=Optimisation(lr=1e-3, batch=8, epochs=1.0, max_length=256),
        stopping=Stopping(evaluations=2, patience=99),
        threads=1,
    ).write(folder)


def run(*command: str | Path) -> tuple[str, float, float]:
    """Output, wall seconds and CPU seconds of a process of the training environment."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    done = subprocess.run([PYTHON, *command], env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return done.stdout, seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def one_round(base: Path, count: int, *, job_first: bool) -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where) / "job"
        make_job(folder, base, count)
        for which in ("job", "plain") if job_first else ("plain", "job"):
            if which == "job":
                _, found["job s"], found["job CPU s"] = run("-m", "logicnet.tuning.train", folder)
                found["job loss"] = TrainResult.read(folder).best_loss
            else:
                said, _, _ = run(ROOT / "benchmarks" / "_plain_trl.py", folder)
                plain = json.loads(said.splitlines()[-1])
                found |= {
                    "plain s": plain["seconds"],
                    "plain CPU s": plain["cpu"],
                    "plain loss": plain["loss"],
                }
    return found | {
        "wall, job / plain": found["job s"] / found["plain s"],
        "CPU, job / plain": found["job CPU s"] / found["plain CPU s"],
        "loss, job / plain": found["job loss"] / found["plain loss"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--base", type=Path, default=ROOT / ".run" / "model" / "smollm2")
    args = parser.parse_args()
    rounds = [
        one_round(args.base.resolve(), args.rows, job_first=number % 2 == 0) for number in range(args.rounds)
    ]
    for name in rounds[0]:
        values = [one[name] for one in rounds]
        print(f"{name:<24}{statistics.median(values):>10.3f}   ({min(values):.3f} .. {max(values):.3f})")
    print(json.dumps({"bench": "training", "rounds": rounds}))


if __name__ == "__main__":
    main()
