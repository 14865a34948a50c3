"""Questions of the package mathgenerator, which the subnet's validators drew from."""

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from itertools import count as counted
from typing import Any

from logicnet.errors import SettingsError
from logicnet.evals.challenges._mathgenerator_kinds import KINDS, GeneratorTask
from logicnet.evals.challenges.problem import AnswerCheck, Problem, seed_of, seeded

NAME = "mathgenerator"


class Mathgenerator:
    """A `source.Generator`. Has no levels of difficulty."""

    def __init__(self) -> None:
        """Raises SettingsError if the package is not installed."""
        try:
            self._module = import_module("mathgenerator")  # brings sympy and scipy: a second
        except ModuleNotFoundError:
            raise SettingsError(
                "mathgenerator is not installed: pip install 'logicnet[challenges]'"
            ) from None
        self.version = f"{NAME} {version(NAME)}"
        self._kinds = {name: (topic, kind) for topic, kinds in KINDS.items() for name, kind in kinds.items()}

    def draw(self, kind: str, seed: int, level: int = 0) -> Problem | None:
        """The problem that `seed` gives; None if it is not fair or its truth is wrong. `level` is ignored."""
        topic, how = self._kinds[kind]
        generate: Callable[[], tuple[Any, Any]] = getattr(self._module, kind)
        with seeded(seed):
            try:
                drawn, answer = generate()
            except Exception:  # some divide by a zero that they drew themselves
                return None
        raw, truth = str(drawn), str(answer).replace("$", "").strip()
        numbers = re.findall(r"-?\d+(?:\.\d+)?", raw)
        try:
            if not how.usable(raw, truth, numbers):
                return None
            question = _worded(how, raw, numbers)
        except (ValueError, IndexError, ArithmeticError):  # an empty number where one belongs
            return None
        arguments: dict[str, Any] = dict(how.arguments(numbers))
        if how.places is not None:
            truth = _rounded(truth, how.places)
            arguments["places"] = how.places
        return Problem(question, truth, NAME, kind, topic, check=AnswerCheck(how.check, arguments))


def _worded(how: GeneratorTask, raw: str, numbers: list[str]) -> str:
    if "{}" not in how.words:
        return how.words.format(*numbers, all=", ".join(numbers))
    problem = _tidy(raw)
    if not how.words.startswith("{}"):
        problem = problem.removeprefix("The ")
        if re.match(r"[A-Z][a-z]", problem):
            problem = problem[0].lower() + problem[1:]
    elif re.match(r"\{\} [A-Z]", how.words) and problem[-1] not in ".?!":
        problem += "?" if problem.startswith("What") else "."
    return how.words.replace("{}", problem)


def _tidy(problem: str) -> str:
    """Without the `=`, `is` or colon that it ends in, as texts to be filled in do."""
    tidy = re.sub(r"(?:\s*(?:\$\s*=\s*\$|=\s*\$?|\bis\b|:))+\s*$", "", problem.strip()).strip()
    return tidy + "$" * (tidy.count("$") % 2)


def _rounded(truth: str, places: int) -> str:
    """Decimals beyond the places asked for are floats' noise, or more than was asked."""
    return re.sub(
        rf"-?\d+\.\d{{{places + 1},}}(?:e-?\d+)?", lambda found: f"{float(found[0]):.{places}f}", truth
    )


_EASY_KINDS = (
    *("addition", "subtraction", "multiplication", "division", "square", "lcm", "gcd"),
    *("absolute_difference", "third_angle_of_triangle", "sum_of_polygon_angles"),
)


def easy_tasks(count: int, *, seed: int) -> list[Problem]:
    """`count` easy problems, the same for the same `seed`. Raises SettingsError without mathgenerator."""
    source, problems = Mathgenerator(), []
    for index in range(count):
        kind = _EASY_KINDS[index % len(_EASY_KINDS)]
        drawn = (source.draw(kind, seed_of(seed, index, attempt)) for attempt in counted())
        problem = next(one for one in drawn if one is not None)
        problems.append(replace(problem, question=problem.question.replace("$", "")))  # for a terminal
    return problems
