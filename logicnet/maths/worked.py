"""A formula as people write it, computed exactly, with what was done on the way.

The text is made explicit (2x becomes 2*x, 5^2 becomes 5**2) and refused where people would not agree on
what it says (1/2x, -3^2, 2^3^2). It is then read by scoring's parser, which runs nothing, and computed on
sympy's numbers. Powers and factorials are bounded before they are computed.
"""

# ruff: noqa: RUF001  (the sign of multiplication is meant)

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sympy

from logicnet.maths.expression import Unreadable, read, walk

MOST_CHARS = 200
MOST_BITS = 1500
"""Of a number on the way: 450 digits, more than anybody asks for."""

LARGEST_FACTORIAL = 170
LARGEST_SYMBOLIC_POWER = 30


class Unclear(Exception):
    """The text is no formula that everybody reads alike, or none that is computed here."""


class Story(list[str]):
    """What was done: "4 + 5 = 9", one entry per operation on numbers; in fractions, roots or decimals."""

    def __init__(self, *, fractions: bool = False, exact: bool = False) -> None:
        super().__init__()
        self.fractions = fractions
        self.exact = exact

    def add(self, done: str, value: Any) -> None:
        about = not (value.is_Rational or self.exact)
        self.append(f"{done} {'≈' if about else '='} {self.shown(value)}")

    def shown(self, value: Any) -> str:
        if value.is_Rational:
            return f"{value.p}/{value.q}" if self.fractions and value.q != 1 else shown(value)
        if self.exact or value in (sympy.pi, sympy.E):
            return shown(value).replace("E", "e")
        return str(round(float(value), 6)) if value.is_real and abs(value) < 10**15 else shown(value)

    def bracketed(self, value: Any) -> str:
        text = self.shown(value)
        return f"({text})" if text.startswith("-") or "/" in text else text


