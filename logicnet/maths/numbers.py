"""Expressions of numbers: Fractions while they are exact, floats and complex numbers after that."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from logicnet.maths.expression import LARGEST_ARGUMENT, Tree, Unreadable, walk, whole_factorial


class NeedsSymbols(Exception):
    """Numbers are not enough for this expression."""


def plain(tree: Tree) -> Fraction | float | complex:
    """The value of an expression of numbers.

    Raises NeedsSymbols if it is not made of numbers alone or leaves the real and complex ones, and
    Unreadable.
    """
    try:
        value = walk(tree, _Plain())
    except (ArithmeticError, ValueError, TypeError):  # 1/0, log(0), 2 < I: sympy makes something of some
        raise NeedsSymbols from None
    except RecursionError:
        raise Unreadable("nested too deep") from None
    if not isinstance(value, Fraction) and not cmath.isfinite(value):
        raise NeedsSymbols
    assert isinstance(value, Fraction | float | complex)
    return value


class _Plain:
    def number(self, written: str) -> Fraction | float:
        return Fraction(int(written)) if written.isdecimal() else float(written)

    def name(self, name: str) -> float | complex:
        if name not in _PLAIN_NAMES:
            raise NeedsSymbols
        return _PLAIN_NAMES[name]

    def truth_value(self, value: Any) -> Any:
        raise NeedsSymbols

    def call(self, name: str, arguments: list[Any]) -> Any:
        value = plain_call(name, arguments)
        if value is None:
            raise NeedsSymbols
        return value


def plain_call(name: str, arguments: list[Any]) -> Fraction | float | complex | None:
    """A function of numbers; None if it is none of ours. Raises Unreadable, and what mathematics raises."""
    function = _PLAIN_FUNCTIONS.get(name)
    if function is None:
        return None
    if any(abs(argument) > LARGEST_ARGUMENT for argument in arguments):
        raise Unreadable(f"{name} of something beyond {LARGEST_ARGUMENT:g}")
    try:
        value: Fraction | float | complex = function(*arguments)
    except TypeError:
        raise Unreadable(f"{name} of something it is not for") from None
    return value.real if isinstance(value, complex) and value.imag == 0 else value


_PLAIN_NAMES: dict[str, float | complex] = {"pi": math.pi, "E": math.e, "I": 1j}


def _sqrt(value: Any) -> Any:
    if isinstance(value, Fraction) and value >= 0:
        top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if top * top == value.numerator and bottom * bottom == value.denominator:
            return Fraction(top, bottom)  # exact where sympy is
    return cmath.sqrt(value)


def _exact(function: Callable[[Fraction | float], int]) -> Callable[[Any], Fraction]:
    def rounded(value: Any) -> Fraction:
        # A float may be a hair below the whole number that is meant.
        if not isinstance(value, Fraction) and abs(value - round(value)) < 1e-9:
            raise Unreadable("a rounding of something irrational")
        return Fraction(function(value))

    return rounded


def _logarithm(value: Any, base: Any = None) -> Any:
    return cmath.log(value) if base is None else cmath.log(value) / cmath.log(base)


_PLAIN_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": _sqrt,
    "cbrt": lambda value: complex(value) ** (1 / 3),  # the principal root, as sympy has it
    "exp": cmath.exp,
    "log": _logarithm,
    "ln": _logarithm,
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "asin": cmath.asin,
    "acos": cmath.acos,
    "atan": cmath.atan,
    "abs": abs,
    "Abs": abs,
    "max": lambda *values: max(values),
    "Max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "Min": lambda *values: min(values),
    "floor": _exact(math.floor),
    "ceiling": _exact(math.ceil),
    "factorial": lambda value: Fraction(math.factorial(whole_factorial(value))),
    "factorial2": lambda value: Fraction(math.prod(range(whole_factorial(value), 0, -2))),
}
