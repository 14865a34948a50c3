"""What the GPUs do now: use, memory and heat, as NVML tells."""

from dataclasses import dataclass
from typing import Any

from logicnet.operate.serving.gpus import NoGpu, nvml_session

_SLOWED = {
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
"""NVML's nvmlClocksThrottleReason..., but those of an idle GPU and of a power limit that was set."""


@dataclass(frozen=True, slots=True)
class GpuLoad:
    """A GPU now. What it does not report is None; with `error` nothing is known of it."""

    index: int
    name: str = ""
    busy: float | None = None  # share of the last second in which it computed, 0..1
    used_bytes: int | None = None
    total_bytes: int | None = None
    degrees: int | None = None  # Celsius
    slowed: tuple[str, ...] = ()  # why it runs slower than it could
    error: str = ""


def heat(nvml: Any, handle: Any) -> tuple[int, tuple[str, ...]] | None:
    """Degrees Celsius, and why it slows itself down; None where it reports neither, as some virtual GPUs."""
    try:
        degrees = nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
        reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    except nvml.NVMLError:
        return None
    return degrees, tuple(words for bit, words in _SLOWED.items() if reasons & bit)


def gpu_loads(nvml: Any = None) -> tuple[GpuLoad, ...]:
    """Of all GPUs of this machine; empty without a driver. Blocks. `nvml` replaces the module pynvml."""
    try:
        with nvml_session(nvml) as session:
            try:
                count = session.nvmlDeviceGetCount()
            except session.NVMLError:
                return ()
            return tuple(_load(session, index) for index in range(count))
    except NoGpu:
        return ()


def _load(nvml: Any, index: int) -> GpuLoad:
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        name, memory = nvml.nvmlDeviceGetName(handle), nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError as error:
        return GpuLoad(index, error=str(error))
    try:
        busy = nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    except nvml.NVMLError:  # a part of a GPU (MIG) does not say
        busy = None
    degrees, slowed = heat(nvml, handle) or (None, ())
    return GpuLoad(index, name, busy, memory.total - memory.free, memory.total, degrees, slowed)