class WorkedValue:
    """A value, and the story of how it came about."""

    __slots__ = ("story", "value")

    def __init__(self, value: Any, story: Story) -> None:
        self.value = value
        self.story = story

    def _of(self, other: WorkedValue, value: Any, sign: str) -> WorkedValue:
        if value in (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
            raise Unclear("a division by zero")
        if self.value.is_number and other.value.is_number:
            left, right = self.story.bracketed(self.value), self.story.bracketed(other.value)
            left = self.story.shown(self.value) if "/" not in left else left
            self.story.add(f"{left} {sign} {right}", value)
        return WorkedValue(value, self.story)

    def __add__(self, other: WorkedValue) -> WorkedValue:
        return self._of(other, self.value + other.value, "+")

    def __sub__(self, other: WorkedValue) -> WorkedValue:
        return self._of(other, self.value - other.value, "-")

    def __mul__(self, other: WorkedValue) -> WorkedValue:
        return self._of(other, self.value * other.value, "×")

    def __truediv__(self, other: WorkedValue) -> WorkedValue:
        if other.value == 0:
            raise Unclear("a division by zero")
        return self._of(other, self.value / other.value, "÷")

    def __neg__(self) -> WorkedValue:
        return WorkedValue(-self.value, self.story)

    def __pos__(self) -> WorkedValue:
        return self


def told(text: str, unknowns: str = "", *, degrees: bool = False, story: Story | None = None) -> WorkedValue:
    """The value of a formula in the given unknowns. Raises Unclear."""
    story = story if story is not None else Story()
    try:
        outcome = walk(read(explicit(text, unknowns)), _Leaves(story, unknowns, degrees), power=_raised)
    except Unreadable as error:
        raise Unclear(str(error)) from None
    except (TypeError, AttributeError, ArithmeticError, ValueError):
        raise Unclear("not arithmetic") from None
    if not isinstance(outcome, WorkedValue):
        raise Unclear("not arithmetic")
    return outcome


def shown(value: Any) -> str:
    """A number as a person writes it: a decimal where it ends soon, else a fraction; `^` for powers."""
    if value.is_Rational and not value.is_Integer:
        short = decimal(value)
        return short if short is not None else f"{value.p}/{value.q}"
    return str(value).replace("**", "^").replace("*", " × ")


def bracketed(value: Any) -> str:
    text = shown(value)
    return f"({text})" if text.startswith("-") or "/" in text else text


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


# Text --------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<name>[A-Za-z]+)|(?P<sign>\*\*|!|[-+*/^(),|]))",
)
_FUNCTIONS = ("sqrt", "cbrt", "root", "log", "ln", "exp", "sin", "cos", "tan", "abs", "comb", "gcd", "lcm")
_WORDED = (
    (r"\b(?:multiplied by|times)\b", "*"),
    (r"\bplus\b|\badded to\b", "+"),
    (r"\bminus\b", "-"),
    (r"\bdivided by\b", "/"),
    (r"(?<=\d)\s*\bto the power(?: of)?\b|\braised to(?: the power(?: of)?)?\b", "^"),
    (r"(?<=[\d)])\s*\bsquared\b", "^2"),
    (r"(?<=[\d)])\s*\bcubed\b", "^3"),
    (r"(?<=\d)\s*\bfactorial\b", "!"),
    (r"\b(?:the )?factorial of (\d+)\b(?!\.\d)", r"\1!"),
    (r"\b(?:the )?(?:principal |positive )?square root of (\d+(?:\.\d+)?|\([^()]*\))", r"sqrt(\1)"),
    (r"\b(?:the )?cube root of (-?\d+(?:\.\d+)?|\([^()]*\))", r"root(\1,3)"),
    (r"\b(?:sqrt|root) of (\d+(?:\.\d+)?)", r"sqrt(\1)"),
    (r"\b(?:the )?square of (\d+(?:\.\d+)?)$", r"\1^2"),
    (r"\b(?:the )?cube of (\d+(?:\.\d+)?)$", r"\1^3"),
    (r"\b(?:the )?absolute value of (-?\d+(?:\.\d+)?|\([^()]*\))", r"abs(\1)"),
    (r"\blog(?:arithm)?(?: to the)? base (\d+) of (\d+)\b(?!\.\d)", r"log(\2,\1)"),
    (r"(?<=\d)\s+[xX]\s+(?=[\d(-])|(?<=\d)[xX](?=\d)", "*"),
)


_OPEN_ENDED = re.compile(
    r"\b(?:root|sqrt|factorial|absolute value|base \d+) of (?:-?\d+(?:\.\d+)?(?![\d.])|\([^()]*\))\s*[^\s?.]",
    re.IGNORECASE,
)
_TWO_MEANINGS = re.compile(r"\b0[xX]\d|\d[eE][-+]?\d|\^\s*1\s*/|\bplus\s+minus\b", re.IGNORECASE)
"""0x10, 1e3, 2^1/2 (a root, or not), plus minus."""
_DATE = re.compile(r"\d{1,2}([-/])\d{1,2}\1(?:\d\d){1,2}|\d{4}-\d{1,2}-\d{1,2}")


def unworded(text: str) -> str:
    """The text with its worded operations as signs. Raises Unclear where words leave the order open."""
    if _OPEN_ENDED.search(text):
        raise Unclear("where the argument of a word ends")
    if _TWO_MEANINGS.search(text):
        raise Unclear("two meanings")
    worded = re.findall(r"\b(?:plus|minus|times|multiplied by|divided by|added to)\b", text, re.IGNORECASE)
    for pattern, sign in _WORDED:
        text = re.sub(pattern, sign, text, flags=re.IGNORECASE)
    if worded and len(set(re.findall(r"(?<=[\d)!a-z])\s*([-+*/])", text))) > 1 and "(" not in text:
        raise Unclear("words for operations of different rank")
    return text


