"""A vLLM in a process group of its own, whose output passes through and whose last part is kept."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from logicnet.errors import SettingsError
from logicnet.operate.serving.vllm.orphans import MARK, kill_group

_KEPT_LINES = 600  # a refused start prints 300 of usage, a crash about 200 of tracebacks
_LONGEST_BYTES = 1 << 16  # of one line; what is longer passes in parts
_DRAIN_S = 1.0  # for the rest of its output, where a process outside the group holds the pipe
_TOKENS = re.compile(r"KV cache size: ([\d,]+) tokens")

Show = Callable[[str], None]


def show(line: str) -> None:
    """To standard output, as vLLM printed it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class VllmProcess:
    """A started vLLM. The caller of `start` must call `stop`, also when vLLM has ended by itself."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        output: asyncio.StreamReader,
        transport: asyncio.ReadTransport,
        show: Show,
        clock: Callable[[], float],
    ) -> None:
        self._process = process
        self._output = output
        self._transport = transport
        self._show = show
        self._clock = clock
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.last_output_s = clock()
        self.kv_tokens: int | None = None  # as vLLM printed it
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        clock: Callable[[], float],
        show: Show = show,
    ) -> VllmProcess:
        """Raises SettingsError if there is no such program: a retry cannot help."""
        # Our own pipe: asyncio's reports the end of a server only after an engine that outlives the
        # server has closed its end.
        ours, theirs = os.pipe()
        output = asyncio.StreamReader(_LONGEST_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(ours, "rb", buffering=0)
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                env={**environment, MARK: "1", "PYTHONUNBUFFERED": "1"},
                process_group=0,
            )
        except OSError as error:
            transport.close()
            raise SettingsError(
                f"{argv[0]} cannot be started: {error.strerror}; name the Python that has vLLM with --python"
            ) from None
        finally:
            os.close(theirs)
        return cls(process, output, transport, show, clock)

    @property
    def pid(self) -> int:
        """Of the server, and the number of its group."""
        return self._process.pid

    @property
    def output(self) -> str:
        return "\n".join(self._lines)

    async def wait(self) -> int:
        """The server's exit status, minus the signal's number if one ended it. Its engine may live on."""
        return await self._process.wait()

    async def stop(self, grace_s: float) -> None:
        """SIGTERM, and after `grace_s` SIGKILL to the whole group; returns when all of it has ended.

        After that `output` is complete.
        """
        if self._process.returncode is None and grace_s > 0:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace_s)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await asyncio.to_thread(kill_group, self.pid)
        await self._process.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._reading, _DRAIN_S)
        self._transport.close()

    async def _read(self) -> None:
        rest = b""
        while chunk := await self._output.read(_LONGEST_BYTES):
            self.last_output_s = self._clock()
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST_BYTES:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._take(line)
        if rest:
            self._take(rest)

    def _take(self, raw: bytes) -> None:
        line = raw.decode(errors="replace").rstrip("\r").rpartition("\r")[2]  # the end of a progress bar
        self._lines.append(line)
        if match := _TOKENS.search(line):
            self.kv_tokens = int(match[1].replace(",", ""))
        # A full disk, a closed terminal or an unknown character must not stop the reading: vLLM blocks
        # when nobody reads its output.
        with suppress(OSError, ValueError):
            self._show(line)
