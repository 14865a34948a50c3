"""Sources: what problems are drawn from, and what can be drawn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Protocol

from logicnet.evals.challenges import _gym_kinds, _mathgenerator_kinds
from logicnet.evals.challenges.mathgenerator import Mathgenerator
from logicnet.evals.challenges.problem import Problem, seed_of
from logicnet.evals.challenges.reasoning_gym import ReasoningGym

Stream = Iterator[Problem | None]
"""Problems of one kind in an order that a seed gives; None where a draw gave nothing to ask."""


class Generator(Protocol):
    """A library that makes problems. `version` names it and its version: they belong to a recipe."""

    version: str

    def draw(self, kind: str, seed: int, level: int = 0) -> Problem | None:
        """The problem that `seed` gives, the same on every machine; None if it gives none that is fair."""
        ...


@dataclass(frozen=True, slots=True)
class TaskCatalogue:
    """What a generator offers, known without loading it."""

    make: Callable[[], Generator]
    levels: Mapping[str, Mapping[str, int]]
    """Kinds by topic, each with its hardest level."""
    left_out: Mapping[str, str]

    def kinds(self, names: Sequence[str] = ()) -> tuple[str, ...]:
        """The kinds of those names, which may be topics; all if there are none. Raises KeyError."""
        every = {kind: (kind,) for kinds in self.levels.values() for kind in kinds}
        topics = {topic: tuple(kinds) for topic, kinds in self.levels.items()}
        chosen = (kind for name in names or every for kind in (every.get(name) or topics[name]))
        return tuple(dict.fromkeys(chosen))

    def names(self) -> list[str]:
        """Every word that `kinds` takes."""
        return [*self.levels, *self.kinds()]


GENERATORS: Mapping[str, TaskCatalogue] = {
    "mathgenerator": TaskCatalogue(
        Mathgenerator,
        {topic: dict.fromkeys(kinds, 0) for topic, kinds in _mathgenerator_kinds.KINDS.items()},
        _mathgenerator_kinds.LEFT_OUT,
    ),
    "reasoning-gym": TaskCatalogue(
        ReasoningGym,
        {topic: {name: one.most for name, one in kinds.items()} for topic, kinds in _gym_kinds.KINDS.items()},
        _gym_kinds.LEFT_OUT,
    ),
}


def streams(generator: Generator, kinds: Sequence[str], seed: int, level: int) -> list[Stream]:
    """One endless stream for each kind, in an order that `seed` gives."""
    order = list(kinds)
    Random(seed).shuffle(order)  # noqa: S311 (no secret)
    return [_stream(generator, kind, seed, level) for kind in order]


def _stream(generator: Generator, kind: str, seed: int, level: int) -> Stream:
    for attempt in count():
        yield generator.draw(kind, seed_of(seed, kind, attempt), level)
