"""The page of training jobs, `/jobs`: the queue, and the losses of the one that is chosen."""

from dataclasses import dataclass
from html import escape
from typing import Any

from logicnet.errors import TuningError
from logicnet.operate.console.panels import AMBER, BLUE, axis, chart, line
from logicnet.operate.console.snapshot import span
from logicnet.tuning.folders import Folders
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.progress import Progress
from logicnet.tuning.spec import public_name
from logicnet.tuning.tables import advice_on

MOST = 50
_DOTS = {
    JobState.COMPLETED: "good",
    JobState.FAILED: "bad",
    JobState.TIMED_OUT: "bad",
    JobState.CANCELLED: "warning",
}


@dataclass(frozen=True)
class JobsSnapshot:
    """The newest jobs, each with its progress; `error` if the queue cannot be read."""

    jobs: tuple[tuple[Job, Progress], ...] = ()
    error: str = ""

    def chosen(self, job_id: str | None) -> tuple[Job, Progress] | None:
        """The job of this id, else the newest that has begun."""
        named = next((one for one in self.jobs if one[0].id == job_id), None)
        return named or next((one for one in self.jobs if one[1].steps), None)


def snapshot(folders: Folders, known: dict[str, Progress] | None = None) -> JobsSnapshot:
    """Read the queue and the events of its jobs, what is new of those in `known`. Blocks."""
    if not folders.queue.exists():
        return JobsSnapshot()
    try:
        store = folders.store()
        found = [*store.jobs(over=False, most=MOST), *store.jobs(over=True, most=MOST)][:MOST]
    except TuningError as error:
        return JobsSnapshot(error=str(error))
    known = {} if known is None else known
    shown = {job.id: known.get(job.id) or Progress(folders.job(job.id)) for job in found}
    known.clear()
    known |= shown
    read = []
    for job in found:
        shown[job.id].read()
        read.append((job, shown[job.id]))
    return JobsSnapshot(tuple(read))


def queue(now: JobsSnapshot) -> str:
    """The jobs as a table; a click on one chooses it."""
    if now.error:
        return f'<p class="alert bad"><b>The queue cannot be read</b><span>{escape(now.error)}</span></p>'
    if not now.jobs:
        return '<p class="empty">No job yet. <code>logicnet tune run --help</code> says how to train.</p>'
    head = "".join(
        f"<th>{name}</th>" for name in ("job", "task", "model", "state", "progress", "held-out loss")
    )
    return (
        f'<table class="jobs"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(_row(*one) for one in now.jobs)}</tbody></table>"
    )


def _row(job: Job, progress: Progress) -> str:
    share = 1.0 if job.state is JobState.COMPLETED else _share(progress)
    best = f"{progress.best.loss:.4g}" if progress.best else ""
    left = "" if progress.eta_s is None or job.state.over else f"{span(progress.eta_s)} left"
    return (
        f'<tr><td><a class="key" href="/jobs?job={escape(job.id)}">{escape(job.id[:8])}</a></td>'
        f"<td>{escape(job.spec.task)}</td>"
        f'<td class="text" title="{escape(job.spec.model)}">{escape(job.spec.model)}</td>'
        f'<td title="{escape(job.reason)}"><span class="dot {_DOTS.get(job.state, "")}"></span>'
        f"{escape(job.state.replace('_', ' '))}</td>"
        f'<td><span class="bar"><i style="width:{100 * share:.0f}%"></i></span>'
        f'<span class="dim">{escape(left)}</span></td>'
        f'<td class="num">{best}</td></tr>'
    )


def _share(progress: Progress) -> float:
    return min(1.0, progress.step / progress.steps) if progress.steps else 0.0


def about(now: JobsSnapshot, job_id: str | None) -> str:
    """The chosen job in words: what it is, how it stands, what is advised."""
    found = now.chosen(job_id)
    if found is None:
        return '<p class="empty">The losses of a job appear here when it has begun.</p>'
    job, progress = found
    words = [
        f"{job.spec.model}, {job.spec.task} on {public_name(job.spec.dataset)}",
        f"step {progress.step} of {progress.steps or '?'} on {progress.device or 'no device yet'}",
    ]
    if best := progress.best:
        words.append(f"best held-out loss {best.loss:.4g} at step {best.step}")
    if job.reason:
        words.append(job.reason)
    lines = "".join(f"<p>{escape(one)}</p>" for one in words)
    advised = "".join(
        f'<p class="alert {"bad" if one.level == "error" else one.level}"><b>{escape(one.words)}</b>'
        f"<span>{escape(one.flag)}</span></p>"
        for one in advice_on(job, progress)
    )
    return f'<div data-job="{escape(job.id)}">{lines}{advised}</div>'


def losses(now: JobsSnapshot, job_id: str | None) -> dict[str, Any]:
    """ECharts: training and held-out loss over the steps."""
    found = now.chosen(job_id)
    progress = found[1] if found else None
    trained = [] if progress is None else [[step, round(loss, 5)] for step, loss in progress.curve]
    held_out = [] if progress is None else [[one.step, round(one.loss, 5)] for one in progress.evaluations]
    options = chart([])
    options["xAxis"] = {**options["xAxis"], "type": "value", "name": "step", "minInterval": 1}
    del options["xAxis"]["data"]
    return {
        **options,
        "yAxis": [axis("loss", low=None)],
        "series": [line("training loss", trained, BLUE), line("held-out loss", held_out, AMBER)],
    }
