import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logicnet.answers._markup import plain_answer
from logicnet.answers.extract import short_answer, stated_answer
from logicnet.answers.likely import MOST_WORDS, likely_answer
from logicnet.answers.sentences import whole_sentences


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"So x is \boxed{72}.", "72"),
        (r"First \boxed{1}, no: \boxed{\frac{3}{4}}", "3/4"),
        (r"It is \boxed{\text{Monday}} and \boxed{unclosed", "Monday"),
        (r"\boxed{x^{2} + 1}", "x^{2} + 1"),
        ("Half is 24.\n#### 72", "72"),
        ("The final answer is 72.", "72"),
        ("**Final Answer:** 72", "72"),
        ("**Final answer**: **72**", "72"),
        ("Answer: 1,234", "1234"),
        ("The answer is:\n42", "42"),
        ("the answer to the question is blue", "blue"),
        ("The answer is 4. Wait. The answer is 5.", "5"),
        ("The final answer is $\\frac{1}{2}$.", "1/2"),
        ("The answer is 72. I hope this helps 100 people.", "72"),
        ("The correct answer would be (B).", "(B)"),
        ("<think>2?</think><answer>72</answer>", "72"),
        ("## Final Answer\n\n**72** clips", "72 clips"),
        ("The answer is $1\\frac{1}{2}$.", "1 1/2"),
        ("The answers differ, and 5 is odd.", ""),
        ("We have 48 and 24.", ""),
        ("", ""),
    ],
)
def test_concluded(text: str, answer: str) -> None:
    assert stated_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("48 / 2 = 24, so 48 + 24 = 72", "72"),
        ("it falls by -3.5 degrees", "-3.5"),
        ("that is 3/4 of it", "3/4"),
        ("there were 1,200 of them", "1200"),
        ("So she sold **72** clips in 2 months.", "72"),
        ("In May it was 24. In all that is 72 clips in 2 months.", "72"),
        ("It is not even. It must be odd.", "It must be odd"),
        ("", ""),
        ("word " * 40, ""),
    ],
)
def test_guessed(text: str, answer: str) -> None:
    assert likely_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("72", "72"),
        (" 72.\n", "72"),
        ("**72**", "72"),
        ("```\n72\n```", "72"),
        ("```python\nx + 1\n```", "x + 1"),
        ("Final answer: 72", "72"),
        ("72 clips\n\nNatalia sold 48 clips in April and half as many in May, which is why.", "72 clips"),
        (r"\(x = 5\)", "x = 5"),
        ("Monday", "Monday"),
        ("To see this, " + "we add and add " * 9 + "until we are done. It is 72.", "It is 72"),
        ("and so " * 30, ""),
        ("", ""),
        ("\n \n", ""),
    ],
)
def test_short(text: str, answer: str) -> None:
    assert short_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("x**2 + y**2", "x**2 + y**2"),  # powers are not bold type
        ("(a + b)**2", "(a + b)**2"),
        ("**x**2**", "x**2"),
        ("12,345,678", "12345678"),
        ("$1,234.50", "1234.50"),
        ("(1,234)", "(1,234)"),  # a pair, for all we know
        ("1, 2, 3", "1, 2, 3"),
        ("1,23", "1,23"),
        ("0.5", "0.5"),
        ("50\\%", "50%"),
        ('"yes"', "yes"),
        ("5!", "5!"),
        ("-7", "-7"),
        ("line one\nline two", "line one line two"),
        ("### 72", "72"),
        ("> 72", "72"),
        (">", ">"),
        ("#A B#", "#A B#"),
        (r"\frac{1}{2x}", "1/(2x)"),
        (r"\$5", "5"),
    ],
)
def test_plain(text: str, answer: str) -> None:
    assert plain_answer(text) == answer


@settings(deadline=None)
@given(st.text() | st.text(alphabet="\\boxed{}answr is:*`$.,0123456789\n#_<>", max_size=300))
def test_any_text_gives_one_line(text: str) -> None:
    for answer in (stated_answer(text), likely_answer(text), short_answer(text)):
        assert "\n" not in answer
    assert len(short_answer(text).split()) <= MOST_WORDS


@pytest.mark.parametrize(
    "unit",
    [
        "\\boxed{",
        "answer is ",
        "answer to ",
        "**",
        "#### ",
        "1,",
        "```",
        "$",
        "\\frac{1}{",
        "i.e. ",
        "(abc ",
        "。",
    ],
)
def test_long_texts_are_read_in_no_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    for read in (stated_answer, likely_answer, short_answer):
        read(text)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("She sold 24. That makes 72 tog", "She sold 24."),
        ("She sold 24. That makes 72. ", "She sold 24."),  # 72. may go on as 72.5
        ("She sold half. ", "She sold half."),
        ("- 48 in April\n- half", "- 48 in April"),
        ("- 48 in April\n", "- 48 in April"),
        ("So it is approx. 5 cl", ""),
        ("In May", ""),
        ("", ""),
    ],
)
def test_what_was_cut_off_ends_with_a_whole_sentence(text: str, whole: str) -> None:
    assert whole_sentences(text) == whole
