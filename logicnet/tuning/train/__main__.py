"""`python -m logicnet.tuning.train JOBFOLDER`: train what job.json says. See jobfile.py for the files.

    python -m logicnet.tuning.train JOBFOLDER
    python -m logicnet.tuning.train fetch-dataset NAME OUT.jsonl [--rows N] [--most-bytes N]
    python -m logicnet.tuning.train merge BASE ADAPTER OUT
    python -m logicnet.tuning.train evaluate REQUEST.json ANSWER.json
    python -m logicnet.tuning.train generate JOBFOLDER OUT.jsonl [ROWS]

The folder's own libraries are imported late: a held lock and a bad job.json are answered at once.
"""

import argparse
import contextlib
import importlib
import os
import sys
import time
import traceback
from pathlib import Path

from logicnet.tuning.train.jobfile import EXIT_FAILED, EXIT_OUT_OF_MEMORY, EXIT_RUNNING, JobFile, TrainResult
from logicnet.tuning.train.running import RANK, Ended, Events, MaskedStream, Running, Stop, locked
from logicnet.tuning.train.sinks import prepare_sinks

STARTED = time.monotonic()


def main(argv: list[str]) -> int:
    """Run one command; returns the exit code."""
    sys.stdout, sys.stderr = MaskedStream(sys.stdout), MaskedStream(sys.stderr)
    if argv[:1] == ["fetch-dataset"]:
        options = argparse.ArgumentParser(prog="fetch-dataset")
        options.add_argument("name")
        options.add_argument("out", type=Path)
        options.add_argument("--rows", type=int)
        options.add_argument("--most-bytes", type=int)
        asked = options.parse_args(argv[1:])
        return _said("hub_data", "fetch", asked.name, asked.out, asked.rows, asked.most_bytes)
    if argv[:1] == ["merge"] and len(argv) == 4:
        return _said("adapter", "merge", *map(Path, argv[1:]))
    if argv[:1] == ["evaluate"] and len(argv) == 3:
        status: int = importlib.import_module("logicnet.tuning.train.evaluate").main(*argv[1:])
        return status
    if argv[:1] == ["generate"] and len(argv) in (3, 4):
        return _said("generate", "generate", *map(Path, argv[1:3]), int(argv[3]) if argv[3:] else None)
    if len(argv) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    return train(Path(argv[0]).resolve())


def _said(module: str, function: str, *arguments: object) -> int:
    """Run a function of a module here; an Ended of it becomes one line."""
    try:
        getattr(importlib.import_module(f"logicnet.tuning.train.{module}"), function)(*arguments)
    except Ended as ended:
        print(ended.message, file=sys.stderr)
        return EXIT_FAILED
    return 0


def train(folder: Path) -> int:
    """Train the job of a folder; returns the exit code, as jobfile.py has them."""
    with contextlib.ExitStack() as held:
        if RANK == 0:
            try:
                held.enter_context(locked(folder))
            except (Running, OSError) as error:
                print(error, file=sys.stderr)
                return EXIT_RUNNING if isinstance(error, Running) else EXIT_FAILED
        if (folder / "result.json").exists():
            return 0
        events = Events(folder)
        try:
            _train(folder, events)
        except Exception as error:
            ended = _ending(error)
            traceback.print_exc()
            with contextlib.suppress(OSError):  # the disk is full
                events("ended", reason=ended.reason, message=ended.message)
            return EXIT_OUT_OF_MEMORY if ended.reason == "out_of_memory" else EXIT_FAILED
    return 0


def _train(folder: Path, events: Events) -> None:
    stop = Stop(events)
    try:
        job = JobFile.read(folder)
    except (KeyError, TypeError) as error:
        raise Ended(
            "failed", f"{folder / 'job.json'} lacks or has a field that is not known: {error}"
        ) from error
    _choose_device(job.device)
    prepare_sinks(job, folder, events)
    kind = "image" if job.task == "image" else "text"
    result: TrainResult | None = importlib.import_module(f"logicnet.tuning.train.{kind}").train(
        job, folder, events, stop, STARTED
    )
    if result is not None:  # only the first process of a job has one
        result.write(folder)
        events(
            "ended",
            reason=result.reason,
            message=f"best loss {result.best_loss:.4f} at step {result.best_step}",
        )


def _choose_device(device: str | None) -> None:
    """Let PyTorch, not imported yet, see one CUDA device: the one that the job names, else the first."""
    if "RANK" in os.environ:
        return  # accelerate gives each process its own
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    index = int(device.partition(":")[2] or 0) if device and device.startswith("cuda") else 0
    seen = [] if listed is None else listed.split(",")
    os.environ["CUDA_VISIBLE_DEVICES"] = str(index) if listed is None else "".join(seen[index : index + 1])
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def _ending(error: Exception) -> Ended:
    """What an exception says of how training ended."""
    if isinstance(error, Ended):
        return error
    words = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
    if _out_of_memory(error):
        return Ended("out_of_memory", words)
    return Ended(
        "failed", str(error).partition("\n")[0] if isinstance(error, (OSError, ValueError)) else words
    )


def _out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == 12):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in (" out of memory", "can't allocate memory", "std::bad_alloc")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
