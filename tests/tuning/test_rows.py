"""What of a row is trained, by templates of three kinds."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from logicnet.tuning.train.jobfile import JobFile
from tests.harness.tiny_models import ROOT, TUNE_PYTHON
from tests.harness.training import assistant, make_job, user

SHOW = """
import json, sys
from dataclasses import replace
from pathlib import Path
from transformers import AutoTokenizer
from logicnet.tuning.train.jobfile import JobFile
from logicnet.tuning.train.rows import IGNORED, prepare

shown = {}
for name, template, most in json.loads(sys.argv[2]):
    folder = Path(sys.argv[1])
    job = JobFile.read(folder)
    job = replace(job, chat_template=template, optimisation=replace(job.optimisation, max_length=most))
    tokenizer = AutoTokenizer.from_pretrained(job.base)
    if name == "none":
        tokenizer.chat_template = None
    task = name.partition("-")[0] if "-" in name else job.task
    rows = prepare(replace(job, task=task), folder, tokenizer, {2})
    shown[name] = {
        "rows": [
            {
                "whole": tokenizer.decode(row["input_ids"]),
                "trained": tokenizer.decode([one for one in row["labels"] if one != IGNORED]),
                "length": len(row["input_ids"]),
                "ends": row["input_ids"][-1] == 2 and row["labels"][-1] == 2,
            }
            for row in rows.train
        ],
        "cut": rows.cut,
        "too_long": rows.too_long,
        "warnings": rows.warnings,
    }
print(json.dumps(shown))
"""

# One that shows an answer's thought only in the last turn: earlier turns are rewritten.
FORGETFUL = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'assistant' and loop.last %}thought {% endif %}{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MARKED = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'assistant' %}{% generation %}{{ message.content }}{% endgeneration %}<|im_end|>\n"
    "{% else %}{{ message.content }}<|im_end|>\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _shown(folder: Path, *cases: tuple[str, str | None, int]) -> dict[str, Any]:
    done = subprocess.run(
        [TUNE_PYTHON, "-c", SHOW, folder, json.dumps(cases)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def prompts(sft: JobFile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    rows = [
        {"prompt": [user("What?")], "completion": [assistant("That.")]},
        {"prompt": [user("so " * 60 + "What?")], "completion": [assistant("That.")]},
        {"prompt": [user("What?")], "completion": [assistant("That. " * 40)]},
    ]
    folder = make_job(tmp_path_factory.mktemp("prompts"), sft, rows, rows[:1])
    return _shown(
        folder, ("own", None, 40), ("none", None, 40), ("forgetful", FORGETFUL, 60), ("llama3", "llama3", 90)
    )


@pytest.mark.parametrize(
    ("template", "trained"),
    [
        ("own", "That.<|im_end|>"),
        ("none", "That.<|im_end|>"),
        ("forgetful", "thought That.<|im_end|>"),
        ("llama3", "That.<|eot_id|><|im_end|>"),  # its end is no token of this tokenizer: one that is follows
    ],
)
def test_completions_are_trained_to_their_end_token(
    prompts: dict[str, Any], template: str, trained: str
) -> None:
    first = prompts[template]["rows"][0]
    assert first["trained"] == trained
    assert first["ends"]


def test_prompts_are_cut_on_the_left_and_completions_dropped_whole(prompts: dict[str, Any]) -> None:
    shown = prompts["own"]
    assert (shown["cut"], shown["too_long"], len(shown["rows"])) == (1, 1, 2)
    cut = shown["rows"][1]
    assert cut["length"] == 40
    assert cut["whole"].endswith("What?<|im_end|>\n<|im_start|>assistant\nThat.<|im_end|>")
    assert cut["trained"] == "That.<|im_end|>"


def test_a_base_without_a_template_gets_a_plain_one_and_says_so(prompts: dict[str, Any]) -> None:
    assert prompts["none"]["rows"][0]["whole"] == "What?\nThat.<|im_end|>"
    assert "no chat template" in prompts["none"]["warnings"][0]


@pytest.fixture(scope="module")
def conversations(sft: JobFile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    turns = [user("One?"), assistant("1"), user("Two?"), assistant("2"), user("Bye")]
    folder = make_job(tmp_path_factory.mktemp("chats"), sft, [{"messages": turns}], [{"messages": turns}])
    return _shown(folder, ("chat-own", None, 200), ("chat-marked", MARKED, 200), ("chat-short", None, 12))


@pytest.mark.parametrize("template", ["chat-own", "chat-marked"])
def test_only_the_assistants_turns_are_trained(conversations: dict[str, Any], template: str) -> None:
    [row] = conversations[template]["rows"]
    assert row["trained"] == "1<|im_end|>2<|im_end|>"
    assert row["ends"]
    assert "Bye" not in row["whole"]  # nothing follows it to be learnt


def test_a_long_conversation_loses_its_oldest_turns(conversations: dict[str, Any]) -> None:
    shown = conversations["chat-short"]
    [row] = shown["rows"]
    assert (row["trained"], shown["cut"], row["length"]) == ("2<|im_end|>", 2, 12)  # held out, too
