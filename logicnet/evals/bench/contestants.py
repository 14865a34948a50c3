"""The solvers of a bench: by name, as for the miner, and peers from Python files (docs/bench.md)."""

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import isclass
from pathlib import Path
from types import ModuleType
from typing import cast

from logicnet._util.flags import require_file
from logicnet.errors import SettingsError
from logicnet.evals.runs.run import solver_name
from logicnet.llm import Models
from logicnet.solver import Setup, Solver, build, load_solver


@dataclass(frozen=True, slots=True)
class Contestant:
    """A solver and its name in tables."""

    name: str
    solver: Solver
    models: Models | None = None  # that it asks; None: those of the bench


def load_contestants(given: Sequence[str], setup: Setup | None = None) -> list[Contestant]:
    """Solvers from `NAME`, `path/to/file.py` or `path/to/file.py:Class`. Raises SettingsError."""
    found = [_contestant(one, setup or Setup()) for one in given]
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"--solvers: {name!r} is given twice; rows could not be told apart")
    return found


def _contestant(given: str, setup: Setup) -> Contestant:
    path, _, wanted = given.partition(".py:")
    if wanted or given.endswith(".py"):
        file = Path(f"{path}.py" if wanted else given)
        return Contestant(solver_name(given), _peer(file, wanted, setup))
    return Contestant(given, load_solver(given, setup, flag="--solvers"))


def _peer(file: Path, wanted: str, setup: Setup) -> Solver:
    module = _module(file)
    solvers = {
        name: value
        for name, value in vars(module).items()
        if isclass(value) and value.__module__ == module.__name__ and callable(getattr(value, "solve", None))
    }
    if wanted and wanted not in solvers:
        raise SettingsError(f"--solvers: {file} has no class {wanted} with `async def solve`")
    if not wanted and len(solvers) != 1:
        which = f"name one, as {file}:{next(iter(solvers))}" if solvers else "it needs one"
        raise SettingsError(f"--solvers: {file} has {len(solvers)} classes with `async def solve`; {which}")
    try:
        solver = cast(Solver, build(solvers[wanted or next(iter(solvers))], setup))
    except SettingsError:
        raise
    except Exception as error:  # whatever foreign code does when it is built
        raise SettingsError(f"--solvers: {file} cannot be used: {_one_line(error)}") from error
    return solver


def _module(file: Path) -> ModuleType:
    require_file("--solvers", file)
    # A name of its own: a peer for the package X may be called X.py.
    name = f"logicnet_peer_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None  # for a name that ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        requirements = file.parent / "requirements.txt"
        hint = f": pip install -r {requirements}" if requirements.exists() else ""
        raise SettingsError(
            f"--solvers: {file} needs the module {error.name}, which is not installed{hint}"
        ) from error
    except (Exception, SystemExit) as error:
        raise SettingsError(f"--solvers: {file} cannot be read: {_one_line(error)}") from error
    return module


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
