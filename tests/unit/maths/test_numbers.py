"""Numbers as people write them, and functions compared at one odd place."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.maths.numbers import Value, computed, raised, value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3/4", Fraction(3, 4)),
        ("27^(2/3)", Fraction(9)),
        ("4^(-1/2)", Fraction(1, 2)),
        ("(-8)^(1/3)", Fraction(-2)),
        ("(-27)^(2/3)", Fraction(9)),
        ("(8/27)^(-1/3)", Fraction(3, 2)),
        ("2^-3", Fraction(1, 8)),
        ("-3^2", Fraction(-9)),
        ("2^3^2", Fraction(512)),
        ("root(8, 3)", Fraction(2)),
        ("cbrt(-27)", Fraction(-3)),
        ("|-3| + 3!", Fraction(9)),
        ("comb(5, 2)", Fraction(10)),
        ("log_2(8)", 3.0),
        ("sin(pi/2)", 1.0),
        ("i^2", -1.0),
        ("1e3", Fraction(1000)),
    ],
)
def test_values(text: str, value: Value) -> None:
    found = computed(text)
    assert found is not None
    assert found.value == pytest.approx(value)
    assert isinstance(found.value, Fraction) is isinstance(value, Fraction)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("(x + 1)^2", "x^2 + 2x + 1", True),
        ("sin^2 x + cos^2 x", "1", True),
        ("x/2", "0.5x", True),
        ("x + y", "x - y", False),
        ("x", "y", False),
    ],
)
def test_functions_are_equal_if_they_agree_at_the_odd_place(one: str, other: str, equal: bool) -> None:
    first, second = computed(one), computed(other)
    assert first is not None
    assert second is not None
    assert (first.value == pytest.approx(second.value, rel=1e-10)) is equal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1/0",
        "9^9^9^9",
        "10^100000",
        "501!!!!!",
        "9" * 600,
        "(" * 30 + "1" + ")" * 30,
        "log_1(5)",
        "cat",
        "ln 0",
    ],
)
def test_what_is_not_a_value_within_bounds_is_not_computed(text: str) -> None:
    assert computed(text) is None


@given(st.integers(-50, 50).filter(bool), st.integers(-6, 6), st.integers(1, 7))
def test_powers_of_powers_are_exact(root: int, over: int, under: int) -> None:
    size = abs(root) if under % 2 == 0 else root
    assert raised(Fraction(root) ** under, Fraction(over, under)) == Fraction(size) ** over


@pytest.mark.parametrize(
    ("text", "value"), [("1/2 + 1/4", Fraction(3, 4)), ("2^3", None), ("x", None), ("6/0", None)]
)
def test_value_of_reads_what_a_validator_reads(text: str, value: Fraction | None) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "+".join(f"1/{n}^{11_900 // n.bit_length()}" for n in range(3, 53, 2)),
        "*".join(f"{n}^{11_900 // n.bit_length()}/7^3900" for n in range(3, 43, 2)),
        "*".join(["1000!"] * 20),
        "/".join(f"({1000 - n}!+1)" for n in range(20)),
        "9^9^9^9^9",
        "((2^999)^9)^9",
    ],
)
def test_an_expression_of_huge_numbers_is_given_up(text: str) -> None:
    assert len(text.replace("^", "**")) <= 500
    assert computed(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+".join(f"1/{n}" for n in range(1, 80)), sum(Fraction(1, n) for n in range(1, 80))),
        ("1000!/(998!)", Fraction(999_000)),
        ("comb(1000, 500)/comb(1000, 499)", Fraction(501, 500)),
        ("2^3000/2^2999", Fraction(2)),
    ],
)
def test_an_expression_of_large_numbers_is_computed(text: str, value: Fraction) -> None:
    found = computed(text)
    assert found is not None
    assert found.value == value
