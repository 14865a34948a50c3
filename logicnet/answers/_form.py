"""NormalForm: what an answer says, so that answers that say the same are one vote.

Formulas, which are expressions with unknowns, are the same if they agree everywhere.
"""

import hashlib
import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from logicnet.answers.question import QuestionSpec
from logicnet.maths.numbers import Computed, computed

Kind = Literal[
    "number", "list", "unknowns", "formula", "interval", "numeral", "yes-no", "choice", "time", "duration",
    "words", "code",
]  # fmt: skip
"""`unknowns`: x = 1, y = 2, or Ann is a knave, Bob a knight. `numeral`: digits in another base than ten.
`time`: of day, or a date."""

MOST_KEY = 120  # characters; a longer key is replaced by its digest

_CONSTANT = re.compile(r"(?:(?<!\s)\s++)?\+\s*+(?:[Cc]|constant)\s*+$")
_SIGN = re.compile(r"[\d+*/^(-]")  # without one it is a name
_POWER = re.compile(r"\(?(-?\d{1,6})\)?\s*(?:\^|\*\*)\s*\(?(-?\d{1,6})\)?")


@dataclass(frozen=True, slots=True)
class NormalForm:
    """Equal forms are one vote. Only `key` is compared: the same value may be written in several ways.

    `text` is one way that can be sent: plain, on one line unless it is code; under 20 words unless what
    is asked for is itself longer (a list, a deciphered sentence, a program).
    """

    key: str
    text: str = field(compare=False)
    kind: Kind = field(compare=False)
    value: Fraction | float | None = field(default=None, compare=False)


def made(kind: Kind, said: str, text: str, value: Fraction | float | None = None) -> NormalForm:
    """A form whose key is its kind and what it says, bounded."""
    key = f"{kind}:{said}"
    if len(key) > MOST_KEY:
        key = f"{kind}#{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:40]}"
    return NormalForm(key, text, kind, value)


def formula_form(read: str, text: str, question: QuestionSpec) -> NormalForm | None:
    """The form of an expression with unknowns. None if it has none.

    Where a question asks to factor, to expand or to combine terms, the shape counts as well: how many
    factors and terms there are.
    """
    if question.integral:
        read = _CONSTANT.sub("", read)
    found = computed(read) if _SIGN.search(read) else None
    if found is None or (not found.unknowns and not (question.structured and _POWER.fullmatch(read))):
        return None
    if not found.unknowns:
        base, exponent = (int(part) for part in _POWER.fullmatch(read).groups())  # type: ignore[union-attr]
        return made("formula", f"{base}^{exponent}", text)
    shape = _shape(read, found) if question.factored or question.structured else ""
    return made("formula", f"{','.join(sorted(found.unknowns))}: {_digits(found)}{shape}", text)


def _digits(found: Computed) -> str:
    value = complex(found.value)
    if isinstance(found.value, Fraction | float):
        return f"{float(found.value):.10g}"
    return f"{value.real:.10g}{value.imag:+.10g}i"


def _shape(read: str, found: Computed) -> str:
    """How many factors and terms: 2 factors of (x + 1)(x + 2), 1 and 3 terms of x^2 + 3x + 2."""
    depth = groups = terms = 0
    before = ""
    for character in read.replace("**", "^").replace(" ", ""):
        if character == "(" and depth == 0 and before != "^":
            groups += 1
        elif character in "+-" and depth == 0 and before not in ("", "(", "^", "*", "/"):
            terms += 1
        depth += (character == "(") - (character == ")")
        before = character
    return f" in {1 if groups and not terms else 0} product, {terms} sums"
