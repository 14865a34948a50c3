"""The bounded worker: calls with a limit of time and memory, in a process that can be killed.

For libraries that compute on what strangers wrote. A thread cannot be stopped, and a signal does not
interrupt a big-number multiplication; a process can be killed and replaced.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from logicnet.errors import LogicnetError

START_S = 60.0  # to import what it needs, on a machine that is busy
GRACE_S = 0.15  # what a call gets beyond its limit to say so itself, before its process is killed
MEMORY_BYTES = 2 << 30  # of address space: sympy, numpy and a parser take a few hundred MB of it

_LONGEST_LINE = 1 << 20  # bytes of one reply


class BoundedError(LogicnetError):
    """The call took too long or too much memory, or raised; one line says which."""


class Bounded:
    """One worker process, started with the first call; calls queue for it.

    It calls functions of `modules` only, in `memory_bytes` of address space (None: no limit). It belongs to
    one event loop; use it as an async context manager, or call `aclose`.
    """

    def __init__(self, *modules: str, memory_bytes: int | None = MEMORY_BYTES) -> None:
        self._modules = modules
        self._memory_bytes = memory_bytes
        self._process: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()

    async def call(self, function: Callable[..., Any] | str, *, timeout_s: float, **arguments: Any) -> Any:
        """The result of `function(**arguments)`; arguments and result are JSON. Raises BoundedError.

        Only the worker imports the module of a function that is named "module:name".
        """
        name = function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"
        request = {"function": name, "arguments": arguments, "timeout_s": timeout_s}
        async with self._one_at_a_time:
            process = self._process or await self._start()
            try:
                assert process.stdin is not None
                process.stdin.write(json.dumps(request).encode() + b"\n")
                with suppress(ConnectionError):  # it is gone; reading says so
                    await process.stdin.drain()
                reply = await _reply(process, timeout_s + GRACE_S)
            except BaseException:  # a cancelled caller as well: its reply would be the next one's
                await self._kill()
                raise
        if "error" in reply:
            raise BoundedError(reply["error"])
        return reply["result"]

    async def start(self) -> None:
        """Start the process now rather than with the first call. Raises BoundedError."""
        async with self._one_at_a_time:
            if self._process is None:
                await self._start()

    async def aclose(self) -> None:
        async with self._one_at_a_time:
            await self._kill()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
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
        try:
            await _reply(self._process, START_S)
        except BaseException:
            await self._kill()
            raise
        return self._process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
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
