"""Sandbox: runs programs that a model wrote, a few at a time, each in a fresh confined process.

Programs compute with Python, sympy and numpy. They reach no network, no file but the libraries, no process
and nothing of the miner's memory or environment; time and memory are bounded. On kernels that confine no
process they run in `pydantic-monty`, a Python without libraries, and where that is missing none runs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

from loguru import logger

from logicnet._util.tasks import retrieved
from logicnet.maths.worker import Turns
from logicnet.solver.sandbox import _monty
from logicnet.solver.sandbox._outcome import MOST_ERROR, MOST_PRINTED, MOST_VALUE

WORKERS = 3  # concurrent programs, all but one of them of one caller
TIMEOUT_S = 10.0  # for one program: ten million rounds of a loop take two to five
PATIENCE_S = 12.0  # for a place; a longer wait means that all programs before it are endless
MOST_CHARS = 8_000  # of a model's text, ten times a short program
START_S = 60.0  # to import sympy and numpy: a second, on a busy machine many
GRACE_S = 5.0  # for the zygote to say that a program took too long

LIBRARIES = ("sympy", "numpy")
"""What programs may import beside Python's own, where the kernel confines processes."""

_ENVIRONMENT = {
    **{"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
_LONGEST_LINE = 1 << 20  # bytes of one reply


@dataclass(frozen=True, slots=True)
class Ran:
    """`value`: what a program printed last or returned; `printed`: all it printed.

    `error`: one line, empty if the program ended well.
    """

    value: str
    error: str = ""
    printed: str = ""


class _Runner(Protocol):
    @property
    def alive(self) -> bool: ...
    @property
    def libraries(self) -> Sequence[str]: ...
    async def run(self, texts: Sequence[str], timeout_s: float) -> tuple[str, str, str]: ...
    async def aclose(self) -> None: ...


class Sandbox:
    """For one event loop; the process starts with `start` or the first program. Call `aclose`."""

    def __init__(
        self, *, workers: int = WORKERS, patience_s: float = PATIENCE_S, without: Sequence[str] = ()
    ) -> None:
        """`without`: means of confinement to do without, of namespaces, landlock and seccomp."""
        self._patience_s = patience_s
        self._without = tuple(without)
        self._turns = Turns(workers)
        self._starting = asyncio.Lock()
        self._runner: _Runner | None = None
        self._refused = ""  # why no program runs here
        self._running: set[asyncio.Task[Ran]] = set()
        self._closed = False

    @property
    def refused(self) -> str:
        """Why programs do not run on this machine; empty if they do, and before the start."""
        return self._refused

    @property
    def libraries(self) -> Sequence[str]:
        """Which of `LIBRARIES` programs may import; all of them before the start."""
        return LIBRARIES if self._runner is None else self._runner.libraries

    async def start(self) -> str:
        """Start now. Why programs do not run on this machine; empty if they do."""
        if not self._closed:
            with suppress(OSError, TimeoutError, ValueError):
                await self._started()
        return self._refused

    async def run(self, *texts: str, timeout_s: float = TIMEOUT_S, caller: str = "") -> Ran:
        """Run the program in the last text of a model, for `timeout_s` at most, after some wait for its turn.

        The programs of several callers run in turn. Programs of earlier texts run before it in the same
        process if it uses what they define. Never raises.

        The value is the last printed line; else the variable `answer`, `result` or `ans`; else the last
        expression; else the value of the function `solution`, `solve` or `main`.
        """
        if self._closed:
            return Ran("", "the sandbox is closed")
        if sum(map(len, texts)) > MOST_CHARS:
            return Ran("", f"longer than {MOST_CHARS} characters")
        task = asyncio.create_task(self._placed(texts, timeout_s, caller))
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
        """End all programs and the process. Idempotent."""
        self._closed = True
        for task in list(self._running):
            await _ended(task)
        async with self._starting:
            runner, self._runner = self._runner, None
            if runner is not None:
                await runner.aclose()

    async def _placed(self, texts: Sequence[str], timeout_s: float, caller: str) -> Ran:
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._patience_s):
                    await held.enter_async_context(self._turns.place(caller))
            except TimeoutError:
                return Ran("", "no worker was free")
            try:
                runner = await self._started()
                if runner is None:
                    return Ran("", self._refused)
                value, error, printed = await runner.run(texts, timeout_s)
            except TimeoutError:
                return Ran("", "took too long")
            except (OSError, ValueError, EOFError) as broken:  # no process, or it ended
                return Ran("", f"the sandbox failed: {' '.join(str(broken).split())[:200]}")
            return Ran("" if error else value, error, printed)

    async def _started(self) -> _Runner | None:
        """Raises OSError, TimeoutError or ValueError if the process does not start."""
        async with self._starting:
            if self._runner is not None and not self._runner.alive:
                await self._runner.aclose()
                self._runner = None
            if self._runner is None and not self._refused:
                zygote, refused = await _Zygote.started(self._without)
                self._runner = zygote or (_monty.Monty(WORKERS) if _monty.at_hand() else None)
                if zygote is None:
                    logger.warning("{}", _said(refused, fallback=self._runner is not None))
                if self._runner is None:
                    self._refused = _said(refused, fallback=False)
            return self._runner


def _said(refused: str, *, fallback: bool) -> str:
    if fallback:
        return (
            f"Programs of models have no sympy and numpy here: {refused}. Linux 5.13 or newer confines them."
        )
    mend = "use Linux 5.13 or newer, or `pip install pydantic-monty`"
    return f"no program of a model runs here: {refused}; {mend}"


class _Zygote:
    """Our end of the zygote (see `_zygote`)."""

    libraries: Sequence[str] = ()

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def started(cls, without: Sequence[str]) -> tuple[_Zygote | None, str]:
        """The zygote, or None and why the kernel confines no process."""
        if sys.platform != "linux":
            return None, "only Linux confines processes so"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "logicnet.solver.sandbox._zygote", *without),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            limit=_LONGEST_LINE,
        )
        zygote = cls(process)
        try:
            assert process.stdout is not None
            async with asyncio.timeout(START_S):
                first = json.loads(await process.stdout.readline() or b'{"refused": "its process ended"}')
        except BaseException:
            await zygote.aclose()
            raise
        if "refused" in first:
            await zygote.aclose()
            return None, str(first["refused"])
        zygote.libraries = [one for one in LIBRARIES if one in first["libraries"]]
        zygote._reading = asyncio.create_task(zygote._read())
        zygote._reading.add_done_callback(retrieved)
        return zygote, ""

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and self._reading is not None and not self._reading.done()

    async def run(self, texts: Sequence[str], timeout_s: float) -> tuple[str, str, str]:
        number = next(self._numbers)
        reply = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send({"number": number, "texts": list(texts), "timeout_s": timeout_s})
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                found = await reply
        except BaseException:
            self._send({"number": number})
            raise
        finally:
            del self._waiting[number]
        if "error" in found:
            return "", str(found["error"]), ""
        value, error, printed = found["said"].split("\0", 2)  # whatever its process wrote
        return value[:MOST_VALUE], " ".join(error[:MOST_ERROR].split()), printed[:MOST_PRINTED]

    async def aclose(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()  # its children end with it
        await self._process.wait()
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while line := await self._process.stdout.readline():
                found = json.loads(line)
                waiting = self._waiting.get(found["number"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(found)
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_result({"error": "its process ended"})

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, RuntimeError):  # the process ended; reading says so
            self._process.stdin.write(json.dumps(request).encode() + b"\n")


async def _ended(task: asyncio.Task[Ran]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.wait({task})
