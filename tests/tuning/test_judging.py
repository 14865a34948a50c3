"""A validator's task with models that were trained: who is ranked, who is named, and what is refused.

Ten seeds of the same: `python benchmarks/judging.py`.
"""

import json
import os
import pickle
import shutil
import time
from pathlib import Path

import pytest

from logicnet.settings import Settings
from logicnet.tuning.judging.judging import TaskJudge, run
from logicnet.tuning.judging.options import JudgeOptions
from logicnet.tuning.judging.task import TaskFolder, results_of
from tests.harness.judged_miners import MINERS, RIGHT, Stage
from tests.harness.warm_trainer import WarmTrainer

MORE = ("pickle", "stranger", "late", "absent")


class Bomb:
    """What a pickle would do if it were loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> object:
        return Path.touch, (self._path,)


@pytest.fixture(scope="module")
def stage(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A judged task of eight miners."""
    stage = Stage(tmp_path_factory.mktemp("judging") / "place", base, 0, miners=(*MINERS, *MORE))
    settings = Settings(tuning={"folder": stage.folder / "tuning", "isolation": "process"})
    assert run(stage.task, stage.options(), settings) == 1  # it waits
    with WarmTrainer() as trainer:
        stage.submit(trainer.train)
        _submit_more(stage, base)
        judge = TaskJudge(TaskFolder(stage.task), trainer, {})
        assert judge.collect(close=True)
        judge.judge()
    return stage


def _submit_more(stage: Stage, base: Path) -> None:
    place = TaskFolder(stage.task).submissions
    (place / "pickle").mkdir()
    shutil.copy(place / "honest" / "adapter_config.json", place / "pickle")
    (place / "pickle" / "adapter_model.bin").write_bytes(pickle.dumps(Bomb(stage.folder / "exploded")))
    shutil.copytree(base, place / "stranger")
    config = place / "stranger" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_attention_heads": 8}))
    shutil.copytree(place / "lazy", place / "late")
    after_s = time.time() + 2 * 3600
    os.utime(place / "late" / "adapter_model.safetensors", (after_s, after_s))


def test_each_miner_is_ranked_or_named_for_what_it_did(stage):
    results = results_of(TaskFolder(stage.task).judgement)
    assert {one["miner"]: one["fate"] for one in results} == {
        **RIGHT,
        "pickle": "not readable",
        "stranger": "no fine-tune",
        "late": "too late",
        "absent": "nothing submitted",
    }
    assert [one["miner"] for one in results][:3] == ["honest", "lazy", "peeker"]
    assert json.loads(TaskFolder(stage.task).judgement.read_text())["winner"] == "honest"
    why = {one["miner"]: one["reason"] for one in results}
    assert "pickles run code" in why["pickle"]
    assert "num_attention_heads 8, not 4" in why["stranger"]
    assert "a copy of honest" in why["copier"]


def test_a_pickle_was_not_loaded(stage):
    assert not (stage.folder / "exploded").exists()


def test_the_page_names_them_too(stage):
    page = TaskFolder(stage.task).report.read_text()
    assert "Winner: honest" in page
    assert "it probably trained on the test" in page


def test_the_command_judges_again_without_measuring(stage, tmp_path):
    folder = TaskFolder(stage.task)
    before = {one.name: one.stat().st_mtime_ns for one in folder.evaluations.iterdir()}
    judgement = folder.judgement.read_text()
    settings = Settings(tuning={"folder": tmp_path, "isolation": "process"})
    assert run(stage.task, JudgeOptions(close=True), settings) == 0
    assert {one.name: one.stat().st_mtime_ns for one in folder.evaluations.iterdir()} == before
    assert folder.judgement.read_text() == judgement
