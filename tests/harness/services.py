"""Services with scripted trainers, in processes of their own that a test may kill."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from logicnet.tuning.engine import processes_of
from tests.harness import scripted_service

SERVICE = [sys.executable, scripted_service.__file__]


class Services:
    """Processes that work on the queue of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, slots: int, *words: str) -> subprocess.Popen[bytes]:
        log = (self._folder / "service.log").open("ab")
        with log:
            argv = [*SERVICE, str(self._folder), str(slots), *words]
            started = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        self._running.append(started)
        return started

    def end(self) -> None:
        for one in self._running:
            one.kill()
            one.wait(20)


@contextmanager
def services(folder: Path) -> Iterator[Services]:
    """None outlives the test, nor do their trainers."""
    made = Services(folder)
    try:
        yield made
    finally:
        made.end()
        for job_folder in (folder / "jobs").glob("*"):
            for process in processes_of(job_folder):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
