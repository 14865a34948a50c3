"""The flags of a run, its `run.json`, and what a resumed run may change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logicnet.errors import SettingsError
from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.bench.plan import BenchPlan
from logicnet.evals.runs.folder import read_plan
from logicnet.evals.runs.run import BadRun

OUT = Path("run")


def saved(plan: BenchPlan) -> BenchPlan:
    return BenchPlan.model_validate_json(plan.model_dump_json())


def test_what_is_not_given_is_that_of_the_run():
    before = saved(BenchPlan(solvers="direct", seed=3, model="m", out=OUT))
    again = BenchPlan(out=OUT, resume=True).resumed(before)
    assert (again.solvers, again.seed, again.model, again.path) == (("direct",), 3, "m", OUT)


def test_what_is_given_again_alike_is_no_difference():
    before = saved(BenchPlan(concurrency=2, out=OUT))
    assert BenchPlan(concurrency=2, out=OUT, resume=True).resumed(before).concurrency == 2
    with pytest.raises(SettingsError, match=r"^--concurrency differs .*only the models that score"):
        BenchPlan(concurrency=4, out=OUT, resume=True).resumed(before)  # 4 is the default


def test_another_judge_comes_with_its_own_model():
    before = saved(BenchPlan(judge_url="http://a/v1", judge_model="a", out=OUT))
    again = BenchPlan(judge_url="http://b/v1", out=OUT, resume=True).resumed(before)
    assert again.judge is not None
    assert (again.judge.url, again.judge.model) == ("http://b/v1", None)


def test_keys_come_from_the_command_line_each_time_and_are_in_no_file():
    plan = BenchPlan(key="s3cret", judge_url="http://a/v1", judge_key="s3cret", out=OUT)
    assert "s3cret" not in plan.model_dump_json() + repr(plan)
    again = BenchPlan(judge_key="other", out=OUT, resume=True).resumed(saved(plan))
    assert again.judge is not None and again.judge.key is not None
    assert again.judge.key.get_secret_value() == "other"


def test_the_models_of_the_solvers_write_references_unless_another_does():
    plan = BenchPlan(endpoint="http://a/v1", key="k")
    assert plan.reference == plan.answers
    assert BenchPlan(similarity=False).reference is None
    with pytest.raises(SettingsError, match="--no-similarity"):
        BenchPlan(reference_url="http://b/v1", similarity=False)


def test_more_rounds_may_be_asked_of_an_arena_and_nothing_else():
    before = ArenaPlan(target=["h:1"], hotkey=["5x"], challenges="a.jsonl", out=OUT)
    assert ArenaPlan(rounds=3, out=OUT, resume=True).resumed(before).rounds == 3
    with pytest.raises(SettingsError, match=r"^--challenges differs"):
        ArenaPlan(challenges="b.jsonl", out=OUT, resume=True).resumed(before)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"format": 1, "targets": [], "validator": "5x"},
            "format 1 is of another version",
        ),
        ({"format": 2, "kind": "bench"}, "a run of `logicnet bench`; continue it with that command"),
        ({"kind": "arena"}, "format None is of another version"),
        ({"format": 2, "kind": "arena", "rounds": 0}, "rounds: "),
    ],
)
def test_a_plan_that_cannot_be_continued_says_why(tmp_path, content, words):
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(BadRun, match=words) as caught:
        read_plan(tmp_path, ArenaPlan)
    assert "\n" not in str(caught.value)
