"""A computed value written as it is wished for, and the way to it told in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from logicnet.maths.worked import decimal, fixed, shown
from logicnet.solver.race.closed.wording import Wish

MOST_DIGITS = 60
"""Of an answer: what has more is written in some other way, and nobody says which."""

_MOST_TOLD = 4  # sentences between the first and the last


@dataclass(frozen=True, slots=True)
class ComputedAnswer:
    """`answer` as it is sent; `steps` are sentences."""

    answer: str
    steps: list[str]


def written(value: Any, wish: Wish, *, fraction: bool = False) -> str | None:
    """The value as the question wishes it; None where it does not say enough to be sure."""
    if wish.percent or not value.is_number or value.is_real is not True or value.is_finite is not True:
        return None
    text = _rounded_as(value, wish) if wish.rounded else _in_full(value, wish, fraction or wish.fraction)
    return text if text is not None and len(text) <= MOST_DIGITS else None


def _in_full(value: Any, wish: Wish, fraction: bool) -> str | None:
    value = value if value.is_Rational else sympy.radsimp(sympy.simplify(value))
    if value.is_Integer:
        return str(value)
    if value.is_Rational:
        short = None if fraction else decimal(value, 12)
        return short or (None if wish.decimal else f"{value.p}/{value.q}")
    return str(value).replace("**", "^") if wish.exact else None


def _rounded_as(value: Any, wish: Wish) -> str:
    if wish.down:
        return str(sympy.floor(value))
    if wish.places is not None:
        return _rounded(value, wish.places)
    return _significant(value, wish.significant or 1)


def _rounded(value: Any, places: int) -> str:
    """Half away from zero, as people round."""
    scaled = _half_up(value * sympy.Integer(10) ** places)
    return fixed(scaled, places) if places > 0 else str(scaled * 10**-places)


def _half_up(value: Any) -> int:
    rounded = int(sympy.floor(abs(value) + sympy.Rational(1, 2)))
    return -rounded if value < 0 else rounded


def _significant(value: Any, digits: int) -> str:
    """To so many significant digits at most: zeros at the end are dropped."""
    if value == 0:
        return "0"
    places = digits - 1 - int(sympy.floor(sympy.log(abs(value), 10)))
    text = _rounded(value, places)
    return text.rstrip("0").rstrip(".") if "." in text else text


def chained(asked: str, story: Sequence[str], answer: str, wish: Wish) -> list[str]:
    """The story of a calculation in two to six sentences."""
    steps = [f"To work out {asked}, we take it one operation at a time."]
    if len(story) <= 1:
        steps = [f"We need to work out {asked}."]
    told = list(dict.fromkeys(story))
    size = -(-len(told) // _MOST_TOLD) or 1
    groups = [told[start : start + size] for start in range(0, len(told), size)]
    for place, group in enumerate(groups):
        opening = "We have" if len(groups) == 1 else ("First," if place == 0 else "Then")
        steps.append(f"{opening} {' and '.join(group)}.")
    if wish.rounded:
        steps.append(f"Rounded as asked, this is {answer}.")
    else:
        steps.append(f"So the answer is {answer}.")
    return steps


def concluded(opening: str, middle: Sequence[str], value: Any, answer: str, wish: Wish) -> list[str]:
    """An opening, what is between, and the answer, rounded or not."""
    if wish.rounded:
        return [opening, *middle, f"Rounded as asked, this is {answer}."]
    return [opening, *middle, f"So the answer is {answer if value.is_Rational else shown(value)}."]
