"""The other tasks: each improves on held-out rows in a training of seconds."""

from dataclasses import replace
from pathlib import Path

import pytest

from logicnet.tuning.train.jobfile import JobFile, Optimisation, Reward, Stopping
from tests.harness.training import Trained, assistant, make_job, sums, train, user

LETTERS = """
def helper(text):
    return sum(one in "aeiou" for one in text) / max(1, len(text))

def vowels(completions, extra_data=None):
    assert extra_data == [{"n": 1}] * len(completions), extra_data
    return [helper(text) for text in completions]
"""


def _well(trained: Trained) -> Trained:
    assert trained.code == 0, trained.log
    return trained


def test_dpo_ends_with_a_lower_loss(sft: JobFile, tmp_path: Path) -> None:
    rows = [
        {"prompt": row["prompt"], "chosen": row["completion"], "rejected": [assistant("I do not know.")]}
        for row in sums(28)
    ]
    too_long = rows[0] | {"rejected": [assistant("no " * 90)], "row": 37}
    how = replace(sft.optimisation, epochs=2.0)
    found = {"dropped": {"duplicate": 3}, "columns": {"rejected": "worse"}}
    job = replace(sft, task="dpo", beta=0.5, optimisation=how, **found)
    done = _well(train(make_job(tmp_path, job, [*rows[:20], too_long], rows[20:])))
    assert done.result.first_loss == pytest.approx(0.693, abs=0.001)  # log 2: no preference yet
    assert done.result.best_loss < 0.6
    assert (done.result.rows["too_long"], done.result.rows["duplicate"]) == (1, 3)
    (warning,) = [one["message"] for one in done.of_kind("warning") if "max_length" in one["message"]]
    assert "row 37, column 'worse'" in warning


def test_grpo_ends_with_a_higher_reward(sft: JobFile, tmp_path: Path) -> None:
    job = replace(
        sft,
        task="grpo",
        rewards=(Reward(LETTERS),),
        generations=4,
        optimisation=Optimisation(lr=2e-2, batch=4, max_length=72, epochs=5.0, warmup=0.0),
        stopping=Stopping(evaluations=3, patience=9),
    )
    rows = [
        {"prompt": [user(f"Say {word}.")], "extra": {"n": 1}}
        for word in ["one", "two", "three", "four", "five", "six"]
    ]
    done = _well(train(make_job(tmp_path, job, rows[:4], rows[4:])))
    before, after = done.result.reward or (1, 0)
    assert after > before
    assert next(event["reward"] for event in done.of_kind("eval")) == before
    assert all("reward" in event for event in done.of_kind("step"))


def test_pretraining_all_weights_ends_with_a_model_of_the_bases_type(
    sft: JobFile, base: Path, tmp_path: Path
) -> None:
    text = "The quick brown fox jumps over the lazy dog and is gone. "
    job = replace(
        sft,
        task="pretrain",
        lora=None,
        optimisation=Optimisation(lr=3e-3, batch=4, max_length=32, epochs=2.0),
    )
    rows = [{"text": text * count} for count in range(1, 9)]  # the longest becomes five pieces
    done = _well(train(make_job(tmp_path, job, rows, [{"text": text}])))
    assert done.result.rows["trained"] > len(rows)
    assert done.result.best_loss < 0.8 * done.result.first_loss
    saved = done.folder / "adapter" / "model.safetensors"
    assert saved.stat().st_size == (base / "model.safetensors").stat().st_size


def test_a_conversation_trains_and_goes_on_from_an_adapter(sft: JobFile, tmp_path: Path) -> None:
    rows = [
        {"messages": [*row["prompt"], *row["completion"], user("Once more."), *row["completion"]]}
        for row in sums(24)
    ]
    job = replace(sft, task="chat", optimisation=Optimisation(lr=1e-2, batch=8, max_length=128, epochs=2.0))
    first = _well(train(make_job(tmp_path / "first", job, rows[:16], rows[16:])))
    assert first.result.best_loss < 0.9 * first.result.first_loss
    again = replace(job, adapter_from=str(first.folder / "adapter"))
    second = _well(train(make_job(tmp_path / "second", again, rows[:16], rows[16:])))
    assert second.result.first_loss == pytest.approx(first.result.best_loss, rel=1e-3)
    assert second.result.best_loss < first.result.best_loss


def test_two_processes_train_one_job_and_one_of_them_writes(sft: JobFile, tmp_path: Path) -> None:
    job = replace(sft, optimisation=replace(sft.optimisation, batch=4))
    done = _well(train(make_job(tmp_path, job, sums(48), sums(7, seed=1)), processes=2))  # 7: an odd share
    assert done.result.steps == 18  # 48 rows by 2 x 4, three times
    assert [event["step"] for event in done.of_kind("step")] == list(range(1, 19))
    assert [event["step"] for event in done.of_kind("eval")] == [0, 6, 12, 18]
    assert len(done.of_kind("ended")) == 1
    assert done.result.best_loss < 0.7 * done.result.first_loss
