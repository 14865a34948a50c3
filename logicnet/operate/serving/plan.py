"""Plan: one model on one machine, with the flags to start vLLM with; or why it does not fit."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from logicnet.operate.serving.catalogue import Model, Precision
from logicnet.operate.serving.gpus import Device, Machine, cpu_speed, speed_of
from logicnet.operate.serving.memory import (
    BLOCK_TOKENS,
    CPU_BLOCK_TOKENS,
    GIB,
    THINKING,
    Throughput,
    Workload,
    batched_tokens,
    estimate,
    kv_tokens,
    overhead_bytes,
    weights_bytes,
)
from logicnet.scoring.incentive import LOOP_S
from logicnet.volume.advice import safe_volume

_RESERVE_BYTES = int(1.25 * GIB)
_MOST_UTILISATION = 0.95
"""Left outside vLLM's share: CUDA graphs of a vLLM before 0.21, a desktop, the driver; 1.25 GiB or 5 %."""

_CONTEXT = 8192
_CONTEXT_THINKING = 16384
_LEAST_CONTEXT = 2048
"""Tokens of --max-model-len: a question and its answer take 1,000 to 3,000, up to 10,000 with thinking."""

ENOUGH_AT_ONCE = 8
"""Challenges at once. Validators ask in batches: a precision with fewer gives way to a smaller one."""

_LEAST_CAPABILITY: Mapping[Precision, float] = {
    "full": 7.0,
    "fp8": 7.5,
    "awq": 7.5,
    "gptq": 7.5,
    "mxfp4": 8.0,
}
"""CUDA's compute capability that vLLM 0.32 asks for (get_min_capability of each quantisation)."""

_BFLOAT16_CAPABILITY = 8.0

_CPU_SHARE = 0.5  # of the machine's memory for weights and cache; the rest is the miner's and the system's
_CPU_MOST_KV_GIB = 40


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """The model fits. vLLM loads `checkpoint` on `gpus` GPUs for each replica, each with `kv_tokens`."""

    model: Model
    machine: Machine
    precision: Precision
    checkpoint: str
    gpus: int
    replicas: int
    utilisation: float
    context: int
    weights_bytes: int
    overhead_bytes: int
    kv_tokens: int
    throughput: Throughput

    @property
    def environment(self) -> Mapping[str, str]:
        return self.machine.environment

    @property
    def at_once(self) -> int:
        return self.throughput.at_once * self.replicas

    @property
    def per_interval(self) -> int:
        return self.throughput.per_interval * self.replicas

    @property
    def volume(self) -> int:
        """The safe capacity in 600 s: less than it could answer, because validators ask in bursts."""
        return safe_volume(self.at_once, self.at_once * LOOP_S / self.per_interval)

    @property
    def dtype(self) -> str:
        capability = self.machine.devices[0].capability
        old = capability is not None and capability < _BFLOAT16_CAPABILITY
        return "float16" if old or self.precision == "awq" else "bfloat16"

    def flags(self) -> list[str]:
        """Words after `vllm serve CHECKPOINT`: pairs of a flag and its value."""
        words = ["--dtype", self.dtype, "--max-model-len", str(self.context)]
        words += ["--max-num-seqs", str(self.sequences)]
        if self.machine.is_cpu:
            return words
        words += ["--gpu-memory-utilization", f"{self.utilisation:.2f}"]
        if self.precision in ("fp8", "awq"):
            words += ["--quantization", "fp8" if self.precision == "fp8" else "awq_marlin"]
        if self.gpus > 1:
            words += ["--tensor-parallel-size", str(self.gpus)]
        if self.replicas > 1:
            words += ["--data-parallel-size", str(self.replicas)]
        return words

    @property
    def sequences(self) -> int:
        """For --max-num-seqs: the texts expected at once, and room for conclusions and probes."""
        return min(256, max(8, math.ceil(self.throughput.sequences * 1.25 / 8) * 8))


@dataclass(frozen=True, slots=True)
class Misfit:
    """The model does not fit, and why in one line."""

    model: Model
    machine: Machine
    reason: str

    def __str__(self) -> str:
        return f"{self.model.name} does not fit on {self.machine}: {self.reason}"


def plan(model: Model, machine: Machine, load: Workload | None = None) -> ServingPlan | Misfit:
    """The best way to serve `model` on `machine`.

    The highest precision that answers eight challenges at once, on as few GPUs as it needs; if none does,
    the one that answers most.
    """
    load = load or (THINKING if model.thinks else Workload())
    if not model.answers:
        why = "is not tuned to answer and has no chat template, so vLLM refuses chats with it"
        return Misfit(model, machine, why)
    if model.vllm_until is not None:
        return Misfit(model, machine, f"is not served by vLLM any more: until {model.vllm_until}")
    tried = list(_ways(model, machine, load))
    fits = [one for one in tried if isinstance(one, ServingPlan)]
    enough = next((one for one in fits if one.at_once >= ENOUGH_AT_ONCE), None)
    best = enough or max(fits, key=lambda one: one.at_once, default=None)
    if best is not None:
        return best
    unknown = model.stored == "full" and model.awq is None and not machine.is_cpu
    return Misfit(model, machine, f"{tried[-1]}{'; no 4-bit checkpoint of it is known' if unknown else ''}")


