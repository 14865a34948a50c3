"""`logicnet vllm`: starts a supervised vLLM from a plan and the operator's own flags."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from loguru import logger

from logicnet.config import read
from logicnet.errors import SettingsError, TuningError
from logicnet.operate.serving.catalogue import load
from logicnet.operate.serving.choose import machine_of, planned
from logicnet.operate.serving.find import find_model
from logicnet.operate.serving.gpus import Machine, NoGpu
from logicnet.operate.serving.options import PlanOptions, VllmOptions
from logicnet.operate.serving.plan import Layout, ServingPlan, plan
from logicnet.operate.serving.vllm.health import LivenessProber
from logicnet.operate.serving.vllm.launch import (
    PARALLEL,
    Adapters,
    Launch,
    flags_of,
    gpus_of,
    launch,
    vllm_python,
)
from logicnet.operate.serving.vllm.process import Show, group_file, show
from logicnet.operate.serving.vllm.replicas import Replicas, router_launch
from logicnet.operate.serving.vllm.room import nvml
from logicnet.operate.serving.vllm.supervisor import ProbePolicy, Supervisor
from logicnet.tuning.folders import Folders
from logicnet.tuning.improve.adapters import AdapterState

NOTES = Path(".run")
_UNPLANNED = ". vLLM is started with your flags alone"


def run(options: VllmOptions) -> int:
    """Until Ctrl-C, SIGTERM or the end of its terminal. Returns the exit status.

    SettingsError for what no retry mends, LogicnetError if the port is taken.
    """
    silence_s = options.silence_s
    policy = ProbePolicy(
        options.probe_every_s, probe_s=min(10.0, silence_s / 2), idle_s=silence_s, loaded_s=2 * silence_s
    )
    module, ours, several = None if options.on_cpu else nvml(), environment(), options.replicas > 1

    def supervised(again: Callable[[], Launch]) -> Supervisor:
        started = again()
        file = group_file(started.port, NOTES)
        one = Supervisor(started, ours, file, policy=policy, nvml=module, again=again)
        if several:
            one.name, one.show = f"vLLM :{started.port}", _numbered(started.port)
        return one

    replicas = [supervised(again) for again in launches(options)]
    last, urls = replicas[-1].launch, [one.launch.url for one in replicas]
    router = None
    if options.router:
        front = router_launch(python_of(options.python), last.host, last.port + 1, urls)
        file = group_file(front.port, NOTES)
        router = Supervisor(front, ours, file, policy=policy, prober=LivenessProber, name="vllm-router")
    if several:
        asked = " ".join(f"--miner.llm_client.base_url {url}/v1" for url in urls)
        logger.info(f"The miner asks all {len(urls)} replicas: {asked}")
    run_all = Replicas(replicas, router).run
    return 130 if asyncio.run(_until_signal(run_all)) == signal.SIGINT else 0


def _numbered(port: int) -> Show:
    """Shows lines with the port of the replica that printed them."""
    return lambda line: show(f":{port} {line}")


async def _until_signal(run_all: Callable[[asyncio.Event], Awaitable[None]]) -> int | None:
    """The signal that ended it first, if one did."""
    stop = asyncio.Event()
    received: list[int] = []

    def on_signal(number: int) -> None:
        received.append(number)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            loop.add_signal_handler(number, on_signal, number)
    await run_all(stop)
    return received[0] if received else None


def environment() -> dict[str, str]:
    """vLLM's: ours, and the Hugging Face token of the settings. Raises SettingsError if those are wrong."""
    token = read([]).settings.hf_token
    return {**os.environ, "HF_TOKEN": token.get_secret_value()} if token is not None else {**os.environ}


def prepared(options: VllmOptions) -> Launch:
    """The first launch of `run`. Warns if there is no plan for it. Raises LogicnetError."""
    return launches(options)[0]()


