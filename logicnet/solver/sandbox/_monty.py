"""Programs in `pydantic-monty`, a Python interpreter in Rust without access to the machine.

For kernels that confine no process. What it lacks (sympy, numpy, decorators) fails there, and nothing else.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from logicnet.maths.worker import Bounded, BoundedError
from logicnet.solver.sandbox._outcome import ANSWERS, FUNCTIONS, MOST_ERROR, MOST_PRINTED, MOST_VALUE
from logicnet.solver.sandbox._source import program

if TYPE_CHECKING:
    import pydantic_monty

MEMORY_BYTES = 64 << 20  # for the objects of a program
RECURSION = 1000
GRACE_S = 0.25  # beyond the time limit, for the worker to report it before it is killed
READ_S = 1.0  # to find the program in a text
START_S = 10.0
_CHECKOUTS = 200  # programs of one worker before it is replaced
_SUSPENSIONS = 50  # requests of a program for undefined names or files, each refused, before it is ended

# Cut inside, so that a giant message or value never leaves it.
_RUN = f"""
failed__ = ""
try:
    exec(code__)
except SystemExit:
    pass
except BaseException as error__:
    failed__ = (type(error__).__name__ + ": " + str(error__))[:{MOST_ERROR}]
failed__
"""
_LOOK = """
value__ = None
try:
    value__ = {expression}
except NameError:
    pass
"" if value__ is None else str(value__)[:{most}]
"""
_RESULTS = (*ANSWERS, *(f"{name}()" for name in FUNCTIONS[:3]))


def at_hand() -> bool:
    return importlib.util.find_spec("pydantic_monty") is not None


class Monty:
    """Up to `workers` programs at a time."""

    alive = True
    libraries: Sequence[str] = ()

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._reading = Bounded(program.__module__)
        self._pool: pydantic_monty.AsyncMonty | None = None

    async def run(self, texts: Sequence[str], timeout_s: float) -> tuple[str, str, str]:
        try:
            code = await self._reading.call(program, timeout_s=READ_S, text=texts[-1])
            if not code:
                return "", "no program in it", ""
            return await self._run(code, timeout_s)
        except BoundedError as error:
            return "", f"its text could not be read: {error}", ""
        except Exception as error:  # the library may raise anything for a model's text
            said = "took too long" if isinstance(error, TimeoutError) else str(error)[:MOST_ERROR]
            return "", " ".join(said.split()), ""

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.__aexit__(None, None, None)
        await self._reading.aclose()

    async def _run(self, code: str, timeout_s: float) -> tuple[str, str, str]:
        library = await asyncio.to_thread(importlib.import_module, "pydantic_monty")
        if self._pool is None:
            pool = library.AsyncMonty(
                min_processes=0,
                max_processes=self._workers,
                feed_duration_limit_grace=GRACE_S,
                max_checkouts_per_worker=_CHECKOUTS,
            )
            await pool.__aenter__()
            self._pool = pool
        printed = library.CollectString(MOST_PRINTED)
        limits: pydantic_monty.ResourceLimits = {
            "max_feed_duration_secs": timeout_s,
            "max_memory": MEMORY_BYTES,
            "max_recursion_depth": RECURSION,
            "max_suspensions": _SUSPENSIONS,
            "max_total_sleep_secs": 0.0,
        }
        policy: Any = {"sleep": "zero", "random_start": {"seed": 0}}
        async with asyncio.timeout(START_S) as bound:
            async with self._pool.checkout(limits=limits, os_policy=policy) as session:
                bound.reschedule(asyncio.get_running_loop().time() + timeout_s + GRACE_S)
                if error := await session.feed_run(_RUN, inputs={"code__": code}, print_callback=printed):
                    return "", error, printed.output
                for expression in _RESULTS:
                    if _last_line(printed.output):
                        break
                    looked = _LOOK.format(expression=expression, most=MOST_VALUE)
                    shown = await session.feed_run(looked, print_callback=printed)
                    if shown and not shown.startswith("<"):
                        return _last_line(printed.output) or shown, "", printed.output
                return _last_line(printed.output), "", printed.output


def _last_line(printed: str) -> str:
    return printed.rstrip().rpartition("\n")[2].strip()[:MOST_VALUE]
