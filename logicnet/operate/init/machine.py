"""The vLLM of this machine: its model, flags, Python and port."""

import shlex
import shutil
import sys
from argparse import ArgumentError, ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving.catalogue import load
from logicnet.operate.serving.choose import planned
from logicnet.operate.serving.find import find_model
from logicnet.operate.serving.gpus import Machine, NoGpu, cpu, detect
from logicnet.operate.serving.options import PlanOptions
from logicnet.operate.serving.plan import ServingPlan, plan
from logicnet.operate.serving.vllm.launch import vllm_python
from logicnet.operate.serving.vllm.room import is_free

CHECKOUT = Path(__file__).resolve().parents[3]
"""The folder of the repository, or site-packages where a wheel was installed."""

IN_CHECKOUT = (CHECKOUT / "package.json").is_file()

_PORTS = range(8000, 8020)


@dataclass(frozen=True, slots=True)
class LocalVllm:
    """A vLLM to run on this machine. `volume` is the plan's estimate for --miner.epoch_volume."""

    model: str
    flags: str
    python: str
    port: str
    has_vllm: bool = True  # False: vLLM is not installed yet
    environment: Mapping[str, str] = field(default_factory=dict)
    volume: int | None = None


def best_model() -> str | None:
    """The first model of `logicnet plan` on these GPUs; None without GPUs, or if none fits."""
    try:
        return planned(PlanOptions()).model.name
    except LogicnetError:
        return None


def local_vllm(model: str, *, flags: str | None, python: str | None, port: str | None) -> LocalVllm:
    """How to serve `model` here: with `flags`, by default as planned.

    Raises SettingsError if the model is unknown or does not fit.
    """
    interpreter = _program(python) if python else vllm_python(CHECKOUT)
    found_python, has_vllm = interpreter or sys.executable, interpreter is not None
    if flags is not None:
        flags, own_port = _without_port(flags)
        port = own_port or port
    port = port or str(next((one for one in _PORTS if is_free("127.0.0.1", one)), _PORTS.start))
    if flags is not None:
        return LocalVllm(_absolute(model), flags, found_python, port, has_vllm)
    try:
        machine: Machine = detect()
    except NoGpu:
        machine = cpu()
    fit = plan(find_model(model, load()), machine)
    if not isinstance(fit, ServingPlan):
        raise SettingsError(f"{fit}; `logicnet plan` says what does.")
    return LocalVllm(
        _absolute(fit.checkpoint),
        shlex.join((["--cpu"] if machine.is_cpu else []) + fit.flags()),
        found_python,
        port,
        has_vllm,
        fit.environment,
        fit.volume,
    )


def _without_port(flags: str) -> tuple[str, str | None]:
    """The flags without `--port`, and its value, which SN35_VLLM_PORT gives to the miner too."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--port", type=int)
    parser.add_argument("--api-key")
    try:
        own, rest = parser.parse_known_args(shlex.split(flags))
    except (ValueError, ArgumentError) as error:
        raise SettingsError(f"--vllm-flags cannot be parsed: {error}.") from None
    if own.api_key is not None:
        raise SettingsError(
            "--vllm-flags: put the key into .env as VLLM_API_KEY; --api-key shows it to every user here."
        )
    return (flags, None) if own.port is None else (shlex.join(rest), str(own.port))


def _program(python: str) -> str:
    """The absolute path of an interpreter. Raises SettingsError if it does not exist."""
    found = shutil.which(python)
    if found is None:
        raise SettingsError(f"--vllm-python: the program {python} does not exist.")
    return str(Path(found).absolute())


def _absolute(model: str) -> str:
    """The absolute path of a folder; the name of a model unchanged."""
    return str(Path(model).absolute()) if Path(model).is_dir() else model
