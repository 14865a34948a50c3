"""It may be silent, but it is never wrong: against values computed beside it, and with words thrown in."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logicnet.solver.race.exact.solve import solve
from tests.unit.solver.race.exact.test_solve import RIGHT

# Formulas --------------------------------------------------------------------------------------------

SIGNS = {
    "plain": {"+": "+", "-": "-", "*": "*", "/": "/"},
    "printed": {"+": "+", "-": "\u2212", "*": "\u00d7", "/": "\u00f7"},
    "latex": {"+": "+", "-": "-", "*": r"\cdot", "/": r"\div"},
    "words": {"+": "plus", "-": "minus", "*": "times", "/": "divided by"},
}
ASKED = [
    "What is {}?",
    "Calculate {}.",
    "{} =",
    "Please compute {}. Thanks!",
    "What is the value of {}?",
    "Hello! Could you tell me what {} is?",
    "Evaluate {} and explain your steps.",
    "How much is {}?",
]

Formula = tuple[str, Fraction, int]
"""Text, value, and how tightly it holds together: 0 for a sum, 1 for a product, 2 for a number."""


def formula(source: random.Random, depth: int, signs: dict[str, str]) -> Formula:
    """A formula with no more brackets than it needs, and its value by the rules of school."""
    if depth == 0 or source.random() < 0.15:
        number = source.randint(0, 120)
        return str(number), Fraction(number), 2
    sign = source.choice("+-*/")
    left, left_value, left_rank = formula(source, depth - 1, signs)
    right, right_value, right_rank = formula(source, depth - 1, signs)
    if sign == "/" and right_value == 0:
        sign = "+"
    rank = 0 if sign in "+-" else 1
    left = left if left_rank >= rank else f"({left})"
    # On the right of - and / a formula of the same rank wants brackets.
    right = right if right_rank > rank or (sign in "+*" and right_rank == rank) else f"({right})"
    value = {
        "+": left_value + right_value,
        "-": left_value - right_value,
        "*": left_value * right_value,
        "/": left_value / (right_value or 1),
    }[sign]
    return f"{left} {signs[sign]} {right}", value, rank


@pytest.mark.thorough
@settings(max_examples=300)
@given(st.integers(), st.integers(1, 3), st.sampled_from(sorted(SIGNS)), st.sampled_from(ASKED))
def test_formulas(seed: int, depth: int, style: str, asked: str) -> None:
    text, value, _ = formula(random.Random(seed), depth, SIGNS[style])
    found = solve(asked.format(f"${text}$" if style == "latex" else text))
    if found is not None:
        assert Fraction(found["answer"]) == value, text


@pytest.mark.thorough
@settings(max_examples=150)
@given(st.integers(), st.integers(0, 6), st.sampled_from(["rounded to {} decimal places", "to {} d.p."]))
def test_rounding(seed: int, places: int, wish: str) -> None:
    text, value, _ = formula(random.Random(seed), 2, SIGNS["plain"])
    found = solve(f"What is {text}, {wish.format(places)}?")
    if found is not None:
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        assert Decimal(found["answer"]) == exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP), text


def test_it_does_speak() -> None:
    """The properties here would hold of silence, too."""
    source = random.Random(35)
    spoken = [solve(f"What is {formula(source, 2, SIGNS['plain'])[0]}?") for _ in range(100)]
    assert sum(found is not None for found in spoken) >= 80


# Phrasings -------------------------------------------------------------------------------------------

Worded = tuple[str, Callable[[int, int], Fraction | int | str | None]]

WORDED: list[Worded] = [
    ("What is the GCD of {} and {}?", math.gcd),
    ("Find the greatest common divisor of {} and {}.", math.gcd),
    ("What is the least common multiple of {} and {}?", math.lcm),
    ("What is {}% of {}?", lambda a, b: Fraction(a * b, 100)),
    ("What is the remainder when {} is divided by {}?", lambda a, b: a % b if b else None),
    ("What is {} mod {}?", lambda a, b: a % b if b else None),
    ("What is the sum of {} and {}?", lambda a, b: a + b),
    ("What is the product of {} and {}?", lambda a, b: a * b),
    ("What is the difference between {} and {}?", lambda a, b: abs(a - b)),
    ("What is the average of {} and {}?", lambda a, b: Fraction(a + b, 2)),
    ("What is the median of {}, 7 and {}?", lambda a, b: sorted((a, 7, b))[1]),
    ("Subtract {} from {}.", lambda a, b: b - a),
    ("Add {} and {}.", lambda a, b: a + b),
    ("Multiply {} by {}.", lambda a, b: a * b),
    ("Divide {} by {}.", lambda a, b: Fraction(a, b) if b else None),
    ("What is |{} - {}|?", lambda a, b: abs(a - b)),
    ("What is {} squared minus {}?", lambda a, b: a * a - b),
    ("What is {} choose {}?", lambda a, b: math.comb(a, b) if b <= a else None),
    ("How many combinations are there of {} items taken {} at a time?", math.comb),
    ("Solve x + {} = {} for x.", lambda a, b: b - a),
    ("Solve {}x = {} for x.", lambda a, b: Fraction(b, a) if a else None),
    ("Solve for y: {} - y = {}", lambda a, b: a - b),
    ("What is {} squared plus {} squared?", lambda a, b: a * a + b * b),
    ("What is {} times {} squared?", lambda a, b: None),
    ("What is {} plus {} cubed?", lambda a, b: None),
    ("What is {}/{} squared?", lambda a, b: None),
    ("What is -{} squared plus {}?", lambda a, b: None),
    ("What is {} to the power of 2 plus {}?", lambda a, b: None),
    ("What is {} times {} to the power of 2?", lambda a, b: None),
    ("What is {} times {} factorial?", lambda a, b: None),
    ("What is {} in binary? Not {}.", lambda a, b: None),
    ("What is {} plus {}, doubled?", lambda a, b: None),
    ("What is {} of {}?", lambda a, b: None),
]  # fmt: skip


@pytest.mark.thorough
@settings(max_examples=300)
@given(st.sampled_from(WORDED), st.integers(0, 400), st.integers(0, 400))
def test_phrasings(worded: Worded, first: int, second: int) -> None:
    question, truth = worded
    found = solve(question.format(first, second))
    if found is not None:
        expected = truth(first, second)
        assert expected is not None, (question, first, second, found)
        assert Fraction(found["answer"]) == expected, (question, first, second)


@settings(max_examples=100)
@given(st.integers(0, 10**9), st.integers(2, 36), st.integers(2, 36))
def test_bases(number: int, source: int, target: int) -> None:
    written = _in_base(number, source)
    found = solve(f"Convert {written} from base {source} to base {target}.")
    if found is not None:
        assert int(found["answer"], target) == number


def _in_base(number: int, base: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, base)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + digits
    return digits


# Words that change what is asked ---------------------------------------------------------------------

TURNS = (
    *(
        "not",
        "twice",
        "half",
        "double",
        "triple",
        "negative",
        "minus",
        "except",
        "instead",
        "opposite",
        "plus one",
    ),
    *("if", "unless", "squared", "the square of", "the reciprocal of", "the digits of", "the factorial of"),
    *(
        "in base 8",
        "in Roman numerals",
        "backwards",
        "reversed",
        "and then subtract",
        "more than",
        "less than",
    ),
    *("Translate", "the integer part of", "spelled out", "without"),
)
_SAME = re.compile(r"factorial of \$?[12]\b(?!\.)|square of \$?1\b|\b1 squared")


@pytest.mark.thorough
@settings(max_examples=400)
@given(st.sampled_from(RIGHT), st.sampled_from(TURNS), st.floats(0, 1))
@example(
    ("What is $\\cos(30)$, with the angle in degrees? Give the exact value.", "sqrt(3)/2"), "without", 1.0
)
@example(
    ("What is $\\cos(30)$, with the angle in degrees? Give the exact value.", "sqrt(3)/2"), "without", 0.8
)
def test_a_word_that_turns_the_question_does_not_leave_the_answer(
    right: tuple[str, str], turn: str, where: float
) -> None:
    """Somewhere among the words of the question that asks. Silence is fine, another answer may be right."""
    question, answer = right
    words = question.split()
    place = round(where * len(words))
    turned = " ".join([*words[:place], turn, *words[place:]])
    found = solve(turned)
    assert found is None or found["answer"] != answer or _SAME.search(turned), turned


# Anything at all -------------------------------------------------------------------------------------

PIECES = (
    *(
        "what is",
        "solve",
        "x",
        "=",
        "2",
        "3",
        "10",
        "+",
        "-",
        "*",
        "/",
        "^",
        "(",
        ")",
        "%",
        "of",
        "the",
        "gcd",
    ),
    *(
        "!",
        "?",
        ".",
        ",",
        "$",
        "\\frac{1}{2}",
        "and",
        "to",
        "two",
        "decimal places",
        "mod",
        "log",
        "|",
        "pi",
        "e",
    ),
    *("is", "prime", "convert", "base", "integral of", "dx", "derivative of", "{", "}", "\u00b2", "0", "1e9"),
    *("area", "sqrt", "\n"),
)


@pytest.mark.thorough
@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join))
def test_whatever_is_asked_it_answers_shortly_or_not_at_all(question: str) -> None:
    found = solve(question)
    if found is not None:
        assert 0 < len(found["answer"]) <= 200
        assert found["steps"].strip()


@pytest.mark.parametrize("length", [100, 590])
@pytest.mark.parametrize(
    "piece", ["(", "-", "!", "^9", "\\frac{", "{", "|", "1+", "of ", "sqrt ", "x^2+", "$", "9"]
)
def test_long_chains_end(piece: str, length: int) -> None:
    for opening in ("What is ", "Solve ", ""):
        solve((opening + piece * length)[:599] + "1")
