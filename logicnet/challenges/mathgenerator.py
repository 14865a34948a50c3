"""Questions from the package mathgenerator, as the subnet's validators draw them, with their truth."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from logicnet.errors import LogicnetError


@dataclass(frozen=True, slots=True)
class Task:
    question: str
    truth: str  # one number


def easy_tasks(count: int, *, seed: int) -> list[Task]:
    """`count` tasks whose truth is one number; the same ones for the same `seed`.

    Raises LogicnetError if mathgenerator is not installed.
    """
    generators = _generators()
    state = random.getstate()  # mathgenerator draws from the interpreter's own generator
    random.seed(seed)
    try:
        return [_task(*generators[index % len(generators)]) for index in range(count)]
    finally:
        random.setstate(state)


def _task(template: str, generate: Callable[[], tuple[str, str]]) -> Task:
    problem, truth = generate()
    plain = problem.replace("$", "").strip().rstrip("=").strip()
    question = template.format(plain)
    return Task(question=question[0].upper() + question[1:], truth=truth.replace("$", "").strip())


def _generators() -> list[tuple[str, Callable[[], tuple[str, str]]]]:
    try:
        import mathgenerator  # noqa: PLC0415  (brings sympy and scipy: a second to import)
    except ModuleNotFoundError:
        raise LogicnetError(
            "mathgenerator is not installed; the demo's questions need it: pip install 'logicnet[demo]'"
        ) from None
    return [
        ("What is {}?", mathgenerator.addition),
        ("What is {}?", mathgenerator.subtraction),
        ("What is {}?", mathgenerator.multiplication),
        ("What is {}?", mathgenerator.division),
        ("What is {}?", mathgenerator.square),
        ("What is the {}?", mathgenerator.lcm),
        ("What is the {}?", mathgenerator.gcd),
        ("What is {}?", mathgenerator.absolute_difference),
        ("{}?", mathgenerator.third_angle_of_triangle),
        ("{}", mathgenerator.sum_of_polygon_angles),
    ]
