"""The play itself. Everything it starts it ends, however it ends itself."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from logicnet._util.processes import Child, free_port
from logicnet._util.stopping import interruptible
from logicnet.chain import Signer
from logicnet.errors import LogicnetError
from logicnet.evals.arena.client import MinerReply, ValidatorClient
from logicnet.evals.report import page
from logicnet.evals.report import write as report
from logicnet.evals.report.summary import in_time
from logicnet.evals.runs.run import PLAN
from logicnet.operate.demo.asking import (
    QUESTIONS,
    VALIDATOR,
    ask,
    left_open,
    line,
    origins,
    plan,
    right_by_origin,
)
from logicnet.operate.demo.stage import Stage

_EVERY_S = 10.0  # seconds between two lines, where there is no terminal


@contextmanager
def step(console: Console, title: str) -> Iterator[Callable[[], None]]:
    """Shows how long the step takes. What it yields is called often meanwhile."""
    started_s = said_s = time.monotonic()

    def elapsed() -> str:
        return f"{time.monotonic() - started_s:.0f} s"

    if console.is_terminal:
        with console.status(title) as status:
            yield lambda: status.update(f"{title} ... {elapsed()}")
    else:
        console.print(title, highlight=False)

        def line() -> None:
            nonlocal said_s
            if time.monotonic() - said_s >= _EVERY_S:
                said_s = time.monotonic()
                console.print(f"    {elapsed()}", highlight=False)

        yield line
    console.print(f"{title}: done in {elapsed()}" if console.is_terminal else f"    done in {elapsed()}")


START_S = 600.0  # half a minute on two idle cores; a busy machine takes longer
PIPE_WIDTH = 120  # characters


def run(stage: Stage, *, keep: bool = False, console: Console | None = None) -> int:
    """The exit status: 0 if every question was answered in time, 130 after Ctrl-C. Raises LogicnetError.

    With `keep` it stays until Ctrl-C. It ends what it started.
    """
    console = console or Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    page.require()
    stage.check()
    try:
        with interruptible():
            return _run(stage, keep, console)
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 130


def _run(stage: Stage, keep: bool, console: Console) -> int:
    started_s = time.monotonic()
    vllm_port, axon_port = free_port(), free_port()
    vllm_url, address = f"http://127.0.0.1:{vllm_port}/v1", f"127.0.0.1:{axon_port}"
    with ExitStack() as stack:
        vllm = stack.enter_context(stage.start_vllm(vllm_port))
        keys = stage.prepare_network()
        miner = stack.enter_context(stage.start_miner(axon_port, vllm_port))
        with step(console, "Starting the miner") as tick:
            miner.wait_for_port(axon_port, within_s=START_S, tick=tick)
        with step(
            console, "Starting vLLM with SmolLM2-135M-Instruct on the CPU, about half a minute"
        ) as tick:
            vllm.wait_for(f"{vllm_url}/models", within_s=START_S, tick=tick)

        folder = _fresh(stage.folder / "run")
        planned = plan(keys, address, vllm_url)
        rows = ask(folder, planned, keys[VALIDATOR], console)
        if not rows:
            raise LogicnetError(f"the miner could not be asked anything; what it said is in {miner.log}")
        answered = sum(in_time(row) and bool((row.answer or "").strip()) for row in rows)
        found = origins(stage.folder / "ledger.sqlite")
        for row in rows:
            console.print(
                line(row, found.get(row.question, "-")), highlight=False, markup=False, soft_wrap=True
            )
        console.print(
            f"{answered} of {QUESTIONS} answered in time: {right_by_origin(rows, found)} "
            f"(it has 135 million parameters). Took {time.monotonic() - started_s:.0f} s.",
            highlight=False,
        )
        console.print(left_open(planned), highlight=False, markup=False)
        console.print()
        report.run(folder, console=console)
        command = os.path.relpath(Path(sys.executable).with_name("logicnet"))
        console.print(f"What the miner wrote down: {command} ledger --path {stage.folder}/ledger.sqlite")
        if keep:
            console.print(
                f"The miner is at http://{address}, vLLM at {vllm_url}; Ctrl-C ends both.", highlight=False
            )
            _stay(console, keys, address, (vllm, miner))
    return 0 if answered == QUESTIONS else 1


def _fresh(folder: Path) -> Path:
    """A folder for a run, without the run that the last demo left in it."""
    if (folder / PLAN).exists():
        shutil.rmtree(folder)
    return folder


def _stay(console: Console, keys: Mapping[str, Signer], address: str, children: Sequence[Child]) -> None:
    """Until Ctrl-C, or one of `children` ends. On a terminal, what is typed is asked."""

    async def ask(question: str) -> MinerReply:
        async with ValidatorClient(
            keys[VALIDATOR], miner_ss58=keys["miner"].ss58_address, base_url=f"http://{address}"
        ) as client:
            return await client.challenge(question, wire="classic")

    while True:
        for child in children:
            child.check_running()
        if not sys.stdin.isatty():
            time.sleep(1)
            continue
        try:
            question = input("Ask something: ").strip()
        except EOFError:
            return
        if question:
            reply = asyncio.run(ask(question))
            console.print(
                escape(f"{reply.reasoning}\n=> {reply.answer or reply.message}  ({reply.seconds:.1f} s)")
            )
