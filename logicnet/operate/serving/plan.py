"""Plan: one model on one machine, with the flags to start vLLM with; or why it does not fit."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from logicnet.operate.serving.answers import UNKNOWN, Workload, correctness, expected_reward, workload
from logicnet.operate.serving.catalogue import Model, Precision
from logicnet.operate.serving.gpus import Device, Machine, cpu_speed, speed_of
from logicnet.operate.serving.memory import (
    BLOCK_TOKENS,
    CPU_BLOCK_TOKENS,
    GIB,
    MOST_SEQUENCES,
    Throughput,
    batched_tokens,
    kept_tokens,
    kv_tokens,
    overhead_bytes,
    sustained_loads,
    throughput,
    weights_bytes,
)
from logicnet.scoring.incentive import LANES, LOOP_S
from logicnet.volume.advice import safe_volume

_RESERVE_BYTES = int(1.25 * GIB)
_MOST_UTILISATION = 0.95
"""Left outside vLLM's share: CUDA graphs of a vLLM before 0.21, a desktop, the driver; 1.25 GiB or 5 %."""

_CONTEXT = 8192
_CONTEXT_THINKING = 16384
_LEAST_CONTEXT = 2048
"""Tokens of --max-model-len: a question and its answer take 1,000 to 3,000, up to 10,000 with thinking."""

_LEAST_CAPABILITY: Mapping[Precision, float] = {
    **{"full": 7.0, "fp8": 7.5, "awq": 7.5, "gptq": 7.5, "mxfp4": 8.0, "compressed-tensors": 7.0}
}
"""CUDA's compute capability that vLLM 0.32 asks for (get_min_capability of each quantisation)."""

_BFLOAT16_CAPABILITY = 8.0

ESTIMATE_MARGIN = 0.02
"""Of the reward: plans that rest on an estimate rank so much lower. A near tie goes to published figures."""

_CPU_SHARE = 0.5  # of the machine's memory for weights and cache; the rest is the miner's and the system's
_CPU_MOST_KV_GIB = 40


@dataclass(frozen=True, slots=True)
class Layout:
    """How GPUs are shared out. `servers`: vLLMs side by side, each with an equal part of the machine.

    Of each part, `tensor` GPUs share a model and one vLLM has `data` copies of it; None: as earns most.
    `hosts`: one vLLM takes so many machines, by Ray, and divides the model's layers among them.
    """

    servers: int = 1
    tensor: int | None = None
    data: int | None = None
    hosts: int = 1


_ALL = Layout()


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """The model fits. vLLM loads `checkpoint` on `gpus` GPUs for each replica, each with `kv_tokens`.

    `parts` are the machine's, one for each of several vLLMs; `machine` is then the first of them.
    `throughput` is that of the most challenges at once that it sustains. `right` and `seconds` are those of
    the usual load: one validator's burst, and what others have under way on average.
    """

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
    load: Workload
    throughput: Throughput
    right: float
    seconds: float
    parts: Sequence[Machine] = ()
    hosts: int = 1

    @property
    def copies(self) -> int:
        """Of the model, in all vLLMs."""
        return self.replicas * max(1, len(self.parts))

    @property
    def read_bytes(self) -> int:
        """Of weights, at the speed of one GPU, in a step: a token passes one host after the other."""
        return self.weights_bytes * self.hosts

    @property
    def environment(self) -> Mapping[str, str]:
        return self.machine.environment

    @property
    def thinks(self) -> bool:
        return self.load.thinks

    @property
    def at_once(self) -> int:
        return self.throughput.at_once * self.copies

    @property
    def per_interval(self) -> int:
        return int(self.at_once * LOOP_S / self.throughput.seconds)

    @property
    def volume(self) -> int:
        """The safe capacity in 600 s: less than it could answer, because validators ask in bursts."""
        return safe_volume(self.at_once, self.throughput.seconds)

    @property
    def reward(self) -> float:
        """What an answer is expected to earn, the volume factor included."""
        return expected_reward(self.right, self.seconds, self.volume)

    @property
    def estimated(self) -> bool:
        """Whether an accuracy that `right` rests on, or the length of a text, is estimated."""
        accuracy = self.model.accuracy(self.thinks)
        return accuracy is not None and bool(accuracy.estimated)

    @property
    def rank_reward(self) -> float:
        """By which plans are ranked: `reward`, less ESTIMATE_MARGIN where a figure is estimated."""
        return self.reward - (ESTIMATE_MARGIN if self.estimated else 0.0)

    @property
    def known(self) -> bool:
        """Whether accuracies of the model are known; else `right` and `reward` only compare its own plans."""
        return self.model.accuracy(self.thinks) is not None

    @property
    def dtype(self) -> str:
        return "bfloat16" if _has_bfloat16(self.machine) and self.precision != "awq" else "float16"

    def flags(self) -> list[str]:
        """Words after `vllm serve CHECKPOINT`: pairs of a flag and its value."""
        words = ["--dtype", self.dtype, "--max-model-len", str(self.context)]
        words += ["--max-num-seqs", str(self.sequences)]
        if self.model.thinks and not self.thinks:
            words += ["--default-chat-template-kwargs.enable_thinking", "false"]
        if self.machine.is_cpu:
            return words
        words += ["--gpu-memory-utilization", f"{self.utilisation:.2f}"]
        if self.precision in ("fp8", "awq"):  # vLLM knows by itself what a checkpoint is stored in
            words += ["--quantization", "fp8" if self.precision == "fp8" else "awq_marlin"]
        if self.gpus > 1:
            words += ["--tensor-parallel-size", str(self.gpus)]
        if self.replicas > 1:
            words += ["--data-parallel-size", str(self.replicas)]
        if self.hosts > 1:
            words += ["--pipeline-parallel-size", str(self.hosts), "--distributed-executor-backend", "ray"]
        return words

    @property
    def sequences(self) -> int:
        """For --max-num-seqs: the texts expected at once, and room for conclusions and probes."""
        return min(
            MOST_SEQUENCES, max(8, math.ceil(self.throughput.at_once * self.load.texts * 1.25 / 8) * 8)
        )


