"""GPU memory of a model, and the speed at which it writes with it. docs/models.md explains.

Memory is in bytes, for each of `gpus` GPUs that share the model (tensor parallel). Speed is an estimate,
on the low side: one decoding step gives each running text one token. It takes as long as reading the weights
and the KV cache of every running text from memory, or as long as the arithmetic, whichever is longer.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from logicnet.operate.serving.answers import Workload
from logicnet.operate.serving.catalogue import Model, Precision
from logicnet.scoring.incentive import LANES
from logicnet.volume.advice import CUT_LIMIT

GIB = 1 << 30

_AWQ_BITS = 4 + 20 / 128
"""A group of 128 weights has a scale of 16 bits and a zero of 4 (AutoAWQ's and AutoGPTQ's format)."""

_MXFP4_BITS = 4 + 8 / 32  # A block of 32 weights has a scale of 8 bits (OCP Microscaling Formats 1.0)
_BITS = {
    **{"full": 16.0, "fp8": 8.0, "mxfp4": _MXFP4_BITS},
    **dict.fromkeys(("awq", "gptq", "compressed-tensors"), _AWQ_BITS),
}

BLOCK_TOKENS = 16
CPU_BLOCK_TOKENS = 128
"""Tokens of a block of the KV cache; a partial block is lost. vLLM 0.32's defaults."""

BATCHED_TOKENS = 2048  # Tokens of one step at most, on most GPUs
MOST_SEQUENCES = 256  # Texts at once of one vLLM: the most that a plan gives as --max-num-seqs
# The figures below that name no other source are from starts of vLLM 0.19 on H100, published by llm-d-planner
# (github.com/llm-d-incubation/llm-d-planner/pull/205). test_memory.py holds 19 of them.
CONTEXT_BYTES = int(0.3 * GIB)  # CUDA's libraries, which vLLM counts as non-torch memory: 0.24 to 0.27 GiB

GRAPHS_BYTES = int(0.8 * GIB)
"""CUDA graphs: the median of vLLM's estimates, which are 0.6 to 1.8 GiB. Counted by it since 0.21."""

LINKS_BYTES = int(0.8 * GIB)
_LINKS_HOPPER_BYTES = int(1.85 * GIB)
"""Buffers of NCCL and of vLLM's own all-reduce, on each GPU that shares a model with others: 0.8 GiB on an
RTX 4090 (github.com/vllm-project/vllm/issues/13061); 1.8 to 1.95 on an H100, where vLLM joins all-reduce and
norm."""

_FUSED_ALL_REDUCE = (9.0, 11.0)  # CUDA capabilities from, and below, which vLLM joins them: Hopper, B200

_LOGITS_COPIES_BYTES = 16
"""Per word and text: its score in 32 bits, sorted with its index, and once more to sample from. vLLM takes 15
to 16 bytes, on any number of GPUs."""


def kv_bytes_per_token(model: Model, gpus: int = 1) -> int:
    """A key and a value of 16 bits for each layer and each of its KV heads."""
    heads = math.ceil(model.kv_heads / gpus)  # fewer heads than GPUs: each GPU keeps a copy
    return 2 * 2 * model.layers * heads * model.head_size


def weights_bytes(model: Model, precision: Precision, gpus: int = 1) -> int:
    whole = 2 * model.parameters
    if model.loads_gib is not None:
        whole = model.loads_gib * GIB
        if precision == model.stored:
            return int(whole / gpus)
    kept = model.embedding_parameters
    if precision == "mxfp4":  # the experts alone are small
        kept = int(model.parameters) - model.expert_parameters
    bits = (model.bits if precision == model.stored else None) or _BITS[precision]
    return int((whole - (model.parameters - kept) * (2 - bits / 8)) / gpus)


def batched_tokens(gpu: str, gpu_bytes: int) -> int:
    """Tokens of one step at most on a GPU of that name and size: the defaults of vLLM's server (0.32)."""
    if gpu_bytes >= 160 * GIB:
        return 16_384
    return 8192 if gpu_bytes >= 70 * GIB and "A100" not in gpu else BATCHED_TOKENS


def overhead_bytes(
    model: Model,
    *,
    batched_tokens: int = BATCHED_TOKENS,
    gpus: int = 1,
    sequences: int = MOST_SEQUENCES,
    capability: float | None = None,
) -> int:
    """Memory that vLLM uses for neither weights nor KV cache, on each of `gpus` GPUs.

    The peak of one step of `batched_tokens` is its widest layer, or the scores of the whole vocabulary for
    `sequences` texts, whichever is more: the one is freed before the other. `capability` is CUDA's.
    """
    layer, kept = 3 * model.intermediate / gpus + 4 * model.hidden, 0.0
    if model.experts > 1 and model.stored != "mxfp4":  # their kernels keep what each expert reads and writes
        layer = 4 * model.hidden
        kept = model.experts_per_token * (
            max(2 * model.intermediate / gpus, model.hidden) + model.intermediate / gpus
        )
    scores = _LOGITS_COPIES_BYTES * sequences * model.vocab
    peak = 2 * batched_tokens * kept + max(2 * batched_tokens * layer, scores)
    return CONTEXT_BYTES + int(peak) + GRAPHS_BYTES + (_links_bytes(capability) if gpus > 1 else 0)


