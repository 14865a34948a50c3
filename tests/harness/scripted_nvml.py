"""NVML as the module pynvml shows it, for gpus that this machine does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

GIB = 1 << 30


class NVMLError(Exception):
    pass


@dataclass(frozen=True)
class ScriptedGpu:
    """`broken` is what NVML says instead of anything about it; `holders` are processes that hold memory."""

    name: str = "NVIDIA GeForce RTX 4090"
    total_gib: float = 24.0
    free_gib: float = 23.5
    capability: tuple[int, int] | None = (8, 9)
    broken: str | None = None
    holders: tuple[int, ...] = ()
    degrees: int = 60
    slowed: int = 0  # NVML's bits of reasons
    busy: int | None = 0  # percent


class ScriptedNvml:
    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU = 0
    driver, cuda = "570.86.15", 12080

    def __init__(self, gpus: Sequence[ScriptedGpu] = (), *, broken: str | None = None) -> None:
        self.gpus = list(gpus)
        self.broken = broken
        self.open = 0

    def nvmlInit(self) -> None:
        if self.broken:
            raise NVMLError(self.broken)
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> ScriptedGpu:
        gpu = self.gpus[index]
        if gpu.broken:
            raise NVMLError(gpu.broken)
        return gpu

    def nvmlDeviceGetUUID(self, gpu: ScriptedGpu) -> str:
        return f"GPU-{self.gpus.index(gpu)}"

    def nvmlDeviceGetName(self, gpu: ScriptedGpu) -> str:
        return gpu.name

    def nvmlDeviceGetMemoryInfo(self, gpu: ScriptedGpu) -> SimpleNamespace:
        return SimpleNamespace(total=int(gpu.total_gib * GIB), free=int(gpu.free_gib * GIB))

    def nvmlDeviceGetCudaComputeCapability(self, gpu: ScriptedGpu) -> tuple[int, int]:
        if gpu.capability is None:
            raise NVMLError("Not Supported")
        return gpu.capability

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: ScriptedGpu) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=GIB) for pid in gpu.holders]

    def nvmlDeviceGetTemperature(self, gpu: ScriptedGpu, sensor: int) -> int:
        return gpu.degrees

    def nvmlDeviceGetUtilizationRates(self, gpu: ScriptedGpu) -> SimpleNamespace:
        if gpu.busy is None:
            raise NVMLError("Not Supported")
        return SimpleNamespace(gpu=gpu.busy, memory=1)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, gpu: ScriptedGpu) -> int:
        return gpu.slowed

    def nvmlSystemGetDriverVersion(self) -> str:
        return self.driver

    def nvmlSystemGetCudaDriverVersion(self) -> int:
        return self.cuda
