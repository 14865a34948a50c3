"""Throughput: how many challenges a planned vLLM answers at once, and in 600 s. An estimate, on the low side.

One decoding step gives each running text one token. It takes as long as reading the weights and the KV
cache of every running text from memory, or as long as the arithmetic, whichever is longer.
"""

from __future__ import annotations

from dataclasses import dataclass

from logicnet.operate.serving.memory import kv_bytes_per_token
from logicnet.operate.serving.model import Model
from logicnet.scoring.rhythm import LOOP_S

_MEMORY_SHARE = 0.7
_OPERATIONS_SHARE = 0.4
"""What decoding achieves of the figures on a data sheet."""

_STEP_S = 0.004
"""Scheduling, sampling and sending, each step."""

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