def explicit(text: str, unknowns: str = "") -> str:
    """A formula with every operation written out, as scoring's parser reads it. Raises Unclear."""
    if len(text) > MOST_CHARS:
        raise Unclear("too long")
    if _DATE.fullmatch(text.strip()):
        raise Unclear("a date")
    tokens = _tokens(_absolute(text), unknowns)
    written: list[str] = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else ""
        if before and _ends(before) and _begins(token, tokens, place):
            if _number(before) and _number(token):
                raise Unclear("two numbers side by side")
            if _last_operator(written) == "/":
                raise Unclear("what is divided by what")
            written.append("*")
        written.append(token)
    _refuse_towers(written)
    return " ".join(written).replace("^", "**").replace(" !", "!")


def _tokens(text: str, unknowns: str) -> list[str]:
    found: list[str] = []
    place, text = 0, text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise Unclear("not a formula")
        place = match.end()
        if match["name"]:
            found += _names(match["name"], unknowns)
        else:
            found.append("^" if match["sign"] == "**" else match[0].strip())
    return _with_arguments(found)


def _names(run: str, unknowns: str) -> list[str]:
    if run in unknowns and len(run) == 1:
        return [run]
    if run.lower() in _FUNCTIONS:
        return [run.lower()]
    if run.lower() == "pi":
        return ["pi"]
    if run == "e":
        return ["E"]
    if unknowns and len(run) == 2 and all(letter in unknowns for letter in run):
        return list(run)
    raise Unclear("words in a formula")


def _with_arguments(tokens: list[str]) -> list[str]:
    """`sqrt 16` is sqrt(16); of anything else without brackets people disagree where it ends."""
    written: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token in _FUNCTIONS and following != "(":
            after = tokens[place + 2] if place + 2 < len(tokens) else ""
            if not (_number(following) or following == "pi" or following.isalpha()) or after in (
                "^",
                "!",
                "(",
            ):
                raise Unclear("where an argument ends")
            written += [token, "(", following, ")"]
            place += 2
            continue
        written.append(token)
        place += 1
    return written


def _absolute(text: str) -> str:
    if text.count("|") == 2:
        before, inside, after = text.split("|")
        return f"{before} abs({inside}) {after}"
    if "|" in text:
        raise Unclear("bars within bars")
    return text


def _number(token: str) -> bool:
    return token[:1].isdigit() or token[:1] == "."


def _ends(token: str) -> bool:
    return _number(token) or token in (")", "!") or (token.isalpha() and token not in _FUNCTIONS)


def _begins(token: str, tokens: list[str], place: int) -> bool:
    if token == "(":  # noqa: S105  (a token of a text, as below)
        return tokens[place - 1] not in _FUNCTIONS
    return _number(token) or token.isalpha()


def _last_operator(written: list[str]) -> str:
    """The operator on the same level before what was written last."""
    depth = 0
    for sign in reversed(written):
        depth += (sign == ")") - (sign == "(")
        if depth < 0:
            return ""
        if depth == 0 and sign in ("+", "-", "*", "/"):
            return sign
    return ""


def _refuse_towers(written: list[str]) -> None:
    """-3^2 and 2^3^2 mean different things to different people."""
    for place, sign in enumerate(written):
        if sign != "^":
            continue
        after = place + (2 if written[place + 1 : place + 2] != ["-"] else 3)
        if written[after : after + 1] == ["^"]:
            raise Unclear("a power of a power")
        bare = _number(written[place - 1]) and written[place - 2 : place - 1] == ["-"]
        if bare and (place == 2 or written[place - 3] in ("(", "*", "/", "+", "-", "^", ",")):
            raise Unclear("whether the sign is raised")


# Values ------------------------------------------------------------------------------------------


