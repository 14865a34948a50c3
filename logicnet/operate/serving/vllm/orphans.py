"""Orphans: processes of an earlier vLLM, found by the process group that was recorded, and killed.

When vLLM's server is killed or crashes, its engine and workers may live on and hold the GPU's memory
(seen with 0.32: for ever); a new vLLM beside them runs out of memory, again and again. They stay in the
process group in which they were started.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from loguru import logger

from logicnet.errors import LogicnetError

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
