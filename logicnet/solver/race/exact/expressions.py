"""Formulas, in signs or in words."""

# ruff: noqa: RUF001  (the sign of multiplication is meant)

from __future__ import annotations

import re

from logicnet.answers.question import AnswerFormat
from logicnet.maths.expression import Unreadable
from logicnet.maths.steps import Steps, evaluate
from logicnet.solver.race.exact.sampler import ExactSolution
from logicnet.solver.race.exact.written import written

_MOST_TOLD = 4  # sentences between the first and the last

_NUMBER = r"\d+(?:\.\d+)?"
_OPERAND = rf"(?:{_NUMBER}|\([^()]*\))"
_EXPONENT = rf"(?:-?{_NUMBER}(?:/\d+)?|-?\([^()]*\))"
_POWERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?P<base>{_OPERAND})\s*(?:raised\s+)?to\s+(?:the\s+)?power\s+(?:of\s+)?(?P<power>{_EXPONENT})",
        rf"(?P<base>{_OPERAND})\s*(?:raised\s+)?to\s+the\s+(?P<power>{_EXPONENT})\s+power",
        rf"(?P<base>{_OPERAND})\s*raised\s+to\s+(?P<power>{_EXPONENT})",
        rf"(?:the\s+)?(?P<power>{_EXPONENT})\s+power\s+of\s+(?P<base>{_OPERAND})",
    )
)
"""Each is a whole formula: of 2 to the power of 3 plus 1 nobody knows where the power ends."""

_WORDS = tuple(
    (re.compile(pattern, re.IGNORECASE), sign)
    for pattern, sign in (
        (r"\b(?:multiplied by|times)\b", "*"),
        (r"\bplus\b|\badded to\b", "+"),
        (r"\bminus\b", "-"),
        (r"\bdivided by\b", "/"),
        (rf"^({_OPERAND})\s*\bsquared\b", r"\1^2"),
        (rf"^({_OPERAND})\s*\bcubed\b", r"\1^3"),
        (rf"^({_OPERAND})\s*\bfactorial\b", r"\1!"),
        (r"\b(?:the )?factorial of (\d+)\b(?!\.\d)", r"\1!"),
        (rf"\b(?:the )?(?:principal |positive )?square root of ({_OPERAND})", r"sqrt(\1)"),
        (rf"\b(?:the )?cube root of (-?{_NUMBER}|\([^()]*\))", r"root(\1,3)"),
        (rf"\b(?:sqrt|root) of ({_NUMBER})", r"sqrt(\1)"),
        (rf"\b(?:the )?square of ({_NUMBER})$", r"\1^2"),
        (rf"\b(?:the )?cube of ({_NUMBER})$", r"\1^3"),
        (rf"\b(?:the )?absolute value of (-?{_NUMBER}|\([^()]*\))", r"abs(\1)"),
        (r"\blog(?:arithm)?(?: to the)? base (\d+) of (\d+)\b(?!\.\d)", r"logbase(\1,\2)"),
        (r"(?<=\d)\s+[xX]\s+(?=[\d(-])|(?<=\d)[xX](?=\d)", "*"),
    )
)
_WORDED = re.compile(r"\b(?:plus|minus|times|multiplied by|divided by|added to)\b", re.IGNORECASE)
_OPEN_ENDED = re.compile(
    rf"\b(?:root|sqrt|factorial|absolute value|base \d+) of (?:-?{_NUMBER}(?![\d.])|\([^()]*\))\s*[^\s?.]",
    re.IGNORECASE,
)
_TWO_MEANINGS = re.compile(
    r"\b0[xX]\d|\d[eE][-+]?\d|(?:\^|\*\*)\s*[-+]?\s*(?:[\d.]+/\s*\d|1\s*/)|\bplus\s+minus\b|\+\s*-\s*$",
    re.IGNORECASE,
)
"""0x10, 1e3, 27^2/3 (a root, or not), plus minus."""
_DATE = re.compile(r"\d{1,2}([-/])\d{1,2}\1(?:\d\d){1,2}|\d{4}-\d{1,2}-\d{1,2}")

_DEGREES = re.compile(
    r",?\s*(?:with|where|and) the angles? (?:is |are |given |measured )?in degrees\s*$", re.IGNORECASE
)
_ANGLE = re.compile(r"(?<=[\d)])\s*degrees?\b", re.IGNORECASE)
_TRIVIAL = re.compile(r"(-?\d+) ÷ (\d+) = \1/\2")


def expression(text: str, wanted: AnswerFormat, *, simplified: bool = False) -> ExactSolution | None:
    """The solution of a formula; None if it is a mere number, or its form is open. Raises Unreadable."""
    degrees = bool(_DEGREES.search(text) or _ANGLE.search(text))
    formula = _ANGLE.sub("", _DEGREES.sub("", text))
    if degrees and not re.search(r"\b(?:sin|cos|tan)\b", formula):
        return None
    formula = in_signs(formula.strip())
    fraction = wanted.fraction or simplified or bool(re.search(r"(?<!\^)\(-?\d+/\d+\)|\)/\(", formula))
    outcome = evaluate(formula, degrees=degrees, steps=Steps(fractions=fraction, exact=wanted.exact))
    steps = [step for step in outcome.steps if not _TRIVIAL.fullmatch(step)] or outcome.steps
    plain = fraction and not (simplified or wanted.rounded or wanted.decimal)
    if not steps or (plain and _TRIVIAL.fullmatch(steps[0])):
        return None
    answer = written(outcome.value, wanted, fraction=fraction)
    return ExactSolution(answer, " ".join(_told(_pretty(text), steps, answer, wanted))) if answer else None


def in_signs(text: str) -> str:
    """The formula with signs for words. Raises Unreadable where words leave the order open."""
    for power in _POWERS:
        if found := power.fullmatch(text):
            return f"{found['base']}^({found['power']})"
    if _OPEN_ENDED.search(text) or _TWO_MEANINGS.search(text) or _DATE.fullmatch(text):
        raise Unreadable("two meanings")
    worded = _WORDED.search(text)
    for pattern, sign in _WORDS:
        text = pattern.sub(sign, text)
    if worded and len(set(re.findall(r"(?<=[\d)!a-z])\s*([-+*/])", text))) > 1 and "(" not in text:
        raise Unreadable("words for operations of different rank")
    return text


def _pretty(text: str) -> str:
    text = (
        re.sub(r"\(\(?(-?[\d.]+)\)?/\(?(-?[\d.]+)\)?\)", r"\1/\2", text)
        .replace("**", "^")
        .replace(" / ", " ÷ ")
    )
    text = re.sub(r"\blog_\(?(\d+)\)?\s*\(?([^()]+)\)?", r"the logarithm of \2 to base \1", text)
    return re.sub(r"\^\((\d+)\)", r"^\1", re.sub(r"\s*\*\s*", " × ", text)).strip()


def _told(asked: str, steps: list[str], answer: str, wanted: AnswerFormat) -> list[str]:
    """The steps in two to six sentences."""
    told = [f"To work out {asked}, we take it one operation at a time."]
    if len(steps) == 1:
        told = [f"We need to work out {asked}."]
    steps = list(dict.fromkeys(steps))
    size = -(-len(steps) // _MOST_TOLD)
    groups = [steps[start : start + size] for start in range(0, len(steps), size)]
    for place, group in enumerate(groups):
        opening = "We have" if len(groups) == 1 else ("First," if place == 0 else "Then")
        told.append(f"{opening} {' and '.join(group)}.")
    return [
        *told,
        f"Rounded as asked, this is {answer}." if wanted.rounded else f"So the answer is {answer}.",
    ]
