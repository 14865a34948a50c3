"""`logicnet tune evaluate`, as it is typed, with the training environment that measures."""

import json
import shutil
from pathlib import Path

import pytest

from logicnet.cli import main
from tests.harness.tiny_models import TUNE_PYTHON


def test_a_model_is_evaluated_and_told_from_a_finetune(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = tmp_path / "rows.jsonl"
    made = [{"instruction": f"Add {n} and 1.", "input": "", "output": str(n + 1)} for n in range(8)]
    rows.write_text("".join(json.dumps(row) + "\n" for row in made))
    copy = tmp_path / "copy"
    shutil.copytree(base, copy)
    words = ["tune", "evaluate", "--model", str(copy), "--original", str(base), "--dataset", str(rows)]
    words += ["--dataset-type", "alpaca", "--tuning.folder", str(tmp_path / "tuning")]
    words += ["--tuning.python", str(TUNE_PYTHON), "--tuning.isolation", "process"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["is_finetune"], found["eval_results"]["rows"]) == (False, 8)
    assert found["eval_results"]["eval_loss"] == pytest.approx(found["eval_results"]["original_loss"])
    assert not list((tmp_path / "tuning").iterdir())  # what it made for this is gone
    assert main(words) == 0
    out = capsys.readouterr().out
    assert f"loss        {found['eval_results']['eval_loss']:.4f}" in out
    assert f"perplexity  {found['eval_results']['perplexity']:.3f}" in out
    assert f"verdict     {found['verdict']}: no fine-tune" in out
    assert main([*words[:3], str(tmp_path / "none"), *words[4:]]) == 1
    assert str(tmp_path / "none") in capsys.readouterr().err
