"""Jobs in a terminal: `logicnet tune jobs`, `cancel` and `logs`. They read the queue; no service need run."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from logicnet._util.text import one_line
from logicnet.errors import TuningError
from logicnet.settings import Settings
from logicnet.tuning.advice import Hint, advise
from logicnet.tuning.folders import Folders
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.progress import PreparedRows, Progress
from logicnet.tuning.spec import public_name
from logicnet.tuning.store import JobStore

_EVERY_S = 1.0
_BARS = " ▁▂▃▄▅▆▇█"
_WIDE = 60  # characters of a curve

_STYLES = {JobState.COMPLETED: "green", JobState.FAILED: "red", JobState.TIMED_OUT: "red"}
_LEVELS = {"error": "red", "warning": "yellow", "info": "cyan"}


def show(settings: Settings, job_id: str | None, *, follow: bool, last: int, as_json: bool) -> int:
    """Print the queue, or one job; while it changes if `follow`. Returns the exit status."""
    folders = Folders.of(settings.tuning)
    store = _store(folders)
    console = Console()

    def now() -> tuple[RenderableType, bool]:
        if job_id is None:
            found = [*store.jobs(over=False, most=last), *store.jobs(over=True, most=last)][:last]
            return _queue(found, folders), False
        job = find_job(store, job_id)
        return one_job(job, folders, store), job.state.over

    if as_json:
        wanted = store.jobs(most=last) if job_id is None else [find_job(store, job_id)]
        for job in wanted:
            print(json.dumps(facts(job, folders)))
        return 0
    shown, over = now()
    if not follow or over:
        console.print(shown)
        return 0
    with Live(shown, console=console, auto_refresh=False) as live:
        while not over:
            time.sleep(_EVERY_S)
            shown, over = now()
            live.update(shown, refresh=True)
    return 0


def facts(job: Job, folders: Folders) -> dict[str, Any]:
    """What is known of a job, as JSON: for `--json` and `GET /status`."""
    progress = Progress(folders.job(job.id))
    progress.read()
    told = progress.shown()
    return {
        "job_id": job.id,
        "task_id": job.task_id,
        "status": job.state.wire,
        "state": job.state.value,
        "model": job.spec.model,
        "dataset": public_name(job.spec.dataset),
        "task": job.spec.task,
        "attempts": job.attempts,
        "progress": None if not told["steps"] else min(1.0, told["step"] / told["steps"]),
        "eta_s": None if job.state.over else told["eta_s"],
        "metrics": told,
        "advice": [vars(one) for one in advice_on(job, progress)],
        "error_message": job.reason or None,
        "repo": None,  # a job uploads nothing
        "expected_repo_name": job.spec.repo,
        "adapter": str(folders.job(job.id) / "adapter") if job.state is JobState.COMPLETED else None,
        "result": job.result,
    }


def advice_on(job: Job, progress: Progress) -> list[Hint]:
    """What stands out in a job's training."""
    return advise(progress, hours=job.spec.hours)


def cancel(settings: Settings, job_id: str) -> None:
    """Raises TuningError if the job is unknown or over."""
    store = _store(Folders.of(settings.tuning))
    job = find_job(store, job_id)
    if not store.cancel(job.id, time.time()):
        raise TuningError(f"job {job.id} is over ({job.state}): there is nothing to end")
    print(
        f"Job {job.id} is being stopped."
        if job.state is not JobState.QUEUED
        else f"Job {job.id} is cancelled."
    )


def logs(settings: Settings, job_id: str, *, follow: bool) -> None:
    """Print the trainer's log, without control characters."""
    folders = Folders.of(settings.tuning)
    store = _store(folders)
    job = find_job(store, job_id)
    path = folders.job(job.id) / "trainer.log"
    if not path.exists() and not follow:
        raise TuningError(f"job {job.id} has no log yet: it is {job.state}")
    for line in _lines(store, job, path, follow=follow):
        print(one_line(line), flush=follow)


def _lines(store: JobStore, job: Job, path: Any, *, follow: bool) -> Iterator[str]:
    offset = 0
    while True:
        over = (store.get(job.id) or job).state.over
        with suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(offset)
            whole = file.read().rpartition(b"\n")
            offset += len(whole[0] + whole[1])
            yield from whole[0].decode(errors="replace").splitlines()
            if over or not follow:
                if whole[2]:
                    yield whole[2].decode(errors="replace")
                return
        if over or not follow:
            return
        time.sleep(_EVERY_S)


