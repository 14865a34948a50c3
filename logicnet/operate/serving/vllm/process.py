"""A vLLM in a process group of its own, and the orphans of an earlier one.

When vLLM's server is killed or crashes, its engine and workers may live on and hold the GPU's memory
(seen with 0.32: for ever); a new vLLM beside them runs out of memory, again and again. They stay in the
process group in which they were started, which is recorded.
"""

import asyncio
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from filelock import FileLock, Timeout
from loguru import logger

from logicnet.errors import LogicnetError, SettingsError

MARK = "LOGICNET_VLLM"  # in the environment of what we start
_RENAMED = "VLLM::"  # vLLM renames its engine and workers, which overwrites their environment
_POLL_S = 0.1
_KILL_S = 20.0  # for the kernel to take back the memory of a large process


def group_file(port: int, folder: Path) -> Path:
    """One file per port, so that two servers of one folder leave each other alone."""
    return folder / f"vllm-{port}.group"


@contextmanager
def exclusive(file: Path) -> Iterator[None]:
    """Hold the lock beside the group file, so that a second supervisor cannot take our vLLM for an orphan.

    Raises LogicnetError if another process holds it, or the folder cannot be written. The kernel releases
    the lock however its holder ends.
    """
    lock = FileLock(file.with_suffix(".lock"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        Path(lock.lock_file).touch()
    except OSError as error:
        raise LogicnetError(
            f"{lock.lock_file} cannot be written ({error.strerror}): start it in a folder that you may write"
        ) from None
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise LogicnetError(
            f"`logicnet vllm` already runs in this folder for this port ({lock.lock_file} is locked); stop "
            "that one first (npx pm2 stop sn35-vllm), or give another --port"
        ) from None
    except OSError:  # a disk without locks, as some network disks are
        logger.debug("{} cannot be locked", lock.lock_file)
    try:
        yield
    finally:
        lock.release()


def record_group(file: Path, group: int) -> None:
    """For `kill_recorded`. Raises OSError."""
    file.write_text(f"{group} {_pid_namespace()}")


def orphans(group: int) -> list[psutil.Process]:
    """Processes of vLLM in a process group, other than this one."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it ended meanwhile, or is another user's
            if process.pid == os.getpid() or os.getpgid(process.pid) != group:
                continue
            # Group numbers are used again, so the group alone is no proof.
            ours = process.name().startswith(_RENAMED) or MARK in process.environ()
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill_recorded(file: Path) -> Sequence[int]:
    """Kill the orphans of the recorded group; returns their numbers. Blocks for 20 s at most."""
    try:
        number, namespace = file.read_text().split(" ", 1)
        return kill_group(int(number)) if namespace == _pid_namespace() else []
    except (OSError, ValueError):
        return []


def kill_group(group: int) -> Sequence[int]:
    """SIGKILL all of vLLM in the group and wait for its end (no server is left to end it gently)."""
    killed: set[int] = set()
    until_s = time.monotonic() + _KILL_S
    while (left := orphans(group)) and time.monotonic() < until_s:
        for process in left:
            killed.add(process.pid)
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(_POLL_S)
    return sorted(killed)


def _pid_namespace() -> str:
    """Where a process number is valid: this boot of the machine, and this container.

    Elsewhere the same number may belong to another vLLM of ours. (psutil's boot time moves with the clock.)
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # no Linux
        return f"{psutil.boot_time():.0f}"


_KEPT_LINES = 600  # a refused start prints 300 of usage, a crash about 200 of tracebacks
_LONGEST_BYTES = 1 << 16  # of one line; what is longer passes in parts
_DRAIN_S = 1.0  # for the rest of its output, where a process outside the group holds the pipe
_TOKENS = re.compile(r"KV cache size: ([\d,]+) tokens")

Show = Callable[[str], None]


def show(line: str) -> None:
    """To standard output, as vLLM printed it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass
class VllmProcess:
    """A started vLLM. The caller of `start` must call `stop`, also when vLLM has ended by itself."""

    _process: asyncio.subprocess.Process
    _output: asyncio.StreamReader
    _transport: asyncio.ReadTransport
    _show: Show
    _clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.last_output_s = self._clock()
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
    ) -> Self:
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
