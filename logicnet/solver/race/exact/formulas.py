"""Formulas, in signs or in words, and equations in one unknown up to the second degree."""

# ruff: noqa: RUF001  (the sign of multiplication is meant)

import re
from typing import Any

import sympy

from logicnet.answers.question import AnswerFormat
from logicnet.answers.spelled import from_words
from logicnet.maths.expression import Unreadable
from logicnet.maths.steps import Steps, decimal, evaluate, fixed, shown
from logicnet.solver.race.exact.sampler import ExactSolution

MOST_DIGITS = 60  # of an answer; a longer one is wanted in some other form
MOST_PLACES = 12  # of a decimal that is written in full


def written(value: Any, wanted: AnswerFormat, *, fraction: bool = False) -> str | None:
    """The value as the question wants it; None where the question leaves the form open."""
    if wanted.percent or not value.is_number or value.is_real is not True or value.is_finite is not True:
        return None
    text = (
        _rounded_as(value, wanted) if wanted.rounded else _in_full(value, wanted, fraction or wanted.fraction)
    )
    return text if text is not None and len(text) <= MOST_DIGITS else None


def _in_full(value: Any, wanted: AnswerFormat, fraction: bool) -> str | None:
    value = value if value.is_Rational else sympy.radsimp(sympy.simplify(value))
    if value.is_Integer:
        return str(value)
    if value.is_Rational:
        short = None if fraction else decimal(value, MOST_PLACES)
        return short or (None if wanted.decimal else f"{value.p}/{value.q}")
    return str(value).replace("**", "^") if wanted.exact else None


def _rounded_as(value: Any, wanted: AnswerFormat) -> str:
    if wanted.down or wanted.up:
        return str(sympy.floor(value) if wanted.down else sympy.ceiling(value))
    if wanted.places is not None:
        return _rounded(value, wanted.places)
    if value == 0:
        return "0"
    places = (wanted.significant or 1) - 1 - int(sympy.floor(sympy.log(abs(value), 10)))
    text = _rounded(value, places)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(value: Any, places: int) -> str:
    """Half away from zero, as people round."""
    size = int(sympy.floor(abs(value) * sympy.Integer(10) ** places + sympy.Rational(1, 2)))
    scaled = -size if value < 0 else size
    return fixed(scaled, places) if places > 0 else str(scaled * 10**-places)


# Formulas -----------------------------------------------------------------------------------------

_MOST_TOLD = 4  # sentences between the first and the last

