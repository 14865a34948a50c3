"""Equations in one unknown up to the second degree; derivatives and integrals of simple functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sympy

from logicnet.maths.worked import MOST_CHARS, Unclear, shown, told
from logicnet.solver.race.closed.answers import ComputedAnswer, written
from logicnet.solver.race.closed.wording import Wish

_LETTER = r"[a-zA-Z]"
_EQUATION = re.compile(
    rf"""(?:(?:for\s+)?(?:the\s+)?(?:value\s+of\s+)?(?:the\s+)?(?:unknown\s+|variable\s+|number\s+)?(?P<first>{_LETTER})
            \s*(?:in|from|given(?:\sthat)?|such\sthat|so\sthat|if|when|where|that\ssatisfies|satisfying|for\swhich)?
            (?:\s*:?\s*the(?:\sfollowing)?\s(?:linear\s|quadratic\s)?equation)?\s*[:,]?\s+)?
        (?:(?:the\s+)?(?:following\s+)?(?:(?P<kind>linear|quadratic)\s+)?equation\s*:?\s*)?
        (?P<roots>(?:real\s+)?(?:zeros|zeroes|roots|solutions?)\s+of\s+(?:the\s+)?(?:quadratic\s+)?(?:equation\s+)?)?
        (?P<left>[^=<>]+)=(?P<right>[^=<>]+?)
        (?:,?\s+for\s+(?:the\s+value\s+of\s+)?(?P<last>{_LETTER}))?""",
    re.VERBOSE | re.IGNORECASE,
)
_IF = re.compile(
    rf"(?:if|given(?:\s+that)?)\s+(?P<left>[^=<>]+?)=(?P<right>[^=<>]+?),?\s+(?:then\s+)?"
    rf"(?:what\s+is|what's|find|solve\s+for|determine|calculate)\s+(?:the\s+)?(?:value\s+of\s+)?(?P<last>{_LETTER})",
    re.IGNORECASE,
)


def found(text: str, wish: Wish, verb: str) -> ComputedAnswer | None:
    """An equation that is asked to be solved; None if it is none. Raises Unclear."""
    if match := _IF.fullmatch(text):
        return _solved(match["left"], match["right"], match["last"], wish)
    match = _EQUATION.fullmatch(text)
    if match is None or (
        verb in ("what", "find") and not (match["first"] or match["roots"] or match["last"])
    ):
        return None
    if not verb and not match["last"]:
        return None
    named = match["first"] or match["last"] or ""
    if match["first"] and match["last"] and match["first"] != match["last"]:
        return None
    return _solved(match["left"], match["right"], named, wish)


def _solved(left: str, right: str, named: str, wish: Wish) -> ComputedAnswer | None:
    letters = set(re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", f"{left} {right}"))
    if len(letters) != 1 or (named and named not in letters):
        return None
    name = letters.pop()
    unknown = sympy.Symbol(name)
    try:
        difference = sympy.Poly(told(left, name).value - told(right, name).value, unknown)
    except sympy.PolynomialError:
        return None
    if not all(coefficient.is_Rational for coefficient in difference.all_coeffs()):
        return None
    equation = f"{_tidy(left)} = {_tidy(right)}"
    if difference.degree() == 1:
        return _linear(difference, name, equation, wish)
    if difference.degree() == 2:
        return _quadratic(difference, name, equation, wish)
    return None


def _tidy(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("**", "^").replace("*", "")).strip()


def _linear(poly: Any, name: str, equation: str, wish: Wish) -> ComputedAnswer | None:
    slope, constant = poly.all_coeffs()
    value = -constant / slope
    answer = written(value, wish, fraction=True)
    if answer is None:
        return None
    steps = [f"We solve {equation} for {name}."]
    steps += [f"Collecting the terms with {name} on one side and the numbers on the other gives "
              f"{'' if slope == 1 else shown(slope)}{name} = {shown(-constant)}."]  # fmt: skip
    if slope != 1:
        steps += [f"Dividing both sides by {shown(slope)} gives {name} = {shown(value)}."]
    return ComputedAnswer(answer, [*steps, f"So {name} is {answer}."])


def _quadratic(poly: Any, name: str, equation: str, wish: Wish) -> ComputedAnswer | None:
    a, b, c = poly.all_coeffs()
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return None
    roots = sorted({(-b - sympy.sqrt(discriminant)) / (2 * a), (-b + sympy.sqrt(discriminant)) / (2 * a)})
    texts = [written(root, wish, fraction=True) for root in roots]
    if None in texts:
        return None
    answers = [text for text in texts if text is not None]
    steps = [
        f"We solve {equation} with the quadratic formula.",
        f"With a = {shown(a)}, b = {shown(b)} and c = {shown(c)} the discriminant is "
        f"b^2 - 4ac = {shown(discriminant)}.",
    ]
    if len(roots) == 1:
        steps += [
            f"It is zero, so there is one solution, -b/(2a) = {answers[0]}.",
            f"So {name} is {answers[0]}.",
        ]
        return ComputedAnswer(answers[0], steps)
    steps += [
        f"The solutions are (-b ± √{shown(discriminant)})/(2a).",
        f"So {name} is {answers[0]} or {answers[1]}.",
    ]
    return ComputedAnswer(f"{name} = {answers[0]} or {name} = {answers[1]}", steps)


# Calculus ----------------------------------------------------------------------------------------


def _function(text: str, variable: str | None) -> tuple[Any, Any]:
    """The function in a text, and its variable. Raises Unclear."""
    text = re.sub(r"^(?:f\s*\(\s*[a-zA-Z]\s*\)|y)\s*=\s*", "", text.strip())
    letters = set(re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", text)) - {"e"}
    name = variable or (letters.pop() if len(letters) == 1 else "x")
    if letters - {name} or len(text) > MOST_CHARS:
        raise Unclear("more than one unknown")
    value = told(text, name).value
    if value.count_ops() > 60:
        raise Unclear("a long function")
    return value, sympy.Symbol(name)


def _text(value: Any, *, stars: bool) -> str:
    text = str(value)
    return text if stars else re.sub(r"(?<=\d)\*(?=[A-Za-z(])", "", text.replace("**", "^"))


def _derivative(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
    function, variable = _function(match["f"], match["by"])
    value = sympy.diff(function, variable)
    value = sympy.expand(value) if function.is_polynomial(variable) else value
    stars = "**" in match["f"]
    answer, said = _text(value, stars=stars), _text(function, stars=stars)
    if wish.rounded or len(answer) > 200 or not function.free_symbols:
        return None
    steps = [f"To differentiate {said} with respect to {variable}, we differentiate it term by term."]
    if function.is_polynomial(variable):
        steps += [f"By the power rule each term a{variable}^n becomes n·a{variable}^(n-1)."]
    return ComputedAnswer(answer, [*steps, f"Adding up the terms, the derivative is {answer}."])


def _antiderivative(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
    function, variable = _function(match["f"], match["by"])
    value = sympy.integrate(function, variable) if _simple(function, variable) else None
    if value is None or value.has(sympy.Integral) or wish.rounded:
        return None
    stars = "**" in match["f"]
    answer, said = _text(sympy.expand(value), stars=stars), _text(function, stars=stars)
    if len(answer) > 200:
        return None
    steps = [
        f"To integrate {said} with respect to {variable}, we integrate it term by term.",
        f"Each term is raised by one power and divided by the new one, which gives {answer}.",
        f"With the constant of integration the answer is {answer} + C.",
    ]
    return ComputedAnswer(f"{answer} + C", steps)


def _definite(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
    function, variable = _function(match["f"], match["by"])
    if not function.is_polynomial(variable):
        return None
    first, last = told(match["a"]).value, told(match["b"]).value
    primitive = sympy.integrate(function, variable)
    value = primitive.subs(variable, last) - primitive.subs(variable, first)
    answer = written(value, wish, fraction=True)
    if answer is None:
        return None
    said = _text(function, stars=False)
    steps = [
        f"To integrate {said} from {shown(first)} to {shown(last)}, we need an antiderivative.",
        f"One is {_text(sympy.expand(primitive), stars=False)}.",
        f"Its value at {shown(last)} less its value at {shown(first)} is {shown(value)}.",
    ]
    return ComputedAnswer(answer, [*steps, f"So the integral is {answer}."])


def _simple(function: Any, variable: Any) -> bool:
    return bool(function.is_polynomial(variable)) and function.free_symbols <= {variable}


_BY = rf"(?:,?\s+(?:with\s+respect\s+to|w\.?r\.?t\.?|over)\s+(?P<by>{_LETTER}))?"
_FUNCTION = (
    r"(?:the\s+)?(?:function\s+|equation\s+|expression\s+|polynomial\s+)?:?\s*"
    r"(?P<f>(?:(?:f\s*\(\s*[a-z]\s*\)|y)\s*=)?[^=∫]+?)"
)
_LIMITS = r"(?P<a>-?\d+(?:\.\d+)?)\s+(?:to|and)\s+(?P<b>-?\d+(?:\.\d+)?)"

Rule = tuple[str, Callable[[re.Match[str], Wish], ComputedAnswer | None], tuple[str, ...]]

CALCULUS: tuple[Rule, ...] = (
    (rf"(?:the\s+)?(?:first\s+)?derivative\s+of\s+{_FUNCTION}{_BY}", _derivative, ("what", "find", "")),
    (rf"{_FUNCTION}{_BY}", _derivative, ("differentiate",)),
    (rf"d\s*/\s*d(?P<by>{_LETTER})\s*[(\[](?P<f>[^=]+)[)\]]", _derivative, ("what", "find", "")),
    (
        rf"(?:the\s+)?definite\s+integral\s+(?:within\s+(?:the\s+)?limits|between|from)\s+{_LIMITS}\s+of\s+{_FUNCTION}{_BY}",
        _definite,
        ("what", "find", ""),
    ),
    (
        rf"(?:the\s+)?(?:definite\s+)?integral\s+of\s+{_FUNCTION}{_BY}\s+(?:from|between)\s+(?:{_LETTER}\s*=\s*)?{_LIMITS}",
        _definite,
        ("what", "find", ""),
    ),
    (
        rf"(?:the\s+)?(?:definite\s+integral\s*:?\s*)?(?:∫|int)\s*_\s*\(?(?P<a>-?\d+)\)?\s*\^\s*\(?(?P<b>-?\d+)\)?"
        rf"\s*(?P<f>[^=∫]+?)\s*d(?P<by>{_LETTER})",
        _definite,
        ("what", "find", "integrate", ""),
    ),
    (
        rf"(?:the\s+)?(?:indefinite\s+integral|integral|antiderivative)\s*(?:of)?\s*:?\s*(?:∫|int\b)?\s*(?P<f>[^=∫]+?)"
        rf"\s*d(?P<by>{_LETTER})",
        _antiderivative,
        ("what", "find", ""),
    ),
    (
        rf"(?:the\s+)?(?:indefinite\s+integral|antiderivative)\s+of\s+(?P<f>[^=∫]+?){_BY}",
        _antiderivative,
        ("what", "find", ""),
    ),
    (
        rf"(?:∫|int\b)\s*(?P<f>[^=∫_]+?)\s*d(?P<by>{_LETTER})",
        _antiderivative,
        ("what", "find", "integrate", ""),
    ),
)