class _Leaves:
    def __init__(self, story: Story, unknowns: str, degrees: bool) -> None:
        self._story = story
        self._unknowns = unknowns
        self._degrees = degrees

    def number(self, written: str) -> WorkedValue:
        if len(written) > 40:
            raise Unclear("a very long number")
        return WorkedValue(sympy.Rational(written), self._story)

    def name(self, name: str) -> WorkedValue:
        if len(name) == 1 and name in self._unknowns:
            return WorkedValue(sympy.Symbol(name), self._story)
        if name == "pi":
            return WorkedValue(sympy.pi, self._story)
        if name == "E":
            return WorkedValue(sympy.E, self._story)
        raise Unclear("a name")

    def truth_value(self, value: Any) -> Any:
        raise Unclear("a comparison")

    def call(self, name: str, arguments: list[Any]) -> WorkedValue:
        values = [argument.value for argument in arguments]
        function = _CALLS.get(name)
        if function is None:
            raise Unclear("a function that is not computed here")
        if self._degrees and name in ("sin", "cos", "tan"):
            value = function(*(angle * sympy.pi / 180 for angle in values))
        elif name in ("sin", "cos", "tan") and values[0].is_Rational and values[0] != 0:
            raise Unclear("degrees or radians")
        else:
            value = function(*values)
        if value in (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
            raise Unclear("not finite")
        if all(given.is_number for given in values):
            self._story.add(_said(name, values), value)
        return WorkedValue(value, self._story)


_SAID = {
    "factorial": "{0}!",
    "sqrt": "the square root of {0}",
    "cbrt": "the cube root of {0}",
    "abs": "|{0}|",
    "log": "the logarithm of {0} to base {1}",
    "comb": "{0} choose {1}",
    "root": "the root of degree {1} of {0}",
}


def _said(name: str, values: list[Any]) -> str:
    said = list(map(shown, values))
    name = "cbrt" if name == "root" and values[1] == 3 else name
    return _SAID[name].format(*said) if name in _SAID else f"{name}({', '.join(said)})"


def _raised(base: WorkedValue, exponent: WorkedValue) -> WorkedValue:
    if not exponent.value.is_Rational:
        if exponent.value.free_symbols and base.value in (sympy.E, 2, 10):
            return WorkedValue(base.value**exponent.value, base.story)
        raise Unclear("an odd exponent")
    if base.value.is_Rational:
        bits = max(abs(base.value.p).bit_length(), base.value.q.bit_length())
        if bits * abs(exponent.value) > MOST_BITS or exponent.value.q > 10:
            raise Unclear("a very large power")
        if base.value < 0 and exponent.value.q != 1:
            raise Unclear("a root of a negative number")
        if base.value == 0 and exponent.value <= 0:
            raise Unclear("zero to the zeroth")
    elif abs(exponent.value) > LARGEST_SYMBOLIC_POWER:
        raise Unclear("a very large power")
    value = base.value**exponent.value
    if base.value.is_number:
        base.story.add(f"{base.story.bracketed(base.value)}^{base.story.bracketed(exponent.value)}", value)
    return WorkedValue(value, base.story)


def _factorial(value: Any) -> Any:
    if not value.is_Integer or not 0 <= value <= LARGEST_FACTORIAL:
        raise Unclear("a factorial beyond bounds")
    return sympy.factorial(value)


def _root(value: Any, degree: Any) -> Any:
    if not degree.is_Integer or not 2 <= degree <= 10:
        raise Unclear("an odd root")
    if value.is_number and value < 0:
        if degree % 2 == 0:
            raise Unclear("a root of a negative number")
        return -sympy.root(-value, degree)
    return sympy.root(value, degree)


def _logarithm(value: Any, base: Any = None) -> Any:
    if base is None or not (base.is_Integer and 2 <= base <= 1000) or not (value.is_Rational and value > 0):
        raise Unclear("a logarithm to which base")
    return sympy.log(value, base)


def _natural(value: Any) -> Any:
    if value.is_number and value <= 0:
        raise Unclear("a logarithm of what is not positive")
    return sympy.log(value)


def _binomial(above: Any, below: Any) -> Any:
    if not (above.is_Integer and below.is_Integer and 0 <= below <= above <= 500):
        raise Unclear("a choice beyond bounds")
    return sympy.binomial(above, below)


_CALLS: dict[str, Callable[..., Any]] = {
    "sqrt": lambda value: _root(value, sympy.Integer(2)),
    "cbrt": lambda value: _root(value, sympy.Integer(3)),
    "root": _root,
    "log": _logarithm,
    "ln": _natural,
    "exp": sympy.exp,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "abs": sympy.Abs,
    "factorial": _factorial,
    "comb": _binomial,
}
