"""Takes jobs from the queue and has them trained: claim, prepare, start, watch, judge, end.

One asyncio task a slot. While a slot holds a job it beats its lease; a lease that is lost is let go, and the
trainer, which lives in a process of its own, goes on: the next holder finds it. A job is done only by a
result.json. A trainer that died is started again and goes on from its last checkpoint, ATTEMPTS times in all.
"""

import asyncio
import dataclasses
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from loguru import logger

from logicnet._util.backoff import Backoff
from logicnet.errors import LogicnetError, TuningError
from logicnet.tuning.advice import FULL_MEMORY
from logicnet.tuning.engine import Engine, TrainerState, wake
from logicnet.tuning.jobs import ATTEMPTS, EngineAway, Job, JobState, MemoryTaken, OwnFault
from logicnet.tuning.progress import Progress, write_attempt
from logicnet.tuning.store import BEATS, JobStore, StoreError
from logicnet.tuning.train.jobfile import (
    EXIT_OUT_OF_MEMORY,
    EXIT_RUNNING,
    JobFile,
    TrainResult,
)

MOST_STARTS = 20  # of one job by one worker, for whatever reasons: a loop ends
LEAST_SECONDS = 60.0  # for a trainer that is started again: to load its checkpoint and save
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)  # by the second a shell, Ray or docker tells it
LOG_SHOWN = 400  # characters of trainer.log in a reason
NO_SPACE = ("No space left on device", "free disk space")
"""Words of a trainer, or a library in it, that met a full disk."""

Prepare = Callable[[Job, Path], Awaitable[None]]
"""Fetch model and data, check them, write job.json last. Raises TuningError: the job fails with its words."""

Judge = Callable[[Job, Path, TrainResult], Awaitable[dict[str, Any]]]
"""Load the result again and compare; what it returns is the job's `result`. Raises TuningError."""


@dataclass(frozen=True)
class Timing:
    """Seconds."""

    poll: float = 1.0  # between looks at a trainer, and at the queue
    grace: float = 30.0  # for a trainer to save when it is stopped
    overrun: float = 120.0  # beyond its own limit, then it is stopped
    silent: float = 1800.0  # without an event, then it hangs
    placed: float = 120.0  # for a cluster to place a job, then a warning is logged
    again: float = 5.0  # before a trainer is started again
    away: float = 60.0  # before a job whose engine did not answer is tried again


@dataclass(frozen=True)
class Outcome:
    """How a job ends."""

    state: JobState
    reason: str = ""
    own_fault: bool = False
    result: dict[str, Any] | None = None