_NUMBER = r"\d+(?:\.\d+)?"
_OPERAND = rf"(?:{_NUMBER}|\([^()]*\))"
_WORDED_EXPONENT = r"(?:\d{1,3}(?:st|nd|rd|th)|[a-z]++(?:[ -](?!power\b)[a-z\d]++){0,4})"
_EXPONENT = rf"(?:-?{_NUMBER}(?:/\d+)?|-?\([^()]*\))"
_POWERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?P<base>{_OPERAND})\s*+(?:raised\s++)?to\s++(?:the\s++)?power\s++(?:of\s++)?(?P<power>{_EXPONENT}|{_WORDED_EXPONENT})",
        rf"(?P<base>{_OPERAND})\s*+(?:raised\s++)?to\s++the\s++(?P<power>{_EXPONENT}|{_WORDED_EXPONENT})\s++power",
        rf"(?P<base>{_OPERAND})\s*+raised\s++to\s++(?P<power>{_EXPONENT})",
        rf"(?:the\s++)?(?P<power>{_EXPONENT}|{_WORDED_EXPONENT})\s++power\s++of\s++(?P<base>{_OPERAND})",
        rf"(?P<base>{_OPERAND})\s*+to\s++the\s++(?P<power>-?\d+/\d+)",
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
        (rf"^({_OPERAND})\s*+\bsquared\b", r"\1^2"),
        (rf"^({_OPERAND})\s*+\bcubed\b", r"\1^3"),
        (rf"^({_OPERAND})\s*+\bfactorial\b", r"\1!"),
        (r"\b(?:the )?factorial of (\d+)\b(?!\.\d)", r"\1!"),
        (rf"\b(?:the )?(?:principal |positive )?square root of ({_OPERAND})", r"sqrt(\1)"),
        (rf"(?:\b(?:the ))?\b(\d{{1,2}})(?:st|nd|rd|th) root of ({_OPERAND})", r"root(\2,\1)"),
        (rf"\b(?:the )?cube root of (-?{_NUMBER}|\([^()]*\))", r"root(\1,3)"),
        (rf"\b(?:sqrt|root) of ({_NUMBER})", r"sqrt(\1)"),
        (rf"\b(?:the )?square of ({_NUMBER})$", r"\1^2"),
        (rf"\b(?:the )?cube of ({_NUMBER})$", r"\1^3"),
        (rf"\b(?:the )?absolute value of (-?{_NUMBER}|\([^()]*\))", r"abs(\1)"),
        (r"\blog(?:arithm)?(?: to the)? base (\d+) of (\d+)\b(?!\.\d)", r"logbase(\1,\2)"),
        (r"(?<=\d)\s++[xX]\s++(?=[\d(-])|(?<=\d)[xX](?=\d)", "*"),
    )
)
_WORDED = re.compile(r"\b(?:plus|minus|times|multiplied by|divided by|added to)\b", re.IGNORECASE)
_OPEN_ENDED = re.compile(
    rf"\b(?:root|sqrt|factorial|absolute value|base \d+) of (?:-?{_NUMBER}(?![\d.])|\([^()]*\))\s*+[^\s?.]",
    re.IGNORECASE,
)
_TWO_MEANINGS = re.compile(
    r"\b0[xX]\d|\d[eE][-+]?\d|(?:\^|\*\*)\s*+[-+]?\s*+(?:[\d.]+/\s*+\d|1\s*+/)|\bplus\s++minus\b|\+\s*+-\s*+$",
    re.IGNORECASE,
)
"""0x10, 1e3, 27^2/3 (a root, or not), plus minus."""
_DATE = re.compile(r"\d{1,2}([-/])\d{1,2}\1(?:\d\d){1,2}|\d{4}-\d{1,2}-\d{1,2}")

_DEGREES = re.compile(
    r",?\s*+(?:with|where|and) the angles? (?:is |are |given |measured )?in degrees\s*+$", re.IGNORECASE
)
_ANGLE = re.compile(
    rf"\b(sin|cos|tan)(\s*+\(\s*+-?{_NUMBER}|\s++{_NUMBER})\s*+degrees?(?=\s*+\)|\s|$)", re.IGNORECASE
)
_TRIGONOMETRIC = re.compile(r"sin|cos|tan|sec|csc|cot", re.IGNORECASE)
_TRIVIAL = re.compile(r"(-?\d+) ÷ (\d+) = \1/\2")


def expression(text: str, wanted: AnswerFormat, *, simplified: bool = False) -> ExactSolution | None:
    """The solution of a formula; None if it is a mere number, or its form is open. Raises Unreadable."""
    formula, told = _DEGREES.subn("", text)
    formula, angles = _ANGLE.subn(r"\1\2", formula)
    degrees, functions = bool(told or angles), len(_TRIGONOMETRIC.findall(formula))
    if degrees and (not functions or (angles and angles != functions)):
        return None  # some angles are in degrees, and others in what
    formula = in_signs(formula.strip())
    fraction = wanted.fraction or simplified or bool(re.search(r"(?<!\^)\(-?\d+/\d+\)|\)/\(", formula))
    outcome = evaluate(formula, degrees=degrees, steps=Steps(fractions=fraction, exact=wanted.exact))
    steps = [step for step in outcome.steps if not _TRIVIAL.fullmatch(step)] or outcome.steps
    plain = fraction and not (simplified or wanted.rounded or wanted.decimal)
    if not steps or (plain and _TRIVIAL.fullmatch(steps[0])):
        return None
    answer = written(outcome.value, wanted, fraction=fraction)
    return ExactSolution(answer, " ".join(_told(_pretty(text), steps, answer, wanted))) if answer else None


_ORDINALS = {
    word: place
    for place, word in enumerate(
        ["second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"], start=2
    )
}
_ORDINAL = re.compile(rf"(?:(?<=^)|(?<=the ))(?:{'|'.join(_ORDINALS)})(?=\sroot\b)", re.IGNORECASE)


