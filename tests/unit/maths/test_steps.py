"""Formulas as people write them come out as mathematics has them, or not at all."""

import random
from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from logicnet.maths.expression import Unreadable
from logicnet.maths.steps import decimal, evaluate

OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _made(source: random.Random, depth: int) -> tuple[str, Fraction]:
    """A formula in full brackets and its value, computed beside it."""
    if depth == 0 or source.random() < 0.2:
        number = source.randint(0, 99)
        return str(number), Fraction(number)
    sign = source.choice(sorted(OPERATIONS))
    left, left_value = _made(source, depth - 1)
    right, right_value = _made(source, depth - 1)
    if sign == "/" and right_value == 0:
        sign = "+"
    return f"({left} {sign} {right})", OPERATIONS[sign](left_value, right_value)


@given(st.integers(), st.integers(1, 4))
def test_formulas_come_out_as_computed_beside(seed: int, depth: int) -> None:
    text, value = _made(random.Random(seed), depth)
    if len(text) > 200:
        return
    computed = evaluate(text).value
    assert Fraction(int(computed.p), int(computed.q)) == value


@given(st.fractions(max_denominator=10**6))
def test_decimals_are_exact_or_none(value: Fraction) -> None:
    text = decimal(sympy.Rational(value.numerator, value.denominator))
    assert text is None or Fraction(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "1/2x",
        "6/2(1+2)",
        "-3^2",
        "2*-3^2",
        "2^3^2",
        "2 3",
        "|1|2|",
        "sqrt 2^2",
        "x + 1",
        "words",
        "1 = 1",
        "3 & 2",
        "",
    ],
)
def test_what_people_read_in_two_ways_is_unclear(text: str) -> None:
    with pytest.raises(Unreadable):
        evaluate(text)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9", "9^(9^9)", "10^100000", "(10^400)^10", "1000000000!", "171!", "(3!)!!", "comb(501, 5)",
        "__import__('os')", "().__class__", "x.y", "lambda: 1", "[1, 2]", "'a'", "1 if 1 else 2", "1_000 + 1",
        "0x10 + 1", "1/0",
        "0^0", "0^(-1)", "log(0, 2)", "log(8, 1)", "ln(0)", "sqrt(-4)", "(-8)^(1/3)", "tan(90)",
        "(" * 100 + "1" + ")" * 100, "1" * 100, "1 + " * 100 + "1",
    ],
)  # fmt: skip
def test_what_costs_too_much_or_has_no_value_is_unclear(text: str) -> None:
    with pytest.raises(Unreadable):
        evaluate(text)


def test_the_steps_tell_each_operation() -> None:
    assert evaluate("3(4+5)^2 - 1").steps == ["4 + 5 = 9", "9^2 = 81", "3 × 81 = 243", "243 - 1 = 242"]  # noqa: RUF001
    assert evaluate("sqrt(2)").steps == ["the square root of 2 ≈ 1.414214"]
