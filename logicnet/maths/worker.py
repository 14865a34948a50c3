"""The bounded worker: calls with a limit of time and memory, in a process that can be killed.

For libraries that compute on what strangers wrote. A thread cannot be stopped, and a signal does not
interrupt a big-number multiplication; a process can be killed and replaced.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from logicnet.errors import LogicnetError

START_S = 300.0  # to import what it needs: a second, beside training and a model server many
GRACE_S = 0.15  # what a call gets beyond its limit to say so itself, before its process is killed
MEMORY_BYTES = 2 << 30  # of address space: sympy, numpy and a parser take a few hundred MB of it

_LONGEST_LINE = 1 << 20  # bytes of one reply


class BoundedError(LogicnetError):
    """The call took too long or too much memory, or raised; one line says which."""


class Turns:
    """A number of places, shared among callers: a free one goes to the caller who holds the fewest.

    Of several places one caller holds at most all but one, so that another never waits for all that this one
    asks, but for one call at most.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._share = max(1, places - 1)
        self._held: Counter[str] = Counter()
        self._served: dict[str, int] = {}  # when each caller who waits or holds a place was served last
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._turn = 0

    @asynccontextmanager
    async def place(self, caller: str = "") -> AsyncIterator[None]:
        """Hold a place during the block, after waiting for one."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((caller, place))
        self._serve()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave(caller)
            else:
                self._waiting.remove((caller, place))
            raise
        try:
            yield
        finally:
            self._leave(caller)

    def _leave(self, caller: str) -> None:
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._serve()

    def _serve(self) -> None:
        while self._free:
            # Of calls that are cancelled together, some are still listed while another leaves.
            able = [
                (caller, place)
                for caller, place in self._waiting
                if not place.done() and self._held[caller] < self._share
            ]
            if not able:
                break
            chosen = min(able, key=lambda one: (self._held[one[0]], self._served.get(one[0], 0)))
            self._waiting.remove(chosen)
            caller, place = chosen
            self._free -= 1
            self._turn += 1
            self._held[caller] += 1
            self._served[caller] = self._turn
            place.set_result(None)
        known = {caller for caller, _ in self._waiting} | self._held.keys()
        self._served = {caller: turn for caller, turn in self._served.items() if caller in known}


class Bounded:
    """Worker processes, started with the first calls; calls take turns by caller (`Turns`).

    They call functions of `modules` only, in `memory_bytes` of address space (None: no limit). They belong to
    one event loop; use this as an async context manager, or call `aclose`.
    """

    def __init__(self, *modules: str, memory_bytes: int | None = MEMORY_BYTES, processes: int = 1) -> None:
        self._modules = modules
        self._memory_bytes = memory_bytes
        self._most = processes
        self._idle: list[asyncio.subprocess.Process] = []
        self._processes: set[asyncio.subprocess.Process] = set()
        self._turns = Turns(processes)

    async def call(
        self, function: Callable[..., Any] | str, *, timeout_s: float, caller: str = "", **arguments: Any
    ) -> Any:
        """The result of `function(**arguments)`; arguments and result are JSON. Raises BoundedError.

        Only the worker imports the module of a function that is named "module:name". `caller`: for whom, so
        that the calls for one do not hold up those for another.
        """
        name = function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"
        request = {"function": name, "arguments": arguments, "timeout_s": timeout_s}
        async with self._turns.place(caller):
            while self._idle and self._idle[-1].returncode is not None:  # it died between two calls
                self._processes.discard(self._idle.pop())
            process = self._idle.pop() if self._idle else await self._start()
            try:
                assert process.stdin is not None
                process.stdin.write(json.dumps(request).encode() + b"\n")
                with suppress(ConnectionError):  # it is gone; reading says so
                    await process.stdin.drain()
                reply = await _reply(process, timeout_s + GRACE_S)
            except BaseException:  # a cancelled caller as well: its reply would be the next one's
                await self._kill(process)
                raise
            if process in self._processes:
                self._idle.append(process)
        if "error" in reply:
            raise BoundedError(reply["error"])
        return reply["result"]

    async def start(self, processes: int | None = None) -> None:
        """Start so many processes (default: all) now, not with the first calls. Raises BoundedError."""
        while len(self._processes) < (self._most if processes is None else processes):
            self._idle.append(await self._start())

    async def aclose(self) -> None:
        """End the processes. Calls that run raise BoundedError."""
        self._idle.clear()
        for process in list(self._processes):
            await self._kill(process)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "logicnet.maths._worker",
            str(self._memory_bytes or 0),
            *self._modules,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
        )
        self._processes.add(process)
        try:
            await _reply(process, START_S)
        except BoundedError as error:
            await self._kill(process)
            raise BoundedError(f"a worker for {', '.join(self._modules)} does not start: {error}") from None
        except BaseException:
            await self._kill(process)
            raise
        return process

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        self._processes.discard(process)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _reply(process: asyncio.subprocess.Process, timeout_s: float) -> dict[str, Any]:
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), timeout_s)
    except TimeoutError:
        raise BoundedError(f"took longer than {timeout_s:g} s") from None
    if not line:
        raise BoundedError("its process ended")
    reply: dict[str, Any] = json.loads(line)
    return reply
