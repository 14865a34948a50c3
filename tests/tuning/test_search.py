"""Searches with the real worker: killed half-way and resumed, on a two-node Ray, with the real trainer."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from logicnet.cli import main
from logicnet.errors import SettingsError, TuningError
from logicnet.settings import Settings, TuningSettings
from logicnet.tuning.search import SearchResult, search, space_of
from logicnet.tuning.spec import TrainSpec
from logicnet.tuning.train.jobfile import JobFile, TrainResult, is_running
from tests.harness import scripted_losses, scripted_search
from tests.harness.ray_cluster import ray_cluster
from tests.harness.tiny_models import TUNE_PYTHON

WITHIN_S = 120.0
LEARNED = [1e-4, 1e-5]
SPACE = space_of({"lr": [*LEARNED, 1e-2, 1e-10], "r": [8, 16], "alpha": [16]})
"""Two rates that learn; one that only learns rows by heart, and one that cannot move."""


def until(true: Callable[[], object]) -> None:
    until_s = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def runs(folder: str | Path) -> list[dict[str, int]]:
    lines = (Path(folder) / "runs.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def found(result: SearchResult) -> dict[tuple[float, int], str]:
    return {(one.parameters["lr"], one.parameters["r"]): one.state for one in result.trials}


def test_held_out_loss_decides_and_hopeless_trials_end_early(tmp_path):
    result = scripted_search.run(tmp_path, SPACE, at_once=4)
    assert result.best is not None
    assert result.best.parameters == {"lr": 1e-4, "r": 16, "alpha": 16}
    assert (result.first_loss, result.best.loss) == (scripted_losses.FIRST, pytest.approx(0.9984))
    # By training loss, the rate that learns rows by heart would have won.
    assert scripted_losses.training(1e-2, 4) < scripted_losses.training(1e-4, 4)
    states = found(result)
    assert {states[lr, r] for lr in LEARNED[:1] for r in (8, 16)} == {"done"}
    assert {states[lr, r] for lr in (1e-2, 1e-10) for r in (8, 16)} == {"pruned"}
    for one in result.trials:
        made = JobFile.read(Path(one.folder))
        assert made.lora is not None
        numbers = {"lr": made.optimisation.lr, "r": made.lora.r, "alpha": made.lora.alpha}
        assert numbers == one.parameters
        assert (len(one.losses) < scripted_losses.EVALUATIONS) == (one.state == "pruned")
        assert (Path(one.folder) / "adapter").exists() == (one == result.best)
    again = scripted_search.run(tmp_path, SPACE)
    assert again.trials == result.trials
    assert all(len(runs(one.folder)) == 1 for one in result.trials)


def test_a_search_that_is_killed_with_its_trainer_goes_on_where_it_was(tmp_path):
    space = space_of({"lr": [1e-4], "r": [4, 8, 16, 32], "alpha": [16]})
    code = (
        "import sys; from pathlib import Path; from logicnet.tuning.search import space_of; "
        "from tests.harness import scripted_search; "
        f"scripted_search.run(Path(sys.argv[1]), space_of({space.parameters!r}))"
    )
    log = tmp_path / "log"
    with log.open("wb") as output:
        killed = subprocess.Popen(
            [sys.executable, "-c", code, tmp_path], stdout=output, stderr=output, start_new_session=True
        )
    try:
        until(lambda: "trial 0 of 4" in log.read_text() or killed.poll() is not None)
        (folder,) = (tmp_path / "tuning" / "searches").glob("*.files")
        (folder / "gate").touch()

        def waiting() -> list[Path]:
            saved = [
                one.parent for one in (folder / "jobs").glob("*/checkpoint.json") if one.read_text() == "2"
            ]
            return [one for one in saved if is_running(one)]

        until(lambda: waiting() or killed.poll() is not None)
        (held,) = waiting()
        trainer = psutil.Process(int((held / "running.lock").read_text()))
        killed.kill()
        killed.wait(20)
        trainer.kill()
        trainer.wait(20)
    finally:
        killed.kill()
        killed.wait(20)
    (folder / "gate").unlink()
    done = sorted(one.parent.name for one in (folder / "jobs").glob("*/result.json"))
    assert 1 <= len(done) <= 2, log.read_text()
    result = scripted_search.run(tmp_path, space)
    assert [one.state for one in result.trials] == ["done"] * 4
    assert [one.parameters["r"] for one in result.trials] == [4, 8, 16, 32]
    assert result.best is not None and result.best.parameters["r"] == 32
    starts = {Path(one.folder): [run["from"] for run in runs(one.folder)] for one in result.trials}
    assert starts.pop(held) == [0, 2]
    assert list(starts.values()) == [[0]] * 3
    assert len(list((folder / "jobs").iterdir())) == 4


def test_one_that_is_stopped_keeps_what_it_reached(tmp_path):
    stop = threading.Event()
    space = space_of({"lr": LEARNED, "r": [8], "alpha": [16]})

    def said(line: str) -> None:
        if line.startswith("trial 0"):
            stop.set()

    spec, settings = scripted_search.spec(tmp_path), scripted_search.settings(tmp_path)
    stopped = search(spec, settings, space, stop=stop, said=said)
    assert not stopped.complete
    assert stopped.best is not None and stopped.best.number == 0
    lines: list[str] = []
    assert search(spec, settings, space, said=lines.append).complete
    assert any("1 of 2 trials are over" in line for line in lines)


def test_trainings_that_cannot_begin_are_told_once(tmp_path):
    space = space_of({"r": [scripted_losses.BROKEN_R], "lr": [1e-4, 1e-5, 1e-6, 1e-7]})
    with pytest.raises(TuningError, match=r"the first 3 trials failed.*rank 7 is not to be had"):
        scripted_search.run(tmp_path, space, at_once=3)
    spec = scripted_search.spec(tmp_path, rows=10).model_copy(
        update={"dataset": str(tmp_path / "none.jsonl")}
    )
    with pytest.raises(TuningError, match=r"none\.jsonl does not exist"):
        search(spec, scripted_search.settings(tmp_path), SPACE)


def test_what_cannot_be_searched_is_said_before_training(tmp_path):
    settings = scripted_search.settings(tmp_path)
    with pytest.raises(SettingsError, match="lr: fixed by a flag or the job file, and searched"):
        search(scripted_search.spec(tmp_path, overrides={"lr": 1e-3}), settings, SPACE)
    grpo = {"reward_functions": [{"reward_func": "def f(completions): return [0.0]"}]}
    with pytest.raises(SettingsError, match="GRPO has rewards"):
        search(scripted_search.spec(tmp_path, dataset_type=grpo), settings, SPACE)


def test_the_command_writes_a_table_a_picture_and_a_job_file(tmp_path, capsys):
    settings = scripted_search.settings(tmp_path)
    space = tmp_path / "space.toml"
    space.write_text("learning_rate = [1e-4, 1e-5]\nr = [8]\n")
    study = tmp_path / "mine.sqlite"
    words = ["--model", scripted_search.model(tmp_path), "--dataset", scripted_search.dataset(tmp_path)]
    words += ["--space", space, "--study", study, "--alpha", "16", "--tuning.isolation", "process"]
    words += ["--tuning.folder", settings.tuning.folder, "--tuning.python", settings.tuning.python]
    assert main(["tune", "search", *map(str, words)]) == 0
    told = capsys.readouterr().out
    assert "trial 0 is the best: lr 0.0001, r 8, held-out loss 0.9992 (3.0000 before training)" in told
    assert "held-out loss while training" in (tmp_path / "mine.files" / "report.html").read_text().lower()
    best = (tmp_path / "mine.files" / "best.toml").read_text()
    assert '"lr" = 0.0001' in best and '"alpha" = 16' in best and "rows = " not in best
    space.write_text("learning_rate = [1e-4, 1e-6]\nr = [8]\n")
    before = study.read_bytes()
    assert main(["tune", "search", *map(str, words)]) == 1
    assert "is the study of another space" in capsys.readouterr().err
    assert study.read_bytes() == before


def test_the_same_search_on_a_two_node_ray_finds_the_same(tmp_path):
    space = space_of({"lr": [1e-4, 9e-5, 8e-5, 1e-10], "r": [8], "alpha": [16]})
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir(), there.mkdir()
    alone = scripted_search.run(here, space, at_once=2)
    with ray_cluster() as cluster:
        node = cluster.add()
        cluster.wait(2)
        nodes: set[bool] = set()

        def watch() -> None:
            for lock in there.rglob("running.lock"):
                text = lock.read_text()
                if text and is_running(lock.parent):
                    nodes.add(int(text) in {one.pid for one in node.processes()})

        done = threading.Event()
        watching = threading.Thread(
            target=lambda: [watch() or done.wait(0.1) for _ in iter(done.is_set, True)]
        )
        watching.start()
        try:
            result = scripted_search.run(there, space, ray=cluster.address)
        finally:
            done.set()
            watching.join()
    assert result.complete and found(result) == found(alone)
    assert [one.parameters for one in result.trials] == [one.parameters for one in alone.trials]
    assert result.best is not None and alone.best is not None
    assert (result.best.number, result.best.loss) == (alone.best.number, alone.best.loss)
    assert nodes == {True, False}  # trials on both


def test_real_trainings_are_compared_on_the_rows_that_were_held_out(tmp_path, base):
    rows = scripted_search.dataset(tmp_path)
    spec = TrainSpec(
        dataset=str(rows),
        model=str(base),
        dataset_type="instruct",
        file_format="jsonl",
        validation=0.2,
        overrides={"max_steps": 6, "batch": 8, "max_length": 64, "evaluations": 2},
    )
    tuning = TuningSettings(folder=tmp_path / "tuning", python=TUNE_PYTHON, isolation="process")
    space = space_of({"learning_rate": [1e-2, 1e-10], "r": [8], "alpha": [16]})
    result = search(spec, Settings(tuning=tuning), space, rows=40)
    assert result.best is not None and result.first_loss is not None
    assert result.best.parameters["lr"] == 1e-2
    assert result.best.loss < result.first_loss - 0.1
    other = result.trials[1]
    assert other.loss == pytest.approx(result.first_loss, abs=0.01)
    measured = [TrainResult.read(Path(one.folder)) for one in result.trials]
    assert len({one.hashes["validation"] for one in measured}) == 1
    assert [one.best_loss for one in measured] == [one.loss for one in result.trials]
