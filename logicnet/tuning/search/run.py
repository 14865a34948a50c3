"""`search`: trials one after another, or several at once, until the study has as many as were asked for."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from loguru import logger

from logicnet.errors import TuningError
from logicnet.settings import Settings
from logicnet.tuning.jobs import JobState
from logicnet.tuning.search.monitor import Say, TrialMonitor
from logicnet.tuning.search.plan import SearchPlan
from logicnet.tuning.search.runner import TrialJob, TrialRunner
from logicnet.tuning.search.space import Space
from logicnet.tuning.search.study import Study, TrialRecord, best_of
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.train.jobfile import TrainResult
from logicnet.tuning.workshop import Workshop

if TYPE_CHECKING:
    import optuna

_POLL_S = 0.5


@dataclass(frozen=True)
class SearchResult:
    """`best`: the lowest held-out loss; None if the search was stopped before a trial was done."""

    space: Space
    trials: tuple[TrialRecord, ...]
    best: TrialRecord | None
    first_loss: float | None  # held out, before training
    study: Path
    folder: Path  # of the trials' jobs, best.toml and report.html
    complete: bool  # no trial is left

    def spec(self, spec: TrainSpec) -> TrainSpec:
        """`spec` with the best parameters, for the training that follows. Raises TuningError."""
        if self.best is None:
            raise TuningError(f"no trial of {self.study} is done yet: search on before you train")
        return spec.model_copy(update={"overrides": {**spec.overrides, **self.best.parameters}})


def search(
    spec: TrainSpec,
    settings: Settings,
    space: Space,
    *,
    trials: int | None = None,
    rows: int | None = None,
    at_once: int | None = None,
    study: Path | None = None,
    stop: threading.Event | None = None,
    said: Say = logger.info,
) -> SearchResult:
    """Search `space` for the training `spec`, or go on with that search; blocks until it is done or stopped.

    `trials`: how many; default: all points of a grid, 20 of a space with a range. `rows`: those that a trial
    trains on; default: a tenth. `at_once`: trials at a time; default: --tuning.concurrent_jobs on this
    machine, as many as fit on a cluster. `study`: its SQLite file; default: below --tuning.folder, named by
    what is searched. `stop` ends it early: what was reached is kept. `said` gets a line for each trial.

    Raises LogicnetError: a study of another space, no Optuna, a dataset that cannot be read.
    """
    plan = SearchPlan.of(spec, settings, space, trials=trials, rows=rows, study=study)
    stop = stop or threading.Event()
    for warning in space.warnings():
        said(warning)
    found = study_of(plan)
    monitor = TrialMonitor(found, said)
    if known := sum(one.over for one in found.records()):
        said(f"Going on with {plan.study}: {known} of {found.trials} trials are over.")
    plan.write()
    if settings.tuning.engine == "ray":
        from logicnet.tuning.search.cluster import search_on_cluster  # noqa: PLC0415 (only where it is used)

        search_on_cluster(plan, settings, at_once, stop, monitor)
    else:
        with locked(plan):
            shop = Workshop.of(plan.settings(settings))
            _search_here(plan, shop, at_once or settings.tuning.concurrent_jobs, stop, monitor)
    return result_of(plan, found)


def study_of(plan: SearchPlan) -> Study:
    """Raises SettingsError, TuningError."""
    return Study(plan.study, plan.space, plan.spec.digest, trials=plan.trials, seed=plan.spec.seed)


def result_of(plan: SearchPlan, study: Study) -> SearchResult:
    records = study.records()
    best = best_of(records)
    first = None
    if best is not None:
        try:
            first = TrainResult.read(Path(best.folder)).first_loss
        except (OSError, ValueError, TypeError):
            logger.warning(
                "{} has no result.json any more: the loss before training is not known", best.folder
            )
    ended = sum(one.over for one in records)
    return SearchResult(
        plan.space, tuple(records), best, first, plan.study, plan.folder, ended >= study.trials
    )


@contextmanager
def locked(plan: SearchPlan) -> Iterator[None]:
    """Raises TuningError if another process works on the study."""
    plan.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with FileLock(plan.folder / "search.lock", timeout=0):
            yield
    except Timeout:
        raise TuningError(
            f"another search works on {plan.study}: wait for it, or name another file with --study"
        ) from None


def _search_here(
    plan: SearchPlan, shop: Workshop, at_once: int, stop: threading.Event, monitor: TrialMonitor
) -> None:
    study = monitor.study
    running: dict[int, tuple[optuna.Trial, TrialJob]] = {}
    with TrialRunner(shop, shop.folders.store(), at_once) as runner:
        while not stop.is_set():
            while len(running) < at_once:
                trial = study.ask(frozenset(running))
                if trial is None:
                    break
                job = runner.begin(plan.trial(trial.params), name_of(trial.number))
                study.job(trial, job.folder)
                running[trial.number] = trial, job
            if not running:
                return
            for number, (trial, job) in list(running.items()):
                if _follow(study, trial, job):
                    del running[number]
                    tidy(study)
            runner.check()
            monitor.look()
            stop.wait(_POLL_S)


def name_of(number: int) -> str:
    """The task of a trial's job."""
    return f"trial-{number}"


def _follow(study: Study, trial: "optuna.Trial", job: TrialJob) -> bool:
    """Whether the trial has ended."""
    now = job.look()
    hopeless = study.report(trial, job.progress.evaluations)
    if not now.state.over:
        if hopeless and not now.cancel:
            job.cancel(time.time())
        return False
    if now.state is JobState.COMPLETED and now.result is not None:
        study.done(trial, float(now.result["best_loss"]))
    elif now.state is JobState.CANCELLED:
        study.pruned(trial)
    else:
        study.failed(trial, now.reason)
    return True


def tidy(study: Study) -> None:
    """Remove the weights of all trials but the best: a large LoRA has a gigabyte."""
    records = study.records()
    best = best_of(records)
    for one in records:
        if one.over and one is not best and one.folder:
            for name in ("adapter", "checkpoints"):
                shutil.rmtree(Path(one.folder) / name, ignore_errors=True)