def _exponent(power: str) -> str | None:
    """An exponent in signs: 5th, fifth, two thirds, minus one half; None for other words.

    The one hundredth power is a place or a part.
    """
    if power[0].isdecimal() or power[0] in "-(":
        return re.sub(r"(?:st|nd|rd|th)$", "", power)
    if power.lower().endswith("hundredth"):
        return None
    return str(_ORDINALS.get(power.lower(), "")) or from_words(power)


def in_signs(text: str) -> str:
    """The formula with signs for words. Raises Unreadable where words leave the order open."""
    for power in _POWERS:
        if found := power.fullmatch(text):
            if (exponent := _exponent(found["power"])) is None:
                raise Unreadable("an exponent in other words")
            return f"{found['base']}^({exponent})"
    text = _ORDINAL.sub(lambda ordinal: f"{_ORDINALS[ordinal[0].lower()]}th", text)
    if _OPEN_ENDED.search(text) or _TWO_MEANINGS.search(text) or _DATE.fullmatch(text):
        raise Unreadable("two meanings")
    worded = _WORDED.search(text)
    for pattern, sign in _WORDS:
        text = pattern.sub(sign, text)
    if worded and len(set(re.findall(r"(?<=[\d)!a-z])\s*+([-+*/])", text))) > 1 and "(" not in text:
        raise Unreadable("words for operations of different rank")
    return text


def _pretty(text: str) -> str:
    text = (
        re.sub(r"\(\(?(-?[\d.]+)\)?/\(?(-?[\d.]+)\)?\)", r"\1/\2", text)
        .replace("**", "^")
        .replace(" / ", " ÷ ")
    )
    text = re.sub(r"\blog_\(?(\d+)\)?\s*+\(?([^()]+)\)?", r"the logarithm of \2 to base \1", text)
    return re.sub(r"\^\((\d+)\)", r"^\1", re.sub(r"\s*+\*\s*+", " × ", text)).strip()


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


# Equations ----------------------------------------------------------------------------------------

_LETTER = r"[a-zA-Z]"
_EQUATION = re.compile(
    rf"""(?:(?:for\s++)?(?:the\s++)?(?:value\s++of\s++)?(?:the\s++)?(?:unknown\s++|variable\s++|number\s++)?(?P<first>{_LETTER})
            \s*+(?:in|from|given(?:\sthat)?|such\sthat|so\sthat|if|when|where|that\ssatisfies|satisfying|for\swhich)?
            (?:\s*+:?\s*+the(?:\sfollowing)?\s(?:linear\s|quadratic\s)?equation)?\s*+[:,]?\s++)?
        (?:(?:the\s++)?(?:following\s++)?(?:(?P<kind>linear|quadratic)\s++)?equation\s*+:?\s*+)?
        (?P<roots>(?:real\s++)?(?:zeros|zeroes|roots|solutions?)\s++of\s++(?:the\s++)?(?:quadratic\s++)?(?:equation\s++)?)?
        (?P<left>[^=<>]+)=(?P<right>[^=<>]+?)
        (?:,?\s++for\s++(?:the\s++value\s++of\s++)?(?P<last>{_LETTER}))?""",
    re.VERBOSE | re.IGNORECASE,
)
_IF = re.compile(
    rf"(?:if|given(?:\s++that)?)\s++(?P<left>[^=<>]+?)=(?P<right>[^=<>]+?),?\s++(?:then\s++)?"
    rf"(?:what\s++is|what's|find|solve\s++for|determine|calculate)\s++(?:the\s++)?(?:value\s++of\s++)?(?P<last>{_LETTER})",
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
    tidy = (re.sub(r"\s++", " ", side.replace("**", "^").replace("*", "")).strip() for side in (left, right))
    steps = [f"We solve {' = '.join(tidy)} for {name}."]
    if not 1 <= difference.degree() <= 2 or not all(
        _holds(left, right, name, root) for root in sympy.roots(difference)
    ):
        return None
    if difference.degree() == 1:
        return _linear(difference, name, steps, wanted)
    return _quadratic(difference, name, steps, wanted)


def _holds(left: str, right: str, name: str, root: Any) -> bool:
    """Whether the equation as written holds at the root, which may be a pole. Raises Unreadable at a pole."""
    sides = (re.sub(rf"(?<![A-Za-z]){name}(?![A-Za-z])", f"({root})", side) for side in (left, right))
    left_value, right_value = (evaluate(side.replace("**", "^")).value for side in sides)
    return bool(sympy.simplify(left_value - right_value) == 0)


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
