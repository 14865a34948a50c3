"""What trainers of text and images share: the folder's lock, its events, stopping, and facts of a result."""

import fcntl
import hashlib
import importlib.metadata
import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from logicnet.tuning.train.jobfile import Stopping

_PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "diffusers", "safetensors")
_SAVING_SHARE = 0.05
"""Of the time limit is kept for saving, at the least; more if a saving was seen to take longer."""


class Running(Exception):
    """Another trainer holds the folder's lock."""


class Ended(Exception):
    """Training ends: `reason` is one of ENDINGS, `str(error)` one line that says why."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message)
        self.reason = reason


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `running.lock`, with our process id in it. Raises Running."""
    with (folder / "running.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Running(f"{folder} is being trained by another process") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


class Events:
    """Appends to `events.jsonl`, each event at once and on a line of its own."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "events.jsonl").open("ab+")
        self._file.seek(0)
        whole = self._file.read().rpartition(b"\n")
        self._file.truncate(len(whole[0] + whole[1]))  # a killed trainer may have left half a line

    def write(self, kind: str, **facts: Any) -> None:
        """Numbers that are not finite become null: JSON has no word for them."""
        event = {"at": time.time(), "kind": kind} | {name: _finite(value) for name, value in facts.items()}
        self._file.write(json.dumps(event).encode() + b"\n")
        self._file.flush()


class StopWatch:
    """Says when training has to end before its last step: a signal, or the limit on its time."""

    def __init__(self, stopping: Stopping) -> None:
        self._limit_s = stopping.seconds
        self._started_s = time.monotonic()
        self._saving_s = 0.0
        self._signalled = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self._signalled = True

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started_s

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Measure how long a saving takes: the last one has to fit into the limit."""
        began_s = time.monotonic()
        yield
        self._saving_s = max(self._saving_s, time.monotonic() - began_s)

    def reason(self) -> str | None:
        """`cancelled` or `time`, both of ENDINGS; null: go on."""
        if self._signalled:
            return "cancelled"
        if self._limit_s is None:
            return None
        kept_s = max(_SAVING_SHARE * self._limit_s, 2 * self._saving_s)
        return "time" if self.seconds > self._limit_s - kept_s else None


class Best:
    """The best held-out loss so far, and how many evaluations brought no gain of `min_delta`."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping
        self.step = 0
        self.loss = math.inf
        self.without_gain = 0

    def found(self, step: int, loss: float) -> bool:
        """True: these weights are the best so far."""
        gained = loss < self.loss - self._stopping.min_delta
        self.without_gain = 0 if gained else self.without_gain + 1
        if loss >= self.loss:
            return False
        self.step, self.loss = step, loss
        return True

    @property
    def out_of_patience(self) -> bool:
        return self.without_gain >= self._stopping.patience


def hash_of(path: Path) -> str:
    """sha256 of a file; of a folder: over the names and the contents of its files, in the names' order."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file_path in sorted(one for one in path.rglob("*") if one.is_file()):
        whole.update(f"{file_path.relative_to(path)}\0{hash_of(file_path)}\n".encode())
    return whole.hexdigest()


def versions() -> dict[str, str]:
    """Of Python and of the libraries that training depends on."""
    found = {"python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def peak_memory_bytes() -> int:
    """Of this process, in the machine's memory (not the GPU's)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
