"""`make improve-demo`: one round of the loop with the demo's model: practice, training, proof, swap.

The base is served by a vLLM that takes adapters. On a CPU an adapter is slow, so what is proven there is
usually the merged model, on a vLLM of its own.
"""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from logicnet._util.processes import Child, free_port
from logicnet._util.stopping import interruptible
from logicnet.errors import LogicnetError
from logicnet.operate import improve
from logicnet.operate.demo.run import PIPE_WIDTH, START_S, step
from logicnet.operate.demo.stage import SERVED_AS
from logicnet.operate.demo.tune import TuneStage
from logicnet.settings import Settings
from logicnet.tuning.improve.adapters import AdapterStore
from logicnet.tuning.improve.options import ImproveOptions
from logicnet.tuning.improve.report import facts
from logicnet.tuning.improve.rounds import Round, Rounds, Step
from logicnet.tuning.improve.server import LoraServer
from logicnet.tuning.improve.swap import Following, Swapper

_OPTIONS = {
    "questions": 96,
    "samples": 2,
    "proof_questions": 64,
    "epochs": 3,
    "batch_size": 8,
    "lr": 1e-3,
    "max_length": 224,
    "similarity": False,  # it needs another model
}
"""A round within 25 minutes on two cores."""


def run(stage: TuneStage, recipe: Path, console: Console | None = None) -> int:
    """The exit status: 0 if the round came to an end, 130 after Ctrl-C. Raises LogicnetError."""
    console = console or Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    stage.check()
    try:
        with interruptible():
            return _run(stage, recipe, console)
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running. `make improve-demo` goes on from here.")
        return 130


def _run(stage: TuneStage, recipe: Path, console: Console) -> int:
    started_s = time.monotonic()
    base = stage.check()
    root = (stage.folder / "tuning").absolute()
    if all(one.step.over for one in Rounds(root / improve.ROUNDS).all()):  # else it goes on
        shutil.rmtree(root, ignore_errors=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    options = ImproveOptions.parse({"model": str(stage.model.absolute()), "challenges": recipe, **_OPTIONS})
    settings = Settings.model_validate(
        {
            "miner": {"llm_client": {"base_url": url, "model": SERVED_AS}},
            "ledger": {
                "path": stage.folder.absolute() / "ledger.sqlite"
            },  # no miner runs, so it does not exist
            "tuning": {"folder": root, "python": stage.python.absolute()},
        }
    )

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    def start(folder: Path, name: str, port: int) -> Child:
        return replace(base, model=folder).start_vllm(port, name)

    with base.start_vllm(port, loras=True) as vllm:
        with step(console, "Starting vLLM with the model as it is") as tick:
            vllm.wait_for(f"{url}/models", within_s=START_S, tick=tick)
        if status := improve.run(options, settings, say, start, keeps_merged=True):
            return status  # it was stopped, and has said so
        one = Rounds(root / improve.ROUNDS).all()[-1]
        for name, value in facts(one):
            say(f"    {name:<44} {value}")
        if one.step is not Step.SERVED:
            _show_swap(stage, one, url, say)
    say(f"Took {time.monotonic() - started_s:.0f} s.")
    return 0 if one.step.over else 1


def _show_swap(stage: TuneStage, one: Round, url: str, say: Callable[[str], None]) -> None:
    """The swap of what was not proven, in a table of its own and on this demo's vLLM, which ends with it."""
    made = stage.folder / "tuning" / improve.ROUNDS / f"{one.number:04}" / "adapter"
    if not made.exists():
        return
    say("It is not served. This is how the swap would go, on a server that ends with this demo:")
    root = stage.folder.absolute() / "throw-away"
    shutil.rmtree(root, ignore_errors=True)
    store = AdapterStore(root)
    adapter = store.add(made, SERVED_AS, time.time())
    store.prove(adapter.name, {"shown": "by make improve-demo, and not proven"})
    swapper = Swapper(store, [LoraServer(url)], _NoMiner(), lambda line: say(f"    {line}"))
    try:
        swapper.swap(adapter.name)
        swapper.roll_back("the demo is over")
    except LogicnetError as error:
        say(f"    {error}")


class _NoMiner:
    def follow(self) -> Following | None:
        return None

    def look(self) -> Following | None:
        return None
