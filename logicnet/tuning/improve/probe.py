"""Probe: is what a model server calls by an adapter's name that adapter?

vLLM answers 200 for an adapter of another base, and for one that it cannot apply. So the trainer writes
down what it saw the adapter say, with the log-probability of each token, and of the same tokens by the base
alone (`expected.json`); the server must agree with it, and be far enough from the base.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from logicnet.errors import TuningError
from logicnet.tuning.improve.adapters import EXPECTED, Adapter
from logicnet.tuning.improve.server import LoraServer, ServerFailed

LEAST_EFFECT = 0.02
"""Mean distance of log-probabilities; below it an adapter has no effect."""

SAME = 0.15
"""Mean distance in which the numbers of bfloat16, of other kernels and of 8-bit weights differ."""

FAR = 0.25
"""In this share of its own effect an adapter may differ from what was written down."""

MOST_TOKENS = 64
"""More than the expected text has; then a text counts as one that does not end."""


class Unlike(TuningError):
    """An adapter says something else than what its trainer wrote down: it is not to be served."""


@dataclass(frozen=True, slots=True)
class ExpectedText:
    """What the adapter wrote after a prompt when it was trained, as tokens."""

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    base_logprobs: tuple[float, ...]  # of the same tokens, by the base alone
    text: str
    ended: bool  # it came to its end

    @property
    def effect(self) -> float:
        return distance(self.logprobs, self.base_logprobs)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Mean distances of log-probabilities, over all expected tokens; texts that were written again."""

    effect: float  # from the base, as the trainer saw it
    error: float  # from what the trainer wrote down
    from_base: float  # from the server's own base
    same_texts: int
    texts: int


def expected_texts(folder: Path) -> list[ExpectedText]:
    """Raises Unlike if the folder has none that can be read."""
    path = folder / EXPECTED
    try:
        found = json.loads(path.read_bytes())["texts"]
        texts = [
            ExpectedText(
                tuple(one["prompt"]),
                tuple(one["tokens"]),
                tuple(one["logprobs"]),
                tuple(one["base_logprobs"]),
                str(one["text"]),
                bool(one["ended"]),
            )
            for one in found
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unlike(f"{path} does not say what the adapter wrote ({type(error).__name__})") from None
    sound = all(
        one.prompt and len(one.tokens) == len(one.logprobs) == len(one.base_logprobs) > 0 for one in texts
    )
    if not texts or not sound:
        raise Unlike(f"{path} has no texts, or texts without their log-probabilities")
    return texts


def check_written(texts: Sequence[ExpectedText]) -> float:
    """The effect of the adapter, as its trainer saw it. Raises Unlike if that alone tells against it."""
    effect = _mean((one.effect, len(one.tokens)) for one in texts)
    if effect < LEAST_EFFECT:
        raise Unlike(f"it has no effect: {effect:.3f} from its base in log-probability")
    if sum(one.ended for one in texts) * 2 < len(texts):
        longest = max(len(one.tokens) for one in texts if not one.ended)
        endless = sum(not one.ended for one in texts)
        raise Unlike(
            f"it does not stop writing: {endless} of {len(texts)} texts had no end after {longest} tokens"
        )
    return effect


def probe(server: LoraServer, adapter: Adapter) -> ProbeResult:
    """Raises Unlike if the adapter is not what its trainer wrote down; ServerFailed."""
    texts = expected_texts(adapter.folder)
    effect = check_written(texts)
    errors, bases, same = [], [], 0
    for one in texts:
        most = len(one.tokens) + MOST_TOKENS
        try:
            written = server.written(adapter.name, one.prompt, most)
        except ServerFailed as error:
            if "(400)" in str(error):  # tokens that the server's vocabulary lacks, a context that is shorter
                raise Unlike(f"its base is another one: {error}") from None
            raise
        if one.ended and not written.ended:
            raise Unlike(
                f"it does not stop writing: a text of {len(one.tokens)} tokens had no end after {most}"
            )
        found = written.logprobs(one.tokens)
        if not found:
            raise Unlike("it writes nothing where its trainer saw it write")
        errors.append((distance(found, one.logprobs[: len(found)]), len(found)))
        same += written.text == one.text
        if adapter.form == "adapter":
            base = server.written(adapter.base, one.prompt, len(one.tokens)).logprobs(one.tokens)
            both = min(len(base), len(found))
            bases += [(distance(found[:both], base[:both]), both)] if both else []
    result = ProbeResult(effect, _mean(errors), _mean(bases) if bases else effect, same, len(texts))
    if result.from_base < LEAST_EFFECT:
        raise Unlike(f"it has no effect there: it says what {adapter.base} says")
    if result.error > min(effect / 2, max(SAME, FAR * effect)):
        raise Unlike(
            f"it does not say what its trainer wrote down ({result.error:.3f} off in log-probability, "
            f"its whole effect is {effect:.3f}): is its base another one than {adapter.base}?"
        )
    return result


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Mean distance. Unlikely tokens are cut at -20: the tail of a 16-bit softmax is noise."""
    return sum(abs(max(a, -20.0) - max(b, -20.0)) for a, b in zip(one, other, strict=True)) / len(one)


def _mean(found: Iterable[tuple[float, int]]) -> float:
    """Weighted by the second numbers."""
    listed = list(found)
    return sum(value * weight for value, weight in listed) / sum(weight for _, weight in listed)
