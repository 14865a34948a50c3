"""The study of a search: which trial is next, which is hopeless, which was best. Optuna, in a SQLite file.

A search that was killed leaves trials that are neither done nor pruned; the next one takes them up first,
with their jobs. Grids are tried in their order; ranges by Optuna's TPE sampler. A trial is pruned if its best
held-out loss so far is worse than the median of earlier trials after as many evaluations.
"""

import math
import random
import sqlite3
import warnings
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.progress import Evaluated
from logicnet.tuning.search.space import MOST_TRIALS, SearchRange, Space

if TYPE_CHECKING:
    import optuna

TRIALS = 20
"""Of a space with a range, where no number is given."""

UNPRUNED = 3
"""Trials that run to their end before one is pruned: a median of fewer says little."""

WARMUP = 2
"""Evaluations before a trial may be pruned: the first one falls into the warm-up of the learning rate."""

_NAME = "logicnet"


@dataclass(frozen=True)
class TrialRecord:
    """`loss`: held out; the best of a trial that is done, the last of others. `losses`: by evaluation."""

    number: int
    parameters: Mapping[str, Any]
    state: str  # running, waiting, done, pruned, failed
    loss: float | None
    losses: tuple[float, ...]
    reason: str = ""  # why it failed
    folder: str = ""  # of its job
    seconds: float | None = None

    @property
    def over(self) -> bool:
        return self.state in ("done", "pruned", "failed")


def best_of(records: Iterable[TrialRecord]) -> TrialRecord | None:
    """The one that is done with the lowest held-out loss; of equal ones the first."""
    done = [one for one in records if one.state == "done"]
    return min(done, key=lambda one: math.inf if one.loss is None else one.loss, default=None)


