"""Pace: how many challenges a planned vLLM answers at once, and in 600 s. An estimate, on the low side.

One step of decoding gives each running text one token. It takes as long as reading the weights and every
running text's keys and values from memory, or as long as the arithmetic, whichever is longer.
"""

from __future__ import annotations

from dataclasses import dataclass

from logicnet.operate.serving.memory import kv_bytes_per_token
from logicnet.operate.serving.model import Model

INTERVAL_S = 600.0

_MEMORY_SHARE = 0.7
_OPERATIONS_SHARE = 0.4
"""What decoding gets of the figures on a data sheet."""

_STEP_S = 0.004
"""Scheduling, sampling and sending, each step."""

_LINKED = 0.85  # of the sum of the cards that share a model: they wait for each other twice a layer


@dataclass(frozen=True, slots=True)
class Workload:
    """What answering one takes: `texts` are written at once, each `written` tokens after the same prompt.

    The numbers are those of the solver `race`: four tries and a conclusion, the prompt read once.
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
"""Of a model that thinks: its texts take 800 to 2,000 tokens on grade-school problems, more on hard ones."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """`at_once` challenges of `sequences` texts; `per_interval` in 600 s; tokens a second of one text."""

    at_once: int
    sequences: int
    per_interval: int
    tokens_per_s: float


def pace(
    model: Model,
    weights: int,
    kv_tokens: int,
    speed: tuple[float, float],
    challenge: Workload,
    *,
    cards: int = 1,
    most: int = 256,
) -> Throughput:
    """The pace of one vLLM on `cards` cards, of which each has `speed`, `weights` and `kv_tokens`."""
    fits = min(most // challenge.texts, kv_tokens // challenge.tokens)
    at_once = 0
    for wanted in range(1, fits + 1):
        step = step_s(model, weights, wanted * challenge.texts, speed, challenge, cards=cards)
        if challenge.written * step > challenge.within_s:
            break
        at_once = wanted
    step = step_s(model, weights, max(1, at_once) * challenge.texts, speed, challenge, cards=cards)
    per_interval = int(at_once * INTERVAL_S / (challenge.written * step))
    return Throughput(at_once, at_once * challenge.texts, per_interval, 1 / step)


def step_s(
    model: Model,
    weights: int,
    sequences: int,
    speed: tuple[float, float],
    challenge: Workload,
    *,
    cards: int,
) -> float:
    """Seconds that one token of each of `sequences` texts takes."""
    bytes_per_s, operations_per_s = (value * (_LINKED if cards > 1 else 1.0) for value in speed)
    touched = min(1.0, model.active_parameters / model.parameters * sequences)  # of the experts, by the batch
    half = challenge.prompt + challenge.written / 2
    cache = sequences * half * kv_bytes_per_token(model, cards)
    reading = (weights * touched + cache) / (bytes_per_s * _MEMORY_SHARE)
    counting = 2 * model.active_parameters / cards * sequences / (operations_per_s * _OPERATIONS_SHARE)
    return max(reading, counting) + _STEP_S
