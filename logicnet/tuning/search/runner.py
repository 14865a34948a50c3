"""Trials as jobs: a queue of their own, and a worker on it in a thread."""

import asyncio
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from logicnet.errors import TuningError
from logicnet.tuning.control import ControlRoom
from logicnet.tuning.jobs import Job
from logicnet.tuning.progress import Progress
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.store import JobStore
from logicnet.tuning.workshop import Workshop

CLOSE_S = 120.0  # for trainers to save


@dataclass
class TrialJob:
    """A trial's job; `look` reads what is new of it."""

    job: Job
    folder: Path
    progress: Progress
    store: JobStore

    def look(self) -> Job:
        """The job as it is now; `progress` is then as new."""
        self.job = self.store.get(self.job.id) or self.job
        self.progress.read()
        return self.job

    def cancel(self, now_s: float) -> None:
        """Ask for its end; `look` tells when it has ended."""
        self.store.cancel(self.job.id, now_s)


class TrialRunner:
    """Works on the trials' jobs while it is open; closed, they save and wait for the next runner."""

    def __init__(self, shop: Workshop, store: JobStore, slots: int = 1) -> None:
        self._shop = shop
        self._store = store
        self._slots = slots
        self._room = ControlRoom(store, shop, shop.settings)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="trials", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(CLOSE_S)
        self._room.close()

    def begin(self, spec: TrainSpec, name: str) -> TrialJob:
        """Queue a trial's job; the same one again if it is known by its name. Raises TuningError.

        The hours of one that a stopped search left count from now.
        """
        job = self._room.submit(spec, name, local=True, own=True)
        if not job.state.over:
            self._store.begin_again(job.id, time.time())
        folder = self._shop.folders.job(job.id)
        return TrialJob(job, folder, Progress(folder), self._store)

    def check(self) -> None:
        """Raise what ended the worker, if anything did."""
        if self._fault is not None:
            raise TuningError(f"the worker of the trials ended: {self._fault}") from self._fault

    def _work(self) -> None:
        try:
            self._loop.run_until_complete(self._shop.worker(self._store).run(self._stop, self._slots))
        except BaseException as error:  # the boundary of the thread: `check` raises it
            self._fault = error
        finally:
            self._loop.close()
