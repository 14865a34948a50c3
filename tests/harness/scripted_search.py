"""A search with scripted trainers, in this process or in one of its own.

`python scripted_search.py FOLDER [RAY]` searches until it is done; the real worker, preparation and judging.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from logicnet.settings import Settings, TuningSettings
from logicnet.tuning.search import SearchResult, Space, search, space_of
from logicnet.tuning.spec import TrainSpec

TRAINER = Path(__file__).with_name("scripted_losses.py")

SPACE = space_of({"lr": [1e-4, 3e-5, 1e-8, 1e-10], "r": [8, 16, 32], "alpha": [16]})
"""As the documents': two rates that learn, two that cannot."""


def dataset(folder: Path) -> Path:
    rows = folder / "rows.jsonl"
    made = [{"instruction": f"Add {a} and {a + 1}.", "output": str(2 * a + 1)} for a in range(40)]
    rows.write_text("".join(json.dumps(one) + "\n" for one in made))
    return rows


def model(folder: Path) -> Path:
    """A folder that looks like a model; nothing reads its weights."""
    made = folder / "model"
    made.mkdir(exist_ok=True)
    facts = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 32}
    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    (made / "config.json").write_text(json.dumps(facts | sizes))
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (made / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    return made


def spec(folder: Path, **facts: Any) -> TrainSpec:
    given = {"dataset_type": "instruct", "file_format": "jsonl", "validation": 0.1} | facts
    return TrainSpec(dataset=str(dataset(folder)), model=str(model(folder)), **given)


def settings(folder: Path, **facts: Any) -> Settings:
    """The trainer's Python is a script that runs the scripted trainer, whatever it is given."""
    python = folder / "python"
    if not python.exists():
        python.write_text(
            f'#!/bin/sh\n[ "$1" = -m ] && shift 2 && exec {sys.executable} {TRAINER} "$@"\n'
            f'exec {sys.executable} "$@"\n'
        )
        python.chmod(0o755)
    tuning = {"folder": folder / "tuning", "python": python, "isolation": "process", **facts}
    return Settings(tuning=TuningSettings(**tuning))


def run(folder: Path, space: Space = SPACE, **facts: Any) -> SearchResult:
    ray = facts.pop("ray", None)
    where = {} if ray is None else {"engine": "ray", "ray_address": ray}
    return search(spec(folder), settings(folder, **where), space, said=print, **facts)


if __name__ == "__main__":
    run(Path(sys.argv[1]), ray=sys.argv[2] if len(sys.argv) > 2 else None)
