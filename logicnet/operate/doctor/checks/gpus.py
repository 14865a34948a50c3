"""Can the vLLM that pm2 starts here have these GPUs: driver, memory, heat?

NVML's figures. Where pm2 starts no vLLM, the GPUs are nobody's concern.
"""

from collections.abc import Iterator
from typing import Any

from logicnet.operate.doctor.context import Context, Finding, error, not_checked, ok, warning
from logicnet.operate.doctor.pm2 import VLLM, Pm2, vllm_here
from logicnet.operate.serving.gpu_load import heat
from logicnet.operate.serving.gpus import NoGpu, nvml_session, visible_indices
from logicnet.operate.serving.memory import GIB

_LEAST_CUDA = (12, 8)
"""Which CUDA the driver has to know for the wheels of vLLM and PyTorch of 2026."""

_HELD_SHARE = 0.08  # of a GPU's memory: what vLLM leaves free with its usual --gpu-memory-utilization 0.92
_HOT_C = 85  # data centre cards slow down at 87 to 90 degrees, desktop cards at 83 to 90

_SLOW = "A GPU that slows down writes fewer tokens a second: long answers come late and earn nothing."


def check(context: Context) -> Iterator[Finding]:
    served = vllm_here(context)
    if served is None or "--cpu" in served.flags:
        yield ok("pm2 starts no vLLM on GPUs here.")
        return
    try:
        with nvml_session(context.system.nvml) as nvml:
            found = list(_found(nvml, context, served.environment.get("CUDA_VISIBLE_DEVICES")))
    except NoGpu as failure:
        yield error(
            f"N{str(failure).partition(';')[0][1:]}.",
            "vLLM cannot start without its GPU, and every challenge gets an answer without a model.",
            "See `nvidia-smi`: install or reload the driver; in a container, start it with --gpus all. "
            "Without one put --cpu into SN35_VLLM_FLAGS, or SN35_VLLM=false and another server's address.",
        )
        return
    yield from found or [ok("The GPUs are free for vLLM, cool, and their driver is new enough.")]


def _found(nvml: Any, context: Context, visible: str | None) -> Iterator[Finding]:
    yield from _driver(nvml)
    ours = _family(Pm2.of(context.system).pid(VLLM), context)
    for index in visible_indices(visible, nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            name = f"GPU {index} ({nvml.nvmlDeviceGetName(handle)})"
            yield from _held(nvml, handle, name, ours)
            yield from _heat(nvml, handle, name)
        except nvml.NVMLError as failure:
            yield error(
                f"GPU {index} cannot be read ({failure}).",
                "vLLM cannot use it.",
                "See `nvidia-smi` and `dmesg`: a GPU that fell off the bus needs a restart of the machine.",
            )


def _driver(nvml: Any) -> Iterator[Finding]:
    try:
        driver, number = nvml.nvmlSystemGetDriverVersion(), nvml.nvmlSystemGetCudaDriverVersion()
    except nvml.NVMLError as failure:
        yield not_checked(f"Not checked: the driver's version cannot be read ({failure}).", "See nvidia-smi.")
        return
    cuda = number // 1000, number % 1000 // 10
    if cuda < _LEAST_CUDA:
        least = ".".join(map(str, _LEAST_CUDA))
        yield error(
            f"The driver {driver} knows CUDA {cuda[0]}.{cuda[1]}; vLLM's packages need {least}.",
            "vLLM ends at its start.",
            "Install a newer driver (on Ubuntu: sudo ubuntu-drivers install), and restart the machine.",
        )


def _held(nvml: Any, handle: Any, name: str, ours: set[int]) -> Iterator[Finding]:
    processes = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    if ours & {one.pid for one in processes}:
        return  # what is held is vLLM's, most of it
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    held = memory.total - memory.free
    if held < _HELD_SHARE * memory.total:
        return
    holders = ", ".join(str(one.pid) for one in processes) or "unknown"
    yield warning(
        f"Others hold {held / GIB:.1f} of the {memory.total / GIB:.0f} GiB of {name} (processes: {holders}).",
        "vLLM ends at its start if less is free than it takes, or keeps fewer challenges at once.",
        f"End them (ps -fp {holders.replace(', ', ',')}), or plan with what is free: logicnet plan."
        if processes
        else "See nvidia-smi for who it is (in a container it may be another container).",
    )


def _heat(nvml: Any, handle: Any, name: str) -> Iterator[Finding]:
    if (found := heat(nvml, handle)) is None:
        return
    degrees, slowed = found
    if slowed:
        yield warning(
            f"{name} slows itself down ({', '.join(slowed)}; {degrees} degrees Celsius).",
            _SLOW,
            "Improve its cooling, or lower its power limit: sudo nvidia-smi -pl WATTS.",
        )
    elif degrees >= _HOT_C:
        yield warning(f"{name} is at {degrees} degrees Celsius.", _SLOW, "Improve its cooling.")


def _family(pid: int | None, context: Context) -> set[int]:
    """pm2's vLLM and its children."""
    return {pid, *context.system.children(pid)} if pid else set()
