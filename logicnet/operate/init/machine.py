"""Machine: what vLLM is to serve here, with which flags, from which Python and on which port."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import socket
import sys
from argparse import ArgumentError, ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving import NoGpu, ServingPlan, cpu, detect, find_model, load, plan
from logicnet.operate.serving.choose import planned
from logicnet.operate.serving.gpus import Machine
from logicnet.operate.serving.options import PlanOptions

CHECKOUT = Path(__file__).resolve().parents[3]
"""Where ecosystem.config.js and what it starts lie."""

_PORTS = range(8000, 8020)


@dataclass(frozen=True, slots=True)
class Serving:
    """A vLLM on this machine. `has_vllm` is False where it is still to be installed.

    `volume` is what it can promise by its plan, None if nothing was planned.
    """

    model: str
    flags: str
    python: str
    port: str
    has_vllm: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    volume: int | None = None


def best_model() -> str | None:
    """The model that `logicnet plan` puts first on the GPUs here; None without any, or if none fits."""
    try:
        return planned(PlanOptions()).model.name
    except LogicnetError:
        return None


def serving(model: str, *, flags: str | None, python: str | None, port: str | None) -> Serving:
    """`model` as it is to be served here; with `flags` as they are, if they are given.

    Raises SettingsError if nothing is known of the model, or it does not fit.
    """
    found_python, has_vllm = (_program(python), True) if python else vllm_python()
    if flags is not None:
        flags, own_port = _taken_apart(flags)
        port = own_port or port
    port = port or str(next((one for one in _PORTS if _is_free(one)), _PORTS.start))
    if flags is not None:
        return Serving(_whole(model), flags, found_python, port, has_vllm)
    try:
        machine: Machine = detect()
    except NoGpu:
        machine = cpu()
    fit = plan(find_model(model, load()), machine)
    if not isinstance(fit, ServingPlan):
        raise SettingsError(
            f"{model} does not fit on {machine}: {fit.reason}; `logicnet plan` says what does."
        )
    return Serving(
        _whole(fit.checkpoint),
        shlex.join((["--cpu"] if machine.is_cpu else []) + fit.flags()),
        found_python,
        port,
        has_vllm,
        fit.environment,
        fit.volume,
    )


def vllm_python() -> tuple[str, bool]:
    """The interpreter that has vLLM, or is to get it; and whether it has."""
    if importlib.util.find_spec("vllm") is not None:
        return sys.executable, True
    beside = CHECKOUT / ".venv-vllm" / "bin" / "python"
    if beside.exists():
        return str(beside), True
    return sys.executable, False


def _taken_apart(flags: str) -> tuple[str, str | None]:
    """The flags without `--port`, and what it says: SN35_VLLM_PORT tells the miner too.

    Raises SettingsError.
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--port", type=int)
    parser.add_argument("--api-key")
    try:
        own, rest = parser.parse_known_args(shlex.split(flags))
    except (ValueError, ArgumentError) as error:
        raise SettingsError(f"--vllm-flags cannot be taken apart: {error}.") from None
    if own.api_key is not None:
        raise SettingsError(
            "--vllm-flags: put the key into .env as VLLM_API_KEY; --api-key shows it to every user here."
        )
    return (flags, None) if own.port is None else (shlex.join(rest), str(own.port))


def _program(python: str) -> str:
    """An interpreter's whole path. Raises SettingsError if there is none."""
    found = shutil.which(python)
    if found is None:
        raise SettingsError(f"--vllm-python: there is no program {python}.")
    return str(Path(found).absolute())


def _whole(model: str) -> str:
    """A folder's whole path; a name as it is."""
    return str(Path(model).absolute()) if Path(model).is_dir() else model


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
