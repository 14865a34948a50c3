"""Worked examples: right, near to what is asked, and none of them a question that anything is reported on."""

import re
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.answers import normal_form
from logicnet.answers.extract import stated_answer
from logicnet.evals.challenges.recipe import read_recipe
from logicnet.evals.challenges.sets import make
from logicnet.solver.race.examples import Example, examples, nearest
from logicnet.solver.sandbox.sandbox import Sandbox

RECIPES = Path(__file__).parents[4] / "recipes"


def test_there_are_enough_of_them_and_none_twice() -> None:
    assert len(examples()) >= 40
    assert len({_said(one.question) for one in examples()}) == len(examples())


@pytest.mark.thorough
async def test_programs_print_what_solutions_conclude() -> None:
    async with aclosing(Sandbox()) as sandbox:
        for one in examples():
            ran = await sandbox.run(one.program, timeout_s=60)
            assert ran.error == "", one.question
            printed, told = (
                normal_form(ran.value, one.question),
                normal_form(stated_answer(one.solution), one.question),
            )
            assert printed is not None
            assert printed == told, one.question


@pytest.mark.thorough
@pytest.mark.parametrize("recipe", ["easy", "held_out"])
def test_none_is_a_question_of_a_recipe(recipe: str) -> None:
    """Neither in the same words, nor with the same numbers in a sentence of the same length."""
    asked = [problem.question for problem in make(read_recipe(RECIPES / f"{recipe}.toml")).problems]
    assert len(asked) >= 120
    assert not {_said(one) for one in asked} & {_said(one.question) for one in examples()}
    shapes = {shape for shape in map(_shape, asked) if shape[1]}
    assert not shapes & {_shape(one.question) for one in examples()}


@pytest.mark.parametrize(
    ("question", "like"),
    [
        ("What is $17 \\cdot 23$?", "120 * 34"),
        ("What is the square root of 6241?", "square root"),
        ("What is 7654 - 321?", " - "),
        ("Sam has 40 marbles, gives 3 to Ann and gets 9 back. How many marbles has he now?", "How many"),
    ],
)
def test_the_nearest_come_last(question: str, like: str) -> None:
    assert like in nearest(question, 4)[-1].question


def test_a_question_like_no_other_has_its_examples_too() -> None:
    for question in ("", "你好", "\ud800", "x" * 20_000, "{}[]" * 5_000):
        assert len(nearest(question, 4)) == 4
    assert nearest("What is 1 + 1?", 0) == ()
    assert len(nearest("What is 1 + 1?", 10_000)) == len(examples())


@given(st.text(), st.integers(0, 16))
def test_so_many_as_wanted_and_none_twice(question: str, count: int) -> None:
    found = nearest(question, count)
    assert len(found) == len(set(found)) == count
    assert all(isinstance(one, Example) for one in found)


def _said(question: str) -> str:
    return " ".join(re.findall(r"[a-z]+|\d+|[-+*/^%=]", _plain(question)))


def _shape(question: str) -> tuple[int, tuple[str, ...]]:
    return len(_plain(question).split()), tuple(re.findall(r"\d+|[-+*/^%]", _plain(question)))


def _plain(question: str) -> str:
    for sign, plain in ((r"\cdot", "*"), (r"\times", "*"), (r"\div", "/"), ("$", "")):
        question = question.replace(sign, plain)
    return question.lower()
