"""Solutions that no model wrote: programs for generated questions, by the rule of their kind.

What is read wrong does harm to nobody: like every text, a program becomes a lesson only if the challenge's
own checker calls its result right.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module

from logicnet.evals.challenges.problem import Problem

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def worked_program(problem: Problem) -> str | None:
    """A short program that prints the answer; None without a rule for the kind, or if it does not fit."""
    rule = _RULES.get(problem.kind)
    if rule is None:
        return None
    try:
        return rule(problem.question)
    except (LookupError, ValueError):
        return None


def _numbers(question: str) -> list[str]:
    return _NUMBER.findall(question)


def _filled(template: str, skip: int = 0) -> Callable[[str], str]:
    """The numbers of the question, but the first `skip`, by their place; `{all}`: all of them, added."""

    def rule(question: str) -> str:
        numbers = _numbers(question)[skip:]
        return f"print({template.format(*numbers, all=' + '.join(numbers))})"

    return rule


def _other_angle(question: str) -> str:
    whole = 90 if "complementary" in question else 180
    return f"print({whole} - {_numbers(question)[0]})"


def _prime(question: str) -> str:
    number = _numbers(question)[0]
    return f"n = {number}\nprint('Yes' if n > 1 and all(n % d for d in range(2, n)) else 'No')"


def _leap(question: str) -> str:
    year = _numbers(question)[0]
    return f"y = {year}\nprint('Yes' if y % 4 == 0 and (y % 100 != 0 or y % 400 == 0) else 'No')"


def _letters(question: str) -> str:
    found = re.search(r'letter "(\w)" appear in the text: "([^"]*)"', question)
    if found is None:
        raise ValueError(question)
    return f"print({found[2]!r}.count({found[1]!r}))"


@cache
def _legs() -> Mapping[str, int]:
    """How many legs each animal of reasoning-gym has; none where it is not installed."""
    try:
        module = import_module("reasoning_gym.arithmetic.leg_counting")
    except ModuleNotFoundError:
        return {}
    return dict(module.ANIMALS)


def _leg_counting(question: str) -> str:
    owned = question.rpartition("if you have")[2]
    found = re.findall(r"(?<!\d)(\d{1,9}) ([a-z][a-z ]{0,40}?)s?(?=,|\?| and )", owned)
    terms = [f"{count} * {_legs()[name]}" for count, name in found]
    if not terms:
        raise ValueError(question)
    return f"print({' + '.join(terms)})"


_RULES: Mapping[str, Callable[[str], str]] = {
    "celsius_to_fahrenheit": _filled("{0} * 9 / 5 + 32"),
    "complementary_and_supplementary_angle": _other_angle,
    "fourth_angle_of_quadrilateral": _filled("360 - {0} - {1} - {2}"),
    "is_leap_year": _leap,
    "is_prime": _prime,
    "leg_counting": _leg_counting,
    "letter_counting": _letters,
    "minutes_to_hours": _filled("{0} // 60, 'hours and', {0} % 60, 'minutes'"),
    "percentage": _filled("{0} * {1} / 100"),
    "perimeter_of_polygons": _filled("{all}", skip=1),
    "sum_of_polygon_angles": _filled("({0} - 2) * 180"),
    "surface_area_cube": _filled("6 * {0} ** 2"),
    "surface_area_cuboid": _filled("2 * ({0} * {1} + {1} * {2} + {0} * {2})"),
    "third_angle_of_triangle": _filled("180 - {0} - {1}"),
    "volume_cube": _filled("{0} ** 3"),
    "volume_cuboid": _filled("{0} * {1} * {2}"),
}
