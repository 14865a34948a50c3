"""Are four miners ranked and named rightly? `benchmarks/judging.py [SEEDS] [FOLDER]`, ten seeds by default.

In each seed an honest miner, a lazy one, one that has the test and one that copies train a small Llama on the
part of a dataset that they are given. A seed whose result is in FOLDER is not played again.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from logicnet.tuning.judging.judging import TaskJudge  # noqa: E402
from logicnet.tuning.judging.making import make_task  # noqa: E402
from logicnet.tuning.judging.task import TaskFolder, read_miners  # noqa: E402
from tests.harness.judged_miners import MINERS, RIGHT, Stage  # noqa: E402
from tests.harness.tiny_models import tiny_llama  # noqa: E402
from tests.harness.warm_trainer import WarmTrainer  # noqa: E402


class _Shop:
    """What measures, without isolation: nothing here is a stranger's."""

    token = None

    def __init__(self, trainer: WarmTrainer) -> None:
        self.measure = trainer.measure


def play(folder: Path, model: Path, seed: int, trainer: WarmTrainer) -> None:
    """Write FOLDER/task/judgement.json."""
    stage = Stage(folder, model, seed)
    options = stage.options()
    assert options.miners is not None
    task = TaskFolder(stage.task)
    make_task(task, options, read_miners(options.miners), lambda spec, _: Path(spec.dataset), time.time())
    stage.submit(trainer.train)
    judge = TaskJudge(task, _Shop(trainer), {})
    judge.collect(close=True)
    judge.judge()


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    place = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / ".run" / "judging").absolute()
    model = place / "model"
    if not model.exists():
        tiny_llama(model)
    table = Table(box=None, pad_edge=False, title="test and synthetic loss; gap above the others, in sd")
    for name in ("seed", *MINERS, "winner", "right"):
        table.add_column(name)
    right = 0
    with WarmTrainer() as trainer:
        for seed in range(seeds):
            kept = place / f"seed{seed}" / "task" / "judgement.json"
            if not kept.exists():
                play(place / f"seed{seed}", model, seed, trainer)
            found = json.loads(kept.read_text())
            its = {one["miner"]: one for one in found["results"]}
            named = {name: one["fate"] for name, one in its.items()} == RIGHT
            is_right = named and found["winner"] == found["results"][0]["miner"] == "honest"
            right += is_right
            row = [str(seed), *(_cell(its[name]) for name in MINERS), str(found["winner"]), str(is_right)]
            table.add_row(*row)
            print(" | ".join(row), flush=True)
    Console(width=160).print(table)
    print(f"right in {right} of {seeds} seeds")


def _cell(one: dict[str, object]) -> str:
    losses = " ".join(f"{one[name]:.3f}" for name in ("test_loss", "synthetic_loss") if one[name] is not None)
    figure = one["suspicion"]
    sds = f" {figure['sds']:+.1f} ({figure['share']:+.1%})" if isinstance(figure, dict) else ""
    return f"{one['fate']} {losses}{sds}"


if __name__ == "__main__":
    main()
