"""A shift: the time from before the first challenge of a solver until after its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from loguru import logger

from logicnet.errors import LogicnetError, SettingsError
from logicnet.solver._types import Solver

LEAVE_S = 5.0  # how long a solver may take to clean up, before a supervisor loses patience


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


def _one_line(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
