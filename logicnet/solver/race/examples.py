"""Worked examples for small models: the few that are nearest to a question.

A small model copies the last pattern it saw. SmolLM2-135M wrote a right program for 41 % of 96 easy tasks
with the five nearest examples, for 28 % with the same fifteen each time.
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_WORD = re.compile(r"[a-z]+|[-+*/^%|!=]")
_SPELLED = {r"\cdot": " * ", r"\times": " * ", r"\div": " / ", r"\sqrt": " square root ", r"\%": " % "}
_MOST = 4_000  # characters that count, from the end of a question, where the task tends to stand


@dataclass(frozen=True, slots=True)
class Example:
    """A question, a Python program that prints its answer, and a solution in words."""

    question: str
    program: str
    solution: str


@cache
def examples() -> tuple[Example, ...]:
    """All examples (examples.toml)."""
    text = files("logicnet.solver.race").joinpath("examples.toml").read_text(encoding="utf-8")
    return tuple(Example(**one) for one in tomllib.loads(text)["examples"])


def nearest(question: str, count: int) -> Sequence[Example]:
    """The `count` examples that share the most rare words with `question`; the nearest last."""
    if count <= 0:
        return ()
    asked = _words(question)
    rarity, places = _index()
    size = sum(rarity.get(word, max(rarity.values())) for word in asked)

    def likeness(words: frozenset[str]) -> float:
        shared = sum(rarity[word] for word in words & asked)
        return shared / math.sqrt(sum(rarity[word] for word in words) * size) if shared else 0.0

    ranked = sorted(range(len(places)), key=lambda place: (-likeness(places[place]), place))
    return [examples()[place] for place in reversed(ranked[:count])]


@cache
def _index() -> tuple[dict[str, float], list[frozenset[str]]]:
    """The inverse document frequency of each word, and the words of each example."""
    places = [_words(one.question) for one in examples()]
    counts = Counter(word for words in places for word in words)
    return {word: math.log((len(places) + 1) / count) for word, count in counts.items()}, places


def _words(text: str) -> frozenset[str]:
    text = text[-_MOST:].lower()
    for sign, spelled in _SPELLED.items():
        text = text.replace(sign, spelled)
    return frozenset(
        word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _WORD.findall(text)
    )
