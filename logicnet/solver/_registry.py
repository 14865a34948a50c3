"""The solvers of every installed package, by the name of their entry point, and their shifts."""

import asyncio
import difflib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from loguru import logger

from logicnet.errors import LogicnetError, SettingsError
from logicnet.solver._types import Setup, Solver

GROUP = "logicnet.solvers"
LEAVE_S = 5.0  # how long a solver may take to clean up, before a supervisor loses patience

_PLAIN = Setup()


def solver_names() -> list[str]:
    """Names that `load_solver` takes, sorted. Raises SettingsError if two packages claim the same one."""
    return sorted(_found())


def load_solver(name: str, setup: Setup = _PLAIN, *, flag: str = "--miner.solver") -> Solver:
    """Import and build the solver `name` from `flag`. Raises SettingsError, in one line, if that fails."""
    found = _found()
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise SettingsError(
            f"{flag}: no solver is named {name!r}{hint} Known solvers: {', '.join(sorted(found))}"
        )
    entry = found[name]
    try:
        solver = build(entry.load(), setup)
    except SettingsError:
        raise
    except (Exception, SystemExit) as error:  # foreign code may raise anything
        raise SettingsError(
            f"{flag} {name}: the package {_package(entry)} cannot provide it: {_one_line(error)}"
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


@asynccontextmanager
async def on_shift(solver: Solver, name: str) -> AsyncIterator[None]:
    """Enter `solver` if it is an async context manager, and leave it at the end of the block.

    Raises SettingsError, in one line, if it fails to start. A failure to end is only logged.
    """
    if not isinstance(solver, AbstractAsyncContextManager):
        yield
        return
    try:
        await solver.__aenter__()
    except LogicnetError:
        raise
    except Exception as error:  # foreign code may raise anything
        raise SettingsError(f"the solver {name} failed to start: {_one_line(error)}") from error
    try:
        yield
    finally:
        try:
            async with asyncio.timeout(LEAVE_S):
                await solver.__aexit__(None, None, None)
        except Exception as error:  # foreign code again; nothing depends on it any more
            logger.warning("The solver {} failed to end: {}.", name, _one_line(error))


def _one_line(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
