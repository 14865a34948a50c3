"""Which words ask, which wish, and which are only talk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.answers.question import AnswerFormat
from logicnet.solver.race.exact.question import MOST_CHARS, is_talk, plain, readings


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("What is 1/3? Round to two decimal places.", AnswerFormat(places=2)),
        ("What is 1/3, correct to 4 d.p.?", AnswerFormat(places=4)),
        ("What is 1/3 to the nearest hundredth?", AnswerFormat(places=2)),
        ("What is 1/3? Round your answer to three significant figures.", AnswerFormat(significant=3)),
        ("What is 1/3, rounded down to a whole number?", AnswerFormat(down=True)),
        ("What is 1/3? Give the exact value.", AnswerFormat(exact=True)),
        ("What is 1/3 as a fraction in lowest terms?", AnswerFormat(fraction=True)),
        ("What is 1/3? Please show your work.", AnswerFormat()),
    ],
)
def test_formats(question: str, wanted: AnswerFormat) -> None:
    asked = next(iter(readings(question)))
    assert asked.object.endswith("1/3")
    assert asked.format == wanted


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"$\frac{1}{2}$", "(1/2)"),
        (r"$\dfrac{\frac{1}{2}}{3}$", "(((1/2))/(3))"),
        (r"\(\sqrt{49}\)", "sqrt(49)"),
        (r"$3 \times 4 \div 2$", "3 * 4 / 2"),
        (r"$2^{10}$", "2^(10)"),
        (r"$30^\circ$", "30 degrees"),
        (r"$\heartsuit$", None),
        ("12,345 + 1", "12345 + 1"),
        ("GCD(12,345)", None),
    ],
)
def test_latex_and_commas(latex: str, text: str | None) -> None:
    read = plain(latex)
    assert (" ".join(read.split()) if read is not None else None) == text


@pytest.mark.parametrize(
    "talk",
    ["Hey, I'm curious", "Good morning!", "My son is stuck on his homework.", "I want to double-check this:"],
)
def test_talk(talk: str) -> None:
    assert is_talk(talk)


@pytest.mark.parametrize(
    "no_talk",
    ["I have 3 cats", "twice that", "if it rains", "in base ten", "the opposite of", "one more than"],
)
def test_what_may_change_the_question_is_no_talk(no_talk: str) -> None:
    assert not is_talk(no_talk)


@given(st.text(max_size=MOST_CHARS + 50))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for asked in readings(text):
        assert len(asked.object) <= 3 * MOST_CHARS