def _store(folders: Folders) -> JobStore:
    if not folders.queue.exists():
        raise TuningError(
            f"there is no queue in {folders.root}: `logicnet tune run` or `logicnet tune serve` begins one; "
            "--tuning.folder names another"
        )
    return folders.store()


def find_job(store: JobStore, job_id: str) -> Job:
    """By its id, the beginning of it, or its task's name. Raises TuningError."""
    found = store.get(job_id)
    if found is None:
        beginnings = [job for job in store.jobs(most=1000) if len(job_id) >= 4 and job.id.startswith(job_id)]
        if len(beginnings) != 1:
            raise TuningError(f"job {one_line(job_id)[:80]!r} is not known: `logicnet tune jobs` lists them")
        found = beginnings[0]
    return found


def _queue(jobs: list[Job], folders: Folders) -> RenderableType:
    if not jobs:
        return Text("The queue is empty: `logicnet tune run --help` says how to train.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("job", "task", "model", "state", "step", "held-out loss", "left"):
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    for job in jobs:
        progress = Progress(folders.job(job.id))
        progress.read()
        best = progress.best
        table.add_row(
            job.id[:8],
            job.spec.task,
            Text(one_line(job.spec.model)),
            Text(job.state, style=_STYLES.get(job.state, "")),
            f"{progress.step}/{progress.steps}" if progress.steps else "",
            f"{best.loss:.4g}" if best else "",
            "" if job.state.over or progress.eta_s is None else _span(progress.eta_s),
        )
    return table


def one_job(job: Job, folders: Folders, store: JobStore) -> RenderableType:
    """A job with its losses and what is advised."""
    progress = Progress(folders.job(job.id))
    progress.read()
    rows: list[tuple[str, str]] = [
        ("job", f"{job.id} ({job.task_id})" if job.task_id != job.id else job.id),
        (
            "model",
            f"{one_line(job.spec.model)}, {job.spec.task} on {one_line(public_name(job.spec.dataset))}",
        ),
        ("state", f"{job.state}{f', attempt {job.attempts}' if job.attempts > 1 else ''}"),
    ]
    if (before := store.position(job)) is not None:
        rows.append(("place", f"{before + 1} in the queue"))
    if job.reason:
        rows.append(("reason", one_line(job.reason)))
    if progress.rows:
        rows.append(("rows", _rows(progress.rows)))
    if progress.steps:
        left = "" if progress.eta_s is None or job.state.over else f", {_span(progress.eta_s)} left"
        rows.append(("step", f"{progress.step} of {progress.steps}{left}"))
    if progress.curve:
        losses = [loss for _, loss in progress.curve]
        rows.append(("training loss", f"{losses[0]:.4g} {_curve(losses)} {losses[-1]:.4g}"))
    if progress.evaluations:
        losses = [one.loss for one in progress.evaluations]
        rows.append(("held-out loss", f"{losses[0]:.4g} {_curve(losses)} {losses[-1]:.4g}"))
    if best := progress.best:
        rows.append(("best", f"{best.loss:.4g} at step {best.step}"))
    if job.state is JobState.COMPLETED:
        rows.append(("adapter", str(folders.job(job.id) / "adapter")))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    words = [
        Text(one_line(f"{one.words} {one.flag}"), style=_LEVELS[one.level])
        for one in advice_on(job, progress)
    ]
    return Group(table, *words)


def _rows(rows: PreparedRows) -> str:
    dropped = ", ".join(f"{count} {reason}" for reason, count in rows.dropped.items())
    return f"{rows.trained} to train on, {rows.validation} held out, dropped: {dropped or 'none'}"


def _curve(values: list[float]) -> str:
    step = max(1, len(values) // _WIDE)
    shown = values[::step][:_WIDE]
    low, high = min(shown), max(shown)
    spread = (high - low) or 1.0
    return "".join(_BARS[1 + round((len(_BARS) - 2) * (one - low) / spread)] for one in shown)


def _span(seconds: float) -> str:
    minutes = seconds / 60
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{minutes:.0f} min"
        if minutes < 90
        else f"{minutes / 60:.1f} h"
    )
