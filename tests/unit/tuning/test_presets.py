"""Presets, by family, size and use case, and what may override them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.families import FAMILIES
from logicnet.tuning.presets import Numbers, plan_of, presets
from logicnet.tuning.train.jobfile import Image, Lora, Optimisation, Stopping


def numbers(family: str, size_b: float, **asked: Any) -> tuple[Any, ...]:
    plan = plan_of(family, size_b * 1e9, **asked)
    assert plan.lora is not None
    steps = plan.optimisation
    return plan.lora.r, plan.lora.alpha, steps.lr, steps.schedule, steps.batch, steps.accumulate


@pytest.mark.parametrize(
    ("family", "size_b", "expected"),
    [
        ("llama", 8, (16, 32, 2e-4, "cosine", 2, 8)),
        ("llama", 6.74, (16, 32, 2e-4, "cosine", 2, 8)),
        ("llama", 13, (16, 32, 1e-4, "cosine", 2, 8)),
        ("mistral", 7, (16, 32, 1e-4, "cosine", 2, 8)),
        ("phi", 2.7, (16, 32, 2e-4, "linear", 4, 4)),
        ("qwen", 3, (64, 128, 2e-4, "cosine", 4, 4)),
        ("qwen", 7.6, (64, 128, 1e-4, "cosine", 2, 8)),
        ("gemma", 2, (16, 32, 1e-4, "cosine", 2, 8)),
        ("smollm", 0.135, (16, 32, 1e-3, "cosine", 8, 1)),
        ("sd", 1, (16, 16, 1e-4, "constant", 2, 1)),
        ("sdxl", 3.5, (32, 16, 1e-5, "constant", 4, 1)),
        ("flux", 17, (128, 128, 5e-5, "constant", 1, 1)),
        ("other", 7, (16, 32, 1e-4, "cosine", 2, 8)),
        ("unheard-of", 7, (16, 32, 1e-4, "cosine", 2, 8)),
    ],
)
def test_the_table_of_families(family, size_b, expected):
    assert numbers(family, size_b) == expected


def test_every_family_has_a_preset_and_every_preset_a_source():
    assert set(FAMILIES) <= {one.name for one in presets()}
    assert all(one.source for one in presets())
    assert all(plan_of(family, 1e9).sources for family in FAMILIES)


def test_no_preset_needs_a_package_that_may_be_missing():
    assert {one.attention for one in presets()} <= {None, "sdpa"}
    assert not any(one.quantised or one.optimiser == "adamw_8bit" for one in presets())


def test_pictures_have_a_kind():
    style, person = (plan_of("sdxl", 3.5e9, kind=kind) for kind in ("style", "person"))
    assert (style.optimisation.lr, person.optimisation.lr) == (1e-5, 4e-5)
    assert style.image == Image("sdxl", 1024, 10, None, 5)
    assert person.image == Image("sdxl", 1024, 8, None, 5)
    assert plan_of("sd", 1e9, kind="person").image == Image("sd", 512, 1, 5e-5, None)
    assert plan_of("llama", 1e9, kind="style").image is None


def test_use_cases():
    quick, fast, full = (
        plan_of("qwen", 3e9, preset=name) for name in ("quick_test", "fast_iteration", "full_training")
    )
    assert (quick.rows, quick.optimisation.epochs, quick.sample) == (100, 1, True)
    assert (fast.rows, fast.optimisation.epochs, fast.sample) == (500, 3, False)
    assert (full.rows, full.optimisation.epochs, full.optimisation.lr) == (None, 10, 2e-4)
    large = plan_of("qwen", 7e9, preset="full_training").optimisation
    assert (large.epochs, large.batch, large.accumulate, large.lr) == (15, 2, 8, 1e-4)


def test_recipes_of_the_documents():
    assert numbers("llama", 3, preset="god-2024") == (32, 16, 2e-4, "cosine", 2, 4)
    assert numbers("qwen", 3, preset="mtup") == (64, 128, 2e-4, "cosine", 4, 4)
    assert numbers("qwen", 7, preset="mtup")[2] == 1e-4
    assert plan_of("llama", 6.74e9, preset="full_training").optimisation.epochs == 15
    assert numbers("gemma", 2, preset="finetuning-subnet")[:3] == (64, 16, 1e-5)


def test_overrides_come_last():
    plan = plan_of(
        "llama", 1e9, preset="quick_test", overrides={"r": 4, "epochs": 2, "patience": 7, "targets": ["q"]}
    )
    assert plan.lora == Lora(4, 32, 0.05, ("q",))
    assert (plan.optimisation.epochs, plan.optimisation.batch) == (2, 2)
    assert plan.stopping == Stopping(patience=7)
    assert plan_of("llama", 1e9, overrides={"full": True}).lora is None


def test_every_field_can_be_overridden_but_what_the_job_itself_decides():
    names = {one.name for made in (Lora, Optimisation, Stopping, Image) for one in fields(made)}
    assert names - {"family", "seconds"} == set(Numbers.model_fields) - {"full", "sample"}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"overrides": {"learning_rate": 1}}, r"overrides: learning_rate: is unknown; "),
        ({"overrides": {"epoch": 1}}, "did you mean epochs?"),
        ({"overrides": {"lr": "fast"}}, "overrides: lr: must be a"),
        ({"overrides": {"lr": float("nan")}}, "overrides: lr"),
        ({"overrides": {"r": 0}}, "overrides: r: must be greater than or equal to 1"),
        ({"overrides": {"batch": 1.5}}, "overrides: batch"),
        ({"overrides": {"schedule": "cosin"}}, "overrides: schedule"),
        ({"overrides": {"seconds": 5}}, "overrides: seconds: is unknown"),
        ({"preset": "quicktest"}, "the preset 'quicktest' is unknown; did you mean quick_test?"),
        ({"preset": "zzz"}, "is unknown; known are llama, "),
    ],
)
def test_a_wrong_name_or_value_is_one_clear_line(asked, says):
    with pytest.raises(TuningError) as error:
        plan_of("llama", 1e9, **asked)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_rates_that_harm_are_warned_of():
    assert plan_of("llama", 3e9, overrides={"lr": 4e-4}).warnings == (
        "lr 0.0004 is above 0.0003 for a model of 3.0B: it may diverge",
    )
    assert "below 1e-06" in plan_of("llama", 3e9, overrides={"lr": 1e-8}).warnings[0]
    assert plan_of("smollm", 0.135e9).warnings == ()
    assert plan_of("llama", 3e9, overrides={"lr": 3e-4}).warnings == ()


def test_a_broken_file_of_presets_is_one_line(tmp_path):
    path = tmp_path / "presets.toml"
    path.write_text('[[presets]]\nname = "x"\nsource = "y"\nlearning = 1\n')
    with pytest.raises(SettingsError, match=r"presets\.toml: preset 1 \('x'\), learning: is unknown"):
        presets(path)
