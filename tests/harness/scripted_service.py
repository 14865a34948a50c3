"""A service that works on a queue with scripted trainers, in this process or in one of its own.

`python scripted_service.py FOLDER SLOTS [RAY]` works until SIGTERM, on a Ray cluster if it gets its address.
Jobs carry their script in `overrides`.
"""

import asyncio
import dataclasses
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from logicnet.tuning.engine import Engine, Local
from logicnet.tuning.isolation import Isolation
from logicnet.tuning.jobs import Job
from logicnet.tuning.ray_engine import RayEngine
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.store import JobStore
from logicnet.tuning.train.jobfile import JobFile, Optimisation, Stopping, TrainResult
from logicnet.tuning.worker import Timing, Worker
from tests.harness.scripted_trainer import Script

TRAINER = (sys.executable, str(Path(__file__).with_name("scripted_trainer.py")))
TIMING = Timing(poll=0.05, grace=5.0, overrun=0.5, silent=20.0, again=0.05, away=0.2)
LEASE_S = 2.0


def isolation(**facts: Any) -> Isolation:
    given = {"kind": "process", "python": Path(sys.executable), "program": TRAINER} | facts
    return Isolation(**given)


def store_in(folder: Path, lease_s: float = LEASE_S) -> JobStore:
    return JobStore(folder / "queue.sqlite", lease_s=lease_s)


def job(script: Script | None = None, **facts: Any) -> Job:
    spec = TrainSpec(
        dataset="rows.json",
        model="tiny",
        dataset_type="instruct",
        file_format="json",
        overrides=dataclasses.asdict(script or Script()),
        **facts,
    )
    name = uuid.uuid4().hex
    return Job(name, name, spec, "llama", created_s=time.time())


async def prepare(job: Job, folder: Path) -> None:
    Script(**job.spec.overrides).write(folder)
    seconds = None if job.spec.hours is None else job.spec.hours * 3600
    how = Optimisation(batch=4, accumulate=2)
    file = JobFile(job.id, "sft", "base", "tiny", optimisation=how, stopping=Stopping(seconds=seconds))
    file.write(folder)


async def judge(job: Job, folder: Path, result: TrainResult) -> dict[str, Any]:
    return {"steps": result.steps, "rows": dict(result.rows)}


def worker(
    folder: Path, *, engine: Engine | None = None, store: JobStore | None = None, **facts: Any
) -> Worker:
    given = {"prepare": prepare, "judge": judge, "timing": TIMING} | facts
    return Worker(store or store_in(folder), engine or Local(isolation()), folder / "jobs", **given)


PAUSE_S = 0.2  # of preparing and judging in a service of its own, which is to be killed there, too


async def _slow_prepare(job: Job, folder: Path) -> None:
    await asyncio.sleep(PAUSE_S)
    await prepare(job, folder)


async def _slow_judge(job: Job, folder: Path, result: TrainResult) -> dict[str, Any]:
    await asyncio.sleep(PAUSE_S)
    return await judge(job, folder, result)


async def _serve(folder: Path, slots: int, ray: str | None = None) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    engine = None if ray is None else RayEngine(ray, isolation())
    await worker(folder, engine=engine, prepare=_slow_prepare, judge=_slow_judge).run(stop, slots)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
