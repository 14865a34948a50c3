"""`logicnet vllm`: starts a supervised vLLM from a plan and the operator's own flags."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from loguru import logger

from logicnet.config import read
from logicnet.errors import SettingsError, TuningError
from logicnet.operate.serving.catalogue import find_model, load
from logicnet.operate.serving.choose import machine_of, planned
from logicnet.operate.serving.gpus import NoGpu
from logicnet.operate.serving.options import PlanOptions, VllmOptions
from logicnet.operate.serving.plan import ServingPlan, plan
from logicnet.operate.serving.vllm.launch import Adapters, Launch, launch, vllm_python
from logicnet.operate.serving.vllm.process import group_file
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
    again = launches(options)
    started = again()
    silence_s = options.silence_s
    policy = ProbePolicy(
        options.probe_every_s, probe_s=min(10.0, silence_s / 2), idle_s=silence_s, loaded_s=2 * silence_s
    )
    supervisor = Supervisor(
        started,
        environment(),
        group_file(started.port, NOTES),
        policy=policy,
        nvml=None if options.on_cpu else nvml(),
        again=again,
    )
    return 130 if asyncio.run(_until_signal(supervisor)) == signal.SIGINT else 0


async def _until_signal(supervisor: Supervisor) -> int | None:
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
    await supervisor.run(stop)
    return received[0] if received else None


def environment() -> dict[str, str]:
    """vLLM's: ours, and the Hugging Face token of the settings. Raises SettingsError if those are wrong."""
    token = read([]).settings.hf_token
    return {**os.environ, "HF_TOKEN": token.get_secret_value()} if token is not None else {**os.environ}


def prepared(options: VllmOptions) -> Launch:
    """The first launch of `run`. Warns if there is no plan for it. Raises LogicnetError."""
    return launches(options)()


def launches(options: VllmOptions) -> Callable[[], Launch]:
    """Makes the launch of each start: the plan stays, the adapters are those of that time."""
    words, name = list(options.words), options.model
    if name is None and words and not words[0].startswith("-"):  # as in `vllm serve MODEL`
        name = words.pop(0)
    found = plan_of(options.model_copy(update={"model": name}), words)
    model = found.model.name if found is not None else str(name)
    python = python_of(options.python)
    return lambda: launch(python, model, words, found, os.environ, adapters=adapters())


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
    """The plan to start, or None if the operator's own flags must do."""
    if asked.model is None:
        return planned(asked)
    try:
        machine = machine_of(asked)
    except NoGpu as error:
        logger.warning(f"No plan: {error}{_UNPLANNED}")
        return None
    try:
        model = find_model(asked.model, load(asked.catalogue))
    except SettingsError as error:
        if "/" not in asked.model or asked.catalogue is not None:
            raise
        logger.warning(f"No plan: {error}{_UNPLANNED}")
        return None
    found = plan(model, machine)
    if isinstance(found, ServingPlan):
        return found
    if not words:
        raise SettingsError(f"{found}. `logicnet plan` lists models that fit; or add vLLM flags of your own")
    logger.warning(f"{found}{_UNPLANNED}")
    return None


def python_of(given: str | None) -> str:
    """The Python that has vLLM: the given one, or that which is found here. Raises SettingsError."""
    found = given if given is not None else vllm_python(Path())
    if found is None:
        raise SettingsError(
            "there is no vLLM here: install it (pip install 'logicnet[vllm]'), or name a Python that has it "
            "with --python"
        )
    return found
