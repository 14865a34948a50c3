"""Whether one mathematical answer equals another. Runs in the bounded worker only.

Two sides that both come to a fraction are compared exactly; the rest is for math-verify, whose own time
limits rest on signals and are off: the worker has one. Mended here: mixed numbers, LaTeX without dollars,
formulas of which it reads one number, and numbers that it calls equal because it rounds them.
"""

import logging
import re
from fractions import Fraction
from typing import Any

import sympy
from math_verify import parse, verify

from logicnet._util.text import without_thousands
from logicnet.maths.latex import undressed
from logicnet.maths.numbers import computed

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns whenever its time limits are off

TINY = 1e-3  # of a number that math-verify would round
TOLERANCE = 1e-4  # relative, between two tiny numbers

_UPRIGHT = re.compile(r"\\math(?:rm|it|bf)\s*\{(\w+)\}")
_DELIMITED = re.compile(r"\$|\\[(\[]|\\boxed")
_ROOT = re.compile(r"(?<![\\A-Za-z])sqrt\(([^()]*)\)")
_FUNCTION = re.compile(r"(?<![\\A-Za-z])(pi|sin|cos|tan|log|ln|exp)(?![A-Za-z])")
_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}|\d +[A-Za-z]")  # "sum", but also the unit of "15 m^2"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MIXED = re.compile(r"(?<![\d.,:/^])(\d{1,9})[ ]+(\d{1,9})[ ]*/[ ]*(\d{1,9})(?![\d.!/^])")
_NAMED = re.compile(r"(?:([A-Za-z])\s*=)?([^=]*)")


def same(truth: str, answer: str) -> bool | None:
    """Whether `answer` equals `truth`; None if either holds no mathematics, or is not read as a whole."""
    stripped = (side.strip(" *").removesuffix(".") for side in (truth, answer))  # it reads 7/3. as 7/3.0
    sides = [_MIXED.sub(_improper, _UPRIGHT.sub(r"\1", side)) for side in stripped]
    (truth_name, truth_value), (answer_name, answer_value) = map(_fraction, sides)
    if None not in (truth_value, answer_value) and (not truth_name or answer_name in ("", truth_name)):
        return truth_value == answer_value
    read_truth, read_answer = map(_read, sides)
    if not read_truth or not read_answer:
        return None
    if _cut_short(sides[0], read_truth[0]) or _cut_short(sides[1], read_answer[0]):
        return False if _numbers(sides[0]) != _numbers(sides[1]) else None
    if not verify(read_truth, read_answer, timeout_seconds=None):
        return False
    return "%" in truth + answer or not _apart(read_truth[0], read_answer[0])


def _improper(mixed: re.Match[str]) -> str:
    whole, top, bottom = map(int, mixed.groups())
    return f"{whole * bottom + top}/{bottom}" if 0 < top < bottom else mixed[0]


def _fraction(text: str) -> tuple[str, Fraction | None]:
    """The name in `x = 5/4`, empty without one, and the exact value; None if that is no fraction."""
    found = _NAMED.fullmatch(_MIXED.sub(_improper, undressed(text)).rstrip(" ."))
    value = computed(without_thousands(found[2])) if found else None
    if found is None or value is None or value.unknowns or not isinstance(value.value, Fraction):
        return "", None
    return found[1] or "", value.value


def _read(text: str) -> list[Any]:
    # A bare formula is read whole; out of a sentence, its last number or formula.
    formula = _FUNCTION.sub(r"\\\1", _ROOT.sub(r"\\sqrt{\1}", text))
    if not (_DELIMITED.search(text) or _WORDS.search(formula)):
        if "\\" not in text:
            formula = formula.replace("**", "^").replace("*", r"\cdot ")
        if found := parse(f"${formula}$", parsing_timeout=None):
            return list(found)
    return list(parse(text, parsing_timeout=None))


def _cut_short(text: str, found: Any) -> bool:
    """Whether a formula of several numbers was read as one whole number: 1:2:3 as 1."""
    plain = without_thousands(undressed(text))
    if not re.search("[A-Za-z]", plain):
        plain = plain.rpartition("=")[2]
    if not getattr(found, "is_Integer", False) or len(_NUMBER.findall(plain)) < 2:
        return False
    return _WORDS.search(plain) is None and computed(plain) is None


def _numbers(text: str) -> list[str]:
    return sorted(_NUMBER.findall(without_thousands(undressed(text))))


def _apart(truth: Any, answer: Any) -> bool:
    """Whether two sides that math-verify calls equal differ, within a tuple, a set or an equation, too."""
    if isinstance(truth, sympy.Tuple | sympy.Set | sympy.Eq) and type(truth) is type(answer):
        pairs = zip(truth.args, answer.args, strict=False)  # of a set in sympy's order
        return any(_apart(*pair) for pair in pairs)
    if not all(getattr(side, "is_number", False) and side.is_real for side in (truth, answer)):
        return False
    exact = [sympy.nsimplify(side, rational=True) if side.is_Float else side for side in (truth, answer)]
    if all(side.is_Rational for side in exact):
        return bool(exact[0] != exact[1])
    left, right = sympy.N(truth), sympy.N(answer)
    if left == 0 or right == 0 or not (abs(left) < TINY and abs(right) < TINY):
        return False
    return bool(abs(left / right - 1) > TOLERANCE)
