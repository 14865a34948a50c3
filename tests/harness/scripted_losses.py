"""A trainer that trains nothing: its losses are a formula of the job's learning rate and rank.

`python scripted_losses.py FOLDER`. The held-out loss falls the more, the nearer lr is to BEST_LR; the
training loss tells the opposite. What it did is in FOLDER/runs.jsonl, a line for each start.
"""

import json
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from logicnet.tuning.train.jobfile import (
    EXIT_FAILED,
    EXIT_RUNNING,
    JobFile,
    TrainResult,
    hash_of,
    write_json,
)
from tests.harness.scripted_trainer import locked

BEST_LR = 1e-4
FIRST = 3.0  # held out, before training
EVALUATIONS = 4
STEP_S = 0.05
HOPELESS_S = 6.0  # for a step after the second where nothing is learned: time to prune it
BROKEN_R = 7  # a trainer with this rank fails


def held_out(lr: float, r: int, evaluation: int) -> float:
    """After so many evaluations; lower for lr near BEST_LR, a little lower for a larger rank."""
    far = abs(math.log10(lr) - math.log10(BEST_LR))
    return FIRST - evaluation / EVALUATIONS * max(0.0, 2.0 - far) - r / 10_000


def training(lr: float, evaluation: int) -> float:
    """The higher the rate, the lower: rows learned by heart."""
    return FIRST - evaluation / EVALUATIONS * (4.0 + math.log10(lr) / 4)


def main(folder: Path) -> int:
    lock = (folder / "running.lock").open("a+")
    if not locked(lock.fileno()):
        return EXIT_RUNNING
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    file = JobFile.read(folder)
    assert file.lora is not None
    lr, r = file.optimisation.lr, file.lora.r
    saved = folder / "checkpoint.json"
    done = int(saved.read_text()) if saved.exists() else 0

    def say(kind: str, **facts: Any) -> None:
        with (folder / "events.jsonl").open("a") as events:
            events.write(json.dumps({"at": time.time(), "kind": kind, **facts}) + "\n")

    with (folder / "runs.jsonl").open("a") as runs:
        print(json.dumps({"pid": os.getpid(), "from": done, "node": os.environ.get("NODE")}), file=runs)
    say("started", device="cpu", dtype="float32", threads=1, steps=EVALUATIONS, resumed_from=done or None)
    if r == BROKEN_R:
        say("ended", reason="failed", message=f"rank {r} is not to be had")
        return EXIT_FAILED
    if done == 0:
        say("eval", step=0, loss=FIRST, perplexity=math.exp(FIRST), best=False)
    for step in range(done + 1, EVALUATIONS + 1):
        time.sleep(STEP_S)
        until_s = time.monotonic() + HOPELESS_S
        while step > 2 and held_out(lr, 0, step) == FIRST and not stopped and time.monotonic() < until_s:
            time.sleep(0.05)
        if stopped:
            say("ended", reason="cancelled", message="SIGTERM")
            return EXIT_FAILED
        say("step", step=step, epoch=step / EVALUATIONS, loss=training(lr, step), lr=lr)
        loss = held_out(lr, r, step)
        say("eval", step=step, loss=loss, perplexity=math.exp(loss), best=True)
        write_json(saved, step)
        while step == 2 and not stopped and (folder.parents[1] / "gate").exists():
            time.sleep(0.05)
    adapter = folder / "adapter"
    adapter.mkdir(exist_ok=True)
    (adapter / "adapter_config.json").write_text(json.dumps({"r": r, "lr": lr}))
    loss = held_out(lr, r, EVALUATIONS)
    rows = {"trained": 20, "validation": 2}
    hashes = {"adapter": hash_of(adapter)}
    TrainResult(
        *("done", EVALUATIONS, FIRST, loss, math.exp(loss), EVALUATIONS, rows, 1.0, 1 << 20, "adapter"),
        hashes=hashes,
        versions={},
    ).write(folder)
    say("ended", reason="done", message="")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
