"""The worker's function for a formula that a model wrote of a question. Importing it loads sympy."""

import re
from dataclasses import asdict, replace
from typing import Any

import sympy

from logicnet.answers.question import AnswerFormat, question_spec
from logicnet.maths.expression import Unreadable
from logicnet.maths.steps import Steps, evaluate, shown
from logicnet.solver.race.exact.formulas import written
from logicnet.solver.race.exact.sampler import ExactSolution

MOST_DEGREE = 4  # of an equation
_NAME = re.compile(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])")


def compute(formula: str, question: str) -> dict[str, str] | None:
    """The fields of an ExactSolution, its answer as `question` wants it; None if the formula is unreadable.

    Of an equation in one letter, its real solution; the positive one if one alone is. Of x = 3 * 4 and of
    3 * 4 = 11, the value of 3 * 4.
    """
    wanted = replace(question_spec(question).format, percent=False, exact=True)
    left, equals, right = (part.strip() for part in formula.partition("="))
    try:
        if not equals:
            found = _value(left, wanted)
        elif _NAME.fullmatch(left) and not _NAME.search(right):
            found = _value(right, wanted)
        elif not _NAME.search(formula):  # 48 / 2 = 24, the model's own result
            found = _value(left, wanted)
        else:
            found = _unknown(left, right, wanted)
    except (Unreadable, sympy.PolynomialError, NotImplementedError):
        return None
    return asdict(found) if found is not None else None


def _value(formula: str, wanted: AnswerFormat) -> ExactSolution | None:
    outcome = evaluate(formula, steps=Steps(fractions=wanted.fraction))
    answer = written(outcome.value, wanted)
    if answer is None or not outcome.steps:  # a bare number is a guess
        return None
    told = [f"The question asks for the value of {_pretty(formula)}.", *_sentences(outcome.steps)]
    return ExactSolution(answer, " ".join([*told, f"So the answer is {answer}."]))


def _unknown(left: str, right: str, wanted: AnswerFormat) -> ExactSolution | None:
    names = set(_NAME.findall(f"{left} = {right}"))
    if len(names) != 1:
        return None
    name = names.pop()
    difference = evaluate(left, name).value - evaluate(right, name).value
    poly = sympy.Poly(sympy.fraction(sympy.together(difference))[0], sympy.Symbol(name))
    if not 1 <= poly.degree() <= MOST_DEGREE or not all(one.is_Rational for one in poly.all_coeffs()):
        return None
    roots = [root for root in sympy.roots(poly) if root.is_real and _holds(difference, name, root)]
    positive = [root for root in roots if root.is_positive]
    chosen = sorted(positive if len(positive) == 1 else roots)
    answers = [written(root, wanted) or "" for root in chosen]
    if not answers or not all(answers):
        return None
    answer = answers[0] if len(answers) == 1 else " or ".join(f"{name} = {one}" for one in answers)
    told = [
        f"Let {name} be the number that is asked for.",
        f"The question says that {_pretty(left)} = {_pretty(right)}.",
        f"Solving this for {name} gives {' or '.join(f'{name} = {shown(root)}' for root in chosen)}.",
    ]
    if len(chosen) == 1 and chosen[0].is_Rational:
        check = Steps()
        evaluate(_NAME.sub(f"({shown(chosen[0])})", left if _NAME.search(left) else right), steps=check)
        told += [f"To check: {' and '.join(check)}."] if check else []
    return ExactSolution(answer, " ".join([*told, f"So the answer is {answer}."]))


def _holds(difference: Any, name: str, root: Any) -> bool:
    """Whether the equation holds at a root of its numerator, which may be a pole."""
    return bool(sympy.simplify(difference.subs(sympy.Symbol(name), root)) == 0)


def _sentences(steps: list[str]) -> list[str]:
    steps = list(dict.fromkeys(steps))
    openings = ["First,", *["Then"] * max(0, len(steps) - 2), "At last,"] if len(steps) > 1 else ["We have"]
    return [f"{opening} {step}." for opening, step in zip(openings, steps, strict=False)]


def _pretty(formula: str) -> str:
    return re.sub(r"\s*+\*\s*+", " × ", formula.replace("**", "^"))  # noqa: RUF001
