"""What a model takes of a card: weights, overhead, and the KV cache that is left. docs/models.md explains.

All of it in bytes, for each of `cards` cards that share the model (tensor parallel).
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
"""Tokens of a block of the KV cache; what does not fill one is lost. vLLM 0.32's defaults."""

BATCHED_TOKENS = 2048
"""Tokens of one step at most, on most cards."""

CONTEXT_BYTES = int(0.4 * GIB)
"""CUDA's context and its libraries: 0.3 to 0.5 GiB on cards from T4 to H100."""

GRAPHS_BYTES = int(0.6 * GIB)
"""CUDA graphs: vLLM says 0.2 to 0.95 GiB at its start. Counted by it since 0.21."""

LINKS_BYTES = int(0.8 * GIB)
"""Buffers of NCCL and of vLLM's own all-reduce, on each card that shares a model with others."""

_LOGITS_COPIES_BYTES = 16
"""A row of scores in 32 bits, sorted with its places, and once more to sample from: vLLM tries it first."""


def kv_bytes_per_token(model: Model, cards: int = 1) -> int:
    """A key and a value of 16 bits for each layer and each of its KV heads."""
    heads = math.ceil(model.kv_heads / cards)  # fewer heads than cards: each card keeps a copy
    return 2 * 2 * model.layers * heads * model.head_size


def weights_bytes(model: Model, precision: Precision, cards: int = 1) -> int:
    if precision == model.stored and model.loads_gib is not None:
        return int(model.loads_gib * GIB / cards)
    kept = model.embedding_parameters
    if precision == "mxfp4":  # the experts alone are small
        kept = int(model.parameters) - model.expert_parameters
    bits = {"full": 16.0, "fp8": 8.0, "awq": _AWQ_BITS, "gptq": _AWQ_BITS, "mxfp4": _MXFP4_BITS}[precision]
    return int((2 * kept + (model.parameters - kept) * bits / 8) / cards)


def batched_tokens(card: str, card_bytes: int) -> int:
    """Tokens of one step at most on a card of that name and size: defaults of vLLM's server (0.32)."""
    if card_bytes >= 160 * GIB:
        return 16_384
    return 8192 if card_bytes >= 70 * GIB and "A100" not in card else BATCHED_TOKENS


def activations_bytes(model: Model, batched_tokens: int, sequences: int, cards: int = 1) -> int:
    """The most that one step holds besides: the widest layer for all its tokens, the scores of all words."""
    widest = 3 * model.intermediate / cards + 4 * model.hidden
    return int(2 * batched_tokens * widest + _LOGITS_COPIES_BYTES * sequences * model.vocab)


def overhead_bytes(
    model: Model,
    *,
    batched_tokens: int = BATCHED_TOKENS,
    sequences: int = 256,
    cards: int = 1,
    graphs: bool = True,
) -> int:
    """What is neither weights nor KV cache, of the memory that vLLM is given."""
    found = CONTEXT_BYTES + activations_bytes(model, batched_tokens, sequences, cards)
    return found + (GRAPHS_BYTES if graphs else 0) + (LINKS_BYTES if cards > 1 else 0)


def kv_tokens(model: Model, free_bytes: float, *, cards: int = 1, block: int = BLOCK_TOKENS) -> int:
    """Tokens that a KV cache of `free_bytes` on each card holds, in whole blocks: what vLLM says at start."""
    return max(0, int(free_bytes // (kv_bytes_per_token(model, cards) * block)) * block)
