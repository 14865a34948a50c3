"""`logicnet tune run` and `logicnet tune evaluate`: one job, or one evaluation, in this terminal."""

import asyncio
import json
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from logicnet._util.leaving import leave_within
from logicnet._util.text import json_line
from logicnet.errors import TuningError
from logicnet.settings import Settings, TuningSettings
from logicnet.tuning.control import ControlRoom
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.progress import Progress
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.store import JobStore
from logicnet.tuning.tables import find_job, one_job
from logicnet.tuning.wire import EvaluateRequest
from logicnet.tuning.workshop import Workshop

_EVERY_S = 1.0
_LEAVE_S = 5.0  # for a download, once the trainer has saved


def train(spec: TrainSpec | str, settings: Settings) -> int:
    """Train to the end, showing how it goes; `spec` may be a job of the queue, to go on with.

    Returns the exit status: 0 if the job is completed. Raises LogicnetError.
    """
    return worked(spec, Workshop.of(settings))[1]


def worked(spec: TrainSpec | str, shop: Workshop, task_id: str | None = None) -> tuple[Job, int]:
    """As `train`, in a workshop that there is: the job as it is then, and the exit status.

    A task that was trained before is not trained again.
    """
    store = shop.folders.store()
    if isinstance(spec, str):
        job = find_job(store, spec)
        if job.state is JobState.COMPLETED:
            raise TuningError(f"job {job.id} is completed: begin another")
        store.begin_again(job.id, time.time())
    else:
        job = ControlRoom(store, shop, shop.settings).submit(spec, task_id, local=True, own=True)
        if job.state is not JobState.COMPLETED:
            store.begin_again(job.id, time.time())
    status = asyncio.run(_work(job, shop, store))
    return store.get(job.id) or job, status


async def _work(job: Job, shop: Workshop, store: JobStore) -> int:
    stop = asyncio.Event()
    stopped_by: list[int] = []
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        stopped_by.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    console = Console()
    said = len(_progress(shop, job).evaluations)
    working = asyncio.create_task(shop.worker(store).run(stop, only=job.id))
    with Live(console=console, auto_refresh=False) as live:
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _EVERY_S)
            job = store.get(job.id) or job
            if job.state.over:
                stop.set()
            if console.is_terminal or job.state.over:
                live.update(one_job(job, shop.folders, store), refresh=True)
            else:
                said = _say(shop, job, said)
    await working
    if stopped_by and not job.state.over:
        store.hold(job.id)
        own = shop.settings.folder != TuningSettings().folder
        folder = f" --tuning.folder {shop.folders.root}" if own else ""
        print(f"Stopped. Go on with: logicnet tune run --resume {job.id}{folder}")
        status = 130 if stopped_by[0] == signal.SIGINT else 143
        leave_within(_LEAVE_S, status)
        return status
    print()
    return 0 if job.state is JobState.COMPLETED else 1


def _say(shop: Workshop, job: Job, said: int) -> int:
    """A line for each new evaluation, where there is no terminal; how many were said."""
    progress = _progress(shop, job)
    for one in progress.evaluations[said:]:
        print(f"step {one.step} of {progress.steps}: held-out loss {one.loss:.4g}", flush=True)
    return len(progress.evaluations)


def _progress(shop: Workshop, job: Job) -> Progress:
    progress = Progress(shop.folders.job(job.id))
    progress.read()
    return progress


def evaluate(request: EvaluateRequest, settings: Settings, *, as_json: bool) -> int:
    """Print the evaluation. Raises LogicnetError."""
    shop = Workshop.of(settings)
    shop.folders.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=shop.folders.root) as folder:
        found = shop.evaluate(request, Path(folder))
    if as_json:
        print(json.dumps(found))
    else:
        _print(found)
    return 0


def _print(found: dict[str, Any]) -> None:
    losses = found["eval_results"]
    if losses is not None:
        print(f"loss        {losses['eval_loss']:.4f} (of the original {losses['original_loss']:.4f})")
        print(f"perplexity  {losses['perplexity']:.3f} over {losses['tokens']} tokens, {losses['rows']} rows")
    print(f"verdict     {found['verdict']}{'' if found['is_finetune'] else ': no fine-tune'}")
    for reason in found["reasons"]:
        print(f"            {json_line(reason)[1:-1]}")
    for name in found["duplicates"]:
        print(f"copy of     {json_line(name)[1:-1]}")
