"""A round of the loop in a process of its own that may die at a given moment: `improving FOLDER URL [FATAL]`.

The model server is a scripted one, which the caller runs; training is copying a folder. Practice, lessons,
table of adapters, probe, bench, gate and swap are the real ones. FATAL is a step, before which the process
kills itself, or `after:` and a deed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from logicnet.scoring.options import ModelServer
from logicnet.tuning.improve.adapters import EXPECTED, Adapter, AdapterStore, Form
from logicnet.tuning.improve.hosts import BesideBase
from logicnet.tuning.improve.loop import ImproveLoop
from logicnet.tuning.improve.options import ImproveOptions
from logicnet.tuning.improve.round_work import RoundContext
from logicnet.tuning.improve.rounds import Rounds, Step
from logicnet.tuning.improve.server import LoraServer
from logicnet.tuning.improve.swap import Following, Swapper
from logicnet.tuning.improve.training import Trained
from logicnet.tuning.spec import TrainSpec
from tests.harness import adapters
from tests.harness.scripted_model import Json

QUESTIONS = 400
_SUM = re.compile(r"has (\d+) apples and (\w+) has (\d+)")


def write_recipe(folder: Path) -> Path:
    """Questions that nothing computes, and a recipe of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "apples.jsonl").open("w") as file:
        for number in range(QUESTIONS):
            text = f"Tom has {number} apples and Ann has {7 * number % 83}. How many have they together?"
            file.write(json.dumps({"question": text, "answer": number + 7 * number % 83}) + "\n")
    recipe = folder / "apples.toml"
    recipe.write_text('name = "apples"\ncount = 40\n[[sources]]\nuse = "file"\npath = "apples.jsonl"\n')
    return recipe


def answering(right: Mapping[str, float], other: float = 1.0) -> Any:
    """What a scripted server says: each model is right on its share of the questions, always the same."""

    def text(body: Json) -> str:
        asked = body["messages"][-1]["content"]
        found = _SUM.search(asked)
        if found is None:
            return "A plain answer to a plain request."
        first, second = int(found[1]), int(found[3])
        wanted = first + second
        share = right.get(body["model"], other)
        said = wanted if (first * 37 % 100) / 100 < share else 10 * wanted + 1000  # a near number earns well
        return f"print({said})" if "program" in asked else f"Together that is {said}. The answer is {said}."

    return text


def options(folder: Path, **changes: Any) -> ImproveOptions:
    given: dict[str, Any] = {
        "model": "scripted",
        "challenges": folder / "apples.toml",
        "questions": 80,
        "samples": 1,
        "proof_questions": 16,
        "concurrency": 8,
        "similarity": False,
        "deadline_s": 30.0,
    }
    return ImproveOptions.parse(given | changes)


class Copying:
    """A trainer that learns nothing: what its adapter says is the scripted server's affair."""

    def __init__(
        self,
        folder: Path,
        losses: tuple[float, float] = (1.0, 0.5),
        says: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.losses = losses
        self.says = says
        self.specs: list[TrainSpec] = []

    async def train(self, task_id: str, spec: TrainSpec) -> Trained:
        """As the real one leaves it: what the adapter said lies beside its folder."""
        self.specs.append(spec)
        made = self.folder / task_id / "adapter"
        if not made.exists():
            adapters.trained(made, says=self.says)
            (made / EXPECTED).rename(made.parent / EXPECTED)
        return Trained(made, self.losses, made.parent / EXPECTED)

    async def merge(self, base: str, adapter: Path, out: Path) -> None:
        shutil.copytree(adapter, out)


class NoMiner:
    """No miner runs with these settings."""

    def follow(self) -> Following | None:
        return None

    def look(self) -> Following | None:
        return None


class DyingStore(AdapterStore):
    """The table, in a process that dies right after a deed."""

    def __init__(self, root: Path, fatal: str) -> None:
        super().__init__(root)
        self.fatal = fatal

    def add(self, made: Path, base: str, now_s: float, form: Form = "adapter") -> Adapter:
        found = super().add(made, base, now_s, form)
        die(self.fatal == "after:add")
        return found

    def prove(self, name: str, proof: Mapping[str, Any]) -> Adapter:
        found = super().prove(name, proof)
        die(self.fatal == "after:prove")
        return found


def round_context(folder: Path, url: str, fatal: str = "", **changes: Any) -> RoundContext:
    store = DyingStore(folder / "tuning", fatal)
    server = LoraServer(url)
    served = ModelServer(url, "scripted")

    def swap(adapter: Adapter) -> None:
        Swapper(store, [server], NoMiner()).swap(adapter.name)
        die(fatal == "after:swap")

    def on_step(step: Step) -> None:
        die(fatal == step.value)

    given: dict[str, Any] = {
        "served": served,
        "rounds": Rounds(folder / "tuning" / "rounds"),
        "store": store,
        "trainer": Copying(folder / "jobs"),
        "hosts": {"adapter": BesideBase(server, served)},
        "swap": swap,
        "on_step": on_step,
        "most_slower": 100.0,  # a busy machine is not the candidate's fault
    }
    return RoundContext(**given | changes)


def die(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    folder, url = Path(sys.argv[1]), sys.argv[2]
    fatal = sys.argv[3] if len(sys.argv) > 3 else ""
    print(asyncio.run(ImproveLoop(options(folder), round_context(folder, url, fatal)).run()))


if __name__ == "__main__":
    main()
