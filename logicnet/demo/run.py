"""The play itself. Everything it starts it ends, however it ends itself."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from logicnet.arena import Signer
from logicnet.arena.client import Reply, ValidatorClient
from logicnet.challenges import Problem, easy_tasks
from logicnet.demo.progress import step
from logicnet.demo.stage import STAKES, Stage
from logicnet.demo.table import Asked, table_of
from logicnet.errors import LogicnetError
from logicnet.processes import Child, free_port
from logicnet.protocol import LOGIC_TIMEOUT_S, Wire

QUESTIONS = 10
SEED = 35
VLLM_START_S = 600.0  # half a minute on two idle cores; a busy machine takes longer
MINER_START_S = 60.0


def run(stage: Stage, *, keep: bool = False, console: Console | None = None) -> int:
    """Run it; the exit status is 0 if every question was answered in time, 130 after Ctrl-C.

    With `keep` it stays until Ctrl-C. Raises LogicnetError, after ending what it started, if
    something cannot be had.
    """
    console = console or Console(width=None if sys.stdout.isatty() else 120)
    stage.check()
    try:
        with interruptible():
            return _run(stage, keep, console)
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 130


@contextmanager
def interruptible() -> Iterator[None]:
    """A closed terminal and a polite kill end us as Ctrl-C does; and so does Ctrl-C.

    A script that starts us in the background has SIGINT ignored, and Python then leaves it so.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, signal.default_int_handler) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(stage: Stage, keep: bool, console: Console) -> int:
    started_s = time.monotonic()
    tasks = easy_tasks(QUESTIONS, seed=SEED)
    vllm_port, axon_port = free_port(), free_port()
    vllm_url, axon_url = f"http://127.0.0.1:{vllm_port}/v1", f"http://127.0.0.1:{axon_port}"
    with ExitStack() as stack:
        vllm = stack.enter_context(stage.start_vllm(vllm_port))
        keys = stage.prepare_network()
        miner = stack.enter_context(stage.start_miner(axon_port, vllm_port))
        with step(console, "Starting the miner") as tick:
            miner.wait_for(axon_url, within_s=MINER_START_S, tick=tick)
        with step(
            console, "Starting vLLM with SmolLM2-135M-Instruct on the CPU, about half a minute"
        ) as tick:
            vllm.wait_for(f"{vllm_url}/models", within_s=VLLM_START_S, tick=tick)

        asked = asyncio.run(_ask_all(console, tasks, keys, axon_url))
        console.print(table_of(asked))
        in_time, right = sum(one.in_time for one in asked), sum(one.right for one in asked)
        console.print(
            f"{in_time} of {len(asked)} answered in time, {right} of them right (the model has 135 million "
            f"parameters). Took {time.monotonic() - started_s:.0f} s.",
            highlight=False,
        )
        command = os.path.relpath(Path(sys.executable).with_name("logicnet"))
        console.print(f"What the miner wrote down: {command} ledger --path {stage.folder}/ledger.sqlite")
        if keep:
            console.print(
                f"The miner is at {axon_url}, vLLM at {vllm_url}; Ctrl-C ends both.", highlight=False
            )
            with suppress(KeyboardInterrupt):
                _stay(console, keys, axon_url, (vllm, miner))
    return 0 if in_time == len(asked) else 1


async def _ask_all(
    console: Console, tasks: Sequence[Problem], keys: Mapping[str, Signer], axon_url: str
) -> list[Asked]:
    """Each validator asks for Information first, as on the subnet; then all questions go out at once."""
    async with AsyncExitStack() as stack:
        clients = {name: await stack.enter_async_context(_client(keys, name, axon_url)) for name in STAKES}
        for name, client in clients.items():
            information = await client.information(wire="classic")
            if not information.success:
                raise LogicnetError(f"the miner refused Information: {information.message}")
            console.print(f"{name} is told {information.fields['response_dict']}", highlight=False)

        async def ask(index: int, task: Problem) -> Asked:
            validator = list(STAKES)[index % len(STAKES)]
            wire: Wire = "classic" if index % 2 == 0 else "btauth"
            return Asked(task, validator, wire, await clients[validator].challenge(task.question, wire=wire))

        asking = [asyncio.create_task(ask(*one)) for one in enumerate(tasks)]
        with step(console, f"Asking {len(tasks)} questions at once, {LOGIC_TIMEOUT_S:.0f} s allowed") as tick:
            while not all(one.done() for one in asking):
                tick(f"{sum(one.done() for one in asking)} answered")
                await asyncio.sleep(0.2)
        return [one.result() for one in asking]


def _client(keys: Mapping[str, Signer], name: str, axon_url: str) -> ValidatorClient:
    return ValidatorClient(keys[name], miner_ss58=keys["miner"].ss58_address, base_url=axon_url)


def _stay(console: Console, keys: Mapping[str, Signer], axon_url: str, children: Sequence[Child]) -> None:
    """Until Ctrl-C, or one of `children` ends. On a terminal, what is typed is asked."""

    async def ask(question: str) -> Reply:
        async with _client(keys, "alice", axon_url) as client:
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
