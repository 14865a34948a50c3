"""Programs that a model wrote, run where they can do no harm: no files, no network, little time and memory.

They run in `pydantic-monty`, a Python interpreter of its own that has no way to the machine, in worker
processes beside ours; a worker that dies is replaced, and its program is the only thing lost.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from logicnet.solver.race._program import Program, Unusable, program

if TYPE_CHECKING:
    import pydantic_monty

WORKERS = 2
"""Programs at a time. One takes about a millisecond; only endless ones queue."""

MEMORY_BYTES = 64 << 20
"""Of a program's objects. A worker ends itself soon after: 135 MB is the most that was seen of one."""

RECURSION = 1000
"""Calls within calls, as in Python."""

OUTPUT_BYTES = 20_000
"""Of what a program prints; one that prints more is lost."""

VALUE_CHARS = 1000
"""Of the result: an answer is far shorter."""

GRACE_S = 0.25
"""Beyond its time, for the worker to say so itself before it is killed."""

START_S = 10.0
"""For a worker to start, on a machine that is busy: it takes a few milliseconds on one that is not."""

PATIENCE_S = 4.0
"""How long a program waits for a worker: longer means that all before it are endless."""

_ERROR_CHARS = 300
_SUSPENSIONS = 50
"""Requests of a program to us, each refused: names that nobody defined, files."""

_SHORT = 2000
"""Characters of a program that is read on the event loop: a few milliseconds at most."""

_CHECKOUTS = 200
"""Programs of one worker before a fresh one takes its place."""

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
# Run inside, so that a giant message or value never leaves it. Its limits cannot be caught there.

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
    """What became of a program: `value` is its result as text, empty if there is none.

    `output` is what it printed; `error` is one line, empty if it ended well; `seconds` it ran.
    """

    value: str
    output: str = ""
    error: str = ""
    seconds: float = 0.0


class Sandbox:
    """Runs programs, a few at a time. Workers start with the first one.

    Belongs to one event loop; use as an async context manager, or call `aclose`.
    """

    def __init__(self, *, workers: int = WORKERS, patience_s: float = PATIENCE_S) -> None:
        self._workers = workers
        self._patience_s = patience_s
        self._places = asyncio.Semaphore(workers)
        self._starting = asyncio.Lock()
        self._pool: pydantic_monty.AsyncMonty | None = None
        self._running: set[asyncio.Task[Ran]] = set()
        self._closed = False

    async def run(self, code: str, *, timeout_s: float = 1.0) -> Ran:
        """Run a program as a model wrote it; it ends within `timeout_s`, and waits some seconds at most.

        Its result is the line that it printed last; else its variable `answer`, `result` or `ans`; else
        its last expression; else what its function `solution`, `solve` or `main` returns. Never raises.
        """
        try:
            found = program(code) if len(code) < _SHORT else await asyncio.to_thread(program, code)
        except Unusable as error:
            return Ran("", error=str(error))
        if self._closed:
            return Ran("", error="the sandbox is closed")
        task = asyncio.create_task(self._placed(found, timeout_s))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                await _ended(task)
                raise
            return Ran("", error="the sandbox is closed")

    async def aclose(self) -> None:
        """End all programs, and the workers. Calling it again is harmless."""
        self._closed = True
        for task in list(self._running):
            await _ended(task)
        async with self._starting:
            pool, self._pool = self._pool, None
            if pool is not None:
                await pool.__aexit__(None, None, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _placed(self, found: Program, timeout_s: float) -> Ran:
        try:
            async with asyncio.timeout(self._patience_s):
                await self._places.acquire()
        except TimeoutError:
            return Ran("", error="no worker was free")
        start_s = time.monotonic()
        try:
            return await _run(await self._started(), found, timeout_s)
        except Exception as error:  # whatever the library raises on what a model wrote: the program is lost
            seconds = time.monotonic() - start_s
            return Ran("", error=_one_line(_why(error)), seconds=seconds)
        finally:
            self._places.release()

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
        start_s = time.monotonic()
        bound.reschedule(asyncio.get_running_loop().time() + timeout_s + GRACE_S)

        async def feed(code: str, **inputs: str) -> Any:
            return await session.feed_run(code, inputs=inputs, print_callback=output)

        try:
            value, error = await _outcome(feed, found, output)
        except pydantic_monty.MontyError as raised:
            value, error = "", _why(raised)
        return Ran(value, output.output, _one_line(error), time.monotonic() - start_s)


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
