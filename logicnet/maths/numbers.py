"""Expressions of numbers: Fractions while they are exact, floats and complex numbers after that.

`plain` computes what a validator computes. `computed` reads what people write, and compares functions: it
computes an expression with unknowns at one odd place, the same for everybody. Two expressions that agree
there to ten digits are the same function.
"""

import ast
import cmath
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from logicnet.maths.expression import (
    LARGEST_ARGUMENT,
    Tree,
    Unreadable,
    explicit,
    read,
    walk,
    whole_factorial,
)

Value = Fraction | float | complex

MOST_BITS = 12_000  # of an exact power: 3,600 digits
MOST_WORK_BITS = 60_000
"""Of all values of an expression together: five fractions of `MOST_BITS`, a hundred of 180 digits. A sum of
fractions has the product of their denominators: 25 of them took 260 ms."""
LARGEST_DEGREE = 100  # of a root that is looked for among the fractions


class NeedsSymbols(Exception):
    """Numbers are not enough for this expression."""


def value_of(text: str) -> Value | None:
    """The value of an expression of numbers alone, as `plain` has it; None if `text` is not one."""
    try:
        return plain(read(text))
    except (Unreadable, NeedsSymbols):
        return None


def plain(tree: Tree) -> Value:
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
    """A function of numbers; None if we do not compute it. Raises Unreadable, and what mathematics raises."""
    if (function := _PLAIN_FUNCTIONS.get(name)) is None:
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
    **{name: getattr(cmath, name) for name in ("exp", "sin", "cos", "tan", "asin", "acos", "atan")},
    **dict.fromkeys(("log", "ln"), _logarithm),
    **dict.fromkeys(("abs", "Abs"), abs),
    **dict.fromkeys(("max", "Max"), lambda *values: max(values)),
    **dict.fromkeys(("min", "Min"), lambda *values: min(values)),
    "floor": _exact(math.floor),
    "ceiling": _exact(math.ceil),
    "factorial": lambda value: Fraction(math.factorial(whole_factorial(value))),
    "factorial2": lambda value: Fraction(math.prod(range(whole_factorial(value), 0, -2))),
}


# As people write it ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Computed:
    """The `value` of an expression; if it has `unknowns`, the value at the odd place."""

    value: Value
    unknowns: frozenset[str]
    operations: int
    numbers: tuple[Fraction, ...]
    """In the order of the text."""


@lru_cache(maxsize=256)  # several readings of an answer compute the same expression
def computed(text: str) -> Computed | None:
    """The value of an expression as people write it; None if it is not one, or is beyond the bounds."""
    leaves = _Loose()
    try:
        tree = read(explicit(text))
        value = _tidy(walk(tree, leaves, power=raised, weigh=leaves.weigh), 1e-12)
        if not isinstance(value, Fraction) and not cmath.isfinite(value):
            return None
    except (Unreadable, ArithmeticError, ValueError, TypeError, RecursionError):
        return None
    operations = sum(isinstance(node, ast.BinOp | ast.Call | ast.Attribute) for node in ast.walk(tree.root))
    return Computed(value, frozenset(leaves.unknowns), operations, tuple(leaves.numbers))


class _Loose:
    """Numbers, constants and functions by all their names; unknowns at the odd place."""

    def __init__(self) -> None:
        self.unknowns: set[str] = set()
        self.numbers: list[Fraction] = []
        self._bits_left = MOST_WORK_BITS

    def weigh(self, value: Value) -> None:
        if isinstance(value, Fraction):
            self._bits_left -= value.numerator.bit_length() + value.denominator.bit_length()
            if self._bits_left < 0:
                raise Unreadable("very large numbers")

    def number(self, written: str) -> Fraction:
        self.numbers.append(Fraction(written.rstrip(".")))
        return self.numbers[-1]

    def name(self, name: str) -> Value:
        if name in _PLAIN_NAMES:
            return _PLAIN_NAMES[name]
        self.unknowns.add(name)
        return 1 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48

    def truth_value(self, value: Any) -> Any:
        raise Unreadable("a comparison")

    def call(self, name: str, arguments: list[Any]) -> Value:
        if name in _LOOSE_FUNCTIONS:
            return _tidy(_LOOSE_FUNCTIONS[name](*map(complex, arguments)))
        value: Value = _EXACT_FUNCTIONS[name](*arguments)
        return _tidy(value)


def raised(base: Any, exponent: Any) -> Value:
    """A power, exact where the outcome is a fraction; of a negative base the real root if there is one.

    Raises Unreadable where it would have more than `MOST_BITS`.
    """
    if isinstance(exponent, Fraction) and not isinstance(base, complex):
        root = _root(base, exponent.denominator)
        if isinstance(root, Fraction):
            bits = max(root.numerator.bit_length(), root.denominator.bit_length())
            if bits * abs(exponent.numerator) > MOST_BITS:
                raise Unreadable("a very large power")
            return Fraction(root**exponent.numerator)
        if root is not None:
            return _tidy(complex(root) ** exponent.numerator)
    return _tidy(complex(base) ** complex(exponent))


def _root(value: Fraction | float, degree: int) -> Fraction | float | None:
    """The real root, exact where it is a fraction; None if no real root exists."""
    if value < 0 and degree % 2 == 0:
        return None
    if isinstance(value, Fraction) and degree < LARGEST_DEGREE:
        top, bottom = (_whole_root(part, degree) for part in (abs(value.numerator), value.denominator))
        if top is not None and bottom is not None:
            return Fraction(top if value >= 0 else -top, bottom)
    return math.copysign(abs(float(value)) ** (1 / degree), value)


def _whole_root(number: int, degree: int) -> int | None:
    if degree == 1:
        return number
    root = math.isqrt(number) if degree == 2 else round(float(number) ** (1 / degree))
    return root if root.bit_length() * degree <= MOST_BITS and root**degree == number else None


def _tidy(value: Value, noise: float = 1e-13) -> Value:
    """The real part of a complex number whose imaginary part is noise."""
    if isinstance(value, complex) and abs(value.imag) <= noise * max(1.0, abs(value)):
        return value.real
    return value


_LOOSE_FUNCTIONS: dict[str, Callable[..., complex]] = {
    **{name: getattr(cmath, name) for name in ("exp", "sin", "cos", "tan")},
    **{name: getattr(cmath, name) for name in ("asin", "acos", "atan", "sinh", "cosh", "tanh")},
    **{f"arc{name}": getattr(cmath, f"a{name}") for name in ("sin", "cos", "tan")},
    "ln": cmath.log,
    "log": _logarithm,
    "sec": lambda value: 1 / cmath.cos(value),
    "csc": lambda value: 1 / cmath.sin(value),
    "cot": lambda value: 1 / cmath.tan(value),
    "logbase": lambda base, value: cmath.log(value) / cmath.log(base),
}
_EXACT_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "sqrt": _sqrt,
    "cbrt": lambda value: raised(value, Fraction(1, 3)),
    "root": lambda value, degree: raised(value, 1 / degree),
    "abs": abs,
    "comb": lambda above, below: Fraction(math.comb(whole_factorial(above), whole_factorial(below))),
    "factorial": _PLAIN_FUNCTIONS["factorial"],
    "factorial2": _PLAIN_FUNCTIONS["factorial2"],
}
