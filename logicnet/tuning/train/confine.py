"""Start a trainer confined: `PYTHON -I confine.py FOLDER/launch.json` becomes the trainer.

`confine.py --can` exits with 0 if namespaces are to be had here.

The environment is reduced to an allow-list. Where the kernel lets us, the process gets namespaces of its
own, in which it has no network but a loopback of its own and no capabilities, and finds folders such as the
wallet's empty. Memory, file size and processes are limited. It keeps its user, so that elsewhere it reads and
writes what its user may.

Only the standard library: it runs in the trainer's environment, on any node of a cluster.
"""

import contextlib
import json
import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

if __name__ == "__main__":  # run by its path, before the package can be imported
    sys.path.insert(0, str(Path(__file__).parents[3]))

from logicnet._util import confine
from logicnet.tuning.train.jobfile import write_json
from logicnet.tuning.train.memory import memory

KEPT = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "WANDB_API_KEY"})
KEPT_PREFIXES = ("CUDA_", "NVIDIA_", "NCCL_", "ROCR_", "HIP_")
"""What a trainer sees of our environment, or a node's; the rest it gets from `Confinement.environment`."""

EXIT_NOT_CONFINED = 77

LEAST_DATA_BYTES = 2 << 30
"""Also where less is free, for libraries alone."""


@dataclass(frozen=True)
class Confinement:
    """`launch.json`."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    network: bool
    memory_bytes: int | None = None  # of address space; CUDA reserves more than there is, so not with it
    mapped_bytes: int | None = None  # of model files; with what is free, the limit of data (no CUDA either)
    file_bytes: int | None = None  # of one file
    processes: int | None = None  # beside those that the user has
    hidden: tuple[str, ...] = ()  # folders and files that are found empty
    strict: bool = False  # foreign code: no start without namespaces

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a trainer gets."""
    return {
        name: value for name, value in environment.items() if name in KEPT or name.startswith(KEPT_PREFIXES)
    }


def has_cuda() -> bool:
    return Path("/dev/nvidiactl").exists()


def limit(launch: Confinement) -> None:
    if launch.file_bytes is not None:
        confine.limit(resource.RLIMIT_FSIZE, launch.file_bytes)
    if launch.processes is not None and sys.platform == "linux":  # elsewhere they cannot be counted so
        confine.limit(resource.RLIMIT_NPROC, _threads_of_user() + launch.processes)
    if launch.memory_bytes is not None and not has_cuda():
        confine.limit(resource.RLIMIT_AS, launch.memory_bytes)
    free = memory()
    if launch.mapped_bytes is not None and free is not None and not has_cuda():
        # What is free on this node now: beyond it PyTorch says so, before the kernel kills some process.
        # Files of weights count as data while they are mapped, but their pages give way.
        confine.limit(resource.RLIMIT_DATA, max(LEAST_DATA_BYTES, free.available) + launch.mapped_bytes)


def main(path: str) -> int:
    """Becomes the trainer, so it returns only the exit status of `--can` or of a refusal."""
    if path == "--can":
        return 0 if confine.can_separate() else 1
    found = json.loads(Path(path).read_text())
    launch = Confinement(**found | {"argv": tuple(found["argv"]), "hidden": tuple(found["hidden"])})
    environment = allowed(os.environ) | dict(launch.environment)
    if confine.can_separate():
        confine.separate(network=launch.network, hidden=launch.hidden)
    elif launch.strict:
        print(
            "no namespaces here, without which foreign reward code does not run: use docker", file=sys.stderr
        )
        return EXIT_NOT_CONFINED
    if sys.platform == "linux":
        confine.gain_nothing()
    limit(launch)
    os.execvpe(launch.argv[0], launch.argv, environment)  # noqa: S606 (our own command line)
    raise AssertionError


def _threads_of_user() -> int:
    """The kernel counts threads, not processes."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if process.stat().st_uid == os.getuid():
                found += sum(1 for _ in (process / "task").iterdir())
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
