"""Start a trainer confined: `PYTHON -I confine.py FOLDER/launch.json` becomes the trainer.

`confine.py --can` exits with 0 if namespaces are to be had here.

The environment is reduced to an allow-list. Where the kernel lets us, the process gets namespaces of its
own, in which it has no network but a loopback of its own and no capabilities, and finds folders such as the
wallet's empty. Memory, file size and processes are limited. It keeps its user, so that elsewhere it reads and
writes what its user may.

Only the standard library: it runs in the trainer's environment, on any node of a cluster.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

if __name__ == "__main__":  # run by its path, before the package can be imported
    sys.path.insert(0, str(Path(__file__).parents[3]))

from logicnet.tuning.train.jobfile import write_whole

KEPT = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "WANDB_API_KEY"})
KEPT_PREFIXES = ("CUDA_", "NVIDIA_", "NCCL_", "ROCR_", "HIP_")
"""What a trainer sees of our environment, or a node's; the rest it gets from `Confinement.environment`."""

EXIT_NOT_CONFINED = 77

_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_RDONLY, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x1, 0x1000, 0x4000, 0x40000
_NO_NEW_PRIVS = 38
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_NOBODY = 65534


@dataclass(frozen=True)
class Confinement:
    """`launch.json`."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    network: bool
    memory_bytes: int | None = None  # of address space; CUDA reserves more than there is, so not with it
    file_bytes: int | None = None  # of one file
    processes: int | None = None  # beside those that the user has
    hidden: tuple[str, ...] = ()  # folders and files that are found empty
    strict: bool = False  # foreign code: no start without namespaces

    def write(self, path: Path) -> None:
        write_whole(path, asdict(self))


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a trainer gets."""
    return {
        name: value for name, value in environment.items() if name in KEPT or name.startswith(KEPT_PREFIXES)
    }


def has_cuda() -> bool:
    return Path("/dev/nvidiactl").exists()


def limit(launch: Confinement) -> None:
    if launch.file_bytes is not None:
        _limit(resource.RLIMIT_FSIZE, launch.file_bytes)
    if launch.processes is not None and sys.platform == "linux":  # elsewhere they cannot be counted so
        _limit(resource.RLIMIT_NPROC, _threads_of_user() + launch.processes)
    if launch.memory_bytes is not None and not has_cuda():
        _limit(resource.RLIMIT_AS, launch.memory_bytes)


def separate(*, network: bool, hidden: tuple[str, ...]) -> None:
    """Enter namespaces of our own. Raises OSError where the kernel refuses, with nothing changed."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.unshare, _NEWUSER | _NEWNS | (0 if network else _NEWNET))
    # The same user outside. Inside never 0, whose programs would get all capabilities of the namespace.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user or _NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group or _NOBODY} {group} 1")
    _call(libc.mount, None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    for path in map(Path, hidden):
        if path.is_dir():
            _call(libc.mount, b"none", bytes(path), b"tmpfs", _MS_RDONLY, None)
        elif path.exists():
            _call(libc.mount, b"/dev/null", bytes(path), None, _MS_BIND, None)
    if not network:
        # Several processes of one training meet there, and wandb's two.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def can_separate() -> bool:
    """Whether this kernel lets this user. In a child, as it cannot be undone."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            separate(network=False, hidden=())
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def main(path: str) -> int:
    """Becomes the trainer, so it returns only the exit status of `--can` or of a refusal."""
    if path == "--can":
        return 0 if sys.platform == "linux" and can_separate() else 1
    found = json.loads(Path(path).read_text())
    launch = Confinement(**found | {"argv": tuple(found["argv"]), "hidden": tuple(found["hidden"])})
    environment = allowed(os.environ) | dict(launch.environment)
    if sys.platform == "linux" and can_separate():
        separate(network=launch.network, hidden=launch.hidden)
    elif launch.strict:
        print(
            "no namespaces here, without which foreign reward code does not run: use docker", file=sys.stderr
        )
        return EXIT_NOT_CONFINED
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    limit(launch)
    os.execvpe(launch.argv[0], launch.argv, environment)  # noqa: S606 (our own command line)
    raise AssertionError


def _limit(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (most, most))


def _threads_of_user() -> int:
    """The kernel counts threads, not processes."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if process.stat().st_uid == os.getuid():
                found += sum(1 for _ in (process / "task").iterdir())
    return found


def _call(function: object, *arguments: object) -> None:
    assert callable(function)
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
