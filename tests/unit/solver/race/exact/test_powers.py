"""Powers and roots, in signs and in words: right, or not computed."""

import math
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logicnet.solver.race.exact.solve import solve

COMPUTED = [
    ("What is 1084 to the power of 1/2, to the nearest integer?", "33"),
    ("What is 27 to the power of 2/3?", "9"),
    ("What is 27^(2/3)?", "9"),
    (r"What is $27^{2/3}$?", "9"),
    (r"What is $27^{\frac{2}{3}}$?", "9"),
    (r"What is $27^\frac{2}{3}$?", "9"),
    ("What is 4^(-1/2)?", "0.5"),
    ("What is 4 to the power of -1/2?", "0.5"),
    ("What is 8 raised to 1/3?", "2"),
    ("What is 8 raised to the 1/3 power?", "2"),
    ("What is 8 raised to the power 1/3?", "2"),
    ("What is 8 raised to the power of 1/3?", "2"),
    ("What is the 3/4 power of 16?", "8"),
    ("Calculate 16 to the 3/4 power.", "8"),
    ("What is 2 to the power of -3?", "0.125"),
    ("What is 2^-3?", "0.125"),
    ("What is 2\u207b\u00b3?", "0.125"),
    ("What is 10 to the power of -2?", "0.01"),
    ("What is 3 to the power of -1?", "1/3"),
    ("What is 5 to the power of 0?", "1"),
    ("What is 0 to the power of 5?", "0"),
    ("What is 2.5 to the power of 2?", "6.25"),
    ("What is 0.25 to the power of 1/2?", "0.5"),
    ("What is 9 to the power of 0.5?", "3"),
    ("What is 9^1.5?", "27"),
    ("What is 32 to the power of (3/5)?", "8"),
    ("What is (-3) to the power of 2?", "9"),
    ("What is (-2) to the power of 3?", "-8"),
    ("What is (-2)^-3?", "-0.125"),
    ("What is (2/3) to the power of 2?", "4/9"),
    (r"What is $(\frac{4}{9})^{-1/2}$?", "3/2"),
    ("What is (3 + 1) to the power of (5 - 2)?", "64"),
    ("What is 2^3 / 4?", "2"),
    ("What is 2 to the power of 1/2, rounded to three decimal places?", "1.414"),
    ("What is 10 to the power of 1/3? Round to 2 decimal places.", "2.15"),
    ("What is 7 to the power of -1/2, to 3 significant figures?", "0.378"),
    ("What is 50 to the power of 1/2, rounded down to a whole number?", "7"),
    ("What is 5 to the power of 3, to the nearest hundred?", "100"),
    ("What is the fourth root of 81?", "3"),
    ("What is the 5th root of 32?", "2"),
    ("What is the fourth root of 10, rounded to two decimal places?", "1.78"),
    ("What is \u221b27 + 1?", "4"),
    ("What is 81 to the power of one quarter?", "3"),
    ("What is 27 to the power of two thirds?", "9"),
    ("What is 16 to the power of minus one half?", "0.25"),
    ("What is 2 to the power of negative 3?", "0.125"),
    ("What is 9 to the power of one and a half?", "27"),
    ("What is 8 to the one third power?", "2"),
    ("What is 5 raised to the third power?", "125"),
    ("What is the 3rd power of 5?", "125"),
    ("What is 27 to the 2/3?", "9"),
]

