"""Numbers and expressions: the validator's own cases, sympify itself as an oracle, and hostile text."""

import json
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sympy
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from logicnet.maths.expression import (
    LARGEST_EXPONENT,
    MOST_CALLS,
    MOST_CHARS,
    MOST_NESTED,
    Unreadable,
    read,
    walk,
)
from logicnet.maths.numbers import value_of
from logicnet.scoring._symbols import MOST_IRRATIONAL
from logicnet.scoring.correctness import EPSILON, by_text, compare

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "numeric_cases.json").read_text())


def test_the_golden_cases_are_all_there() -> None:
    assert len(GOLDEN) == 68


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['ground_truth']!r}-{case['answer']!r}")
def test_golden(case: dict[str, Any]) -> None:
    verdict = by_text(case["ground_truth"], case["answer"])
    assert verdict.score == case["score"]  # to the bit
    assert (verdict.by == "nobody") == (case["score"] is None)


def sympify_says(truth: str, answer: str) -> float | None:
    """A validator's step 3 as it is, with sympify: only for text that this test has made up itself."""
    try:
        left, right = sympy.sympify(truth), sympy.sympify(answer)
        error = abs(left - right) / (abs(left) + EPSILON)
        return float(min(max(0.0, 1.0 - error), 1.0))
    except Exception:  # whatever it raises, the judge is next
        return None


numbers = st.one_of(
    st.integers(0, 40).map(str),
    st.decimals(0, 50, places=2).map(str),
    st.sampled_from(["1e3", "2.5e-2", ".5", "3."]),
)
atoms = st.one_of(numbers, numbers, st.sampled_from(["x", "y", "apples", "pi", "E", "I", "S2", "No"]))
functions = st.tuples(st.sampled_from(["sqrt", "abs", "sin", "f"]), st.integers(0, 9)).map(
    "{0[0]}({0[1]})".format
)
factorials = st.integers(0, 9).map("{}!".format)


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", " + ", " - ", " * ", " / "])
    return st.one_of(
        st.tuples(inner, operators, inner).map("".join),
        inner.map("({})".format),
        inner.map("-{}".format),
        st.tuples(inner, st.just(" and "), inner).map("".join),
    )


sums = st.recursive(st.one_of(atoms, atoms, functions, factorials), joined, max_leaves=6)
expressions = st.one_of(
    sums, sums, sums, st.tuples(sums, st.sampled_from([", ", " < ", " = ", " of "]), sums).map("".join)
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """Truth and answer; often the same value, written differently."""
    truth = draw(expressions)
    terms = truth.split("+")
    random.Random(draw(st.integers(0, 9))).shuffle(terms)
    answers = st.one_of(
        expressions, st.just("+".join(terms)), st.just(f"({truth})*1"), st.just(f"{truth}+0.01")
    )
    return truth, draw(answers)


@pytest.mark.thorough
@settings(max_examples=150, deadline=None)
@given(pairs())
@example(("2*(x+1)", "2*x+2"))
@example(("x*(x+1)*1", "x*x+x"))
@example(("3 and 4", "4 and 3"))
@example(("7/2", "x is 7/2"))
@example(("3+4", "x is 7"))
@example(("x is 2 and y is 3", "x is 5 and y is 9"))
@example(("42", "True"))
@example(("12", "1\n2"))
@example(("7/2", "1/0"))
@example(("7/2", "0/0"))
@example(("7/2", "oo"))
@example(("7/2", "nan"))
@example(("1/0", "1/0+1"))
@example(("42", "pi/2+3"))
@example(("3! + 1/2", "6.5"))
@example(("5!!", "15*1"))
@example(("2+3*I", "3*I+2"))
@example(("sqrt(8)+1", "2*sqrt(2)+1"))
@example(("x/2+1", "1+0.5*x"))
@example(("1/2", "not 3"))
@example(("7/2", "0 or 7/2"))
@example(("7/2", "log(4, 2)+3/2"))
@example(("7/2", "x = 7/2"))
@example(("0 < 1 and 0", "2*0"))
@example(("1 < 3 == x", "x is 1 < 3"))
@example(("7/2", "max(7/2, 1/3)"))
def test_agrees_with_sympify_on_ordinary_text(pair: tuple[str, str]) -> None:
    truth, answer = pair
    verdict = compare(truth, answer)
    assume(verdict.by != "number" and "irrational" not in verdict.note and "simple" not in verdict.note)
    assume(any(letter.isdigit() for letter in truth))  # without a number in the truth there is no step 3
    expected = sympify_says(truth, answer)
    assert verdict.score == (expected if expected is None else pytest.approx(expected, abs=1e-9))


DEEP = 1000
HOSTILE = {
    "a megabyte of digits": "9" * 1_000_000,
    "a megabyte of digits in a sum": "1+" + "9" * 1_000_000,
    "a megabyte of sums": "1+" * 500_000 + "1",
    "a megabyte of words": "word " * 200_000,
    "brackets, a thousand deep": "(" * DEEP + "1+2" + ")" * DEEP,
    "brackets, as deep as they may be": "(" * MOST_NESTED + "1+2" + ")" * MOST_NESTED,
    "brackets that never close": "f(1," * MOST_NESTED + "1",
    "a tower of powers": "9**9**9**9",
    "a tower with carets": "9^9^9^9",
    "powers by name": "pow(9, pow(9, pow(9, 9)))",
    "a tower of exponentials": "exp(exp(exp(exp(9)))) + 1",
    "a tower of factorials": "((9!)!)! + 1",
    "factorials of thousands": "999!*" * 30 + "1",
    "an exponent out of this world": "1e999999999 + 1",
    "minus, many times": "-" * (MOST_CHARS - 3) + "1+2",
    "code": "__import__('os').system('true') + 1",
    "code without quotes": "__import__(os) + 1",
    "code in an attribute": "(1).__class__ + 1",
    "a lambda": "(lambda: 1)() + 1",
    "a comprehension": "[x for x in (1, 2)]",
    "NaN": "nan + 1 + 1",
    "infinity": "oo + 1 + 1",
    "a NUL": "1\0+1",
    "half a surrogate pair": "\ud800 1+1",
    "digits of another script in a sum": "\u0664\u0662 + \u0661",
    "full-width code": "\uff45\uff56\uff41\uff4c(1+1)",
    "hidden zeros": "x*(sqrt(2)+sqrt(3)-sqrt(5+2*sqrt(6)))+1",
    "sines of sines": "sin(" * MOST_NESTED + "x+1" + ")" * MOST_NESTED,
    "roots of roots": "sqrt(x+" * MOST_NESTED + "1" + ")" * MOST_NESTED,
    "fractions of fractions": "1/(x+" * MOST_NESTED + "1" + ")" * MOST_NESTED,
    "logarithms of products": "log(x*" * (MOST_CALLS - 1) + "x+1" + ")" * (MOST_CALLS - 1),
}


@pytest.mark.parametrize("truth", ["42", "7/2", "x + 1/2"])
@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_scored_or_handed_over(truth: str, answer: str) -> None:
    verdict = compare(truth, answer)  # a hang or a memory error would be the failure
    assert verdict.score is None or 0.0 <= verdict.score <= 1.0


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ("1+" * MOST_CHARS, f"longer than {MOST_CHARS}"),
        ("(" * DEEP, "longer"),
        ("(" * 30 + "1+2" + ")" * 30, "nested deeper"),
        (f"1e{LARGEST_EXPONENT + 1} + 1", "exponent"),
        ("(9!)! + 1", "factorial"),
        ("exp(9999999999999999) + 1", "exp of something"),
        ("__import__('os') + 1/2", "not an expression"),
        ("print(1, 2)", "a name of Python's"),
        ("+".join(["sqrt(2)"] * (MOST_CALLS + 1)), "functions"),
        ("x+" + "+".join(["sqrt(2)"] * (MOST_IRRATIONAL + 1)), "irrational"),
    ],
)
def test_what_is_not_computed_says_why(answer: str, note: str) -> None:
    verdict = compare("7/2", answer)
    assert verdict.score is None
    assert note in verdict.note