@dataclass(frozen=True, slots=True)
class Misfit:
    """The model does not fit, and why in one line."""

    model: Model
    machine: Machine
    reason: str

    def __str__(self) -> str:
        return f"{self.model.name} does not fit on {self.machine}: {self.reason}"


def plan(model: Model, machine: Machine, layout: Layout = _ALL) -> ServingPlan | Misfit:
    """The way to serve `model` on `machine` that is expected to earn most.

    Ways differ in thinking, in precision, and in the number of GPUs that share the model, where `layout`
    leaves that open. Raises SettingsError if the machine cannot be shared out among `layout.servers`.
    """
    if not model.answers:
        why = "is not tuned to answer and has no chat template, so vLLM refuses chats with it"
        return Misfit(model, machine, why)
    if model.vllm_until is not None:
        return Misfit(model, machine, f"is not served by vLLM any more: until {model.vllm_until}")
    if not (model.float16 or _has_bfloat16(machine)):
        why = f"needs bfloat16, so CUDA capability {_BFLOAT16_CAPABILITY}: vLLM refuses it in float16"
        return Misfit(model, machine, why)
    parts = machine.parts(layout.servers)
    loads = [workload(model, thinks=thinks) for thinks in model.modes]
    tried = [way for load in loads for way in _ways(model, parts, load, layout)]
    fits = [one for one in tried if isinstance(one, ServingPlan)]
    if fits:
        return max(fits, key=lambda one: one.rank_reward)
    unknown = model.stored == "full" and model.awq is None and not machine.is_cpu
    return Misfit(model, machine, f"{tried[-1]}{'; no 4-bit checkpoint of it is known' if unknown else ''}")


def _has_bfloat16(machine: Machine) -> bool:
    capability = machine.devices[0].capability
    return capability is None or capability >= _BFLOAT16_CAPABILITY


