"""Fine-tunes of SmolLM2's first layers are believed; copies, noise, other models and broken files are not."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from logicnet._util.processes import Child
from logicnet.tuning.evaluation import evaluate
from logicnet.tuning.train.evalfile import Evaluation, EvaluationRequest
from logicnet.tuning.verdict import duplicates, verdict
from tests.harness.sums import write_rows
from tests.harness.tiny_models import ROOT, TUNE_PYTHON

SMOLLM2 = ROOT / ".run" / "model" / "smollm2"
LAYERS = 2
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}

VERDICTS = {
    "finetune": (
        *("merged", "merged_in_shards", "merged_in_float32", "merged_with_head", "merged_and_a_token"),
        *("merged_and_noise", "merged_other_seed", "full", "full_in_float32"),
        *("adapter", "adapter_from_path", "adapter_by_expression", "code_beside"),
        *("adapter_under_another_name", "adapter_of_a_mirror"),
    ),
    "identical": (
        "identical",
        "original_in_float32",
        "rows_added",
        "empty_adapter_config",
        "adapter_untrained",
    ),
    "noise": ("noise_small", "noise_large", "noise_absolute"),
    "unrelated": ("random", "shifted", "adapter_of_another", "adapter_of_another_here"),
    "disguised": ("permuted", "rescaled"),
    "other_architecture": ("fewer_layers", "adapter_of_other_shape", "code_of_its_own"),
    "not_loadable": (
        *("only_a_pickle", "damaged", "cut_short", "shard_outside", "nan"),
        *("adapter_in_a_pickle", "adapter_with_dora"),
    ),
}
COPIES_OF_MERGED = (
    *("merged", "merged_in_shards", "merged_in_float32", "merged_with_head", "merged_and_a_token"),
    *("merged_and_noise", "adapter", "adapter_from_path", "adapter_by_expression", "code_beside"),
    *("adapter_under_another_name", "adapter_of_a_mirror"),
)


@dataclass
class Made:
    """Where the submissions lie, and what was found of each."""

    folder: Path
    rows: Path
    found: dict[str, Evaluation]


def run(module: str, *words: str | Path) -> None:
    done = subprocess.run(
        [TUNE_PYTHON, "-m", f"tests.harness.{module}", *words],
        cwd=ROOT,
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    with tempfile.TemporaryDirectory() as place:  # 900 MB, which pytest would keep
        folder = Path(place)
        rows = folder / "rows.jsonl"
        write_rows(rows, 12)
        (folder / "answers").mkdir()
        run("finetunes", SMOLLM2, str(LAYERS), folder)
        run("evaluate_all", folder / "original", folder / "submissions", rows, folder / "answers")
        answers = (folder / "answers").iterdir()
        yield Made(folder, rows, {path.stem: Evaluation.read(path) for path in answers})


@pytest.mark.parametrize(
    ("name", "word"), [(name, word) for word, names in VERDICTS.items() for name in names]
)
def test_a_submission_is_what_its_weights_say(made: Made, name: str, word: str) -> None:
    said = verdict(made.found[name])
    assert (said.word, said.is_finetune) == (word, word == "finetune"), said.reason
    assert "\n" not in said.reason


def test_every_submission_has_an_expected_verdict(made: Made) -> None:
    assert sorted(made.found) == sorted(name for names in VERDICTS.values() for name in names)


def test_a_name_is_a_warning_only_and_only_where_weights_cannot_be_compared(made: Made) -> None:
    warned = {name for name, one in made.found.items() if verdict(one).warnings}
    assert warned == {"adapter_under_another_name", "adapter_of_another"}
    assert "mirror/name" in verdict(made.found["adapter_under_another_name"]).warnings[0]
    assert "did not fall" in verdict(made.found["adapter_of_another"]).reason
    assert "not the original's" in verdict(made.found["adapter_of_another_here"]).reason


def test_no_code_of_a_submission_was_run(made: Made) -> None:
    assert not (made.folder / "submissions" / "ran").exists()


def test_copies_of_a_submission_are_found_and_another_training_is_not_called_one(made: Made) -> None:
    found = {name for name, one in made.found.items() if duplicates(one)}
    assert found == set(COPIES_OF_MERGED)
    assert {name for name in found if made.found[name].others[0].same} == {
        *("merged", "merged_in_shards", "merged_in_float32", "merged_with_head", "code_beside"),
    }


def test_a_token_that_was_added_is_a_warning_only_of_its_tokenizer(made: Made) -> None:
    assert made.found["merged_and_a_token"].compared.rows_added == 1
    assert verdict(made.found["merged_and_a_token"]).warnings == ()


def asked(made: Made, **other: object) -> EvaluationRequest:
    known = {
        "model": str(made.folder / "submissions" / "merged"),
        "original": str(made.folder / "original"),
        "original_name": "original/name",
        "rows": str(made.rows),
        "task": "sft",
        "threads": 1,
    }
    return EvaluationRequest(**known | other)


def child(words: list[str], log: Path) -> Child:
    return Child.start("the evaluation", [TUNE_PYTHON, *words], log=log, env=ENVIRONMENT, cwd=ROOT)


@pytest.mark.parametrize("batch", [1, 12])
def test_loss_does_not_depend_on_the_size_of_a_batch_or_on_padding(
    made: Made, tmp_path: Path, batch: int
) -> None:
    found = evaluate(asked(made, batch=batch, by_row=True), tmp_path, child, limit_s=300)
    by_four = made.found["merged"].model
    assert found.model.loss == pytest.approx(by_four.loss, rel=1e-5)
    assert (found.model.tokens, found.model.rows) == (by_four.tokens, by_four.rows)
    sums, tokens = zip(*found.model.by_row, strict=True)
    assert (len(tokens), sum(tokens)) == (12, found.model.tokens)
    assert sum(sums) / sum(tokens) == pytest.approx(found.model.loss)
    assert by_four.by_row == ()
    assert abs(found.model.mean_of_batches - by_four.mean_of_batches) > 1e-4  # what others report does
