"""Where a job is computed: device, number type, threads."""

import importlib
import resource
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from logicnet.tuning.train.memory import memory
from logicnet.tuning.train.running import Ended

TINY = 10_000_000
"""Parameters below which threads wait for each other longer than they compute."""


def choose_device(asked: str | None) -> str:
    """`cuda` or `cpu`. Raises Ended if the job asks for a device that is not here."""
    if asked is not None and asked != "cpu" and not asked.startswith("cuda"):
        raise Ended("failed", f"device {asked!r} is not known: use cpu, cuda or cuda:N")
    if asked is not None and asked.startswith("cuda") and not torch.cuda.is_available():
        raise Ended(
            "failed", f"device {asked}: PyTorch sees no CUDA device; use --device cpu, or see nvidia-smi"
        )
    return "cpu" if asked == "cpu" or not torch.cuda.is_available() else "cuda"


def choose_dtype(device: str) -> torch.dtype:
    """bfloat16 where the processor computes with it: 1.4 x faster than float32 on such a CPU (measured)."""
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if _cpu_has_bf16() else torch.float32


def _cpu_has_bf16() -> bool:
    try:
        words = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(words)


def choose_threads(parameters: int, step: Callable[[], None]) -> int:
    """Set the faster number of threads: one, or all that PyTorch found. Runs `step` up to 4 times."""
    most = torch.get_num_threads()
    best = 1
    if most > 1 and parameters >= TINY:
        taken = {}
        for threads in (most, 1):
            torch.set_num_threads(threads)
            step()  # warms caches up
            begun = time.perf_counter()
            step()
            taken[threads] = time.perf_counter() - begun
        best = min(taken, key=lambda threads: taken[threads])
    torch.set_num_threads(best)
    return best


def free_memory(device: str) -> int:
    """Bytes that this process may still take on the device."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    found = memory()
    free = int(psutil.virtual_memory().available) if found is None else found.available
    here = psutil.Process().memory_info()
    for which, taken in ((resource.RLIMIT_AS, here.vms), (resource.RLIMIT_DATA, getattr(here, "data", 0))):
        limit = resource.getrlimit(which)[0]
        if limit != resource.RLIM_INFINITY:
            free = min(free, limit - taken)
    return max(0, free)


def load(device: str) -> dict[str, float | None]:
    """What the event `step` says of the machine: shares from 0 to 1 of memory and of the GPU's time.

    Of a GPU's memory counts what tensors took at most, not what PyTorch keeps beside for later.
    """
    if device != "cuda":
        found = memory()
        return {"memory": None if found is None else found.used, "gpu": None}
    free, total = torch.cuda.mem_get_info()
    kept = torch.cuda.memory_reserved() - torch.cuda.max_memory_allocated()
    return {"memory": (total - free - kept) / total, "gpu": _gpu_busy()}


def _gpu_busy() -> float | None:
    """The share of its time that the GPU was busy of late; None if NVML does not say."""
    try:
        pynvml = importlib.import_module("pynvml")
        return float(torch.cuda.utilization()) / 100
    except (ImportError, RuntimeError):
        return None
    except pynvml.NVMLError:
        return None


def peak_memory(device: str) -> int:
    """The most bytes that this process ever held on the device."""
    if device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB on Linux
