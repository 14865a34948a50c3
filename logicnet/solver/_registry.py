"""The solvers of every installed package, by the name of their entry point."""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from logicnet.errors import SettingsError
from logicnet.solver._types import Setup, Solver

GROUP = "logicnet.solvers"

_PLAIN = Setup()


def solver_names() -> list[str]:
    """Names that `load_solver` takes, sorted. Raises SettingsError if two packages claim the same one."""
    return sorted(_found())


def load_solver(name: str, setup: Setup = _PLAIN, *, flag: str = "--miner.solver") -> Solver:
    """Import and build the solver `name` from `flag`. Raises SettingsError, in one line, if that fails."""
    found = _found()
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise SettingsError(
            f"{flag}: no solver is named {name!r}{hint}; there are: {', '.join(sorted(found))}"
        )
    entry = found[name]
    try:
        solver = build(entry.load(), setup)
    except SettingsError:
        raise
    except (Exception, SystemExit) as error:  # foreign code may raise anything
        raise SettingsError(
            f"{flag} {name}: the package {_package(entry)} cannot provide it: "
            f"{type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
    if not callable(getattr(solver, "solve", None)):
        raise SettingsError(
            f"{flag} {name}: {entry.value} of the package {_package(entry)} has no `async def solve`"
        )
    checked: Solver = solver
    return checked


def build(what: Any, setup: Setup) -> Any:
    """An instance by `from_setup` if `what` has it, else by calling `what`."""
    from_setup = getattr(what, "from_setup", None)
    return from_setup(setup) if callable(from_setup) else what()


def _found() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise SettingsError(
                f"two solvers are named {entry.name!r}, by the packages {_package(other)} and "
                f"{_package(entry)}: uninstall one"
            )
    return found


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
