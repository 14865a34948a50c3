"""What this miner does where the documents' own goes wrong; docs/documented.md names all faults."""

import os
import runpy
import sys
from pathlib import Path

import pytest

from logicnet.config import read
from logicnet.tuning.compete import mine as mining
from logicnet.tuning.compete.competitions import competition
from logicnet.tuning.compete.mine_options import MineOptions
from logicnet.tuning.compete.starting import Rivals
from logicnet.tuning.options import RunOptions
from logicnet.tuning.presets import plan_of
from logicnet.tuning.search import SearchResult, load_space, report
from logicnet.tuning.search.plan import SearchPlan
from logicnet.tuning.search.study import TrialRecord
from logicnet.tuning.train import sinks
from logicnet.tuning.train.jobfile import JobFile
from logicnet.tuning.workshop import Workshop
from tests.harness import scripted_search
from tests.harness.mini_substrate import MiniChain
from tests.harness.tiny_models import ROOT
from tests.unit.tuning.compete.conftest import chain_of

COMMAND = ["--wallet.name", "coldkey", "--wallet.hotkey", "hotkey", "--hf_repo_id", "my-username/my-project"]
COMMAND += ["--competition_id", "m1", "--load_best", "--dataset_repo_id", "rows.jsonl"]
REPORTED = JobFile("0" * 32, "sft", "base", "maker/base", report_to=("wandb",), wandb_project="lessons")
POINT = {"lr": 1e-5, "r": 32, "alpha": 16}


@pytest.mark.parametrize(
    ("threshold", "said"),
    [
        ([], "--avg_loss_upload_threshold is missing"),
        (["--avg_loss_upload_threshold", "2.5"], "a Hugging Face token with write access is missing"),
    ],
)
def test_the_documented_command_takes_its_threshold(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    threshold: list[str],
    said: str,
) -> None:
    """Fault 1: the documents' script has no such flag. `said`: the next thing that is missing."""
    for name in ("HF_ACCESS_TOKEN", "HUGGINGFACE_TOKEN", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["neurons/miner.py", *COMMAND, *threshold])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "neurons" / "miner.py"), run_name="__main__")
    assert (ended.value.code, said in capsys.readouterr().err) == (2, True)


def test_the_key_of_wandb_reaches_the_trainer(tmp_path: Path) -> None:
    """Fault 2: the documents' program ends in `os.getenv["WANDB_API_KEY"]`, with a key as without."""
    (tmp_path / "python").touch()
    words = ["--tuning.python", str(tmp_path / "python"), "--tuning.isolation", "process"]
    (tmp_path / ".env").write_text("WANDB_API_KEY=w-key\n")
    shop = Workshop.of(read(words, {}, tmp_path / ".env").settings)
    assert shop.isolation.environment(REPORTED)["WANDB_API_KEY"] == "w-key"
    without = Workshop.of(read(words, {}, tmp_path / "none").settings)
    assert "WANDB_API_KEY" not in without.isolation.environment(REPORTED)


def test_without_a_key_wandb_writes_to_the_jobs_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Fault 2."""
    variables: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", variables)
    told: list[str] = []
    sinks.prepare_sinks(REPORTED, tmp_path, lambda kind, **facts: told.append(f"{kind}: {facts['message']}"))
    assert (variables["WANDB_MODE"], variables["WANDB_PROJECT"]) == ("offline", "lessons")
    assert told == [f"warning: wandb writes to {tmp_path / 'wandb'} only: `wandb sync` uploads it"]


def test_every_trial_is_trained_with_all_numbers_of_its_point(tmp_path: Path) -> None:
    """Fault 4: the documents' search calls its training with an argument too few."""
    space = load_space("finetuning-subnet")
    spec = scripted_search.spec(tmp_path, overrides={"max_steps": 3})
    plan = SearchPlan.of(spec, scripted_search.settings(tmp_path), space, trials=None, rows=None, study=None)
    trained = []
    for point in space.grid():
        trial = plan.trial(point)
        made = plan_of("llama", 1e9, overrides=trial.overrides)
        assert made.lora is not None
        assert (trial.dataset, trial.seed, made.optimisation.max_steps) == (spec.dataset, spec.seed, 3)
        trained.append({"lr": made.optimisation.lr, "r": made.lora.r, "alpha": made.lora.alpha})
    assert trained == list(space.grid())


@pytest.mark.thorough
def test_the_best_rate_is_a_number_of_the_training_and_no_part_of_a_path(tmp_path: Path) -> None:
    """Fault 5: the documents' search adds the best learning rate, a float, to the name of a folder."""
    best = TrialRecord(0, POINT, "done", 1.5, (2.0, 1.5))
    result = SearchResult(
        load_space("finetuning-subnet"), (best,), best, 3.0, tmp_path / "s.sqlite", tmp_path, complete=True
    )
    spec = scripted_search.spec(tmp_path, overrides={"max_steps": 3})
    assert tmp_path / "best.toml" in report.write(result, spec)
    again = RunOptions().spec(tmp_path / "best.toml")
    assert again == result.spec(spec)
    assert again.overrides == {**POINT, "max_steps": 3}


@pytest.mark.parametrize(("uid", "asked"), [(None, False), (0, True)])
def test_a_rival_is_looked_for_only_if_one_is_named(
    mini: MiniChain, tmp_path: Path, uid: int | None, asked: bool
) -> None:
    """Fault 6: without --comparison_uid the documents' program asks for the losses of nobody's model."""
    (tmp_path / "python").touch()
    config = read(["--tuning.python", str(tmp_path / "python"), "--tuning.isolation", "process"], {})
    options = MineOptions.parse({"comparison_uid": uid})
    run = mining._Mining(options, config, config.settings, competition("m1"), chain_of(mini), 1.0)
    rivals = run._rivals()
    assert (isinstance(rivals, Rivals), mini.opened != []) == (asked, asked)
    if rivals is None:
        assert run._rival(rivals, Workshop.of(config.settings)) is None
