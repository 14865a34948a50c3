"""A value in the format that the question asks for."""

from __future__ import annotations

from typing import Any

import sympy

from logicnet.answers.question import AnswerFormat
from logicnet.maths.steps import decimal, fixed

MOST_DIGITS = 60  # of an answer; a longer one is wanted in some other form
MOST_PLACES = 12  # of a decimal that is written in full


def written(value: Any, wanted: AnswerFormat, *, fraction: bool = False) -> str | None:
    """The value as the question wants it; None where the question leaves the form open."""
    if wanted.percent or not value.is_number or value.is_real is not True or value.is_finite is not True:
        return None
    text = (
        _rounded_as(value, wanted) if wanted.rounded else _in_full(value, wanted, fraction or wanted.fraction)
    )
    return text if text is not None and len(text) <= MOST_DIGITS else None


def _in_full(value: Any, wanted: AnswerFormat, fraction: bool) -> str | None:
    value = value if value.is_Rational else sympy.radsimp(sympy.simplify(value))
    if value.is_Integer:
        return str(value)
    if value.is_Rational:
        short = None if fraction else decimal(value, MOST_PLACES)
        return short or (None if wanted.decimal else f"{value.p}/{value.q}")
    return str(value).replace("**", "^") if wanted.exact else None


def _rounded_as(value: Any, wanted: AnswerFormat) -> str:
    if wanted.down or wanted.up:
        return str(sympy.floor(value) if wanted.down else sympy.ceiling(value))
    if wanted.places is not None:
        return _rounded(value, wanted.places)
    if value == 0:
        return "0"
    places = (wanted.significant or 1) - 1 - int(sympy.floor(sympy.log(abs(value), 10)))
    text = _rounded(value, places)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(value: Any, places: int) -> str:
    """Half away from zero, as people round."""
    size = int(sympy.floor(abs(value) * sympy.Integer(10) ** places + sympy.Rational(1, 2)))
    scaled = -size if value < 0 else size
    return fixed(scaled, places) if places > 0 else str(scaled * 10**-places)
