"""Plan: one model on one machine, with the flags that vLLM is to be started with; or why not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from logicnet.operate.serving.gpus import Card, Machine, cpu_speed
from logicnet.operate.serving.memory import (
    BLOCK_TOKENS,
    CPU_BLOCK_TOKENS,
    GIB,
    batched_tokens,
    kv_tokens,
    overhead_bytes,
    weights_bytes,
)
from logicnet.operate.serving.model import Model, Precision
from logicnet.operate.serving.throughput import THINKING, Throughput, Workload, pace
from logicnet.scoring.rhythm import LOOP_S
from logicnet.volume.advice import safe_volume

_RESERVE_BYTES = int(1.25 * GIB)
_MOST_UTILISATION = 0.95
"""Left outside vLLM's share: CUDA graphs of a vLLM before 0.21, a desktop, the driver; 1.25 GiB or 5 %."""

_CONTEXT = 8192
_CONTEXT_THINKING = 16384
_LEAST_CONTEXT = 2048
"""Tokens of --max-model-len: a question and its answer take 1,000 to 3,000, up to 10,000 with thinking."""

ENOUGH_AT_ONCE = 8
"""Challenges at once. Validators ask in batches: a precision that keeps fewer gives way to a smaller one."""

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
    """Fits. `checkpoint` is what vLLM loads, `kv_tokens` what it will say of its KV cache on each replica."""

    model: Model
    machine: Machine
    precision: Precision
    checkpoint: str
    cards: int
    replicas: int
    utilisation: float
    context: int
    weights_bytes: int
    overhead_bytes: int
    kv_tokens: int
    pace: Throughput
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def at_once(self) -> int:
        return self.pace.at_once * self.replicas

    @property
    def per_interval(self) -> int:
        return self.pace.per_interval * self.replicas

    @property
    def volume(self) -> int:
        """What is safe to promise for 600 s: fewer than it could answer, as validators ask in bursts."""
        return safe_volume(self.at_once, self.at_once * LOOP_S / self.per_interval)

    @property
    def dtype(self) -> str:
        capability = self.machine.cards[0].capability
        old = capability is not None and capability < _BFLOAT16_CAPABILITY
        return "float16" if old or self.precision == "awq" else "bfloat16"

    def flags(self) -> list[str]:
        """Words after `vllm serve CHECKPOINT`."""
        words = ["--dtype", self.dtype, "--max-model-len", str(self.context)]
        words += ["--max-num-seqs", str(self.sequences)]
        if self.machine.is_cpu:
            return words
        words += ["--gpu-memory-utilization", f"{self.utilisation:.2f}"]
        if self.precision == "fp8":
            words += ["--quantization", "fp8"]
        if self.precision == "awq":
            words += ["--quantization", "awq_marlin"]
        if self.cards > 1:
            words += ["--tensor-parallel-size", str(self.cards)]
        if self.replicas > 1:
            words += ["--data-parallel-size", str(self.replicas)]
        return words

    @property
    def sequences(self) -> int:
        """Of --max-num-seqs: what is expected at once, and room for conclusions and probes."""
        return min(256, max(8, math.ceil(self.pace.sequences * 1.25 / 8) * 8))


@dataclass(frozen=True, slots=True)
class Misfit:
    """Does not fit, and why in one line."""

    model: Model
    reason: str


def plan(model: Model, machine: Machine, challenge: Workload | None = None) -> ServingPlan | Misfit:
    """The best way to serve `model` on `machine`.

    The highest precision that answers eight challenges at once is taken, on as few cards as it needs; where
    none does, the one that answers most.
    """
    challenge = challenge or (THINKING if model.thinks else Workload())
    if not model.answers:
        return Misfit(model, "is not tuned to answer and has no chat template, so vLLM refuses chats with it")
    if model.vllm_until is not None:
        return Misfit(model, f"is not served by vLLM any more: until {model.vllm_until}")
    fits: list[ServingPlan] = []
    reasons: list[str] = []
    for one in _ways(model, machine, challenge):
        if isinstance(one, str):
            reasons.append(one)
        else:
            fits.append(one)
    enough = next((one for one in fits if one.at_once >= ENOUGH_AT_ONCE), None)
    if enough is not None:
        return enough
    most = max(fits, key=lambda one: one.at_once, default=None)
    if most is not None:
        return most
    unknown = model.stored == "full" and model.awq is None and not machine.is_cpu
    return Misfit(model, reasons[-1] + ("; no 4-bit checkpoint of it is known" if unknown else ""))


def _ways(model: Model, machine: Machine, challenge: Workload) -> Iterator[ServingPlan | str]:
    """Plans, or reasons against them, the best precision first."""
    if machine.is_cpu:
        yield _on_cpu(model, machine, challenge)
        return
    capability = machine.cards[0].capability
    for precision, checkpoint in _precisions(model):
        least = _LEAST_CAPABILITY[precision]
        if capability is not None and capability < least:
            yield f"{precision} wants CUDA capability {least}, this card has {capability}"
            continue
        for cards in (count for count in (1, 2, 4, 8) if count <= len(machine.cards)):
            if model.heads % cards:
                yield f"its {model.heads} heads cannot be shared by {cards} cards"
            elif model.kv_heads % cards and cards % model.kv_heads:
                yield f"its {model.kv_heads} KV heads cannot be shared by {cards} cards"
            else:
                yield _on_cards(model, machine, precision, checkpoint, cards=cards, challenge=challenge)


