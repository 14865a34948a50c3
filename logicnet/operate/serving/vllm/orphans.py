"""What an earlier vLLM left behind: found by the process group that was noted, and ended.

When vLLM's server is killed or crashes, its engine and workers may live on and hold the GPU's memory
(seen with 0.32: for ever); a new vLLM beside them runs out of memory, again and again. They stay in the
process group in which they were started.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from loguru import logger

from logicnet.errors import LogicnetError

MARK = "LOGICNET_VLLM"  # in the environment of what we start
_RENAMED = b"(VLLM::"  # vLLM renames its engine and workers, which overwrites their environment
_LOOK_S = 0.1
_END_S = 20.0  # for the kernel to take back the memory of a large process


def note_of(port: int, folder: Path) -> Path:
    """One note per port, so that two servers of one folder leave each other alone."""
    return folder / f"vllm-{port}.group"


@contextmanager
def alone(note: Path) -> Iterator[None]:
    """Nobody else who goes by `note` may begin meanwhile: he would take a vLLM that is looked after for one
    that was left behind.

    Raises LogicnetError if somebody is there already, or the note's folder cannot be written. The kernel
    gives the lock back however its holder ends.
    """
    file = note.with_suffix(".lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.open("a")  # not handed down to vLLM
    except OSError as error:
        raise LogicnetError(
            f"{file} cannot be written ({error.strerror}): start it in a folder where you may write"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LogicnetError(
                f"`logicnet vllm` runs already in this folder for this port ({file} is locked); end that one "
                "first (npx pm2 stop sn35-vllm), or give another --port"
            ) from None
        except OSError:  # a folder on a disk that knows no locks, as some of a network do
            logger.debug("{} cannot be locked", file)
        yield


def write_note(note: Path, group: int) -> None:
    """For `end_left_over`. Raises OSError."""
    note.write_text(f"{group} {_life()}")


def left_over(group: int) -> list[int]:
    """Processes of vLLM in a process group, other than this one. Empty where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):  # it ended meanwhile, or is another user's
            name, _, rest = (entry / "stat").read_bytes().rpartition(b")")
            state, _, its_group = rest.split()[:3]
            if int(its_group) != group or state == b"Z":
                continue
            # A number is used again some day, so the group alone is no proof.
            if _RENAMED in name or f"{MARK}=".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def end_left_over(note: Path, wait_s: float = _END_S) -> Sequence[int]:
    """SIGKILL what the noted group left (nobody is there to end it gently), and wait for its end.

    Returns the processes that were ended. Blocks for `wait_s` at most.
    """
    try:
        number, life = note.read_text().split(" ", 1)
        return end_group(int(number), wait_s) if life == _life() else []
    except (OSError, ValueError):
        return []


def end_group(group: int, wait_s: float = _END_S) -> Sequence[int]:
    """The same for a group that is known."""
    ended: set[int] = set()
    until_s = time.monotonic() + wait_s
    while (left := left_over(group)) and time.monotonic() < until_s:
        for pid in left:
            ended.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOK_S)
    return sorted(ended)


def _life() -> str:
    """What a process number holds for: this boot of the machine, and this container.

    After the next one the same numbers are given out again, to another vLLM of ours perhaps.
    """
    found = "none"
    with suppress(OSError):  # no /proc, and then nothing is ended either
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        found = f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return found