def launches(options: VllmOptions) -> Sequence[Callable[[], Launch]]:
    """Of each replica what makes the launch of each start: the plan stays, the adapters are of that time."""
    words, name = list(options.words), options.model
    if name is None and words and not words[0].startswith("-"):  # as in `vllm serve MODEL`
        name = words.pop(0)
    found = plan_of(options.model_copy(update={"model": name}), words)
    model = found.model.name if found is not None else str(name)
    python = python_of(options.python)
    parts = machine_of(options).parts(options.replicas) if options.replicas > 1 else [Machine([])]

    def of(place: int, part: Machine) -> Callable[[], Launch]:
        return lambda: launch(
            *(python, model, words, found, os.environ),
            adapters=adapters(),
            place=place,
            bound=part.environment,
        )

    return [of(place, part) for place, part in enumerate(parts)]


def adapters() -> Adapters:
    """Of the settings in force, without those whose folder is not whole: vLLM would not start with it."""
    tuning = read([]).settings.tuning
    whole = []
    try:
        for one in Folders.of(tuning).adapters().all():
            if one.state in (AdapterState.REFUSED, AdapterState.ROLLED_BACK):
                continue
            try:
                one.check()
                whole.append(one)
            except TuningError as error:
                logger.warning(f"{one.name} is not loaded: {error}")
    except TuningError as error:
        logger.warning(f"No adapters are loaded: {error}")
    return Adapters(whole, tuning.improve)


def plan_of(asked: PlanOptions, words: Sequence[str]) -> ServingPlan | None:
    """The plan to start, or None if the operator's own flags must do.

    Raises SettingsError if those ask for more GPUs than there are.
    """
    try:
        machine = machine_of(asked)
    except NoGpu as error:
        if asked.model is None or asked.replicas > 1:
            raise
        logger.warning(f"No plan: {error}{_UNPLANNED}")
        return None
    layout = _layout(asked.replicas, words, machine)
    if asked.model is None:
        return planned(asked, layout)
    try:
        model = find_model(asked.model, load(asked.catalogue))
    except SettingsError as error:
        if "/" not in asked.model or asked.catalogue is not None:
            raise
        logger.warning(f"No plan: {error}{_UNPLANNED}")
        return None
    found = plan(model, machine, layout)
    if isinstance(found, ServingPlan):
        return found
    if not words:
        raise SettingsError(f"{found}. `logicnet plan` lists models that fit; or add vLLM flags of your own")
    logger.warning(f"{found}{_UNPLANNED}")
    return None


_ELSEWHERE = frozenset(
    {"--distributed-executor-backend", "--nnodes", "--data-parallel-backend", "--data-parallel-address"}
)
"""Flags with which a vLLM takes GPUs of other machines too."""


def _layout(replicas: int, words: Sequence[str], machine: Machine) -> Layout:
    """How the operator's flags share out the machine. Raises SettingsError if it has too few GPUs."""
    own = flags_of(words)
    asked = {flag: own[flag] for flag in sorted(own.keys() & PARALLEL)}
    if machine.is_cpu or own.keys() & _ELSEWHERE or not all(word.isdecimal() for word in asked.values()):
        return Layout(replicas)
    each, wanted = len(machine.parts(replicas)[0].devices), gpus_of(own)
    if wanted > each:
        flags = " ".join(f"{flag} {word}" for flag, word in asked.items())
        of = f"each of {replicas} replicas has" if replicas > 1 else "this machine has"
        raise SettingsError(f"{flags} takes {wanted} GPUs, and {of} {each}; give less, or more GPUs")
    if not asked or "--pipeline-parallel-size" in asked:
        return Layout(replicas)
    tensor, data = (int(asked.get(f"--{kind}-parallel-size", 1)) for kind in ("tensor", "data"))
    return Layout(replicas, tensor, data)


def python_of(given: str | None) -> str:
    """The Python that has vLLM: the given one, or that which is found here. Raises SettingsError."""
    found = given if given is not None else vllm_python(Path())
    if found is None:
        raise SettingsError(
            "there is no vLLM here: install it (pip install 'logicnet[vllm]'), or name a Python that has it "
            "with --python"
        )
    return found
