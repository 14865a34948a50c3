"""Where trainers run: on this machine (`Local`), or on a Ray cluster (ray_engine.py).

An engine knows a trainer by what outlives the service, so that one that was killed and started again watches
what still runs.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import psutil

from logicnet.errors import TuningError
from logicnet.tuning.estimate import gpus
from logicnet.tuning.isolation import Isolation, container, ran_out_of_memory, remove
from logicnet.tuning.jobs import Job
from logicnet.tuning.train.jobfile import EXIT_RUNNING, JobFile, is_running
from logicnet.tuning.train.memory import oom_kills

KILL_S = 20.0  # for the kernel to take back the memory of a large process


@dataclass(frozen=True)
class TrainerState:
    """`waiting`: for a machine. `paused`: stopped for a challenge. `unknown`: the engine cannot tell now."""

    word: Literal["waiting", "running", "paused", "ended", "unknown"]
    status: int | None = None  # of one that ended, where it is known
    out_of_memory: bool | None = (
        None  # it was killed for want of memory, as the machine counts; None: unknown
    )


class Engine(Protocol):
    """Starts, finds and stops trainers. `number` counts the starts of a job, from 1. Its methods block."""

    survives: bool  # trainers go on when the service ends

    def start(self, job: Job, folder: Path, number: int) -> None:
        """Start a trainer for `folder`, which has a job.json. Raises TuningError, OSError."""
        ...

    def state(self, job: Job, folder: Path, number: int) -> TrainerState: ...

    def stop(self, job: Job, folder: Path, number: int, grace_s: float) -> None:
        """SIGTERM, after `grace_s` SIGKILL; returns when the trainer and all that it started have ended."""
        ...


class Local:
    """Trains on this machine. A trainer runs as long as it holds running.lock."""

    survives = False

    def __init__(self, isolation: Isolation) -> None:
        self._isolation = isolation
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._taken: dict[str, list[str]] = {}  # GPUs by job
        self._kills: dict[str, int | None] = {}  # by job, those of the kernel before its trainer was started
        self._lock = threading.Lock()

    def start(self, job: Job, folder: Path, number: int) -> None:
        file = JobFile.read(folder)
        argv = self._isolation.argv(job, folder, file)
        visible = self._gpus_for(job, file)
        kills = oom_kills()
        with (folder / "trainer.log").open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 (our own command line)
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._isolation.environment(file) | visible,
                cwd=folder,
                start_new_session=True,
            )
        with self._lock:
            self._children[job.id] = child
            self._kills[job.id] = kills

    def _gpus_for(self, job: Job, file: JobFile) -> dict[str, str]:
        """Where there are several, those with the most free memory that no other trainer of ours has.

        Without it each trainer would take the first. CUDA_VISIBLE_DEVICES of the operator stays as it is.
        """
        found = [] if file.device is not None or "CUDA_VISIBLE_DEVICES" in os.environ else gpus()
        if len(found) < 2:
            return {}
        with self._lock:
            others = {one for its, taken in self._taken.items() if its != job.id for one in taken}
            free_first = sorted((gpu.uuid for gpu in found), key=lambda uuid: uuid in others)
            self._taken[job.id] = free_first[: max(1, file.gpus)]
            return {"CUDA_VISIBLE_DEVICES": ",".join(self._taken[job.id])}

    def state(self, job: Job, folder: Path, number: int) -> TrainerState:
        child = self._children.get(job.id)
        status = None if child is None else child.poll()
        if child is not None and status is None:
            return TrainerState("paused" if _stopped(child.pid) else "running")
        if (child is None or status == EXIT_RUNNING) and self._another(folder):
            return TrainerState("running")
        with self._lock:
            self._children.pop(job.id, None)
            self._taken.pop(job.id, None)
        found = TrainerState("ended", status, self._ran_out(job, status))
        _kill(folder)  # what a trainer that was killed has left behind
        if self._isolation.kind == "docker":
            remove(container(job))
        return found

    def _ran_out(self, job: Job, status: int | None) -> bool | None:
        """Whether a trainer was killed for want of memory."""
        with self._lock:
            before = self._kills.pop(job.id, None)
        if self._isolation.kind == "docker":
            return ran_out_of_memory(container(job))
        if status != -signal.SIGKILL:  # or it ended by itself, or an earlier service started it
            return None if status is None else False
        now = oom_kills()
        return None if before is None or now is None else now > before

    def _another(self, folder: Path) -> bool:
        """Whether a trainer works there that is no child of ours: an earlier service started it."""
        if not is_running(folder):
            return False
        if self._isolation.kind == "docker":  # where its number means nothing
            return True
        # A process that the trainer started may hold the lock, and outlive it.
        try:
            return _works_for(psutil.Process(int((folder / "running.lock").read_text())), folder)
        except (OSError, ValueError, psutil.Error):
            return False

    def stop(self, job: Job, folder: Path, number: int, grace_s: float) -> None:
        found = list(processes_of(folder))
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
                process.resume()  # one that stands still would not hear it
        psutil.wait_procs(found, grace_s)
        if self._isolation.kind == "docker":
            remove(container(job))
        _kill(folder)
        with self._lock:
            child = self._children.pop(job.id, None)
            self._taken.pop(job.id, None)
            self._kills.pop(job.id, None)
        if child is not None:
            child.wait(KILL_S)


def wake(folder: Path) -> None:
    """Let a job's processes go on that stand still: a service that stopped them was killed, perhaps."""
    for process in processes_of(folder):
        with suppress(psutil.Error):
            if process.status() == psutil.STATUS_STOPPED:
                process.resume()


def _stopped(pid: int) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    return False


def processes_of(folder: Path) -> Iterator[psutil.Process]:
    """Those that work for a job's folder, whatever session or parent they have: its home is theirs."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it ended meanwhile, or is another user's
            if _works_for(process, folder):
                yield process


def _works_for(process: psutil.Process, folder: Path) -> bool:
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    home, launch = str(folder / "home"), str(folder / "launch.json")
    return process.environ().get("HOME") == home or launch in process.cmdline()


def _kill(folder: Path) -> None:
    killed = []
    for process in processes_of(folder):
        with suppress(psutil.NoSuchProcess):
            process.kill()
            killed.append(process)
    if psutil.wait_procs(killed, KILL_S)[1]:
        raise TuningError(f"processes of {folder} do not end, though they were killed: see `ps`")