class Study:
    """Not safe to share between threads. Every change is in the file before a method returns."""

    def __init__(
        self, path: Path, space: Space, asked: str, *, trials: int | None = None, seed: int = 42
    ) -> None:
        """Open or make the study of `space` and of what is `asked` (a digest of the training).

        Raises SettingsError without Optuna or for too many trials, TuningError for a file that is another's.
        """
        self._optuna = _optuna()
        self.path = path
        self.space = space
        self.seed = seed
        self._study = self._opened(path)
        known = self._study.user_attrs
        mine = {"space": space.shown(), "asked": asked}
        if known and known.get("space") != mine["space"]:
            raise TuningError(
                f"{path} is the study of another space: {known.get('space')!s:.200}. This one is "
                f"{mine['space']}: name another file with --study, or that space with --space"
            )
        if known and known.get("asked") != asked:
            raise TuningError(
                f"{path} is the study of another training (model, rows or a fixed number differ): "
                "name another file with --study"
            )
        self.trials = self._planned(trials)
        for name, value in mine.items():
            self._study.set_user_attr(name, value)
        self._enqueue()

    def _opened(self, path: Path) -> "optuna.Study":
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made: optuna.Study
        library = self._optuna
        if path.exists() and (fault := _fault(path)):
            raise TuningError(f"{path} is no study ({fault}): name another with --study")
        try:
            made = library.create_study(
                study_name=_NAME,
                storage=library.storages.RDBStorage(f"sqlite:///{path}"),
                direction="minimize",
                sampler=library.samplers.TPESampler(seed=self.seed, multivariate=True, constant_liar=True),
                pruner=library.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=WARMUP),
                load_if_exists=True,
            )
        except Exception as error:  # SQLAlchemy's, Alembic's and Optuna's own
            words = next(iter(str(error).splitlines()), type(error).__name__)
            raise TuningError(
                f"{path} cannot be used as a study ({words:.200}): name another with --study"
            ) from error
        return made

    def _planned(self, trials: int | None) -> int:
        points = self.space.points
        wanted = trials or points or TRIALS
        if points is not None:
            wanted = min(wanted, points)
        if wanted > MOST_TRIALS:
            raise SettingsError(f"the space has {points} points: say how many are tried with --trials")
        return wanted

    def _enqueue(self) -> None:
        """The points of a grid that are not in the file yet; a part of them, evenly drawn, if not all."""
        points = self.space.points
        if points is None:
            return
        grid = list(self.space.grid())
        if self.trials < points:
            chosen = sorted(random.Random(self.seed).sample(range(points), self.trials))  # noqa: S311
            grid = [grid[one] for one in chosen]
        known = [one.system_attrs.get("fixed_params") for one in self._study.get_trials(deepcopy=False)]
        for point in grid:
            if point not in known:
                self._study.enqueue_trial(point)

    def ask(self, taken: frozenset[int] = frozenset()) -> "optuna.Trial | None":
        """The next trial that is not `taken`, its parameters drawn; None after the last."""
        trial: optuna.Trial
        library = self._optuna
        states = library.trial.TrialState
        found = self._study.get_trials(deepcopy=False)
        left = next((one for one in found if one.state is states.RUNNING and one.number not in taken), None)
        if left is not None:
            trial = library.trial.Trial(self._study, left._trial_id)
        elif sum(one.state is not states.WAITING for one in found) < self.trials:
            # Each trial has a sampler of its own seed: one that goes on after a kill must not draw the same.
            self._study.sampler = library.samplers.TPESampler(
                seed=self.seed + len(found), multivariate=True, constant_liar=True
            )
            trial = self._study.ask()
        else:
            return None
        for name, values in self.space.parameters.items():
            _suggest(trial, name, values)
        return trial

    def report(self, trial: "optuna.Trial", evaluations: list[Evaluated]) -> bool:
        """Write what is new of a trial's evaluations after the first step; whether it is hopeless."""
        after = [one for one in evaluations if one.step > 0]
        known = self._frozen(trial).intermediate_values
        for number, one in enumerate(after, 1):
            if number not in known:
                trial.report(one.loss, number)
        return bool(after) and bool(trial.should_prune())

    def job(self, trial: "optuna.Trial", folder: Path) -> None:
        """Write down where a trial's job is."""
        trial.set_user_attr("folder", str(folder))

    def done(self, trial: "optuna.Trial", loss: float) -> None:
        """A trial ended with this held-out loss."""
        if not math.isfinite(loss):
            self.failed(trial, f"the held-out loss is {loss}")
            return
        self._study.tell(trial, loss)

    def pruned(self, trial: "optuna.Trial") -> None:
        self._study.tell(trial, state=self._optuna.trial.TrialState.PRUNED)

    def failed(self, trial: "optuna.Trial", reason: str) -> None:
        trial.set_user_attr("reason", reason)
        self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)

    def records(self) -> list[TrialRecord]:
        """All trials, in the order of their numbers."""
        words = {"COMPLETE": "done", "FAIL": "failed"}
        return [
            TrialRecord(
                number=one.number,
                parameters=one.params or one.system_attrs.get("fixed_params", {}),
                state=words.get(one.state.name, one.state.name.lower()),
                loss=one.value if one.state.name == "COMPLETE" else _last(one.intermediate_values),
                losses=tuple(loss for _, loss in sorted(one.intermediate_values.items())),
                reason=one.user_attrs.get("reason", ""),
                folder=one.user_attrs.get("folder", ""),
                seconds=None if one.duration is None else one.duration.total_seconds(),
            )
            for one in self._study.get_trials(deepcopy=False)
        ]

    def _frozen(self, trial: "optuna.Trial") -> Any:
        return self._study.get_trials(deepcopy=False)[trial.number]


def _fault(path: Path) -> str:
    """Why a file cannot be a study; empty if it can. Optuna would make its tables in any other database.

    Opened for writing: a search that was killed may have left a change that is to be undone.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
        if head and not head.startswith(b"SQLite format 3"):
            return "not an SQLite file"
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (OSError, sqlite3.Error) as error:
        return str(error)
    return "a database without Optuna's tables" if tables and "trials" not in tables else ""


def _suggest(trial: "optuna.Trial", name: str, values: tuple[Any, ...] | SearchRange) -> None:
    if isinstance(values, tuple):
        trial.suggest_categorical(name, values)
    elif values.whole:
        trial.suggest_int(name, int(values.low), int(values.high), log=values.log)
    else:
        trial.suggest_float(name, float(values.low), float(values.high), log=values.log)


def _last(losses: Mapping[int, float]) -> float | None:
    return losses[max(losses)] if losses else None


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415 (an extra, and slow to import)
    except ImportError as error:
        raise SettingsError(
            f"the search needs Optuna, which does not import ({error}): pip install 'logicnet[search]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna
