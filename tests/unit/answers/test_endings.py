"""The answer in the last words of a model, however it says it.

`endings.jsonl` holds 51 rows from public reports; `variants.jsonl` other wordings of each kind, made for this
test: comments on an answer, factors beside pi, durations, mixed numbers, lists, abbreviations, remarks in
brackets, texts that state nothing, answers taken back, thoughts, series, formulas, other languages.
`unstated.jsonl` holds texts that state no answer and are no short ones: only `extract` reads those.
"""

import json
from pathlib import Path

import pytest

from logicnet.answers import extract, normal_form
from logicnet.answers.extract import stated_answer
from logicnet.answers.likely import likely_answer
from logicnet.answers.sentences import sentences, without_aside


def _rows(name: str) -> list[dict[str, str]]:
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


ROWS = _rows("endings.jsonl") + _rows("variants.jsonl")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["text"][-40:])
def test_an_ending_is_one_vote_with_its_truth(row: dict[str, str]) -> None:
    question = row["question"]
    truth = normal_form(row["truth"], question)
    assert truth is not None
    assert normal_form(extract(row["text"], question), question) == truth
    assert normal_form(row["text"], question) == truth


@pytest.mark.parametrize(
    ("question", "text", "wrong"),
    [
        ("Who came first: Eli, Fay or Gus?", "Eli beat Fay.", "words:fay"),
        ("Who came first: Eli, Fay or Gus?", "Eli finished ahead of Fay.", "words:fay"),
        ("Who is shorter, Eli or Fay?", "Eli is taller.", "words:eli"),
        ("Which is heavier, iron or cork?", "Cork is lighter.", "words:cork"),
        ("Which is cheaper, the lamp or the cup?", "The lamp costs more.", "words:lamp"),
        ("Who has fewer pens, Eli or Fay?", "Eli has more pens.", "words:eli"),
        ("What is 17 mod 5?", "17 mod 5", "number:17"),
        ("What is the name of the winner?", "Sai", "yes-no:no"),
        ("Is the winner Sai or Ja?", "Sai", "yes-no:no"),
        ("", "Sai", "yes-no:no"),
        ("How many were taken, if 15 were left?", "15 were left, so 35 were taken.", "number:15"),
        ("How many did he take if 15 were left?", "15 were left, so he took 35.", "number:15"),
        ("What is the name of the winner?", "Sim", "yes-no:yes"),
        ("What is the name of the winner?", "Ja", "yes-no:yes"),
        ("What is the name of the winner?", "Non", "yes-no:no"),
        (
            "Of 9 pens 4 were left. How many were lost?",
            "4 pens were left, so 5 were lost.",
            "number:4",
        ),
        ("Which numbers may x be?", "All real numbers except 0.", "number:0"),
        (
            "Joe has $9 left. How much did he have?",
            "He has $9 left after lunch, so he had $16.",
            "number:9",
        ),
    ],
)
def test_a_text_that_gives_no_answer_is_read_as_no_wrong_one(question: str, text: str, wrong: str) -> None:
    for found in (normal_form(text, question), normal_form(extract(text, question), question)):
        assert found is None or found.key != wrong


@pytest.mark.parametrize("row", _rows("unstated.jsonl"), ids=lambda row: row["text"][-40:])
def test_the_answer_is_extracted_first(row: dict[str, str]) -> None:
    question = row["question"]
    truth = normal_form(row["truth"], question)
    assert truth is not None
    assert normal_form(extract(row["text"], question), question) == truth


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 41. Wait, actually it is 42.", "42"),
        ("The answer is 42. Wait, let me check: 42 / 7 = 6. That is right.", "42"),
        ("The answer is 42. Adding them is wrong.", "42"),
        ("The answer is 42. If you got 43, that is wrong because you counted 1 twice.", "42"),
        ("The answer is 42. Sorry for the long explanation of all 4 steps!", "42"),
        ("The answer is 42. Actually, this is the same as 6 × 7.", "42"),  # noqa: RUF001
        ("The answer is 42. If there were 7, the answer would be 49.", "42"),
        ("So there are 42. To check: 42 / 7 = 6.", "42"),
        ("There are 6 of 7 each. Let me check: 6 * 7 = 42.", "42"),
        ("<think>The answer is 41.</think> There are 42.", "42"),
        ("<think>There are 42.</think>", "42"),
        ("So we get $2\\sqrt{3}$.", "2\\sqrt{3}"),
        ("In all there are $6 \\times 7 = 42$.", "42"),
        ("It is 42 more than $x$.", "42"),
        ("\\boxed{1} or \\boxed{2}", "1, 2"),
    ],
)
def test_what_a_text_says_in_the_end(text: str, answer: str) -> None:
    assert extract(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 42. Yes, the answer is correct.", "42"),
        ("The answer is 42. The answer is in pens.", "42"),
        ("The answer is blue. The answer is plausible.", "blue"),
        ("The answer is 42. I am sure that the answer is blue.", "42"),
        ("The answer is correct.", ""),
        ("The answer is:\n- 42 pens", "42 pens"),
        ("The answer is:\n- x = 1\n- y = 2", "x = 1, y = 2"),
        ("The answer is:\n-42", "-42"),
        ("The answer is: 12. I hope this helps.", "12"),
        ("The answer is **42 pens** (20 red and 22 blue).", "42 pens"),
        ("The answer is not 41, it is 42.", "42"),
        ("The correct option is **B**.", "B"),
        ("答案是４２。", "42"),
        ("Die Antwort ist 3,5.", "3,5"),
    ],
)
def test_a_comment_on_the_answer_is_no_answer(text: str, answer: str) -> None:
    assert stated_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The train arrives at **3:30 PM**.", "3:30 PM"),
        ("The trip takes 3 hours and 20 minutes.", "3 hours and 20 minutes"),
        ("91 is not prime.", "91 is not prime"),
        ("42 is the number of pens.", "42"),
        ("So she has 42 pens (20 red and 22 blue).", "42"),
        ("The area is 49π cm².", "49π"),
        ("The midpoint is (3, -2).", "(3, -2)"),
        ("The volume is 216 m^3.", "216"),
        ("There are 1 234 of them.", "1 234"),
        ("In all (100/20)*$1000 = $5000.", "5000"),
    ],
)
def test_a_text_that_states_nothing_ends_in_a_value(text: str, answer: str) -> None:
    assert likely_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It is 25%, i.e. 0.25. Good.", ["It is 25%, i.e. 0.25.", "Good."]),
        ("About approx. 5 pens. Dr. Lee has No. 3.", ["About approx. 5 pens.", "Dr. Lee has No. 3."]),
        ("At 3 p.m. on Monday. At 3 p.m. He left.", ["At 3 p.m. on Monday.", "At 3 p.m.", "He left."]),
        ("The answer is B. This is so.", ["The answer is B.", "This is so."]),
        ("one\ntwo", ["one", "two"]),
        ("", []),
    ],
)
def test_an_abbreviation_ends_no_sentence(text: str, parts: list[str]) -> None:
    assert list(sentences(text)) == parts


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("42 pens (20 red)", "42 pens"),
        ("(3, -2)", "(3, -2)"),
        ("f(2)", "f(2)"),
        ("3 (mod 5)", "3 (mod 5)"),
        ("2 (x + 1)", "2 (x + 1)"),
        ("(B) 12", "(B) 12"),
    ],
)
def test_only_a_remark_in_words_is_an_aside(text: str, bare: str) -> None:
    assert without_aside(text) == bare


@pytest.mark.parametrize(
    ("question", "said", "key"),
    [
        ("Una caja pesa 2,5 kg. ¿Cuánto pesan 500 cajas?", "1.250 kg", "number:1250"),
        ("A box weighs 2.5 kg. How much do they weigh?", "1.250 kg", "number:1.25"),
        ("Bir kutu 2,5 kg. Toplam?", "1.125", "number:1125"),
        ("Eine Kiste wiegt 2,5 kg. Wie viel wiegt sie?", "1,125 kg", "number:1.125"),
        ("List them.", "1 234", "list:[1, 234]"),
        ("How many?", "1 234", "number:1234"),
        ("What are the two numbers?", "3,5", "list:[3, 5]"),
        ("How many?", "3,5", "number:3.5"),
    ],
)
def test_the_numbers_of_the_question_decide_on_the_comma(question: str, said: str, key: str) -> None:
    found = normal_form(said, question)
    assert found is not None and found.key == key
    assert normal_form(found.text, question) == found
