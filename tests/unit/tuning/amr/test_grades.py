"""Grades, claims and advice: the guide's numbers stand beside what was measured, and change nothing of it."""

import pytest

from logicnet.config import read
from logicnet.errors import SettingsError
from logicnet.tuning.amr.grades import AmrResult, advise_amr, beside_claims, claims, grade
from logicnet.tuning.amr.options import AmrOptions
from logicnet.tuning.amr.score import Smatch, corpus_smatch
from logicnet.tuning.presets import plan_of

GOOD = AmrResult(
    "Qwen/Qwen2.5-3B-Instruct", "full_training", 10, Smatch(80, 100, 100), Smatch(72, 100, 100), 0, 0.5, 600.0
)


@pytest.mark.parametrize(
    ("f1", "word"),
    [
        (0.0, "not acceptable"),
        (0.65, "not acceptable"),
        (0.651, "acceptable"),
        (0.701, "good"),
        (0.76, "excellent"),
    ],
)
def test_grades_are_the_guides(f1, word):
    assert grade(f1) == word


def test_claims_are_shown_as_claims():
    head, *rows = beside_claims(GOOD)
    assert head == ("", "measured", "the guide's claim")
    assert rows[0][1:] == ("72.0 % (good)", "68 to 75 %")
    assert rows[-1][1:] == ("10.0 min", "2.5 h")
    other = AmrResult("HuggingFaceTB/SmolLM2-135M", None, 10, GOOD.bare, GOOD.full, 0, 0.5, 60.0)
    assert beside_claims(other)[1][2] == "target 70 to 80 %"


def test_advice_names_the_guides_flags_and_is_silent_on_a_good_result():
    assert list(advise_amr(GOOD)) == []
    bad = AmrResult("m", None, 10, Smatch(10, 100, 100), Smatch(20, 100, 100), 3, 1.2, 1.0)
    hints = list(advise_amr(bad))
    assert "--epochs 15 --template v5_cot --model qwen2.5-7b" in hints[0].flag
    assert "lower than the one with them" in hints[1].words
    assert "not below 1" in hints[2].words
    assert "3 of 10 answers" in hints[3].words


def test_a_broken_answer_lowers_the_corpus_and_a_corpus_of_them_scores_0():
    assert corpus_smatch([Smatch(0, 0, 9), Smatch(9, 9, 9)]).f1 == pytest.approx(2 * 9 / 27)
    assert corpus_smatch([Smatch(0, 0, 9)]).f1 == 0.0
    assert corpus_smatch([]).f1 == 0.0


def test_aliases_and_the_documented_command():
    words = {
        "model": "qwen2.5-7b",
        "epochs": 15,
        "batch_size": 2,
        "grad_accum": 8,
        "lr": 1e-4,
        "val_split": 0.1,
    }
    options = AmrOptions.parse(words)
    assert options.hub_name == "Qwen/Qwen2.5-7B-Instruct"
    assert AmrOptions.parse({"model": "/models/own"}).hub_name == "/models/own"
    assert options.overrides(1000, 16, 15) == {"epochs": 15, "batch": 2, "accumulate": 8, "lr": 1e-4}
    assert set(claims().aliases) >= {"qwen2.5-0.5b", "qwen2.5-1.5b", "qwen2.5-3b", "qwen2.5-7b", "qwen3-4b"}
    with pytest.raises(SettingsError, match="no such file"):
        AmrOptions.parse({"train_files": ("/none/*.txt",)}).files()


def test_steps_between_evaluations_become_a_number_of_them():
    options = AmrOptions.parse({"eval_steps": 10, "save_steps": 20, "log_steps": 5})
    assert options.overrides(1000, 10, 2.0)["evaluations"] == 18  # 90 steps an epoch


@pytest.mark.parametrize(
    ("use_case", "parameters", "rows", "epochs", "batch", "lr"),
    [
        ("quick_test", 3e9, 100, 1, (2, 4), 2e-4),
        ("fast_iteration", 3e9, 500, 3, (4, 4), 2e-4),
        ("full_training", 3e9, None, 10, (4, 4), 2e-4),
        ("full_training", 7.6e9, None, 15, (2, 8), 1e-4),
    ],
)
def test_use_cases_are_the_guides(use_case, parameters, rows, epochs, batch, lr):
    plan = plan_of("qwen", parameters, preset=f"mtup+{use_case}")
    how = plan.optimisation
    assert (plan.rows, how.epochs, (how.batch, how.accumulate), how.lr) == (rows, epochs, batch, lr)
    assert plan.lora is not None and (plan.lora.r, plan.lora.alpha, plan.lora.dropout) == (64, 128, 0.05)
    assert (how.weight_decay, how.max_length, plan.stopping.patience) == (0.02, 2048, 3)


def test_without_a_corpus_only_a_quick_test_goes_on(monkeypatch, tmp_path):
    from logicnet.tuning.amr.run import run  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("logicnet.tuning.amr.run.require", lambda: None)
    python = tmp_path / "python"
    python.touch()
    found = read(
        ["--tuning.python", str(python), "--tuning.folder", str(tmp_path), "--tuning.isolation", "process"]
    )
    with pytest.raises(SettingsError, match=r"--train-files is missing.*quick_test"):
        run(AmrOptions.parse({}), found.settings)


def test_every_documented_flag_is_taken():
    documented = "--use-case --show-sample --model --epochs --batch-size --grad-accum --lr --val-split "
    documented += (
        "--train-files --max-samples --max-length --log-steps --save-steps --eval-steps --template-name"
    )
    taken = {name for field in AmrOptions.model_fields for name in AmrOptions.flag(field).names}
    assert set(documented.split()) <= taken
