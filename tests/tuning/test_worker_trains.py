"""A worker with the real trainer: it is killed, stopped, and several processes of one job work together."""

import asyncio
import dataclasses
import os
import signal
from collections.abc import Callable
from pathlib import Path

from logicnet.tuning.engine import Local, processes_of
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.store import JobStore
from logicnet.tuning.train.jobfile import JobFile, TrainResult, is_running
from logicnet.tuning.worker import Timing
from tests.harness.scripted_service import isolation, job, store_in, worker
from tests.harness.tiny_models import TUNE_PYTHON
from tests.harness.training import make_job, sums

TIMING = Timing(poll=0.1, grace=60.0, silent=300.0, again=0.1)


class Training:
    """One job of a queue, and workers that may be stopped."""

    def __init__(self, folder: Path, file: JobFile) -> None:
        self.store: JobStore = store_in(folder, lease_s=20.0)
        self.job = self.store.add(job())
        self.folder = folder / "jobs" / self.job.id
        self._root = folder
        self._file = file
        self._engine = Local(isolation(python=TUNE_PYTHON, program=None))

    @property
    def now(self) -> Job:
        found = self.store.get(self.job.id)
        assert found is not None
        return found

    async def work(self, until: Callable[[], object]) -> None:
        """Until the job is over or `until` is true; then the worker is stopped."""
        stop = asyncio.Event()
        working = asyncio.create_task(
            worker(
                self._root, engine=self._engine, store=self.store, prepare=self._prepare, timing=TIMING
            ).run(stop)
        )
        try:
            async with asyncio.timeout(400):
                while not (self.now.state.over or until()):
                    await asyncio.sleep(0.1)
        finally:
            stop.set()
            await working

    async def _prepare(self, wanted: Job, folder: Path) -> None:
        file = dataclasses.replace(self._file, id=wanted.id)
        await asyncio.to_thread(make_job, folder, file, sums(48), sums(8, seed=1))

    def saved(self) -> bool:
        return any((self.folder / "checkpoints").glob("*"))


async def test_a_trainer_that_is_killed_resumes_and_the_job_is_done(tmp_path: Path, sft: JobFile) -> None:
    training = Training(tmp_path, sft)
    killed = []

    def kill() -> bool:
        if not killed and training.saved() and is_running(training.folder):
            killed.append(int((training.folder / "running.lock").read_text()))
            os.kill(killed[0], signal.SIGKILL)
        return False

    await training.work(until=kill)
    assert killed
    assert (training.now.state, training.now.attempts) == (JobState.COMPLETED, 1), training.now.reason
    assert TrainResult.read(training.folder).steps > 0
    assert list(processes_of(training.folder)) == []


async def test_a_stopped_service_has_the_trainer_save_and_the_next_goes_on(
    tmp_path: Path, sft: JobFile
) -> None:
    training = Training(tmp_path, sft)
    await training.work(until=lambda: training.saved() and is_running(training.folder))
    if not training.now.state.over:
        assert (training.now.state, training.now.attempts) == (JobState.QUEUED, 0)
        assert not is_running(training.folder)
    await training.work(until=lambda: False)
    assert (training.now.state, training.now.attempts) == (JobState.COMPLETED, 0), training.now.reason


async def test_several_processes_train_one_job(tmp_path: Path, sft: JobFile) -> None:
    training = Training(tmp_path, dataclasses.replace(sft, gpus=2))
    await training.work(until=lambda: False)
    assert training.now.state is JobState.COMPLETED, training.now.reason
    assert "accelerate.commands.launch" in (training.folder / "launch.json").read_text()
    assert list(processes_of(training.folder)) == []
