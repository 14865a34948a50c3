"""A trainer's folder while it runs: its lock, its events, and how it ends. Only the standard library."""

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from logicnet.tuning.train.jobfile import EXIT_FAILED, LOCK_S

RANK = int(os.environ.get("RANK", "0"))
"""Which process of one job this is (`accelerate launch`). Only the first writes into the folder."""

GRACE_S = 25.0
"""After SIGTERM, when the trainer leaves without having saved; its caller waits 30 s."""

_SECRET = re.compile(r"(TOKEN|KEY|SECRET|PASSWORD)$", re.IGNORECASE)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_WORDS = re.compile(
    r"No space left|File too large|quota exceeded|os error (27|28|122)|file write failed"
    r"|PytorchStreamWriter|inline_container",  # what torch.save says of it
    re.IGNORECASE,
)


class Ended(Exception):
    """Training ends here without a result, for `reason` (one of jobfile.ENDINGS)."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Running(Exception):
    """Another trainer holds the folder's lock."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `running.lock`, with this process's id in it. Raises Running."""
    with (folder / "running.lock").open("a+") as file:
        last = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > last:
                    file.seek(0)
                    raise Running(f"{folder} is being trained by process {file.read() or '?'}") from error
            time.sleep(0.05)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def masked(text: str) -> str:
    """`text` without the values of environment variables that are named like secrets."""
    for name, value in os.environ.items():
        if len(value) >= 8 and _SECRET.search(name):
            text = text.replace(value, "***")
    return text


class MaskedStream:
    """stdout or stderr without secrets. Everything else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(masked(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Events:
    """Appends to events.jsonl, a line at a time. Silent in all processes of a job but the first."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.jsonl"
        if RANK == 0 and self.path.exists():
            whole = self.path.read_bytes()
            if not whole.endswith(b"\n"):  # torn when an earlier trainer was killed
                os.truncate(self.path, whole.rfind(b"\n") + 1)

    def __call__(self, kind: str, **facts: Any) -> None:
        if RANK != 0:
            return
        with self.path.open("a") as file:
            file.write(masked(json.dumps({"at": time.time(), "kind": kind, **facts})) + "\n")

    def earlier(self, kind: str) -> list[dict[str, Any]]:
        """Events of one kind that are in the file, oldest first."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text().splitlines():
            with contextlib.suppress(ValueError):  # torn, and appended to by another program since
                found.append(json.loads(line))
        return [event for event in found if event["kind"] == kind]


class Stop:
    """Set by SIGTERM and SIGINT. Ends the process GRACE_S later if nothing else has."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            timer = threading.Timer(GRACE_S, self._leave)
            timer.daemon = True
            timer.start()

    def _leave(self) -> None:
        self._events("ended", reason="cancelled", message="a step took too long to save after it")
        os._exit(EXIT_FAILED)

    def check(self) -> None:
        """Raises Ended if a signal came."""
        if self.asked:
            raise Ended("cancelled", "asked to stop")


def need_disk(folder: Path, size: float) -> None:
    """Raises Ended unless `size` bytes are free where `folder` is."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise Ended(
            "failed", _no_room(folder, f"{os.strerror(errno.ENOSPC)}: {size / 1e6:.0f} MB are needed")
        )


@contextlib.contextmanager
def reading(*kinds: type[Exception]) -> Iterator[None]:
    """Lay what fails inside to the job's caller, whose rows, pictures and template are read.

    `kinds` are exceptions of theirs that are no Ended.
    """
    try:
        yield
    except Ended as error:
        if error.reason not in ("failed", "non_finite"):
            raise
        raise Ended("bad_input", error.message) from error
    except kinds as error:
        words = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise Ended("bad_input", words) from error


@contextlib.contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Turn a full disk into Ended, whichever library meets it."""
    try:
        yield
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in _FULL
        if not full and not _FULL_WORDS.search(str(error)):
            raise
        raise Ended("failed", _no_room(folder, str(error).partition("\n")[0])) from error


def _no_room(folder: Path, why: str) -> str:
    free = shutil.disk_usage(folder).free
    return f"cannot save to {folder}: {why}, {free / 1e6:.0f} MB are free: free disk space, then train again"


def write_renamed(folder: Path, part: Path) -> None:
    """Make `part` appear as `folder`, whole and on the disk; replaces what was there."""
    for path in part.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
