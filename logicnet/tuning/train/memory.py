"""Memory of this machine, or of the control group of this process. Linux; only the standard library."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Memory:
    """Bytes, swap included."""

    total: int
    available: int

    @property
    def used(self) -> float:
        """The share that is taken, from 0 to 1."""
        return 1 - self.available / self.total


def memory() -> Memory | None:
    """The scarcest: that of the machine, or of a control group with a limit. None where it cannot be read."""
    found = [*_of_machine(), *(one for folder in _groups() for one in _of_group(folder))]
    return min(found, key=lambda one: one.available, default=None)


def oom_kills() -> int | None:
    """How many processes the kernel has killed for want of memory in our control group; else on the machine.

    Two counts tell what happened between. None where there is no count.
    """
    for folder in _groups():
        for name in ("memory.events", "memory.oom_control"):
            count = _numbers(folder / name).get("oom_kill")
            if count is not None:
                return count
    return _numbers(PROC / "vmstat").get("oom_kill")


def _of_machine() -> Iterator[Memory]:
    kib = _numbers(PROC / "meminfo")
    with suppress(KeyError):
        total, available = kib["MemTotal:"] + kib["SwapTotal:"], kib["MemAvailable:"] + kib["SwapFree:"]
        yield Memory(max(1, total << 10), available << 10)


def _of_group(folder: Path) -> Iterator[Memory]:
    """With what processes hold by themselves; the cache of files gives way."""
    for limit, held in (("memory.max", "anon"), ("memory.limit_in_bytes", "total_rss")):
        with suppress(OSError, ValueError, KeyError):
            most = int((folder / limit).read_text())
            if 0 < most < 1 << 60:  # version 1 writes a number beyond all machines for "no limit"
                yield Memory(most, max(0, most - _numbers(folder / "memory.stat")[held]))


def _groups() -> Iterator[Path]:
    """The folders of our control group and of those around it, the innermost first."""
    try:
        lines = (PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        if number != "0" and "memory" not in kinds.split(","):
            continue
        root = CGROUPS if number == "0" else CGROUPS / "memory"
        inner = root / path.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder.is_dir():  # a container may not see the path that it has outside
                yield folder
            if folder == root:
                break


def _numbers(path: Path) -> dict[str, int]:
    """The numbers of a file with a name and a number on each line; none if there is no such file."""
    found = {}
    with suppress(OSError):
        for line in path.read_text().splitlines():
            words = line.split()
            if len(words) >= 2 and words[1].isdigit():
                found[words[0]] = int(words[1])
    return found
