"""Run programs that a model wrote, without files and network and with little time and memory.

They run in `pydantic-monty`, a Python interpreter without access to the machine, in worker processes. If a
worker dies, only its program is lost.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from logicnet.errors import LogicnetError
from logicnet.maths.worker import Bounded, Turns
from logicnet.solver.race._program import MOST_CHARS, Program, Unusable, program, repaired

if TYPE_CHECKING:
    import pydantic_monty

WORKERS = 3  # concurrent programs, all but one of them of one caller. A program takes about a millisecond
MEMORY_BYTES = 64 << 20  # for the objects of a program. Its worker ends soon after: at most 135 MB were seen
RECURSION = 1000  # depth of calls, as in Python
OUTPUT_BYTES = 20_000  # printed output; a program that prints more fails
VALUE_CHARS = 1000  # length of a result; an answer is far shorter
GRACE_S = 0.25  # beyond the time limit, for the worker to report it before it is killed
START_S = 10.0  # for a worker to start on a busy machine; a few milliseconds on an idle one
PATIENCE_S = 4.0
"""How long a program waits for a worker. A longer wait means that all programs before it are endless."""
REPAIR_S = 1.0  # to find the program in a long text

_ERROR_CHARS = 300
_SUSPENSIONS = 50  # requests of a program for undefined names or files, each refused, before it is ended
SHORT = 200  # characters of a text that is repaired on the event loop: a few milliseconds at most
_CHECKOUTS = 200  # programs of one worker before it is replaced
_RUN = f"""
failed__ = ""
try:
    exec(code__)
except SystemExit:
    pass
except BaseException as error__:
    failed__ = (type(error__).__name__ + ": " + str(error__))[:{_ERROR_CHARS}]
failed__
"""
# Cut inside the sandbox, so that a giant message or value never leaves it. Programs cannot catch its limits.

_LOOK = """
value__ = None
try:
    value__ = {expression}
except NameError:
    pass
"" if value__ is None else str(value__)[:{most}]
"""

_NO_VALUE = re.compile(r"<(?:function|class|built-in|bound method|coroutine|module|.{1,80} object)\b")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program printed or returned, as text. `error`: one line, empty if the program ended well."""

    value: str
    error: str = ""


class Sandbox:
    """Runs a few programs at a time. Workers start with the first one. For one event loop; call `aclose`."""

    def __init__(
        self, repair: Bounded | None = None, *, workers: int = WORKERS, patience_s: float = PATIENCE_S
    ) -> None:
        """`repair`: the workers that find the program in a long text. Default: its own."""
        self._workers = workers
        self._patience_s = patience_s
        self._turns = Turns(workers)
        self._repair = repair or Bounded(program.__module__, processes=2)
        self._starting = asyncio.Lock()
        self._pool: pydantic_monty.AsyncMonty | None = None
        self._running: set[asyncio.Task[Ran]] = set()
        self._closed = False

    async def run(self, code: str, *, timeout_s: float = 1.0, caller: str = "") -> Ran:
        """Run a program as a model wrote it, for `timeout_s` at most, after some seconds of waiting at most.

        The programs of several callers run in turn.

        The result is its last printed line; else its variable `answer`, `result` or `ans`; else its last
        expression; else the value of its function `solution`, `solve` or `main`. Never raises.
        """
        if self._closed:
            return Ran("", "the sandbox is closed")
        task = asyncio.create_task(self._repaired(code, timeout_s, caller))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await task
        except asyncio.CancelledError:
            own = asyncio.current_task()
            if own is not None and own.cancelling():
                await _ended(task)
                raise
            return Ran("", "the sandbox is closed")

    async def aclose(self) -> None:
        """End all programs and workers. Idempotent."""
        self._closed = True
        for task in list(self._running):
            await _ended(task)
        async with self._starting:
            pool, self._pool = self._pool, None
            if pool is not None:
                await pool.__aexit__(None, None, None)
        await self._repair.aclose()

    async def _repaired(self, code: str, timeout_s: float, caller: str) -> Ran:
        try:
            if SHORT <= len(code) <= MOST_CHARS:
                found = await self._repair.call(repaired, timeout_s=REPAIR_S, caller=caller, text=code)
                if "unusable" in found:
                    return Ran("", found["unusable"])
                return await self._placed(Program(**found), timeout_s, caller)
            return await self._placed(program(code), timeout_s, caller)
        except Unusable as error:
            return Ran("", str(error))
        except (LogicnetError, OSError, ValueError) as error:  # no process, or a reply that is not JSON
            return Ran("", _one_line(f"its text could not be read: {error}"))

    async def _placed(self, found: Program, timeout_s: float, caller: str) -> Ran:
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._patience_s):
                    await held.enter_async_context(self._turns.place(caller))
            except TimeoutError:
                return Ran("", "no worker was free")
            try:
                return await _run(await self._started(), found, timeout_s)
            except Exception as error:  # the library may raise anything for a model's text
                return Ran("", _one_line(_why(error)))

    async def _started(self) -> pydantic_monty.AsyncMonty:
        async with self._starting:
            if self._pool is None:
                library = await asyncio.to_thread(importlib.import_module, "pydantic_monty")
                pool: pydantic_monty.AsyncMonty = library.AsyncMonty(
                    min_processes=0,
                    max_processes=self._workers,
                    feed_duration_limit_grace=GRACE_S,
                    max_checkouts_per_worker=_CHECKOUTS,
                )
                await pool.__aenter__()
                self._pool = pool
            return self._pool


