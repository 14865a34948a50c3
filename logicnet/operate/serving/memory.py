"""GPU memory of a model, and the challenges that it answers with it. docs/models.md explains.

Memory is in bytes, for each of `gpus` GPUs that share the model (tensor parallel). Throughput is an estimate,
on the low side: one decoding step gives each running text one token. It takes as long as reading the weights
and the KV cache of every running text from memory, or as long as the arithmetic, whichever is longer.
"""

import math
from dataclasses import dataclass

from logicnet.operate.serving.catalogue import Model, Precision
from logicnet.scoring.incentive import LOOP_S

GIB = 1 << 30

_AWQ_BITS = 4 + 20 / 128
"""A group of 128 weights has a scale of 16 bits and a zero of 4 (AutoAWQ's and AutoGPTQ's format)."""

_MXFP4_BITS = 4 + 8 / 32  # A block of 32 weights has a scale of 8 bits (OCP Microscaling Formats 1.0)
BLOCK_TOKENS = 16
CPU_BLOCK_TOKENS = 128
"""Tokens of a block of the KV cache; a partial block is lost. vLLM 0.32's defaults."""

BATCHED_TOKENS = 2048  # Tokens of one step at most, on most GPUs
CONTEXT_BYTES = int(0.4 * GIB)  # CUDA's context and its libraries: 0.3 to 0.5 GiB on GPUs from T4 to H100

GRAPHS_BYTES = int(0.6 * GIB)
"""CUDA graphs: vLLM says 0.2 to 0.95 GiB at its start. Counted by it since 0.21."""

LINKS_BYTES = int(0.8 * GIB)
"""Buffers of NCCL and of vLLM's own all-reduce, on each GPU that shares a model with others."""

_LOGITS_COPIES_BYTES = 16
"""Per word: its score in 32 bits, sorted with its index, and once more to sample from (vLLM's dry run)."""


def kv_bytes_per_token(model: Model, gpus: int = 1) -> int:
    """A key and a value of 16 bits for each layer and each of its KV heads."""
    heads = math.ceil(model.kv_heads / gpus)  # fewer heads than GPUs: each GPU keeps a copy
    return 2 * 2 * model.layers * heads * model.head_size


def weights_bytes(model: Model, precision: Precision, gpus: int = 1) -> int:
    if precision == model.stored and model.loads_gib is not None:
        return int(model.loads_gib * GIB / gpus)
    kept = model.embedding_parameters
    if precision == "mxfp4":  # the experts alone are small
        kept = int(model.parameters) - model.expert_parameters
    bits = {"full": 16.0, "fp8": 8.0, "awq": _AWQ_BITS, "gptq": _AWQ_BITS, "mxfp4": _MXFP4_BITS}[precision]
    return int((2 * kept + (model.parameters - kept) * bits / 8) / gpus)


def batched_tokens(gpu: str, gpu_bytes: int) -> int:
    """Tokens of one step at most on a GPU of that name and size: the defaults of vLLM's server (0.32)."""
    if gpu_bytes >= 160 * GIB:
        return 16_384
    return 8192 if gpu_bytes >= 70 * GIB and "A100" not in gpu else BATCHED_TOKENS


def overhead_bytes(model: Model, *, batched_tokens: int = BATCHED_TOKENS, gpus: int = 1) -> int:
    """Memory that vLLM uses for neither weights nor KV cache.

    The peak of one step is the widest layer for all its tokens, and the scores of the whole vocabulary.
    """
    widest = 3 * model.intermediate / gpus + 4 * model.hidden
    peak = int(2 * batched_tokens * widest + _LOGITS_COPIES_BYTES * _MOST_SEQUENCES * model.vocab)
    return CONTEXT_BYTES + peak + GRAPHS_BYTES + (LINKS_BYTES if gpus > 1 else 0)


def kv_tokens(model: Model, free_bytes: float, *, gpus: int = 1, block: int = BLOCK_TOKENS) -> int:
    """Tokens that a KV cache of `free_bytes` on each GPU holds, in whole blocks, as vLLM prints it."""
    return max(0, int(free_bytes // (kv_bytes_per_token(model, gpus) * block)) * block)


_MEMORY_SHARE = 0.7
_OPERATIONS_SHARE = 0.4
"""What decoding achieves of the figures on a data sheet."""

_STEP_S = 0.004  # Scheduling, sampling and sending, each step
_LINKED = 0.85  # of the sum of the GPUs that share a model: they wait for each other twice a layer
_MOST_SEQUENCES = 256


@dataclass(frozen=True, slots=True)
class Workload:
    """What one challenge takes: `texts` generated at once, each `written` tokens after the same prompt.

    The numbers are those of the solver `race`: four samples and a conclusion, the prompt read once.
    """

    texts: int = 5
    prompt: int = 600
    written: int = 700
    within_s: float = 50.0  # of the 64 s that a validator waits

    @property
    def tokens(self) -> int:
        """Of KV cache, when all its texts are written."""
        return self.prompt + self.texts * self.written


THINKING = Workload(texts=4, written=1500)
"""Of a thinking model: its texts take 800 to 2,000 tokens on grade-school problems, more on hard ones."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """`at_once` challenges of `sequences` texts; `per_interval` in 600 s; tokens a second of one text."""

    at_once: int
    sequences: int
    per_interval: int
    tokens_per_s: float


def estimate(
    model: Model, weights: int, kv_tokens: int, speed: tuple[float, float], load: Workload, *, gpus: int = 1
) -> Throughput:
    """The throughput of one vLLM on `gpus` GPUs, each with `speed`, `weights` and `kv_tokens`."""

    def step_s(challenges: int) -> float:
        return _step_s(model, weights, challenges * load.texts, speed, load, gpus=gpus)

    at_once = 0
    for wanted in range(1, min(_MOST_SEQUENCES // load.texts, kv_tokens // load.tokens) + 1):
        if load.written * step_s(wanted) > load.within_s:
            break
        at_once = wanted
    step = step_s(max(1, at_once))
    per_interval = int(at_once * LOOP_S / (load.written * step))
    return Throughput(at_once, at_once * load.texts, per_interval, 1 / step)


def _step_s(
    model: Model, weights: int, sequences: int, speed: tuple[float, float], load: Workload, *, gpus: int
) -> float:
    """Seconds in which each of `sequences` texts gets one token."""
    bytes_per_s, operations_per_s = (value * (_LINKED if gpus > 1 else 1.0) for value in speed)
    read = min(1.0, model.active_parameters / model.parameters * sequences)  # share of the experts, by batch
    average_tokens = load.prompt + load.written / 2
    cache = sequences * average_tokens * kv_bytes_per_token(model, gpus)
    reading_s = (weights * read + cache) / (bytes_per_s * _MEMORY_SHARE)
    computing_s = 2 * model.active_parameters / gpus * sequences / (operations_per_s * _OPERATIONS_SHARE)
    return max(reading_s, computing_s) + _STEP_S