def _ways(
    model: Model, parts: Sequence[Machine], load: Workload, layout: Layout
) -> Iterator[ServingPlan | str]:
    """Plans, or reasons against them, the best precision first."""
    machine = parts[0]
    if machine.is_cpu:
        if max(layout.tensor or 1, layout.data or 1, layout.hosts) > 1:
            yield "only GPUs are planned to share a model; a CPU is shared out by --replicas"
            return
        yield from _on_cpu(model, parts, load)
        return
    there = len(machine.devices)
    wanted = (layout.tensor or 1) * (layout.data or 1)
    if wanted > there:
        yield f"it would take {wanted} GPUs for each vLLM, and there are {there}"
        return
    counts = (layout.tensor,) if layout.tensor else (there,) if layout.hosts > 1 else (1, 2, 4, 8)
    capability = machine.devices[0].capability
    for precision, checkpoint in _precisions(model):
        least = _LEAST_CAPABILITY[precision]
        if capability is not None and capability < least:
            yield f"{precision} needs CUDA capability {least}, this GPU has {capability}"
            continue
        for gpus in (count for count in counts if count * (layout.data or 1) <= there):
            if model.heads % gpus:
                yield f"its {model.heads} heads cannot be divided among {gpus} GPUs"
            elif model.kv_heads % gpus and gpus % model.kv_heads:
                yield f"its {model.kv_heads} KV heads cannot be divided among {gpus} GPUs"
            else:
                yield _on_gpus(model, parts, precision, checkpoint, gpus=gpus, load=load, layout=layout)


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
    model: Model,
    parts: Sequence[Machine],
    precision: Precision,
    checkpoint: str,
    *,
    gpus: int,
    load: Workload,
    layout: Layout,
) -> ServingPlan | str:
    machine, hosts = parts[0], layout.hosts
    gpu = machine.devices[0]
    share = utilisation(gpu)
    weights = weights_bytes(model, precision, gpus * hosts)
    batched = batched_tokens(gpu.name, gpu.total_bytes)
    overhead = overhead_bytes(model, batched_tokens=batched, gpus=gpus, capability=gpu.capability)
    left = gpu.total_bytes * share - weights - overhead
    place = f"{gpus * hosts} GPUs" if gpus * hosts > 1 else "one GPU"
    if left <= 0:
        return (
            f"at {_BITS[precision]} it takes {(weights + overhead) / GIB:.1f} GiB on {place} before any "
            f"KV cache, and vLLM gets {gpu.total_bytes * share / GIB:.1f}"
        )
    tokens = kv_tokens(model, left * hosts, gpus=gpus, block=BLOCK_TOKENS)  # each host has its layers' alone
    speed = speed_of(gpu.name, gpu.total_bytes)
    replicas = layout.data or (len(machine.devices) // gpus if hosts == 1 else 1)
    found = ServingPlan(
        *(model, machine, precision, checkpoint, gpus, replicas, share),
        *(_context(model, load, tokens), weights, overhead, tokens, load),
        *(throughput(model, weights * hosts, 1, speed, load, gpus=gpus), 0.0, 0.0),
        *(parts if len(parts) > 1 else (), hosts),
    )
    return _best_load(found, speed)


def _on_cpu(model: Model, parts: Sequence[Machine], load: Workload) -> Iterator[ServingPlan | str]:
    machine = parts[0]
    if model.stored != "full":
        yield f"its weights are {model.stored}, which we do not plan for a CPU"
        return
    half = machine.devices[0].total_bytes * _CPU_SHARE
    weights = weights_bytes(model, "full")
    room = half - weights
    if room < GIB:  # VLLM_CPU_KVCACHE_SPACE counts in whole GiB
        yield (
            f"its weights take {weights / GIB:.1f} GiB, and half of this machine's memory is "
            f"{half / GIB:.1f} GiB"
        )
    speed = cpu_speed(machine.cores or 1, machine.share)
    for space in range(1, int(min(_CPU_MOST_KV_GIB, room // GIB)) + 1):
        tokens = kv_tokens(model, space * GIB, block=CPU_BLOCK_TOKENS)
        there = replace(machine, environment={**machine.environment, "VLLM_CPU_KVCACHE_SPACE": str(space)})
        found = ServingPlan(
            *(model, there, "full", model.name, 1, 1, 0.0, _context(model, load, tokens), weights, 0, tokens),
            *(load, throughput(model, weights, 1, speed, load), 0.0, 0.0),
            *(parts if len(parts) > 1 else (),),
        )
        yield _best_load(found, speed)


def _best_load(one: ServingPlan, speed: tuple[float, float]) -> ServingPlan | str:
    """The plan, at the number of challenges at once that is expected to earn most."""
    tokens, load = one.kv_tokens, one.load
    if one.context < min(_LEAST_CONTEXT, one.model.context):
        return f"at {_BITS[one.precision]} {tokens:,} tokens of KV cache are left, too few for one text"
    sustained = list(sustained_loads(one.model, one.read_bytes, tokens, speed, load, gpus=one.gpus))
    if not sustained:
        least = kept_tokens(one.model, load, one.throughput.written)
        if tokens < least:
            return (
                f"at {_BITS[one.precision]} {tokens:,} tokens of KV cache are left, and one challenge takes "
                f"{least:,.0f}"
            )
        return (
            f"too slow here: {one.throughput.tokens_per_s:.1f} tokens/s for each text, and a text has "
            f"{load.written(load.tokens * 100):.0f} tokens, to be written within {load.within_s:.0f} s"
        )
    return max((_at(one, found, speed) for found in sustained), key=lambda each: each.reward)


def _at(one: ServingPlan, found: Throughput, speed: tuple[float, float]) -> ServingPlan:
    """The plan that sustains `found`, with accuracy and seconds of the usual load.

    That is the burst of one validator, whatever volume it was told, and what others have under way on
    average. Of a burst that is more than can be kept at once, the rest waits.
    """
    under_way = safe_volume(found.at_once * one.copies, found.seconds) * found.seconds / LOOP_S
    usual = math.ceil((LANES + under_way) / one.copies)
    kept = min(usual, found.at_once)
    there = throughput(one.model, one.read_bytes, kept, speed, one.load, gpus=one.gpus)
    tokens_per_s = there.tokens_per_s * kept / usual
    budget = one.load.budget(tokens_per_s)
    accuracy = one.model.accuracy(one.thinks) or UNKNOWN
    right = correctness(accuracy, one.precision, one.load, budget)
    return replace(one, throughput=found, right=right, seconds=one.load.written(budget) / tokens_per_s)


def _context(model: Model, load: Workload, tokens: int) -> int:
    """--max-model-len, in whole blocks of a CPU."""
    wanted = _CONTEXT_THINKING if load.thinks else _CONTEXT
    return min(wanted, model.context, tokens) // CPU_BLOCK_TOKENS * CPU_BLOCK_TOKENS


_BITS: Mapping[Precision, str] = {
    **{"full": "16 bits", "fp8": "8 bits", "awq": "4 bits (AWQ)", "gptq": "gptq", "mxfp4": "mxfp4"},
    **{"compressed-tensors": "compressed-tensors"},
}