async def _run(pool: pydantic_monty.AsyncMonty, found: Program, timeout_s: float) -> Ran:
    import pydantic_monty  # noqa: PLC0415  (loaded by now; importing this module loads nothing)

    output = pydantic_monty.CollectString(OUTPUT_BYTES)
    limits: pydantic_monty.ResourceLimits = {
        "max_feed_duration_secs": timeout_s,
        "max_memory": MEMORY_BYTES,
        "max_recursion_depth": RECURSION,
        "max_suspensions": _SUSPENSIONS,
        "max_total_sleep_secs": 0.0,
    }
    policy: pydantic_monty.OSPolicy = {"sleep": "zero", "random_start": {"seed": 0}}
    async with asyncio.timeout(START_S) as bound, pool.checkout(limits=limits, os_policy=policy) as session:
        bound.reschedule(asyncio.get_running_loop().time() + timeout_s + GRACE_S)

        async def feed(code: str, **inputs: str) -> Any:
            return await session.feed_run(code, inputs=inputs, print_callback=output)

        try:
            value, error = await _outcome(feed, found, output)
        except pydantic_monty.MontyError as raised:
            value, error = "", _why(raised)
        return Ran(value, _one_line(error))


async def _outcome(
    feed: Callable[..., Awaitable[Any]], found: Program, output: pydantic_monty.CollectString
) -> tuple[str, str]:
    """The result and the error of a program; one of them is empty."""
    if found.before:
        await feed(found.before)
    if error := await feed(_RUN, code__=found.code):
        return "", error
    for expression in found.results:
        if value := _last_line(output.output):
            return value, ""
        shown = await feed(_LOOK.format(expression=expression, most=VALUE_CHARS))
        if shown and not _NO_VALUE.match(shown):
            return _last_line(output.output) or shown, ""
    return _last_line(output.output), ""


def _last_line(output: str) -> str:
    lines = output.rstrip().rsplit("\n", 1)
    return lines[-1].strip()[:VALUE_CHARS]


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "took too long"
    said = str(error)[:_ERROR_CHARS]  # a Monty error's begins with the name of what was raised inside
    return said if type(error).__name__.startswith("Monty") else f"{type(error).__name__}: {said}"


def _one_line(error: str) -> str:
    return " ".join(error[:_ERROR_CHARS].split())


async def _ended(task: asyncio.Task[Ran]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.wait({task})
