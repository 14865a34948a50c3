"""A search as a Ray job: Ray Tune places trials and starts them again, the study decides.

The driver asks the study for points and gives each to Ray Tune as a trial. A trial is an actor with a queue
of one job, a worker and a trainer; after each evaluation the study says whether it is hopeless. The search's
folder, base models, the trainer's Python and logicnet must be at the same paths on all nodes, as for jobs
(tuning/ray_engine.py); a token for gated models comes from the environment of the nodes.
"""

import signal
import sys
import time
from pathlib import Path
from typing import Any

import ray
from loguru import logger
from ray import tune
from ray.tune.search import Searcher

from logicnet.config import read
from logicnet.errors import LogicnetError
from logicnet.tuning.jobs import JobState
from logicnet.tuning.progress import Evaluated
from logicnet.tuning.search.monitor import TrialMonitor
from logicnet.tuning.search.plan import SearchPlan
from logicnet.tuning.search.run import locked, name_of, study_of, tidy
from logicnet.tuning.search.runner import TrialRunner
from logicnet.tuning.search.study import Study
from logicnet.tuning.store import JobStore
from logicnet.tuning.workshop import Workshop

RESTARTS = 2
"""Of a trial whose node or actor died; its trainer goes on from its last checkpoint."""

_POLL_S = 0.5


def drive(folder: Path, at_once: int) -> int:
    """Search until the study is complete or SIGTERM comes; the exit status. `at_once` 0: as many as fit."""
    try:
        plan = SearchPlan.read(folder)
        with locked(plan):
            study = study_of(plan)
            deciding = _Deciding(study, plan, TrialMonitor(study, logger.info))
            ray.init(address="auto", log_to_driver=False, configure_logging=False)
            signal.signal(signal.SIGTERM, lambda *_: deciding.stop())
            _tuner(plan, deciding, at_once).fit()
    except LogicnetError as error:
        print(error, file=sys.stderr)
        return 1
    if deciding.fault is not None:
        print(deciding.fault, file=sys.stderr)
        return 1
    return 0


def _tuner(plan: SearchPlan, deciding: "_Deciding", at_once: int) -> tune.Tuner:
    gpus = plan.settings(read([]).settings).tuning.gpus
    return tune.Tuner(
        tune.with_resources(_Actor, {"cpu": max(1, gpus), "gpu": gpus}),
        tune_config=tune.TuneConfig(
            search_alg=_Asking(deciding), num_samples=-1, max_concurrent_trials=at_once or None
        ),
        run_config=tune.RunConfig(
            name=f"search-{time.time_ns()}",
            storage_path=str(plan.folder / "ray"),
            stop=_TrialStopper(deciding),
            failure_config=tune.FailureConfig(max_failures=RESTARTS),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # the trainer has its own
            verbose=0,
        ),
    )


class _Deciding:
    """The study, and the trials that Ray Tune has of it."""

    def __init__(self, study: Study, plan: SearchPlan, monitor: TrialMonitor) -> None:
        self._study = study
        self._plan = plan
        self._monitor = monitor
        self._trials: dict[str, Any] = {}  # by Ray Tune's id
        self._hopeless: set[str] = set()
        self.stopped = False
        self.fault: LogicnetError | None = None

    def stop(self) -> None:
        self.stopped = True

    def next(self, trial_id: str) -> dict[str, Any] | None:
        """What a trial's actor gets; None if no point is left."""
        if self.stopped:
            return None
        trial = self._study.ask(frozenset(one.number for one in self._trials.values()))
        if trial is None:
            return None
        self._trials[trial_id] = trial
        return {"folder": str(self._plan.folder), "number": trial.number, "parameters": dict(trial.params)}

    def hears(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether the trial is to end."""
        trial = self._trials[trial_id]
        self._study.job(trial, Path(result["folder"]))
        hopeless = self._study.report(
            trial, [Evaluated(step, loss, None, False) for step, loss in result["losses"]]
        )
        if hopeless and not result["state"]:
            self._hopeless.add(trial_id)
        return trial_id in self._hopeless

    def ended(self, trial_id: str, result: dict[str, Any] | None, *, error: bool) -> None:
        """Write a trial's end down; one that was stopped with the whole search stays open."""
        trial = self._trials[trial_id]
        state = None if result is None else result["state"]
        if trial_id in self._hopeless:
            self._study.pruned(trial)
        elif result is not None and state == JobState.COMPLETED:
            self._study.done(trial, result["best_loss"])
        elif result is not None and state:
            self._study.failed(trial, result["reason"])
        elif error:
            self._study.failed(trial, f"its node or its process died {RESTARTS + 1} times")
        else:
            return
        tidy(self._study)
        try:
            self._monitor.look()
        except LogicnetError as fault:
            self.fault, self.stopped = fault, True


class _Asking(Searcher):  # type: ignore[misc]
    """Points from the study."""

    def __init__(self, deciding: _Deciding) -> None:
        super().__init__(metric="loss", mode="min")
        self._deciding = deciding

    def suggest(self, trial_id: str) -> Any:
        return self._deciding.next(trial_id) or Searcher.FINISHED

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        self._deciding.ended(trial_id, result, error=error)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study is in its file."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a search goes on by its study."""


class _TrialStopper(tune.Stopper):  # type: ignore[misc]
    """Ends hopeless trials, and the search when SIGTERM came."""

    def __init__(self, deciding: _Deciding) -> None:
        self._deciding = deciding

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self._deciding.hears(trial_id, result)

    def stop_all(self) -> bool:
        return self._deciding.stopped


class _Actor(tune.Trainable):  # type: ignore[misc]
    """An actor on the node that trains. A step ends with an evaluation, or with the job."""

    def setup(self, config: dict[str, Any]) -> None:
        plan = SearchPlan.read(Path(config["folder"]))
        shop = Workshop.of(plan.settings(read([]).settings))
        name = name_of(config["number"])
        # Of its own: one process uses it at a time, as SQLite on a shared file system asks for.
        store = JobStore(plan.folder / "queues" / f"{name}.sqlite")
        self._runner = TrialRunner(shop, store)
        self._runner.__enter__()
        self._job = self._runner.begin(plan.trial(config["parameters"]), name)
        self._told = 0

    def step(self) -> dict[str, Any]:
        while True:
            self._runner.check()
            job = self._job.look()
            losses = [(one.step, one.loss) for one in self._job.progress.evaluations]
            if len(losses) > self._told or job.state.over:
                self._told = len(losses)
                best = (job.result or {}).get("best_loss")
                return {
                    "loss": losses[-1][1] if losses else float("inf"),
                    "losses": losses,
                    "best_loss": best,
                    "state": str(job.state) if job.state.over else "",
                    "reason": job.reason,
                    "folder": str(self._job.folder),
                    "done": job.state.over,
                }
            time.sleep(_POLL_S)

    def cleanup(self) -> None:
        """The trainer saves, and the job waits for the next actor; nothing waits for a pruned one."""
        self._runner.__exit__(None, None, None)