REFUSED = [
    # open what belongs to the power
    "What is 27^2/3?",
    "What is 1084^1/2, to the nearest integer?",
    "What is 27**2/3?",
    "What is 27**1/3?",
    "What is 4^-1/2?",
    "What is 2^0.5/2?",
    "What is 2^ 1 / 2?",
    "What is 27\u00b2/3?",
    "What is 27 to the power of 2 / 3?",
    "What is 2 to the power of 3 plus 1?",
    "What is 2 to the power of 3 + 1?",
    "What is 2 to the power of 3 times 2?",
    "What is 2 times 3 to the power of 2?",
    "What is 1 + 3 to the power of 2?",
    "What is 2/3 to the power of 2?",
    "What is 2 to the power of 3 to the power of 2?",
    "What is 2 raised to the power of 3 squared?",
    "What is 2^3^2?",
    "What is 2^(3)^2?",
    "What is 2^3!?",
    "What is 2/3 squared?",
    "What is 3 plus 4 squared?",
    # open whether the sign is raised
    "What is -3 to the power of 2?",
    "What is -3^2?",
    "What is 5 + -3^2?",
    "What is -3 squared?",
    # not real, not finite, or more than one value
    "What is (-8) to the power of 1/3?",
    "What is (-8)^(2/3)?",
    "What is (-4)^(1/2)?",
    "What is (-4)^0.5?",
    "What is 0 to the power of 0?",
    "What is 0 to the power of -1?",
    # too much, or open in which form
    "What is 9 to the power of 999999?",
    "What is 2 to the power of 1/97, to 3 decimal places?",
    "What is 2 to the power of 1/2?",
    "What is 2 to the power of half?",
    "What is 2 to the power of x?",
    "What is 3 to the power of 1 1/2?",
    # words that are no exponent, or more than one
    "What is 2 to the power of three plus one?",
    "What is 2 to the power of three squared?",
    "What is 8 to the third power plus 1?",
    "What is 2 to the power of twenty-fifth?",
    "What is 3 to the one hundred fifth power?",
    "What is 2 to the two hundred and tenth power?",
    "What is 2 to the one hundredth power?",
    "What is 2 to the twenty-one fifth power?",
    "What is the fourth root of 16 plus 9?",
    "What is the 4th root of -16?",
    "What is the 0th root of 5?",
]


@pytest.mark.parametrize(("question", "answer"), COMPUTED)
def test_a_clear_power_is_computed(question: str, answer: str) -> None:
    solution = solve(question)
    assert solution is not None
    assert solution["answer"] == answer
    assert answer in solution["steps"]


@pytest.mark.parametrize("question", REFUSED)
def test_a_power_with_two_readings_is_left_to_the_model(question: str) -> None:
    assert solve(question) is None


WORDINGS = [
    "What is {base}^({power})?",
    "What is ${base}^{{{power}}}$?",
    "Calculate {base} to the power of {power}.",
    "What is {base} raised to {power}?",
    "What is {base} raised to the power {power}?",
    "What is {base} to the {power} power?",
    "What is the {power} power of {base}?",
]


@pytest.mark.thorough
@settings(max_examples=300)
@given(st.sampled_from(WORDINGS), st.integers(-60, 60), st.integers(-6, 6), st.integers(1, 9))
def test_exact_powers(wording: str, root: int, over: int, under: int) -> None:
    """The base is root^under, so that base^(over/under) is root^over."""
    base = f"({root**under})" if root < 0 and under % 2 else str(root**under)
    solution = solve(wording.format(base=base, power=f"{over}/{under}" if under > 1 else over))
    if solution is not None:
        size = abs(root) if under % 2 == 0 else root
        assert Fraction(solution["answer"]) == Fraction(size) ** over, (base, over, under)


@pytest.mark.thorough
@settings(max_examples=150)
@given(
    st.sampled_from(WORDINGS[:5]),
    st.integers(1, 5000),
    st.integers(-5, 5),
    st.integers(2, 9),
    st.integers(0, 6),
)
def test_rounded_powers(wording: str, base: int, over: int, under: int, places: int) -> None:
    question = wording.format(base=base, power=f"{over}/{under}").rstrip("?.")
    solution = solve(f"{question}, rounded to {places} decimal places?")
    if solution is not None:
        with localcontext(prec=80):
            exact = (Decimal(base).ln() * over / under).exp()
            whole = round(base ** (over / under))
            if abs(exact - whole) < Decimal("1e-60"):
                exact = Decimal(whole)
            expected = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        assert Decimal(solution["answer"]) == expected, question


@settings(max_examples=100)
@given(st.integers(2, 10**6), st.integers(2, 5))
def test_whole_part_of_a_root(number: int, degree: int) -> None:
    solution = solve(f"What is {number} to the power of 1/{degree}, rounded down to a whole number?")
    assert solution is not None
    root = int(solution["answer"])
    assert root**degree <= number < (root + 1) ** degree


def test_powers_are_computed_at_all() -> None:
    """The properties here would hold of silence, too."""
    asked = [wording.format(base=base, power="3/2") for wording in WORDINGS for base in (4, 9, 100)]
    assert [solve(question)["answer"] for question in asked] == ["8", "27", "1000"] * len(WORDINGS)  # type: ignore[index]
    assert math.prod(int(solve(f"What is {n} squared?")["answer"]) for n in (2, 3)) == 36  # type: ignore[index]
