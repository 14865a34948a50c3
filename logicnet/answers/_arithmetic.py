"""Arithmetic: what an expression comes to, exactly where it can be.

The text is read by a grammar of its own, one token after the other; nothing is evaluated as code. Numbers
are Fractions until a root or a function makes floats of them. An expression with unknowns is computed
at one odd place, the same for everybody: two expressions are the same function if they agree there, to
ten digits. What could cost more than its length is bounded: characters, nesting, exponents, digits.
"""

from __future__ import annotations

import cmath
import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

Value = Fraction | float | complex

MOST_CHARS = 400
_MOST_NESTED = 25
_MOST_BITS = 12_000  # of an exact power: 3,600 digits
_MOST_EXPONENT = 400  # decimal, of a number such as 1e300
_LARGEST_FACTORIAL = 500


class NotArithmetic(ValueError):
    """The text is no expression that we compute."""


@dataclass(frozen=True, slots=True)
class Computed:
    """`value` of the expression; `unknowns` are the names in it, and then `value` is at the odd place."""

    value: Value
    unknowns: frozenset[str]
    operations: int
    numbers: tuple[Fraction, ...]
    """As they stand in the text."""


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+(?![\w.]))?)|(?P<name>[A-Za-z]+)"
    r"|(?P<sign>\*\*|[-+*/^()|!,]))"
)
_SUBSCRIPT = re.compile(r"\blog_\(?(\w{1,6})\)?\s*\(")
_FUNCTIONS: dict[str, Callable[[complex], complex]] = {
    "exp": cmath.exp, "ln": cmath.log, "log": cmath.log, "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan,
    "asin": cmath.asin, "acos": cmath.acos, "atan": cmath.atan, "arcsin": cmath.asin, "arccos": cmath.acos,
    "arctan": cmath.atan, "sinh": cmath.sinh, "cosh": cmath.cosh, "tanh": cmath.tanh,
    "sec": lambda value: 1 / cmath.cos(value), "csc": lambda value: 1 / cmath.sin(value),
    "cot": lambda value: 1 / cmath.tan(value),
}  # fmt: skip
_NAMES: dict[str, Value] = {"pi": math.pi, "e": math.e, "i": 1j, "j": 1j}
_FAILURES = (NotArithmetic, ArithmeticError, ValueError, TypeError, RecursionError)


def computed(text: str) -> Computed | None:
    """What the expression comes to; None if it is none, or none that is within bounds."""
    if len(text) > MOST_CHARS:
        return None
    try:
        reader = _ArithmeticReader(_tokens(_SUBSCRIPT.sub(r"logbase(\1, ", text)))
        value = reader.whole()
        if isinstance(value, complex) and abs(value.imag) <= 1e-12 * max(1.0, abs(value)):
            value = value.real
        if not isinstance(value, Fraction) and not cmath.isfinite(value):
            return None
    except _FAILURES:
        return None
    return Computed(value, frozenset(reader.unknowns), reader.operations, tuple(reader.numbers))


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    place, text = 0, text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise NotArithmetic
        if match["name"]:
            found += _names(match["name"])
        else:
            found.append(match[0].strip())
        place = match.end()
    return found


def _names(run: str) -> list[str]:
    """A known name, or unknowns side by side: `xy` is x times y, and no English word is anything."""
    lowered = run.lower()
    if lowered in _FUNCTIONS or lowered in ("sqrt", "root", "logbase", "cbrt", "abs", "pi", "factorial"):
        return [lowered]
    if len(run) <= 3 and not (len(run) > 1 and lowered in _SHORT_WORDS):
        return list(lowered)
    raise NotArithmetic


_SHORT_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a am an and are as at be by cm day do ft gm go he his her hr if in is it its kg km lb let may"
        " me mi min mm my mph no nor not of off oh on one or our out oz pm red she six so ten the to two"
        " up us was we who why yes you usd boy cat dog men old new see set sum tie top",
    )
)