def _links_bytes(capability: float | None) -> int:
    least, below = _FUSED_ALL_REDUCE
    return _LINKS_HOPPER_BYTES if least <= (capability or 0.0) < below else LINKS_BYTES


def kv_tokens(model: Model, free_bytes: float, *, gpus: int = 1, block: int = BLOCK_TOKENS) -> int:
    """Tokens that a KV cache of `free_bytes` on each GPU holds, in whole blocks, as vLLM prints it."""
    return max(0, int(free_bytes // (kv_bytes_per_token(model, gpus) * block)) * block)


_MEMORY_SHARE = 0.7
_OPERATIONS_SHARE = 0.4
"""What decoding achieves of the figures on a data sheet."""

_STEP_S = 0.004  # Scheduling, sampling and sending, each step
_LINKED = 0.85  # of the sum of the GPUs that share a model: they wait for each other twice a layer

LOADS = (1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128, 181, 256)
"""Numbers of challenges at once that a plan chooses from."""

_LEAST_FINISHED = 0.1
"""Share of texts that end by themselves, below which a machine is too slow for a model."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one vLLM gives to each of `at_once` challenges: tokens a second of one text, the most tokens that
    a text may have, and their mean number.
    """

    at_once: int
    tokens_per_s: float
    budget: float
    written: float

    @property
    def seconds(self) -> float:
        return self.written / self.tokens_per_s


def kept_tokens(model: Model, load: Workload, written: float) -> float:
    """Of KV cache, for one challenge whose texts have `written` tokens each: its prompt is kept once.

    A layer with a window keeps the window of each text.
    """
    whole = load.prompt + load.texts * written
    full = model.layers - model.window_layers
    # vLLM groups layers of a kind, as many in each group as in the smaller kind, and fills up the last group
    group = min(full, model.window_layers) or model.layers
    windowed = math.ceil(model.window_layers / group) * group
    recent = min(whole, load.texts * min(load.prompt + written, model.window or math.inf))
    return (whole * full + recent * windowed) / model.layers


def throughput(
    model: Model, weights: int, at_once: int, speed: tuple[float, float], load: Workload, *, gpus: int = 1
) -> Throughput:
    """Of one vLLM on `gpus` GPUs, each with `weights` and a `speed`, in bytes and in operations a second."""
    bytes_per_s, operations_per_s = (value * (_LINKED if gpus > 1 else 1.0) for value in speed)
    sequences = at_once * load.texts
    idle = min(1.0, (model.parameters - model.active_parameters) / model.expert_parameters)  # of the experts
    read = weights * (1 - idle**sequences * min(1.0, model.expert_parameters / model.parameters))
    tokens = load.prompt + load.written(load.cap) / 2
    recent = min(tokens, model.window or math.inf)
    cached = tokens + (recent - tokens) * model.window_layers / model.layers
    reading_s = (read + sequences * cached * kv_bytes_per_token(model, gpus)) / (bytes_per_s * _MEMORY_SHARE)
    computing_s = 2 * model.active_parameters / gpus * sequences / (operations_per_s * _OPERATIONS_SHARE)
    tokens_per_s = 1 / (max(reading_s, computing_s) + _STEP_S)
    budget = load.budget(tokens_per_s)
    return Throughput(at_once, tokens_per_s, budget, load.written(budget))


def sustained_loads(
    model: Model,
    weights: int,
    kv_tokens: int,
    speed: tuple[float, float],
    load: Workload,
    *,
    gpus: int = 1,
) -> Iterator[Throughput]:
    """All loads that one vLLM with a cache of `kv_tokens` sustains, ascending.

    A load is sustained as `logicnet volume advise` has it: the clock cuts off few more texts than in the
    burst of one validator. No load is sustained if the clock cuts off nearly all texts.
    """
    burst = load.whole(throughput(model, weights, LANES, speed, load, gpus=gpus).budget)
    for at_once in LOADS[: bisect_right(LOADS, MOST_SEQUENCES // load.texts)]:
        found = throughput(model, weights, at_once, speed, load, gpus=gpus)
        if load.whole(found.budget) < max(_LEAST_FINISHED, burst - CUT_LIMIT if at_once > LANES else 0.0):
            return
        if at_once * kept_tokens(model, load, found.written) > kv_tokens:
            return
        yield found