def _precisions(model: Model) -> Sequence[tuple[Precision, str]]:
    if model.stored != "full":
        return [(model.stored, model.name)]
    ways: list[tuple[Precision, str]] = [("full", model.name), ("fp8", model.name)]
    return [*ways, ("awq", model.awq)] if model.awq else ways


def utilisation(card: Card) -> float:
    """--gpu-memory-utilization for a card: the share of all its memory that vLLM may take."""
    share = min(_MOST_UTILISATION, 1 - _RESERVE_BYTES / card.total_bytes)
    if card.free_bytes is not None:  # vLLM refuses to start on less than it is told to take
        share = min(share, card.free_bytes / card.total_bytes - 0.01)
    return max(0.0, math.floor(share * 100) / 100)


def _on_cards(
    model: Model, machine: Machine, precision: Precision, checkpoint: str, *, cards: int, challenge: Workload
) -> ServingPlan | str:
    card = machine.cards[0]
    share = utilisation(card)
    weights = weights_bytes(model, precision, cards)
    batched = batched_tokens(card.name, card.total_bytes)
    overhead = overhead_bytes(model, batched_tokens=batched, cards=cards)
    left = card.total_bytes * share - weights - overhead
    place = f"{cards} cards" if cards > 1 else "one card"
    if left <= 0:
        return (
            f"at {_words(precision)} it takes {(weights + overhead) / GIB:.1f} GiB on {place} before any "
            f"KV cache, and vLLM gets {card.total_bytes * share / GIB:.1f}"
        )
    found = kv_tokens(model, left, cards=cards, block=BLOCK_TOKENS)
    context = _context(model, found)
    if context is None:
        return (
            f"at {_words(precision)} {found:,} tokens of KV cache are left on {place}, too few for one text"
        )
    at = pace(model, weights, found, card.speed, challenge, cards=cards)
    if not at.at_once:
        return _no_challenge(precision, found, at, challenge)
    replicas = len(machine.cards) // cards
    return ServingPlan(
        model,
        machine,
        precision,
        checkpoint,
        cards,
        replicas,
        share,
        context,
        weights,
        overhead,
        found,
        at,
        machine.environment,
    )


def _on_cpu(model: Model, machine: Machine, challenge: Workload) -> ServingPlan | str:
    if model.stored != "full":
        return f"its weights are {model.stored}, which we do not plan for a CPU"
    total = machine.cards[0].total_bytes
    weights = weights_bytes(model, "full")
    room = total * _CPU_SHARE - weights
    if room < GIB:  # VLLM_CPU_KVCACHE_SPACE counts in whole GiB
        half = total * _CPU_SHARE / GIB
        return f"its weights take {weights / GIB:.1f} GiB, and half of this machine's memory is {half:.1f}"
    speed = cpu_speed(machine.cores or 1)
    most = int(min(_CPU_MOST_KV_GIB, room // GIB))
    for space in range(1, most + 1):  # no more than can be used
        found = kv_tokens(model, space * GIB, block=CPU_BLOCK_TOKENS)
        at = pace(model, weights, found, speed, challenge)
        context = _context(model, found)
        if at.sequences and context is not None and (at.at_once + 1) * challenge.tokens <= found:
            break
    if context is None or not at.at_once:
        return _no_challenge("full", found, at, challenge)
    environment = {"VLLM_CPU_KVCACHE_SPACE": str(space)}
    return ServingPlan(
        model, machine, "full", model.name, 1, 1, 0.0, context, weights, 0, found, at, environment
    )


def _context(model: Model, tokens: int) -> int | None:
    """--max-model-len, in whole blocks of a CPU; None if no challenge fits."""
    wanted = _CONTEXT_THINKING if model.thinks else _CONTEXT
    found = min(wanted, model.context, tokens) // CPU_BLOCK_TOKENS * CPU_BLOCK_TOKENS
    return found if found >= min(_LEAST_CONTEXT, model.context) else None


def _no_challenge(precision: Precision, tokens: int, at: Throughput, challenge: Workload) -> str:
    if tokens < challenge.tokens:
        return (
            f"at {_words(precision)} {tokens:,} tokens of KV cache are left, and one challenge takes "
            f"{challenge.tokens:,}"
        )
    return (
        f"too slow here: {at.tokens_per_s:.1f} tokens/s for each text, and {challenge.written} are wanted "
        f"within {challenge.within_s:.0f} s"
    )


def _words(precision: Precision) -> str:
    return {"full": "16 bits", "fp8": "8 bits", "awq": "4 bits (AWQ)"}.get(precision, precision)
