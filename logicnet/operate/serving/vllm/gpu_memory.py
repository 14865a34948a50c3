"""Cards: do they have the memory that a vLLM will take, and if not, who holds it?"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logicnet.operate.serving.gpus import visible_indices
from logicnet.operate.serving.memory import GIB


@dataclass(frozen=True, slots=True)
class Short:
    """A card with less free memory than wanted; `holders` are its processes, as NVML tells them."""

    index: int
    free_gib: float
    wanted_gib: float
    holders: Sequence[str]

    def __str__(self) -> str:
        by = f", held by {', '.join(self.holders)}" if self.holders else ""
        free = f"{self.free_gib:.1f} of the {self.wanted_gib:.1f} GiB free that vLLM takes"
        return f"GPU {self.index} has {free}{by}"


def nvml() -> Any | None:
    """The module pynvml, if there are cards that it can see."""
    try:
        module = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        module.nvmlInit()
    except module.NVMLError:
        return None
    module.nvmlShutdown()
    return module


def short(module: Any, utilisation: float, count: int, visible: str | None = None) -> Sequence[Short]:
    """Of the first `count` cards those with less than `utilisation` of their memory free.

    `visible` is CUDA_VISIBLE_DEVICES; where it names cards otherwise than by number, all are looked at.
    A card that cannot be read is left out, and so are all where the driver does not answer: vLLM will say
    what is wrong with them.
    """
    try:
        module.nvmlInit()
    except module.NVMLError:
        return []
    try:
        found = []
        for index in visible_indices(visible, module.nvmlDeviceGetCount())[:count]:
            try:
                handle = module.nvmlDeviceGetHandleByIndex(index)
                memory = module.nvmlDeviceGetMemoryInfo(handle)
                wanted = memory.total * utilisation
                if memory.free < wanted:
                    found.append(Short(index, memory.free / GIB, wanted / GIB, _holders(module, handle)))
            except module.NVMLError:
                continue
        return found
    except module.NVMLError:
        return []
    finally:
        module.nvmlShutdown()


def _holders(module: Any, handle: Any) -> Sequence[str]:
    """Nobody where that is not told, as in some containers."""
    try:
        return [_named(one) for one in module.nvmlDeviceGetComputeRunningProcesses(handle)]
    except module.NVMLError:
        return []


def _named(process: Any) -> str:
    try:
        name = Path(f"/proc/{process.pid}/comm").read_text().strip()
    except OSError:  # of another container, or just ended
        name = "unknown"
    held = process.usedGpuMemory
    return f"process {process.pid} ({name}{'' if held is None else f', {held / GIB:.1f} GiB'})"
