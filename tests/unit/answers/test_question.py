"""What a question asks for, and how its answer is to be written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.answers import AnswerFormat, question_spec
from logicnet.answers.question import strip_format, strip_format_at_end


@pytest.mark.parametrize(
    ("question", "form"),
    [
        ("What is 1/3? Round to two decimal places.", AnswerFormat(places=2)),
        ("Give it to the nearest hundredth, rounded.", AnswerFormat(places=2)),
        ("Round to the nearest thousand.", AnswerFormat(places=-3)),
        ("Give 3 significant figures.", AnswerFormat(significant=3)),
        ("What is it, rounded down to a whole number?", AnswerFormat(places=0, down=True)),
        ("He rounds each price to the nearest dollar. How many pens?", AnswerFormat()),
        ("How much money does he have?", AnswerFormat(places=2)),
        ("What percentage is red?", AnswerFormat(percent=True)),
        ("Write 0.5 as a fraction.", AnswerFormat(fraction=True)),
        ("In scientific notation, with two decimals?", AnswerFormat(significant=3, scientific=True)),
        ("", AnswerFormat()),
    ],
)
def test_the_format_of_the_answer(question: str, form: AnswerFormat) -> None:
    assert question_spec(question).format == form


@pytest.mark.parametrize(
    ("sentence", "rest", "form"),
    [
        ("3 + 4, rounded to two decimal places", "3 + 4", AnswerFormat(places=2)),
        ("7/3 (to the nearest tenth)", "7/3", AnswerFormat(places=1)),
        ("7/3 as a fraction", "7/3", AnswerFormat(fraction=True)),
        ("3 + 4 to several decimal places", "3 + 4 to several decimal places", AnswerFormat()),
        ("3 + 4", "3 + 4", AnswerFormat()),
    ],
)
def test_a_format_at_the_end_is_taken_off(sentence: str, rest: str, form: AnswerFormat) -> None:
    assert strip_format_at_end(sentence) == (rest, form)


def test_all_formats_of_an_instruction_are_taken() -> None:
    rest, form = strip_format(
        "Give the exact value or round to 3 decimal places.", AnswerFormat(percent=True)
    )
    assert form == AnswerFormat(places=3, exact=True, percent=True)
    assert rest.split() == ["Give", "the", "or", "round", "."]


@pytest.mark.parametrize(
    ("question", "unit"),
    [
        ("It takes 8 minutes a mile. How long for 5 miles?", "minute"),
        ("After 2 hours and 20 minutes he stops. How long was it in all?", "minute"),
        ("How long, in hours, did it take after 30 minutes?", "hour"),
        ("How long does the second trip take?", ""),
        ("跑一圈要3分钟, 跑5圈要多长时间", "minute"),
    ],
)
def test_the_unit_of_a_duration_is_that_of_the_question(question: str, unit: str) -> None:
    assert question_spec(question).time_unit == unit


@pytest.mark.parametrize(
    ("question", "alone"),
    [
        ("Is 91 prime?", True),
        ("Is 91 prime or composite?", False),
        ("Is 91 prime, yes or no?", True),
        ("Is x greater than or equal to 5?", True),
        ("What is 5?", False),
    ],
)
def test_whether_only_yes_or_no_answers(question: str, alone: bool) -> None:
    assert question_spec(question).only_yes_or_no is alone


@given(st.text(max_size=300))
def test_any_question_has_a_spec(question: str) -> None:
    spec = question_spec(question)
    assert spec == question_spec(question)
    strip_format(question)
    strip_format_at_end(question)
