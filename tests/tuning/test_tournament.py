"""A tournament's task by the very arguments of its validators, without docker.

A docker file's entry point is run as it stands, with /cache and /app in a folder.
"""

import json
import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.tiny_models import ROOT, TUNE_PYTHON

TASK, REPO = "0b6e4d3c-1f6a-4e1e-9a53-0c4f6a1c2d3e", "tournament-tourn_0b6e-round_1-5FHneW46"

COLUMNS = {
    "system_prompt": None,
    "system_format": "{system}",
    "field_system": None,
    "field_instruction": "question",
    "field_input": None,
    "field_output": "program",
    "format": None,
    "no_input_format": None,
    "field": None,
}


@dataclass(frozen=True)
class Container:
    """What a container of a validator has: its mounts below `root`, and no network."""

    root: Path
    home: Path

    def run(self, kind: str, *argv: str) -> "subprocess.CompletedProcess[str]":
        text = (ROOT / "dockerfiles" / f"standalone-{kind}-trainer.dockerfile").read_text()
        entrypoint = json.loads(re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)[0])
        inside = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "LOGICNET_TUNING__PYTHON": str(TUNE_PYTHON),
            "LOGICNET_TUNING__ISOLATION": "process",
            "LOGICNET_TUNING__ALLOW_REWARD_CODE": "true",
            "LOGICNET_TUNING__FOLDER": str(self.home / "tuning"),
            "TOURNAMENT_ROOT": str(self.root),
        }
        assert set(re.findall(r"LOGICNET_TUNING__\w+", text)) <= inside.keys()
        command = [str(Path(sys.executable).with_name(entrypoint[0])), *entrypoint[1:], *argv]
        return subprocess.run(
            command, env=inside, cwd=self.home, capture_output=True, text=True, timeout=300, check=False
        )


@pytest.fixture
def container(tmp_path: Path, base: Path) -> Container:
    cache = tmp_path / "root" / "cache"
    (cache / "datasets").mkdir(parents=True)
    (cache / "models").mkdir()
    (cache / "models" / "tiny--llama").symlink_to(base)
    luck = random.Random(3)
    pairs = [(luck.randrange(100), luck.randrange(100)) for _ in range(60)]
    rows = [{"question": f"What is {a} + {b}?", "program": f"print({a} + {b})"} for a, b in pairs]
    (cache / "datasets" / f"{TASK}_train_data.json").write_text(json.dumps(rows))
    (tmp_path / "home").mkdir()
    return Container(tmp_path / "root", tmp_path / "home")


def words(**other: str) -> list[str]:
    """As G.O.D.'s trainer starts a container for text, in its order (trainer/image_manager.py)."""
    given = {
        "--task-id": TASK,
        "--model": "tiny/llama",
        "--dataset": "https://bucket.s3.amazonaws.com/rows.json?X-Amz-Signature=0",
        "--dataset-type": json.dumps(COLUMNS),
        "--task-type": "InstructTextTask",
        "--file-format": "s3",
        "--expected-repo-name": REPO,
        "--hours-to-complete": "1",
    }
    return [word for pair in (given | other).items() for word in pair]


def test_a_task_leaves_its_adapter_where_the_uploader_looks(container: Container) -> None:
    before = set((container.root / "cache").rglob("*"))
    done = container.run("text", *words())
    assert done.returncode == 0, done.stderr[-2000:]
    out = container.root / "app" / "checkpoints" / TASK / REPO
    config = json.loads((out / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny/llama"
    assert (out / "adapter_model.safetensors").stat().st_size > 1000
    assert set((container.root / "cache").rglob("*")) == before
    assert [one.name for one in out.parent.iterdir()] == [REPO]


def test_a_task_that_cannot_be_trained_says_why_and_leaves_nothing(container: Container) -> None:
    done = container.run(
        "text", *words(**{"--dataset-type": '{"field_instruction": "q", "field_output": "a"}'})
    )
    assert done.returncode == 1
    assert "q" in done.stderr and "Traceback" not in done.stderr
    assert not (container.root / "app").exists()