class Worker:
    """Works on the queue until it is stopped. `folder` has a folder for each job, by its id."""

    def __init__(
        self,
        store: JobStore,
        engine: Engine,
        folder: Path,
        *,
        prepare: Prepare,
        judge: Judge,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._engine = engine
        self._folder = folder
        self._prepare = prepare
        self._judge = judge
        self._timing = timing or Timing()
        self._clock = clock
        self._await_memory: set[str] = set()  # ids: jobs behind them would take the memory, one after another
        self._name = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"

    async def run(self, stop: asyncio.Event, slots: int = 1, only: str | None = None) -> None:
        """Until `stop` is set. Then trainers on this machine save, and their jobs go back to the queue.

        `only` names the one job that is worked on.
        """
        host = self._name.partition("/")[0]
        found = await asyncio.to_thread(self._store.release_dead, host, psutil.pid_exists, self._clock())
        for job_id in found:
            logger.info("job {}: its worker on this machine was killed", job_id)
        async with asyncio.TaskGroup() as group:
            for slot in range(slots):
                group.create_task(self._slot(f"{self._name}/{slot}", stop, only))

    async def _slot(self, name: str, stop: asyncio.Event, only: str | None) -> None:
        backoff = Backoff(self._timing.poll, 60.0)
        while not stop.is_set():
            try:
                blocking = tuple(self._await_memory)
                job = await asyncio.to_thread(self._store.claim, name, self._clock(), only, blocking=blocking)
                if job is not None:
                    await _Holding(self, name, job, stop).work()
                backoff.reset()
            except Exception as error:  # the boundary of a slot: the next job is not to suffer
                logger.opt(exception=not isinstance(error, LogicnetError)).error("worker: {}", error)
                await _within(stop, backoff.next_s())
                continue
            if job is None:
                await _within(stop, self._timing.poll)


class _Lost(Exception):
    """The lease: another worker has the job."""


class _Stopped(Exception):
    """The job was given back: the service ends, or the engine is away."""


class _Holding:
    """A job that a slot holds."""

    def __init__(self, worker: Worker, name: str, job: Job, stop: asyncio.Event) -> None:
        self._store = worker._store
        self._engine = worker._engine
        self._prepare, self._judge = worker._prepare, worker._judge
        self._timing, self._clock = worker._timing, worker._clock
        self._await_memory = worker._await_memory
        self._name = name
        self._job = job
        self._stop = stop
        self._folder = worker._folder / job.id
        self._beaten_s = self._clock()
        self._starts = 0
        self._waits_since_s: float | None = None

    async def work(self) -> None:
        """Returns when the job has ended, was given back, or is another's."""
        job = self._job
        logger.info("job {}: taken ({}, {})", job.id, job.spec.task, job.state)
        beating = asyncio.create_task(self._beat())
        working = asyncio.create_task(self._outcome())
        try:
            await asyncio.wait({beating, working}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise _Lost
            await self._end(working.result())
        except _Stopped:
            logger.info("job {}: given back", job.id)
        except _Lost:
            logger.warning("job {}: another worker took it over", job.id)
        finally:
            for task in (beating, working):
                task.cancel()
            await asyncio.gather(beating, working, return_exceptions=True)

    async def _outcome(self) -> Outcome:
        try:
            return await self._do()
        except (_Lost, _Stopped, StoreError):
            raise  # a job is not at fault for its queue: its lease runs out, and it is taken again
        except EngineAway as error:
            logger.warning("job {}: {}", self._job.id, error)
            self._await_memory.discard(self._job.id)
            if isinstance(error, MemoryTaken):
                self._await_memory.add(self._job.id)
            await self._give_back(str(error), self._timing.away)
            raise _Stopped from None
        except TuningError as error:
            # What was wrong before training began says nothing about the family.
            early = self._job.state is JobState.PREPARING
            return Outcome(JobState.FAILED, str(error), own_fault=early or isinstance(error, OwnFault))
        except OSError as error:
            return Outcome(JobState.FAILED, f"{error.strerror or error}: {error.filename}", own_fault=True)
        except Exception as error:  # a fault of ours ends the job, not the slot
            logger.opt(exception=error).error("job {}: {}", self._job.id, error)
            return Outcome(JobState.FAILED, f"a fault of this program: {error!r}", own_fault=True)

    async def _do(self) -> Outcome:
        job, folder = self._job, self._folder
        if job.cancel and job.state is JobState.PREPARING:
            progress = Progress(folder)
            progress.read()
            if progress.attempt:  # it was given back when its cluster did not answer, and may still train
                await self._stop_trainer(progress)
            return Outcome(JobState.CANCELLED, "cancelled")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if job.state is JobState.PREPARING and not (folder / "job.json").exists():
            done = await self._unless_cancelled(self._prepare(job, folder))
            if done is None:
                return Outcome(JobState.CANCELLED, "cancelled")
        if job.state in (JobState.PREPARING, JobState.RUNNING):
            outcome = await self._train()
            if outcome is not None:
                return outcome
        if self._job.state is not JobState.JUDGING:
            await self._move(JobState.JUDGING)
        self._refuse_links()
        judged = await self._unless_cancelled(self._judge(job, folder, TrainResult.read(folder)))
        if judged is None:
            return Outcome(JobState.CANCELLED, "cancelled")
        return Outcome(JobState.COMPLETED, result=judged[0])

    async def _unless_cancelled(self, work: Awaitable[Any]) -> tuple[Any] | None:
        """What `work` returns, in a tuple; None if the job is cancelled first."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=self._timing.poll)
                if not task.done():
                    if self._stop.is_set():
                        await self._give_back()
                        raise _Stopped
                    if await asyncio.to_thread(self._store.cancelled, self._job.id):
                        return None
            return (task.result(),)
        finally:
            task.cancel()

    async def _train(self) -> Outcome | None:
        """None once there is a result."""
        job, folder = self._job, self._folder
        progress = Progress(folder)
        state = await self._look(progress)
        if job.state is JobState.RUNNING and state.word != "ended":
            logger.info("job {}: its trainer still runs (start {})", job.id, progress.attempt)
            await asyncio.to_thread(wake, folder)
        else:
            if (folder / "result.json").exists():
                return None
            # A trainer of which no event came may never have been started: that costs no attempt.
            if job.state is JobState.RUNNING and progress.spoke:
                outcome = await self._died(progress, state)
                if outcome is not None:
                    return outcome
            await self._start(progress)
        while True:
            found = await self._watch(progress)
            if isinstance(found, Outcome):
                return found
            if (folder / "result.json").exists():
                return None
            outcome = await self._died(progress, found)
            if outcome is not None:
                return outcome
            if await _within(self._stop, self._timing.again):
                await self._give_back()
                raise _Stopped
            await self._start(progress)

    async def _start(self, progress: Progress) -> None:
        number = progress.attempt + 1
        self._starts += 1
        if self._starts > MOST_STARTS:
            raise OwnFault(f"the trainer was started {MOST_STARTS} times, and never ended: {self._log()}")
        self._refuse_links()
        await self._move(JobState.RUNNING)
        self._await_memory.discard(self._job.id)
        file = await asyncio.to_thread(JobFile.read, self._folder)
        limit_s = file.stopping.seconds if progress.limit_s is None else progress.limit_s
        if limit_s is not None and progress.attempt > 0:
            left_s = limit_s - progress.trained_s
            if (granted_s := self._job.left_s(self._clock())) is not None:
                left_s = min(left_s, granted_s)  # nobody trained while its service was down
            left_s = max(LEAST_SECONDS, left_s)
            file = dataclasses.replace(file, stopping=dataclasses.replace(file.stopping, seconds=left_s))
            await asyncio.to_thread(file.write, self._folder)
        await asyncio.to_thread(write_attempt, self._folder, number, limit_s, self._clock())
        self._hold()
        logger.info("job {}: start {} of its trainer", self._job.id, number)
        await asyncio.to_thread(self._engine.start, self._job, self._folder, number)

    async def _watch(self, progress: Progress) -> Outcome | TrainerState:
        """Until the trainer has ended by itself, or we end it."""
        events, heard_s = progress.events, self._clock()
        while True:
            self._hold()
            state = await self._look(progress)
            now_s = self._clock()
            if state.word in ("waiting", "paused") or progress.events != events:
                events, heard_s = progress.events, now_s
            self._say_waiting(state, now_s)
            if self._stop.is_set():
                await self._leave(progress)
                raise _Stopped
            if await asyncio.to_thread(self._store.cancelled, self._job.id):
                await self._stop_trainer(progress)
                return Outcome(JobState.CANCELLED, "cancelled")
            if state.word == "ended":
                return state
            limit_s = progress.limit_s
            if limit_s is not None and state.word == "running":
                spent_s = progress.trained_s + (now_s - heard_s)
                if spent_s > limit_s + self._timing.overrun:
                    await self._stop_trainer(progress)
                    if (self._folder / "result.json").exists():
                        return TrainerState("ended")
                    return Outcome(JobState.TIMED_OUT, f"not done after {limit_s / 3600:.1f} h")
            if now_s - heard_s > self._timing.silent:
                await self._stop_trainer(progress)
                return Outcome(
                    JobState.FAILED,
                    f"the trainer said nothing for {self._timing.silent / 60:.0f} minutes: {self._log()}",
                    own_fault=state.word == "unknown",
                )
            await _within(self._stop, self._timing.poll)

    def _say_waiting(self, state: TrainerState, now_s: float) -> None:
        """Once, when a job has waited for long enough that its cluster may never have what it asks for."""
        if state.word != "waiting":
            self._waits_since_s = None
        elif self._waits_since_s is None:
            self._waits_since_s = now_s
        elif now_s > self._waits_since_s + self._timing.placed:
            self._waits_since_s = float("inf")
            logger.warning(
                "job {}: the cluster has had no place for it for {:.0f} s; --tuning.gpus says how many GPUs "
                "a job asks for",
                self._job.id,
                self._timing.placed,
            )

    async def _died(self, progress: Progress, state: TrainerState) -> Outcome | None:
        """What a trainer's end without a result means; None if it is to be started again."""
        ended = progress.ended
        said = (ended is not None and ended.reason == "out_of_memory") or state.status == EXIT_OUT_OF_MEMORY
        killed = ended is None and not said and _killed_for_memory(progress, state)
        if said or killed:
            file = await asyncio.to_thread(self._halved, progress.attempt)
            if file.halved_after == progress.attempt:
                return None
            if said:
                return Outcome(
                    JobState.FAILED,
                    f"out of memory with {file.optimisation.batch} rows at a time: choose a smaller model, a "
                    "shorter max_length or a lower r",
                )
        if ended is not None and ended.reason not in ("cancelled", "done", "time", "patience"):
            reason = ended.message or ended.reason
            own_fault = ended.reason == "bad_input" or any(words in reason for words in NO_SPACE)
            return Outcome(JobState.FAILED, reason, own_fault=own_fault)
        if state.status == EXIT_RUNNING:
            return None  # the other one will be found
        attempts = self._job.attempts + 1
        await self._move(JobState.RUNNING, attempts=attempts)
        how = "killed: memory ran out" if killed else _status(state)
        reason = f"the trainer died ({how}): {self._log()}"
        logger.warning("job {}: attempt {} of {}: {}", self._job.id, attempts, ATTEMPTS, reason)
        if attempts < ATTEMPTS:
            return None
        return Outcome(JobState.FAILED, reason, own_fault=True)

    def _halved(self, attempt: int) -> JobFile:
        """job.json with half the rows at a time since `attempt`; as it is if it was halved, or has one row.

        The file remembers it: a worker that is killed between this and the next start does it once, too.
        """
        file = JobFile.read(self._folder)
        if file.halved_after is not None or file.optimisation.batch < 2:
            return file
        how = file.optimisation.halved()
        file = dataclasses.replace(file, optimisation=how, halved_after=attempt)
        file.write(self._folder)
        words = "job {}: out of memory, on with {} rows at a time, {} times a step"
        logger.warning(words, self._job.id, how.batch, how.accumulate)
        return file

    async def _look(self, progress: Progress) -> TrainerState:
        """The trainer's state, then what it said: all of it, if it has ended."""

        def look() -> TrainerState:
            progress.read()
            state = self._engine.state(self._job, self._folder, progress.attempt)
            progress.read()
            return state

        return await asyncio.to_thread(look)

    async def _leave(self, progress: Progress) -> None:
        """The service ends."""
        if self._engine.survives:
            await asyncio.to_thread(self._store.release, self._job.id, self._name, self._clock())
        else:
            await self._stop_trainer(progress)
            await self._give_back()

    async def _give_back(self, reason: str = "the service was stopped", wait_s: float = 0.0) -> None:
        """To the queue, without costing an attempt. A job that is being judged stays so."""
        now_s = self._clock()
        if self._job.state is JobState.JUDGING:
            await asyncio.to_thread(self._store.release, self._job.id, self._name, now_s)
        else:
            await asyncio.to_thread(
                self._store.requeue, self._job.id, self._name, now_s, now_s + wait_s, reason
            )

    async def _stop_trainer(self, progress: Progress) -> None:
        await asyncio.to_thread(
            self._engine.stop, self._job, self._folder, progress.attempt, self._timing.grace
        )

    async def _move(self, state: JobState, **facts: Any) -> None:
        now_s = self._clock()
        if not await asyncio.to_thread(self._store.move, self._job.id, self._name, now_s, state, **facts):
            raise _Lost
        self._beaten_s = now_s
        self._job = dataclasses.replace(self._job, state=state, **facts)

    async def _end(self, outcome: Outcome) -> None:
        # Reward code can fail, hang and say what it likes: of the family only its success is evidence.
        foreign = outcome.state is not JobState.COMPLETED and self._job.spec.task == "grpo"
        facts = dataclasses.asdict(outcome) | {"own_fault": outcome.own_fault or foreign}
        ended = await asyncio.to_thread(
            lambda: self._store.end(self._job.id, self._name, self._clock(), **facts)
        )
        if not ended:
            raise _Lost
        self._await_memory.discard(self._job.id)
        if outcome.state is not JobState.COMPLETED:  # nothing resumes it, and they are large
            await asyncio.to_thread(shutil.rmtree, self._folder / "checkpoints", ignore_errors=True)
        log = logger.info if outcome.state is JobState.COMPLETED else logger.warning
        log("job {}: {}{}", self._job.id, outcome.state, f": {outcome.reason}" if outcome.reason else "")

    async def _beat(self) -> None:
        """Returns when the lease is lost."""
        while True:
            await asyncio.sleep(self._store.lease_s / BEATS)
            now_s = self._clock()
            try:
                if not await asyncio.to_thread(self._store.beat, self._job.id, self._name, now_s):
                    return
                self._beaten_s = now_s
            except StoreError as error:  # a full disk: tried again while the lease lasts
                logger.warning("job {}: {}", self._job.id, error)
                if self._clock() > self._beaten_s + self._store.lease_s:
                    return

    def _hold(self) -> None:
        """Raise _Lost if this process slept through its lease: its trainer may be another worker's by now."""
        if self._clock() > self._beaten_s + self._store.lease_s:
            raise _Lost

    def _refuse_links(self) -> None:
        """A trainer may run foreign code, which must not lead us to files beside its folder."""
        found = next((one.name for one in self._folder.iterdir() if one.is_symlink()), None)
        if found is not None:
            raise TuningError(f"the trainer left a link in place of {found!r}: its code is not to be trusted")

    def _log(self) -> str:
        """The last line of trainer.log."""
        self._refuse_links()
        try:
            with (self._folder / "trainer.log").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 10 * LOG_SHOWN))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1][:LOG_SHOWN] if lines else "its log is empty"


def _killed_for_memory(progress: Progress, state: TrainerState) -> bool:
    """Whether a trainer that said nothing was killed for want of memory, and not by somebody.

    The machine's own count says so. Without one, on another node or after a restart of the service, a SIGKILL
    is laid to memory if little was free at the last report; else it is a death like others.
    """
    if state.out_of_memory is not None:
        return state.out_of_memory
    full = progress.memory is not None and progress.memory > FULL_MEMORY
    return full and (state.status is None or state.status in KILLED)


def _status(state: TrainerState) -> str:
    if state.status is None:
        return "its exit status is not known"
    if state.status in KILLED:
        return "killed, often because memory ran out"
    return f"signal {-state.status}" if state.status < 0 else f"exit status {state.status}"


async def _within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for so long; True at once if `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
