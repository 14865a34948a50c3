"""GPU memory of a model: weights, overhead, and the KV cache that is left. docs/models.md explains.

All in bytes, for each of `gpus` GPUs that share the model (tensor parallel).
"""

from __future__ import annotations

import math

from logicnet.operate.serving.model import Model, Precision

GIB = 1 << 30

_AWQ_BITS = 4 + 20 / 128
"""A group of 128 weights has a scale of 16 bits and a zero of 4 (AutoAWQ's and AutoGPTQ's format)."""

_MXFP4_BITS = 4 + 8 / 32
"""A block of 32 weights has a scale of 8 bits (OCP Microscaling Formats 1.0)."""

BLOCK_TOKENS = 16
CPU_BLOCK_TOKENS = 128
"""Tokens of a block of the KV cache; a partial block is lost. vLLM 0.32's defaults."""

BATCHED_TOKENS = 2048
"""Tokens of one step at most, on most GPUs."""

CONTEXT_BYTES = int(0.4 * GIB)
"""CUDA's context and its libraries: 0.3 to 0.5 GiB on GPUs from T4 to H100."""

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


def activations_bytes(model: Model, batched_tokens: int, sequences: int, gpus: int = 1) -> int:
    """The peak of one step: the widest layer for all its tokens, and the scores of the whole vocabulary."""
    widest = 3 * model.intermediate / gpus + 4 * model.hidden
    return int(2 * batched_tokens * widest + _LOGITS_COPIES_BYTES * sequences * model.vocab)


def overhead_bytes(
    model: Model,
    *,
    batched_tokens: int = BATCHED_TOKENS,
    sequences: int = 256,
    gpus: int = 1,
    graphs: bool = True,
) -> int:
    """Memory that vLLM uses for neither weights nor KV cache."""
    found = CONTEXT_BYTES + activations_bytes(model, batched_tokens, sequences, gpus)
    return found + (GRAPHS_BYTES if graphs else 0) + (LINKS_BYTES if gpus > 1 else 0)


def kv_tokens(model: Model, free_bytes: float, *, gpus: int = 1, block: int = BLOCK_TOKENS) -> int:
    """Tokens that a KV cache of `free_bytes` on each GPU holds, in whole blocks, as vLLM prints it."""
    return max(0, int(free_bytes // (kv_bytes_per_token(model, gpus) * block)) * block)
