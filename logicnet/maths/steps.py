"""The exact value of a formula on sympy's numbers, with the steps that lead to it.

`maths.expression` reads the text strictly: it refuses what people read in two ways. Powers, factorials and
roots are bounded before they are computed. Import this in a bounded worker only: it imports sympy.
"""

# ruff: noqa: RUF001  (the sign of multiplication is meant)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from logicnet.maths.expression import Unreadable, explicit, read, walk

MOST_CHARS = 200  # of a formula
MOST_DIGITS = 40  # of a number in it
MOST_BITS = 1500  # of a number on the way: 450 digits, more than anybody asks for
LARGEST_FACTORIAL = 170
LARGEST_DEGREE = 10  # of a root
LARGEST_SYMBOLIC_POWER = 30
LARGEST_BASE = 1000  # of a logarithm
LARGEST_CHOICE = 500


class Steps(list[str]):
    """The operations on numbers, in order: "4 + 5 = 9"; in fractions, in exact roots, or in decimals."""

    def __init__(self, *, fractions: bool = False, exact: bool = False) -> None:
        super().__init__()
        self.fractions = fractions
        self.exact = exact

    def add(self, done: str, value: Any) -> None:
        self.append(f"{done} {'=' if value.is_Rational or self.exact else '≈'} {self.shown(value)}")

    def shown(self, value: Any) -> str:
        if value.is_Rational:
            return f"{value.p}/{value.q}" if self.fractions and value.q != 1 else shown(value)
        if self.exact or value in (sympy.pi, sympy.E):
            return shown(value).replace("E", "e")
        return str(round(float(value), 6)) if value.is_real and abs(value) < 10**15 else shown(value)

    def bracketed(self, value: Any) -> str:
        return _bracketed(self.shown(value))


class SteppedValue:
    """A value, and the steps so far; its operators take another step each."""

    __slots__ = ("steps", "value")

    def __init__(self, value: Any, steps: Steps) -> None:
        self.value = value
        self.steps = steps

    def _with(self, other: SteppedValue, value: Any, sign: str) -> SteppedValue:
        if self.value.is_number and other.value.is_number:
            left, right = self.steps.shown(self.value), self.steps.bracketed(other.value)
            self.steps.add(f"{_bracketed(left) if '/' in left else left} {sign} {right}", value)
        return SteppedValue(_finite(value), self.steps)

    def __add__(self, other: SteppedValue) -> SteppedValue:
        return self._with(other, self.value + other.value, "+")

    def __sub__(self, other: SteppedValue) -> SteppedValue:
        return self._with(other, self.value - other.value, "-")

    def __mul__(self, other: SteppedValue) -> SteppedValue:
        return self._with(other, self.value * other.value, "×")

    def __truediv__(self, other: SteppedValue) -> SteppedValue:
        if other.value == 0:
            raise Unreadable("a division by zero")
        return self._with(other, self.value / other.value, "÷")

    def __neg__(self) -> SteppedValue:
        return SteppedValue(-self.value, self.steps)

    def __pos__(self) -> SteppedValue:
        return self


def evaluate(
    text: str, unknowns: str = "", *, degrees: bool = False, steps: Steps | None = None
) -> SteppedValue:
    """The value of a formula in the given unknowns, its angles in degrees or none. Raises Unreadable."""
    if len(text) > MOST_CHARS:
        raise Unreadable(f"longer than {MOST_CHARS} characters")
    leaves = _SympyLeaves(steps if steps is not None else Steps(), degrees)
    try:
        outcome = walk(read(explicit(text, unknowns)), leaves, power=_raised)
    except (TypeError, AttributeError, ArithmeticError, ValueError):
        raise Unreadable("not arithmetic") from None
    if not isinstance(outcome, SteppedValue):
        raise Unreadable("not arithmetic")
    return outcome


def shown(value: Any) -> str:
    """A number as a person writes it: a decimal where it ends soon, else a fraction; `^` for powers."""
    if value.is_Rational and not value.is_Integer:
        return decimal(value) or f"{value.p}/{value.q}"
    return str(value).replace("**", "^").replace("*", " × ")


def bracketed(value: Any) -> str:
    return _bracketed(shown(value))


def decimal(value: Any, most_places: int = 8) -> str | None:
    """A rational number in full as a decimal; None if it has more places."""
    for places in range(most_places + 1):
        scaled = value * 10**places
        if scaled.is_Integer:
            return fixed(int(scaled), places)
    return None


