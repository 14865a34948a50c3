"""Ten kinds of easy arithmetic, for a first look at a miner."""

from __future__ import annotations

from dataclasses import replace
from itertools import count as counted

from logicnet.evals.challenges.mathgenerator import Mathgenerator
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.seeds import seed_of

_KINDS = (
    "addition",
    "subtraction",
    "multiplication",
    "division",
    "square",
    "lcm",
    "gcd",
    "absolute_difference",
    "third_angle_of_triangle",
    "sum_of_polygon_angles",
)


def easy_tasks(count: int, *, seed: int) -> list[Problem]:
    """`count` problems whose truth is one number; the same ones for the same `seed`.

    Raises SettingsError if mathgenerator is not installed.
    """
    source = Mathgenerator()
    return [_first(source, _KINDS[index % len(_KINDS)], seed, index) for index in range(count)]


def _first(source: Mathgenerator, kind: str, seed: int, index: int) -> Problem:
    drawn = (source.draw(kind, seed_of(seed, index, attempt)) for attempt in counted())
    problem = next(one for one in drawn if one is not None)
    return replace(problem, question=problem.question.replace("$", ""))  # for a terminal
