"""The study: its order, its pruning, and what it refuses. Losses are scripted; the file is Optuna's own."""

import sqlite3
import sys

import pytest

from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.progress import Evaluated
from logicnet.tuning.search import space_of
from logicnet.tuning.search.study import UNPRUNED, WARMUP, Study, best_of

pytestmark = pytest.mark.thorough  # making a study's tables takes a second

GRID = space_of({"lr": [1e-4, 1e-5, 1e-6], "r": [8, 16], "alpha": [16]})


def evaluations(*losses):
    return [Evaluated(step, loss, None, False) for step, loss in enumerate((3.0, *losses))]


def finish(study, *losses):
    trial = study.ask()
    hopeless = study.report(trial, evaluations(*losses))
    study.done(trial, losses[-1])
    return hopeless


def test_a_grid_is_tried_in_its_order_and_once(tmp_path):
    study = Study(tmp_path / "s.sqlite", GRID, "asked")
    asked = []
    while (trial := study.ask()) is not None:
        asked.append(trial.params)
        study.done(trial, 1.0)
    assert asked == list(GRID.grid())
    assert Study(tmp_path / "s.sqlite", GRID, "asked").ask() is None


def test_fewer_trials_than_points_are_spread_over_the_grid(tmp_path):
    study = Study(tmp_path / "s.sqlite", GRID, "asked", trials=3, seed=1)
    asked = []
    while (trial := study.ask()) is not None:
        asked.append((trial.params["lr"], trial.params["r"]))
        study.done(trial, 1.0)
    points = [(one["lr"], one["r"]) for one in GRID.grid()]
    assert len(asked) == 3
    assert sorted(map(points.index, asked)) == list(map(points.index, asked))
    assert len({lr for lr, _ in asked}) > 1


def test_a_trial_that_was_left_comes_first_with_its_losses(tmp_path):
    path = tmp_path / "s.sqlite"
    study = Study(path, GRID, "asked")
    left = study.ask()
    study.report(left, evaluations(2.0, 1.5))
    again = Study(path, GRID, "asked")
    trial = again.ask()
    assert (trial.number, trial.params) == (left.number, left.params)
    again.report(trial, evaluations(2.0, 1.5, 1.2))
    again.done(trial, 1.2)
    (record, *_) = again.records()
    assert (record.losses, record.loss, record.state) == ((2.0, 1.5, 1.2), 1.2, "done")
    assert again.ask(frozenset()).number == 1


def test_pruning_asks_the_held_out_loss_of_earlier_trials(tmp_path):
    study = Study(tmp_path / "s.sqlite", GRID, "asked")
    for _ in range(UNPRUNED):
        assert not finish(study, 2.0, 1.5, 1.0)
    trial = study.ask()
    assert not study.report(trial, evaluations(2.9)[: WARMUP - 1])
    assert study.report(trial, evaluations(2.9, 2.9))
    study.pruned(trial)
    better = study.ask()
    assert not study.report(better, evaluations(1.9, 1.4))
    states = [one.state for one in study.records()[: UNPRUNED + 2]]
    assert states == ["done"] * UNPRUNED + ["pruned", "running"]


def test_what_was_measured_before_training_prunes_nothing(tmp_path):
    study = Study(tmp_path / "s.sqlite", GRID, "asked")
    for _ in range(UNPRUNED):
        finish(study, 2.0, 1.5)
    assert not study.report(study.ask(), evaluations())


def test_a_loss_that_is_no_number_is_a_failure_and_never_the_best(tmp_path):
    study = Study(tmp_path / "s.sqlite", GRID, "asked")
    study.done(study.ask(), float("nan"))
    finish(study, 2.0)
    first, second, *_ = study.records()
    assert (first.state, first.reason) == ("failed", "the held-out loss is nan")
    assert best_of(study.records()) == second


def test_a_range_is_drawn_anew_after_a_restart(tmp_path):
    space = space_of({"lr": {"low": 1e-5, "high": 1e-3, "log": True}, "r": {"low": 4, "high": 64}})
    asked = []
    for _ in range(4):
        study = Study(tmp_path / "s.sqlite", space, "asked", trials=4)
        trial = study.ask()
        asked.append(trial.params)
        study.done(trial, 1.0)
    assert len({one["lr"] for one in asked}) == 4
    assert all(isinstance(one["r"], int) and 4 <= one["r"] <= 64 for one in asked)
    assert Study(tmp_path / "s.sqlite", space, "asked", trials=4).ask() is None


def test_the_study_of_another_space_is_refused_and_left_as_it_was(tmp_path):
    path = tmp_path / "s.sqlite"
    finish(Study(path, GRID, "asked"), 1.0)
    other = space_of({"lr": [1e-3], "r": [8]})
    with pytest.raises(TuningError, match=r"another space: lr 0.0001, 1e-05, 1e-06; r 8, 16.*--study"):
        Study(path, other, "asked")
    with pytest.raises(TuningError, match=r"another training.*--study"):
        Study(path, GRID, "asked of other rows")
    assert [one.state for one in Study(path, GRID, "asked").records()][:1] == ["done"]


def test_files_that_are_no_studies(tmp_path):
    text, ledger, folder = (tmp_path / name for name in ("notes.txt", "other.sqlite", "folder"))
    text.write_text("not a study")
    with sqlite3.connect(ledger) as db:
        db.execute("CREATE TABLE studies (study_id INTEGER)")
    folder.mkdir()
    for path in (text, ledger, folder):
        with pytest.raises(TuningError, match=f"{path.name}.*--study") as found:
            Study(path, GRID, "asked")
        assert "\n" not in str(found.value)
    assert text.read_text() == "not a study"


def test_a_huge_grid_asks_for_a_number(tmp_path):
    space = space_of({"r": list(range(1, 200)), "alpha": list(range(1, 200))})
    with pytest.raises(SettingsError, match=r"39601 points.*--trials"):
        Study(tmp_path / "s.sqlite", space, "asked")


def test_without_optuna_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SettingsError, match=r"pip install 'logicnet\[search\]'"):
        Study(tmp_path / "s.sqlite", GRID, "asked")