def _ways(model: Model, machine: Machine, load: Workload) -> Iterator[ServingPlan | str]:
    """Plans, or reasons against them, the best precision first."""
    if machine.is_cpu:
        yield _on_cpu(model, machine, load)
        return
    capability = machine.devices[0].capability
    for precision, checkpoint in _precisions(model):
        least = _LEAST_CAPABILITY[precision]
        if capability is not None and capability < least:
            yield f"{precision} needs CUDA capability {least}, this GPU has {capability}"
            continue
        for gpus in (count for count in (1, 2, 4, 8) if count <= len(machine.devices)):
            if model.heads % gpus:
                yield f"its {model.heads} heads cannot be divided among {gpus} GPUs"
            elif model.kv_heads % gpus and gpus % model.kv_heads:
                yield f"its {model.kv_heads} KV heads cannot be divided among {gpus} GPUs"
            else:
                yield _on_gpus(model, machine, precision, checkpoint, gpus=gpus, load=load)


def _precisions(model: Model) -> Sequence[tuple[Precision, str]]:
    if model.stored != "full":
        return [(model.stored, model.name)]
    ways: list[tuple[Precision, str]] = [("full", model.name), ("fp8", model.name)]
    return [*ways, ("awq", model.awq)] if model.awq else ways


def utilisation(gpu: Device) -> float:
    """--gpu-memory-utilization for a GPU: the share of all its memory that vLLM may take."""
    share = min(_MOST_UTILISATION, 1 - _RESERVE_BYTES / gpu.total_bytes)
    if gpu.free_bytes is not None:  # vLLM refuses to start with less free memory than its share
        share = min(share, gpu.free_bytes / gpu.total_bytes - 0.01)
    return max(0.0, math.floor(share * 100) / 100)


def _on_gpus(
    model: Model, machine: Machine, precision: Precision, checkpoint: str, *, gpus: int, load: Workload
) -> ServingPlan | str:
    gpu = machine.devices[0]
    share = utilisation(gpu)
    weights = weights_bytes(model, precision, gpus)
    batched = batched_tokens(gpu.name, gpu.total_bytes)
    overhead = overhead_bytes(model, batched_tokens=batched, gpus=gpus)
    left = gpu.total_bytes * share - weights - overhead
    place = f"{gpus} GPUs" if gpus > 1 else "one GPU"
    if left <= 0:
        return (
            f"at {_BITS[precision]} it takes {(weights + overhead) / GIB:.1f} GiB on {place} before any "
            f"KV cache, and vLLM gets {gpu.total_bytes * share / GIB:.1f}"
        )
    tokens = kv_tokens(model, left, gpus=gpus, block=BLOCK_TOKENS)
    context = _context(model, tokens)
    if context is None:
        return (
            f"at {_BITS[precision]} {tokens:,} tokens of KV cache are left on {place}, too few for one text"
        )
    rate = estimate(model, weights, tokens, speed_of(gpu.name, gpu.total_bytes), load, gpus=gpus)
    if not rate.at_once:
        return _no_challenge(precision, tokens, rate, load)
    replicas = len(machine.devices) // gpus
    return ServingPlan(
        model, machine, precision, checkpoint, gpus, replicas, share, context, weights, overhead, tokens, rate
    )


def _on_cpu(model: Model, machine: Machine, load: Workload) -> ServingPlan | str:
    if model.stored != "full":
        return f"its weights are {model.stored}, which we do not plan for a CPU"
    half = machine.devices[0].total_bytes * _CPU_SHARE
    weights = weights_bytes(model, "full")
    room = half - weights
    if room < GIB:  # VLLM_CPU_KVCACHE_SPACE counts in whole GiB
        return (
            f"its weights take {weights / GIB:.1f} GiB, and half of this machine's memory is "
            f"{half / GIB:.1f} GiB"
        )
    speed = cpu_speed(machine.cores or 1)
    for space in range(1, int(min(_CPU_MOST_KV_GIB, room // GIB)) + 1):  # no more than can be used
        tokens = kv_tokens(model, space * GIB, block=CPU_BLOCK_TOKENS)
        rate = estimate(model, weights, tokens, speed, load)
        context = _context(model, tokens)
        if rate.sequences and context is not None and (rate.at_once + 1) * load.tokens <= tokens:
            break
    if context is None or not rate.at_once:
        return _no_challenge("full", tokens, rate, load)
    machine = replace(machine, environment={"VLLM_CPU_KVCACHE_SPACE": str(space)})
    return ServingPlan(model, machine, "full", model.name, 1, 1, 0.0, context, weights, 0, tokens, rate)


def _context(model: Model, tokens: int) -> int | None:
    """--max-model-len, in whole blocks of a CPU; None if no challenge fits."""
    wanted = _CONTEXT_THINKING if model.thinks else _CONTEXT
    found = min(wanted, model.context, tokens) // CPU_BLOCK_TOKENS * CPU_BLOCK_TOKENS
    return found if found >= min(_LEAST_CONTEXT, model.context) else None


def _no_challenge(precision: Precision, tokens: int, rate: Throughput, load: Workload) -> str:
    if tokens < load.tokens:
        return (
            f"at {_BITS[precision]} {tokens:,} tokens of KV cache are left, and one challenge takes "
            f"{load.tokens:,}"
        )
    return (
        f"too slow here: {rate.tokens_per_s:.1f} tokens/s for each text, and a challenge needs "
        f"{load.written} within {load.within_s:.0f} s"
    )


_BITS = {"full": "16 bits", "fp8": "8 bits", "awq": "4 bits (AWQ)", "gptq": "gptq", "mxfp4": "mxfp4"}
