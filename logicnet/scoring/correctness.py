"""Steps 1 to 3 of a validator's correctness: equal text, numbers and expressions by their relative error.

Source: LogicNet 1.6. `tests/golden/numeric_cases.json` holds 68 cases of it.
"""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from logicnet.maths.expression import MOST_CHARS, Tree, Unreadable, read
from logicnet.maths.numbers import NeedsSymbols, plain
from logicnet.scoring._symbols import symbolic

By = Literal["equal", "number", "expression", "rule", "detector", "extraction", "judge", "nobody"]
"""Who decided: equal text (step 1); one number against one (2); two expressions (3); in step 4 a
fixed rule, the detector of tricks, the extraction of a long answer, or the judge. `nobody`: undecided."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A validator's correctness of one answer, in -1..1; None where it is undecided.

    `note` says in one line what was unusual. `failed` is set where the score is a validator's default
    because its model failed, so that no table counts a broken judge as an opinion.
    """

    score: float | None
    by: By
    note: str = ""
    failed: bool = False


EQUAL_SCORE = 1.0


def by_text(truth: str, answer: str) -> Verdict:
    """Steps 1 to 3, which need no model. The score is None where step 4 would decide."""
    if truth.strip().lower() == answer.strip().lower():
        return Verdict(EQUAL_SCORE, "equal")
    return compare(truth, answer)


EPSILON = 1e-8  # added to the truth's magnitude, so that a truth of 0 divides

REMOVED = ("$", r"\[", r"\]", "%", "m^2", "m^3")
"""Taken out of both sides, in this order, before anything is compared."""

POWERS = ("**", "^")  # expressions that hold one of these are not compared
_NUMBER = re.compile(r"\d+\.\d+|\d+")  # a validator's own: no sign, any script's digits


def compare(truth: str, answer: str) -> Verdict:
    """The score in 0..1 if arithmetic decides, else None: the judge is next. Never runs what it reads."""
    truth, answer = _cleaned(truth), _cleaned(answer)
    numbers = _first_two(truth)
    if not numbers:
        return Verdict(None, "nobody")
    if len(numbers) == 1 and len(answered := _first_two(answer)) == 1:
        return _of_numbers(float(numbers[0]), float(answered[0]))
    if any(power in side for side in (truth, answer) for power in POWERS):
        return Verdict(None, "nobody")
    return _of_expressions(truth, answer)


def _cleaned(text: str) -> str:
    for piece in REMOVED:
        text = text.replace(piece, "")
    return text


def _first_two(text: str) -> list[str]:
    return [match[0] for match in islice(_NUMBER.finditer(text), 2)]


def _clamped(error: float) -> float:
    # In this order: where both are infinite the error is no number, and a validator's score is 0.
    return min(max(0.0, 1.0 - error), 1.0)


def _of_numbers(truth: float, answer: float) -> Verdict:
    score = _clamped(abs(truth - answer) / (abs(truth) + EPSILON))
    huge = float("inf") in (truth, answer)
    return Verdict(score, "number", "a number too large for a float" if huge else "")


def _of_expressions(truth: str, answer: str) -> Verdict:
    try:
        trees = read(_without_literals(truth)), read(_without_literals(answer))
    except Unreadable as error:
        return Verdict(None, "nobody", str(error))
    try:
        return Verdict(_plain_score(plain(trees[0]), plain(trees[1])), "expression")
    except (NeedsSymbols, OverflowError):
        pass
    except Unreadable as error:
        return Verdict(None, "nobody", str(error))
    return _of_symbols(*trees)


_DIGITS = r"\d(?:_?\d)*+"
_LITERAL = re.compile(
    r"(?<![\w.])(?:(?P<based>0(?:[xX](?:_?[\da-fA-F])++|[oO](?:_?[0-7])++|[bB](?:_?[01])++))"
    rf"|(?P<decimal>(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?)(?P<unit>[jJ])?)(?![\w.])"
)


def _without_literals(text: str) -> str:
    """Python's other numbers (0x23, 0b11, 1_000, 99j) as plain ones: a validator's `sympify` takes them so.

    99j is 99*I in the text, so 6/2j is 3*I as it is for sympify, and not what Python makes of it.
    """

    def plainly(found: re.Match[str]) -> str:
        if found["based"]:
            return str(int(found["based"], 0))
        return found["decimal"].replace("_", "") + ("*I" if found["unit"] else "")

    return _LITERAL.sub(plainly, text) if len(text) <= MOST_CHARS else text


def _plain_score(truth: Any, answer: Any) -> float:
    return _clamped(float(abs(truth - answer)) / (float(abs(truth)) + EPSILON))


def _of_symbols(truth: Tree, answer: Tree) -> Verdict:
    try:
        score = _symbolic_score(symbolic(truth), symbolic(answer))
    except Unreadable as error:
        return Verdict(None, "nobody", str(error))
    except Exception as error:  # whatever sympy raises on what strangers wrote; a validator catches all too
        return Verdict(None, "nobody", f"sympy cannot read it ({type(error).__name__})")
    return Verdict(score, "nobody" if score is None else "expression")


def _symbolic_score(truth: Any, answer: Any) -> float | None:
    """What the same formula on sympy's objects comes to; None where sympy cannot order the outcome."""
    difference = truth - answer
    if not difference:  # 0, 0.0 or False
        return 1.0
    sides = [side for side in (truth, difference) if not isinstance(side, int)]  # "x is 3" is an int, False
    if not all(side.is_number and side.is_finite is not None for side in sides):  # unknowns, or nan
        return None
    if not all(side.is_finite for side in sides):
        return 0.0 if isinstance(truth, int) or truth.is_finite else None
    return _plain_score(complex(truth), complex(truth) - complex(difference))
