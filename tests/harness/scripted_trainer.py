"""A trainer that speaks the files of a job's folder and trains nothing: it counts steps, and fails as told.

`python scripted_trainer.py FOLDER` reads FOLDER/script.json, a `Script`. What it did is in FOLDER/runs.jsonl,
a line for each start. Nothing but the standard library, and the files of the project.
"""

import fcntl
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from logicnet.tuning.train.jobfile import (
    EXIT_FAILED,
    EXIT_OUT_OF_MEMORY,
    EXIT_RUNNING,
    LOCK_S,
    JobFile,
    TrainResult,
    write_json,
)


@dataclass(frozen=True)
class Script:
    """What happens. Lists and tables by the number of the start, from 0."""

    steps: int = 5
    step_s: float = 0.01
    die_at: dict[str, int] = field(default_factory=dict)  # start: step at which it kills itself
    hang_at: int | None = None  # a step after which nothing comes
    deaf: bool = False  # SIGTERM does not end it
    most_batch: int | None = None  # out of memory above
    mute: bool = False  # it says nothing when memory runs out
    memory: float | None = None  # the share that is taken, at each step
    failure: str | None = None  # it ends by itself, with these words
    ending: str = "failed"  # and for this reason
    torn: bool = False  # each event's line is written in two parts, with time between; a death tears it
    gate: int | None = None  # a step after which it waits for FOLDER/go
    child: bool = False  # starts a process that outlives it

    def write(self, folder: Path) -> None:
        write_json(folder / "script.json", asdict(self))


class Trainer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = Script(**json.loads((folder / "script.json").read_text()))
        self.file = JobFile.read(folder)
        self.stopped = False

    def run(self) -> int:
        lock = (self.folder / "running.lock").open("a+")
        if not locked(lock.fileno()):
            return EXIT_RUNNING
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        signal.signal(signal.SIGTERM, self.stop)
        start = len(self.runs())
        saved = self.saved()
        with (self.folder / "runs.jsonl").open("a") as file:
            run = {"pid": os.getpid(), "from": saved, "seconds": self.file.stopping.seconds}
            print(json.dumps(run | {"gpu": os.environ.get("CUDA_VISIBLE_DEVICES")}), file=file)
        if self.script.child:
            child = os.fork()
            if child == 0:
                os.setsid()
                time.sleep(600)
                os._exit(0)
        how = self.file.optimisation
        self.say(
            "started", device="cpu", dtype="float32", threads=1, steps=self.script.steps, resumed_from=saved
        )
        if self.script.most_batch is not None and how.batch > self.script.most_batch:
            if not self.script.mute:
                self.say("ended", reason="out_of_memory", message=f"{how.batch} rows")
            return EXIT_OUT_OF_MEMORY
        for step in range((saved or 0) + 1, self.script.steps + 1):
            time.sleep(self.script.step_s)
            if self.script.die_at.get(str(start)) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.stopped and not self.script.deaf:
                self.say("ended", reason="cancelled", message="SIGTERM")
                return EXIT_FAILED
            self.say(
                "step",
                step=step,
                epoch=step / self.script.steps,
                loss=1 / step,
                lr=1e-3,
                memory=self.script.memory,
            )
            self.say("eval", step=step, loss=1 / step, perplexity=2.7 ** (1 / step), best=True)
            write_json(self.folder / "checkpoint.json", step)
            self.say("checkpoint", step=step, path="checkpoint.json")
            while self.script.gate == step and not self.stopped and not (self.folder / "go").exists():
                self.say("waiting")
                time.sleep(0.5)
            while self.script.hang_at == step and (self.script.deaf or not self.stopped):
                time.sleep(0.01)
        if self.script.failure is not None:
            self.say("ended", reason=self.script.ending, message=self.script.failure)
            return EXIT_FAILED
        self.result().write(self.folder)
        self.say("ended", reason="done", message="")
        return 0

    def result(self) -> TrainResult:
        steps = self.script.steps
        rows = {"trained": steps * self.file.optimisation.batch * self.file.optimisation.accumulate}
        return TrainResult(
            *("done", steps, 1.0, 1 / steps, None, steps, rows, 1.0, 1 << 20, "adapter", {}, {}),
        )

    def say(self, kind: str, **facts: Any) -> None:
        line = json.dumps({"at": time.time(), "kind": kind, **facts}) + "\n"
        parts = [line[: len(line) // 2], line[len(line) // 2 :]] if self.script.torn else [line]
        for part in parts:
            with (self.folder / "events.jsonl").open("a") as file:
                file.write(part)
            time.sleep(0.002 * (len(parts) - 1))

    def saved(self) -> int | None:
        try:
            return int((self.folder / "checkpoint.json").read_text())
        except FileNotFoundError:
            return None

    def runs(self) -> list[str]:
        try:
            return (self.folder / "runs.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return []

    def stop(self, *_signal: object) -> None:
        self.stopped = True


def locked(lock: int) -> bool:
    until_s = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until_s:
                return False
            time.sleep(0.02)
        else:
            return True


if __name__ == "__main__":
    sys.exit(Trainer(Path(sys.argv[1])).run())