def test_what_sympify_would_run_is_not_run(tmp_path: Path) -> None:
    door = tmp_path / "opened"
    code = f"__import__('pathlib').Path({str(door)!r}).touch() + 1/2"
    assert compare("7/2", code).score is None
    assert not door.exists()
    sympify_says("7/2", code)
    assert door.exists()  # the code was live: sympify runs it


def test_numbers_are_those_of_a_validator() -> None:
    assert compare("42", "\u0664\u0662").score == 1.0  # any script's digits, without a sign
    assert compare("-42", "42").score == 1.0
    assert compare("42", "9" * 400).score == 0.0
    assert compare("9" * 400, "9" * 401).score == 0.0  # infinite against infinite
    assert "too large" in compare("9" * 400, "7").note


def test_units_and_marks_are_taken_out() -> None:
    assert compare(r"\[15\]", "$15$").score == 1.0
    assert compare("15 m^3", "30/2").score == 1.0
    assert compare("30/2", "15.0 m^2 or 15").score == 1.0  # the unit is out; "15.0 or 15" is 15.0
    assert compare("x^2 + 1", "x^2 + 1 + 0").score is None  # powers are the judge's


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/3 + 1/6", Fraction(1, 2)),
        ("sqrt(9)", 3),
        ("x + 1", None),
        ("1 / 0", None),
        ("__import__('os')", None),
        ("(" * 1000 + "1" + ")" * 1000, None),
    ],
)
def test_an_expression_of_numbers_has_a_value(text: str, value: Fraction | None) -> None:
    assert value_of(text) == value


def test_powers_are_read_only_where_somebody_raises_them() -> None:
    class Leaves:
        def number(self, written: str) -> int:
            return int(written)

        def name(self, name: str) -> int:
            raise AssertionError(name)

        call = truth_value = name

    with pytest.raises(Unreadable):
        walk(read("2**3"), Leaves())
    assert walk(read("2**3 + 1"), Leaves(), power=lambda base, exponent: base**exponent) == 9


@pytest.mark.parametrize(
    ("truth", "answer", "score"),
    [
        ("0x23", "35", 1.0),
        ("0o17", "0b1111", 1.0),
        ("1_000", "1000", 1.0),
        ("(27+99j)", "99j + 27", 1.0),
        ("27+99j", "27-99j", 0.0),
        ("6/2j", "3*I", 1.0),  # sympy's reading, not Python's
        ("0x23", "0x24", 1 - 1 / 35),
        ("-0x10", "-16", 1.0),
        ("0b12", "5", None),
        ("1__0", "10", None),
        ("0x1.8", "1", None),
    ],
)
def test_pythons_other_numbers_are_compared_as_sympify_reads_them(
    truth: str, answer: str, score: float | None
) -> None:
    assert compare(truth, answer).score == (score if score is None else pytest.approx(score, abs=1e-9))