class _ArithmeticReader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0
        self.operations = 0
        self.unknowns: set[str] = set()
        self.numbers: list[Fraction] = []

    def whole(self) -> Value:
        value = self._sum()
        if self._place != len(self._tokens):
            raise NotArithmetic
        return value

    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self._next()
        if token and token in wanted:
            self._place += 1
            return token
        return ""

    def _sum(self) -> Value:
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise NotArithmetic
        value = self._product()
        while sign := self._take("+", "-"):
            self.operations += 1
            other = self._product()
            value = value + other if sign == "+" else value - other
        self._depth -= 1
        return value

    def _product(self) -> Value:
        value = self._signed()
        while True:
            if sign := self._take("*", "/"):
                self.operations += 1
                other = self._signed()
                value = value * other if sign == "*" else value / other
            elif self._next() == "(" or self._next()[:1].isalpha():
                self.operations += 1
                value = value * self._power()  # side by side: 2x, 3(x + 1)
            elif self._next()[:1].isdigit() and self._tokens[self._place - 1] == ")":
                self.operations += 1
                value = value * self._power()
            else:
                return value

    def _signed(self) -> Value:
        negative = False
        while sign := self._take("+", "-"):
            negative ^= sign == "-"
        value = self._power()
        return -value if negative else value

    def _power(self) -> Value:
        base = self._marked()
        if not self._take("^", "**"):
            return base
        self.operations += 1
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise NotArithmetic
        exponent = self._signed()
        self._depth -= 1
        return _raised(base, exponent)

    def _marked(self) -> Value:
        value = self._atom()
        while self._take("!"):
            self.operations += 1
            value = _factorial(value)
        return value

    def _atom(self) -> Value:  # noqa: PLR0911  (one return per kind of atom)
        piece = self._next()
        self._place += 1
        if piece[:1].isdigit() or piece[:1] == ".":
            return self._number(piece)
        if piece == "(":
            value = self._sum()
            self._close(")")
            return value
        if piece == "|":
            value = self._sum()
            self._close("|")
            return _size(value)
        if piece in ("sqrt", "cbrt", "abs", "factorial"):
            return _SIMPLE[piece](self._argument())
        if piece in ("root", "logbase"):
            return self._of_two(piece)
        if piece in _FUNCTIONS:
            return self._called(piece)
        if piece in _NAMES:
            return _NAMES[piece]
        if piece.isalpha() and piece.isascii():
            self.unknowns.add(piece)
            return _somewhere(piece)
        raise NotArithmetic

    def _number(self, token: str) -> Fraction:
        exponent = re.search(r"[eE]([+-]?\d+)$", token)
        if exponent and abs(int(exponent[1][:6])) > _MOST_EXPONENT:
            raise NotArithmetic
        value = Fraction(token.rstrip(".") or "0")
        self.numbers.append(value)
        return value

    def _close(self, mark: str) -> None:
        if not self._take(mark):
            raise NotArithmetic

    def _argument(self) -> Value:
        self.operations += 1
        if self._take("("):
            value = self._sum()
            self._close(")")
            return value
        return self._marked()  # sqrt 2, sin x

    def _of_two(self, name: str) -> Value:
        self.operations += 1
        self._close("(")
        first = self._sum()
        self._close(",")
        second = self._sum()
        self._close(")")
        if name == "logbase":
            return _tidy(cmath.log(complex(second)) / cmath.log(complex(first)))
        return _raised(first, 1 / second)

    def _called(self, token: str) -> Value:
        # sin^2(x) is a square; sin^(-1)(x) an inverse, which is left alone
        power = self._sum_of_power()
        value = _FUNCTIONS[token](complex(self._argument()))
        return _tidy(value**power)

    def _sum_of_power(self) -> int:
        if not self._take("^", "**"):
            return 1
        power = self._next()
        self._place += 1
        if power not in ("2", "3", "4"):
            raise NotArithmetic
        return int(power)


def _tidy(value: complex) -> float | complex:
    return value.real if abs(value.imag) <= 1e-13 * max(1.0, abs(value)) else value


def _raised(base: Value, exponent: Value) -> Value:
    if isinstance(exponent, Fraction):
        if exponent.denominator == 1 and isinstance(base, Fraction):
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if bits * abs(exponent.numerator) > _MOST_BITS:
                raise NotArithmetic
            return Fraction(base**exponent.numerator)
        if exponent.denominator == 2 and isinstance(base, Fraction):
            return _raised(_root(base), Fraction(exponent.numerator))
        if exponent.denominator % 2 and not isinstance(base, complex) and base < 0:
            root = _real_root(-base, exponent.denominator)
            value = _raised(root, Fraction(exponent.numerator))
            return -value if exponent.numerator % 2 else value
        if isinstance(base, Fraction) and exponent.denominator < 100:
            return _raised(_real_root(base, exponent.denominator), Fraction(exponent.numerator))
    return _tidy(complex(base) ** complex(exponent))


def _real_root(value: Fraction | float, degree: int) -> Fraction | float:
    root: float = float(value) ** (1 / degree)
    if isinstance(value, Fraction) and root < 1e12:
        whole = Fraction(round(root))
        if whole.numerator.bit_length() * degree <= _MOST_BITS and whole**degree == value:
            return whole
    return float(root)


def _root(value: Value) -> Value:
    if isinstance(value, Fraction) and value >= 0:
        top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if top * top == value.numerator and bottom * bottom == value.denominator:
            return Fraction(top, bottom)
    return _tidy(cmath.sqrt(complex(value)))


def _cube_root(value: Value) -> Value:
    return _raised(value, Fraction(1, 3))


def _size(value: Value) -> Fraction | float:
    if isinstance(value, Fraction):
        return abs(value)
    return abs(complex(value))


def _factorial(value: Value) -> Value:
    if not isinstance(value, Fraction) or value.denominator != 1 or not 0 <= value <= _LARGEST_FACTORIAL:
        raise NotArithmetic
    return Fraction(math.factorial(value.numerator))


_SIMPLE: dict[str, Callable[[Value], Value]] = {
    "sqrt": _root,
    "cbrt": _cube_root,
    "abs": _size,
    "factorial": _factorial,
}


def _somewhere(name: str) -> float:
    """The odd place: one number between 1 and 2 for each name."""
    digest = hashlib.sha256(name.encode()).digest()
    return 1 + int.from_bytes(digest[:6], "big") / 2**48
