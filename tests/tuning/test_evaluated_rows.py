"""What of a row is measured: by the same templates as it is trained."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.harness.tiny_models import ROOT, TUNE_PYTHON
from tests.harness.training import assistant, user, write_rows

MEASURE = """
import json, sys
from pathlib import Path
from transformers import AutoTokenizer
from logicnet.tuning.train.evalfile import EvaluationRequest
from logicnet.tuning.train.evaluate import _rows, evaluate
from logicnet.tuning.train.weights import NotLoadable

shown = {}
for name, words in json.loads(sys.argv[1]).items():
    request = EvaluationRequest(original_name="tiny/llama", threads=1, **words)
    try:
        found = evaluate(request)
    except NotLoadable as error:
        shown[name] = {"error": str(error)}
        continue
    tokenizer = AutoTokenizer.from_pretrained(request.original)
    shown[name] = {
        "loss": found.original.loss,
        "dropped": found.dropped,
        "whole": [tokenizer.decode(ids) for ids, _ in _rows(request).rows],
        "measured": [
            tokenizer.decode([token for token, counts in zip(ids, kept) if counts])
            for ids, kept in _rows(request).rows
        ],
    }
print(json.dumps(shown))
"""

CHAT = [user("One?"), assistant("1"), user("Two?"), assistant("2")]


@pytest.fixture(scope="module")
def measured(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = tmp_path_factory.mktemp("measured")
    bare = shutil.copytree(base, place / "bare", ignore=shutil.ignore_patterns("chat_template.jinja"))
    assert "chat_template" not in (bare / "tokenizer_config.json").read_text()
    write_rows(place / "chat.jsonl", [{"messages": CHAT}])
    write_rows(place / "sft.jsonl", [{"prompt": CHAT[:1], "completion": CHAT[1:2]}])
    cases = {
        name: {
            "model": str(folder),
            "original": str(folder),
            "rows": str(place / f"{task}.jsonl"),
            "task": task,
            "chat_template": template,
        }
        for name, folder, task, template in (
            ("own", base, "chat", None),
            ("chatml", base, "chat", "chatml"),
            ("llama3", base, "chat", "llama3"),
            ("jinja", base, "chat", "{% for message in messages %}{{ message.content + ' ' }}{% endfor %}"),
            ("unknown", base, "chat", "chatlm"),
            ("bare", bare, "chat", None),
            ("bare_chatml", bare, "chat", "chatml"),
            ("bare_sft", bare, "sft", None),
        )
    }
    done = subprocess.run(
        [TUNE_PYTHON, "-c", MEASURE, json.dumps(cases)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("own", "1<|im_end|>\n2<|im_end|>\n"),
        ("chatml", "1<|im_end|>\n2<|im_end|>\n"),
        ("llama3", "1<|eot_id|>2<|eot_id|>"),
        ("jinja", "1 2 "),
        ("bare", "1<|im_end|>\n2<|im_end|>\n"),
        ("bare_chatml", "1<|im_end|>\n2<|im_end|>\n"),
        ("bare_sft", "1<|im_end|>\n"),
    ],
)
def test_answers_are_measured_by_each_template(measured: dict[str, Any], name: str, answers: str) -> None:
    found = measured[name]
    assert (found["measured"], found["dropped"]) == ([answers], {})
    assert found["loss"] > 0


def test_a_base_without_a_template_is_measured_by_the_plain_one(measured: dict[str, Any]) -> None:
    assert measured["bare"]["whole"] == ["One?\n1<|im_end|>\nTwo?\n2<|im_end|>\n"]


def test_a_template_that_is_not_known_is_told_with_those_that_are(measured: dict[str, Any]) -> None:
    assert measured["unknown"] == {
        "error": "chat_template 'chatlm' is not known: use chatml, llama3 or a Jinja template"
    }
