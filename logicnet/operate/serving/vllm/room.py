"""Are the port and the GPU memory free that a vLLM will take, and if not, which processes hold them?"""

import errno
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from logicnet.operate.serving.gpus import NoGpu, nvml_session, visible_indices
from logicnet.operate.serving.memory import GIB


@dataclass(frozen=True, slots=True)
class MemoryShortage:
    """A GPU with less free memory than wanted; `holders` are its processes, as NVML lists them."""

    index: int
    free_gib: float
    wanted_gib: float
    holders: Sequence[str]

    def __str__(self) -> str:
        by = f", held by {', '.join(self.holders)}" if self.holders else ""
        free = f"{self.free_gib:.1f} of the {self.wanted_gib:.1f} GiB free that vLLM takes"
        return f"GPU {self.index} has {free}{by}"


def nvml() -> Any | None:
    """The module pynvml, if it sees GPUs."""
    with suppress(NoGpu), nvml_session() as module:
        return module
    return None


def shortages(
    module: Any, utilisation: float, count: int, visible: str | None = None
) -> Sequence[MemoryShortage]:
    """Of the first `count` GPUs those with less than `utilisation` of their memory free.

    `visible` is CUDA_VISIBLE_DEVICES; where it names GPUs otherwise than by number, all are checked.
    A GPU that cannot be read is left out, and so are all if the driver does not answer: vLLM reports that.
    """
    found: list[MemoryShortage] = []
    with suppress(NoGpu, module.NVMLError), nvml_session(module):
        for index in visible_indices(visible, module.nvmlDeviceGetCount())[:count]:
            with suppress(module.NVMLError):
                handle = module.nvmlDeviceGetHandleByIndex(index)
                memory = module.nvmlDeviceGetMemoryInfo(handle)
                wanted = memory.total * utilisation
                if memory.free < wanted:
                    holders = _holders(module, handle)
                    found.append(MemoryShortage(index, memory.free / GIB, wanted / GIB, holders))
    return found


def _holders(module: Any, handle: Any) -> Sequence[str]:
    """Empty where NVML does not list them, as in some containers."""
    with suppress(module.NVMLError):
        return [_described(one) for one in module.nvmlDeviceGetComputeRunningProcesses(handle)]
    return []


def _described(process: Any) -> str:
    name = "unknown"
    with suppress(psutil.Error):  # of another container, or just ended
        name = psutil.Process(process.pid).name()
    held = process.usedGpuMemory
    return f"process {process.pid} ({name}{'' if held is None else f', {held / GIB:.1f} GiB'})"


def is_free(host: str, port: int) -> bool:
    """Whether no other server listens there; True for an address that is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as vLLM does
            probe.bind((host, port))
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    except UnicodeError:  # not a host name: vLLM will say so
        return True
    return True


def listener(port: int) -> str | None:
    """`process 123 (name)` that listens on `port`; None if it is another user's."""
    with suppress(psutil.Error):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f"process {one.pid} ({psutil.Process(one.pid).name()})"
    return None