def fixed(scaled: int, places: int) -> str:
    """`scaled` / 10**places in digits."""
    sign, digits = ("-" if scaled < 0 else ""), str(abs(scaled)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("-") or "/" in text else text


def _finite(value: Any) -> Any:
    if value in (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
        raise Unreadable("not a finite number")
    return value


class _SympyLeaves:
    """Leaves on sympy's numbers. `explicit` has let no other name pass than constants and unknowns."""

    def __init__(self, steps: Steps, degrees: bool) -> None:
        self._steps = steps
        self._degrees = degrees

    def number(self, written: str) -> SteppedValue:
        if len(written) > MOST_DIGITS:
            raise Unreadable("a very long number")
        return SteppedValue(sympy.Rational(written), self._steps)

    def name(self, name: str) -> SteppedValue:
        value = {"pi": sympy.pi, "E": sympy.E}.get(name) or sympy.Symbol(name)
        return SteppedValue(value, self._steps)

    def truth_value(self, value: Any) -> Any:
        raise Unreadable("a comparison")

    def call(self, name: str, arguments: list[Any]) -> SteppedValue:
        values = [argument.value for argument in arguments]
        if name not in _CALLS or not all(value.is_number for value in values):
            raise Unreadable(f"{name} is not computed here")
        if name in ("sin", "cos", "tan") and self._degrees:
            value = _CALLS[name](*(angle * sympy.pi / 180 for angle in values))
        elif name in ("sin", "cos", "tan") and values[0].is_Rational and values[0] != 0:
            raise Unreadable("open whether in degrees or in radians")
        else:
            value = _CALLS[name](*values)
        self._steps.add(_said(name, list(map(shown, values))), _finite(value))
        return SteppedValue(value, self._steps)


def _said(name: str, values: list[str]) -> str:
    name = "cbrt" if name == "root" and values[1] == "3" else name
    return _SAID[name].format(*values) if name in _SAID else f"{name}({', '.join(values)})"


_SAID = {
    "factorial": "{0}!",
    "sqrt": "the square root of {0}",
    "cbrt": "the cube root of {0}",
    "abs": "|{0}|",
    "logbase": "the logarithm of {1} to base {0}",
    "comb": "{0} choose {1}",
    "root": "the root of degree {1} of {0}",
}


def _raised(base: SteppedValue, exponent: SteppedValue) -> SteppedValue:
    power, of = exponent.value, base.value
    if not power.is_Rational:
        raise Unreadable("an exponent that is not a fraction")
    if of.is_Rational:
        if max(abs(of.p).bit_length(), of.q.bit_length()) * abs(power) > MOST_BITS:
            raise Unreadable("a very large power")
        if power.q > LARGEST_DEGREE or (of < 0 and power.q != 1) or (of == 0 and power <= 0):
            raise Unreadable("a root that is not real, or of a high degree")
    elif abs(power) > LARGEST_SYMBOLIC_POWER or (
        of.is_number and of.is_negative is not False and power.q != 1
    ):
        raise Unreadable("a very large power, or a root that is not real")
    value = _finite(of**power)
    if of.is_number:
        base.steps.add(f"{base.steps.bracketed(of)}^{base.steps.bracketed(power)}", value)
    return SteppedValue(value, base.steps)


def _factorial(value: Any) -> Any:
    if not value.is_Integer or not 0 <= value <= LARGEST_FACTORIAL:
        raise Unreadable("a factorial beyond bounds")
    return sympy.factorial(value)


def _root(value: Any, degree: Any) -> Any:
    if not degree.is_Integer or not 2 <= degree <= LARGEST_DEGREE:
        raise Unreadable("an odd root")
    if value < 0 and degree % 2 == 0:
        raise Unreadable("a root of a negative number")
    return -sympy.root(-value, degree) if value < 0 else sympy.root(value, degree)


def _logarithm(base: Any, value: Any) -> Any:
    if not (base.is_Integer and 2 <= base <= LARGEST_BASE and value.is_Rational and value > 0):
        raise Unreadable("a logarithm beyond bounds")
    return sympy.log(value, base)


def _natural(value: Any) -> Any:
    if value <= 0:
        raise Unreadable("a logarithm of a number that is not positive")
    return sympy.log(value)


def _choices(above: Any, below: Any) -> Any:
    if not (above.is_Integer and below.is_Integer and 0 <= below <= above <= LARGEST_CHOICE):
        raise Unreadable("a choice beyond bounds")
    return sympy.binomial(above, below)


_CALLS: dict[str, Callable[..., Any]] = {
    "sqrt": lambda value: _root(value, sympy.Integer(2)),
    "cbrt": lambda value: _root(value, sympy.Integer(3)),
    "root": _root,
    "logbase": _logarithm,
    "ln": _natural,
    **{"sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan},
    "abs": sympy.Abs,
    "factorial": _factorial,
    "comb": _choices,
}
