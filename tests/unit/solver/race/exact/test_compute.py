"""A formula that a model wrote is computed exactly, or has no value; its steps tell how."""

# ruff: noqa: RUF001  (the sign of multiplication is meant)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.solver.race.exact.compute import compute

PENS = "How many pens are there?"


@pytest.mark.parametrize(
    ("formula", "answer"),
    [
        ("48 + 48/2", "72"),
        ("3 * 12 - 5", "31"),
        ("80 - 80*15/100", "68"),
        ("x = 3*4", "12"),
        ("x + x/2 = 36", "24"),
        ("2x + 5 = 17", "6"),
        ("100 = x*4", "25"),
        ("x^2 = 16", "4"),
        ("x^3 = 27", "3"),
        ("x*x - 5*x + 6 = 0", "x = 2 or x = 3"),
        ("(x+1)/(x-1) = 2", "3"),
        ("(1 + x/100)*50 = 60", "20"),
        ("48 / 2 = 25", "24"),
        ("1/3 + 1/6", "0.5"),
        ("1/3", "1/3"),
        ("5!", "120"),
        ("2^100", "1267650600228229401496703205376"),
        ("0.1 + 0.2", "0.3"),
    ],
)
def test_formulas_and_equations(formula: str, answer: str) -> None:
    found = compute(formula, PENS)
    assert found is not None
    assert found["answer"] == answer
    assert found["steps"].endswith(f"So the answer is {answer}.")


@pytest.mark.parametrize(
    ("question", "formula", "answer"),
    [
        ("Round to two decimals: what share is it?", "2/3", "0.67"),
        ("What is the simplified fraction?", "6/8", "3/4"),
        ("What percentage is it?", "3/4*100", "75"),
        ("Round to the nearest ten.", "3*38", "110"),
    ],
)
def test_the_answer_has_the_form_that_the_question_wants(question: str, formula: str, answer: str) -> None:
    found = compute(formula, question)
    assert found is not None
    assert found["answer"] == answer


def test_steps_are_told_and_a_solution_is_checked() -> None:
    assert compute("48 + 48/2", PENS) == {
        "answer": "72",
        "steps": "The question asks for the value of 48 + 48/2. First, 48 ÷ 2 = 24. At last, 48 + 24 = 72. "
        "So the answer is 72.",
    }
    found = compute("2x + 5 = 17", PENS)
    assert found is not None
    assert "To check: 2 × 6 = 12 and 12 + 5 = 17." in found["steps"]


@pytest.mark.parametrize(
    "formula",
    [
        *("", "5", "x", "=", "x =", "= 5", "x = x", "x + y = 3", "x = y", "9^9^9", "10^10^10", "x^99 = 1"),
        *(
            "1/0",
            "x/0 = 1",
            "1/x = 0",
            "x^2 = -1",
            "pens + pencils",
            "1 + ",
            "((((",
            "x" * 200,
            "1+" * 150 + "1",
        ),
        *("__import__('os')", "open('x')", "lambda: 1", "factorial(10^9)", "x = 1 = 2", "sin(30)", "0.1.2"),
        *("sqrt(0-4)", "2**-5000", "1e400*2", "x^(1/2) = 3"),
    ],
)
def test_what_is_no_formula_has_no_value(formula: str) -> None:
    assert compute(formula, PENS) is None


@given(st.text(alphabet="0123456789x+-*/^()=. ", max_size=40))
def test_any_formula(formula: str) -> None:
    found = compute(formula, PENS)
    assert found is None or found["answer"]
