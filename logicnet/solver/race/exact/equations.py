"""Equations in one unknown up to the second degree."""

from __future__ import annotations

import re
from typing import Any

import sympy

from logicnet.answers.question import AnswerFormat
from logicnet.maths.steps import evaluate, shown
from logicnet.solver.race.exact.sampler import ExactSolution
from logicnet.solver.race.exact.written import written

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


def equation(text: str, wanted: AnswerFormat, verb: str) -> ExactSolution | None:
    """The solution of an equation that is to be solved; None if the text is not one. Raises Unreadable."""
    if match := _IF.fullmatch(text):
        return _solved(match["left"], match["right"], match["last"], wanted)
    match = _EQUATION.fullmatch(text)
    if match is None:
        return None
    named = {name for name in (match["first"], match["last"]) if name}
    if len(named) > 1 or (verb != "solve" and not named and not (verb and match["roots"])):
        return None
    if not verb and not match["last"]:
        return None
    return _solved(match["left"], match["right"], "".join(named), wanted)


def _solved(left: str, right: str, named: str, wanted: AnswerFormat) -> ExactSolution | None:
    letters = set(re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", f"{left} {right}"))
    if len(letters) != 1 or (named and named not in letters):
        return None
    name = letters.pop()
    try:
        difference = sympy.Poly(evaluate(left, name).value - evaluate(right, name).value, sympy.Symbol(name))
    except sympy.PolynomialError:
        return None
    if not all(coefficient.is_Rational for coefficient in difference.all_coeffs()):
        return None
    tidy = (re.sub(r"\s+", " ", side.replace("**", "^").replace("*", "")).strip() for side in (left, right))
    steps = [f"We solve {' = '.join(tidy)} for {name}."]
    if difference.degree() == 1:
        return _linear(difference, name, steps, wanted)
    return _quadratic(difference, name, steps, wanted) if difference.degree() == 2 else None


def _linear(poly: Any, name: str, steps: list[str], wanted: AnswerFormat) -> ExactSolution | None:
    slope, constant = poly.all_coeffs()
    value = -constant / slope
    answer = written(value, wanted, fraction=True)
    if answer is None:
        return None
    steps += [f"Collecting the terms with {name} on one side and the numbers on the other gives "
              f"{'' if slope == 1 else shown(slope)}{name} = {shown(-constant)}."]  # fmt: skip
    if slope != 1:
        steps += [f"Dividing both sides by {shown(slope)} gives {name} = {shown(value)}."]
    return ExactSolution(answer, " ".join([*steps, f"So {name} is {answer}."]))


def _quadratic(poly: Any, name: str, steps: list[str], wanted: AnswerFormat) -> ExactSolution | None:
    a, b, c = poly.all_coeffs()
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return None
    roots = sorted({(-b - sympy.sqrt(discriminant)) / (2 * a), (-b + sympy.sqrt(discriminant)) / (2 * a)})
    answers = [written(root, wanted, fraction=True) or "" for root in roots]
    if not all(answers):
        return None
    steps += [
        f"With a = {shown(a)}, b = {shown(b)} and c = {shown(c)} the discriminant of the formula is "
        f"b^2 - 4ac = {shown(discriminant)}."
    ]
    if len(roots) == 1:
        steps += [f"It is zero, so there is one solution, -b/(2a) = {answers[0]}."]
        return ExactSolution(answers[0], " ".join([*steps, f"So {name} is {answers[0]}."]))
    steps += [f"The solutions are (-b ± √{shown(discriminant)})/(2a)."]
    steps += [f"So {name} is {answers[0]} or {answers[1]}."]
    return ExactSolution(f"{name} = {answers[0]} or {name} = {answers[1]}", " ".join(steps))
