"""Are four miners ranked and named rightly? `benchmarks/judging.py [SEEDS] [FOLDER]`, ten seeds by default.

In each seed an honest miner, a lazy one, one that has the test and one that copies train a small Llama on the
part of a dataset that they are given. Then a group of honest ones only, of whom nobody is to be suspected.
What is in FOLDER is not played again.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

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

FAIR = ("honest", "lazy", "hasty")


def make(stage: Stage) -> TaskFolder:
    options = stage.options()
    assert options.miners is not None
    task = TaskFolder(stage.task)
    make_task(task, options, read_miners(options.miners), lambda spec, _: Path(spec.dataset), time.time())
    return task


def judge(task: TaskFolder, trainer: WarmTrainer) -> None:
    """Write FOLDER/task/judgement.json."""
    judged = TaskJudge(task, trainer, {})
    judged.collect(close=True)
    judged.judge()


def play(stage: Stage, trainer: WarmTrainer) -> None:
    task = make(stage)
    stage.submit(trainer.train)
    judge(task, trainer)


def play_fair(stage: Stage, before: Path, trainer: WarmTrainer) -> None:
    """The same without anyone that peeks: the honest and the lazy miner of the task `before`, and a third."""
    task = make(stage)
    for name in FAIR[:2]:
        shutil.copytree(before / "submissions" / name, task.submissions / name)
    stage.train(trainer.train, FAIR[2], stage.steps // 2, 3)
    judge(task, trainer)


def read(task: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((task / "judgement.json").read_text())
    return found


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    place = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / ".run" / "judging").absolute()
    model = place / "model"
    if not model.exists():
        tiny_llama(model)
    table = Table(box=None, pad_edge=False, title="test and synthetic loss; gap above the others, in sd")
    for name in ("seed", *MINERS, "right", "honest only"):
        table.add_column(name)
    right = named = 0
    with WarmTrainer() as trainer:
        for seed in range(seeds):
            stage = Stage(place / f"seed{seed}", model, seed)
            if not (stage.task / "judgement.json").exists():
                play(stage, trainer)
            fair = Stage(place / f"fair{seed}", model, seed, miners=FAIR)
            if not (fair.task / "judgement.json").exists():
                play_fair(fair, stage.task, trainer)
            found = read(stage.task)
            its = {one["miner"]: one for one in found["results"]}
            is_right = {name: one["fate"] for name, one in its.items()} == RIGHT and found["winner"] == found[
                "results"
            ][0]["miner"] == "honest"
            right += is_right
            sds = [one["suspicion"]["sds"] for one in read(fair.task)["results"]]
            named += sum(one["fate"] == "suspected" for one in read(fair.task)["results"])
            row = [str(seed), *(_cell(its[name]) for name in MINERS), str(is_right), f"{max(sds):+.1f}"]
            table.add_row(*row)
            print(" | ".join(row), flush=True)
    Console(width=160).print(table)
    print(
        f"right in {right} of {seeds} seeds; {named} of {3 * seeds} honest miners suspected among themselves"
    )


def _cell(one: dict[str, object]) -> str:
    losses = " ".join(f"{one[name]:.3f}" for name in ("test_loss", "synthetic_loss") if one[name] is not None)
    figure = one["suspicion"]
    sds = f" {figure['sds']:+.1f} ({figure['share']:+.1%})" if isinstance(figure, dict) else ""
    return f"{one['fate']} {losses}{sds}"


if __name__ == "__main__":
    main()
