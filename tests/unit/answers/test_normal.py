"""Which answers are one vote, which are not, and what is sent."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logicnet.answers import extract, normal_form
from logicnet.scoring.correctness import by_text
from logicnet.scoring.tricks import trick

PERCENT = "What percentage of the apples is red?"
TWO_PLACES = "What is the area of the circle? Round to two decimal places."
OPTIONS = "How many legs have three cows?\nA) 8\nB) 12\nC) 16"
SOLVE = "Solve x + y = 3 and x - y = -1 for x and y."
ROOTS = "What are the roots of x^2 - 5x + 6?"


@pytest.mark.parametrize(
    ("question", "same"),
    [
        (
            "",
            [
                "1/2",
                "0.5",
                ".5",
                "50 %",
                "50%",
                r"50\%",
                r"\frac{1}{2}",
                r"$\dfrac12$",
                "½",
                "one half",
                "2/4",
                "x = 0.5",
                "0.50",
            ],
        ),
        ("What percentage of 40 is 20?", ["50", "50%"]),
        ("20 is what percent of 40?", ["50", "50 percent"]),
        ("What is 125 percent of 0.4?", ["0.5", "50%"]),
        ("Find 125 percent of 0.4.", ["0.5", "50%"]),
        (PERCENT, ["50", "50%", "50 percent", r"50\%", "50.0", "It is 50%."]),
        (TWO_PLACES, ["3.14", "3.1416", "3.14159 m^2", r"\pi", "about 3.141"]),
        ("What is the height, rounded down to a whole number?", ["837", "837.76", "837 m"]),
        ("Give 3 significant figures.", ["0.00123", "1.23e-3", r"1.2301 \times 10^{-3}"]),
        (
            "",
            [
                "1,234,567",
                "1234567",
                "1_234_567",
                r"1\,234\,567",
                "1{,}234{,}567",
                "$1,234,567",
                "1.234567e6",
            ],
        ),
        (
            "",
            ["$12.50", r"\$12.50", "12.5 dollars", "€12.50", "12.50 USD", "12 1/2", r"12\frac{1}{2}", "12½"],
        ),
        (
            "",
            [
                "15 m^2",
                "15 square meters",
                "15",
                "15 m²",
                r"15 \text{ m}^2",
                "The area is 15 m^2.",
                "fifteen",
            ],
        ),
        (
            "",
            [
                "-7",
                "\u22127",
                "minus 7",
                "negative seven",
                r"\(-7\)",
                "-7.0",
                "**-7**",
                r"\boxed{-7}",
                "x = -7",
            ],
        ),
        ("", ["2.01e-77", r"2.01 \times 10^{-77}", "2.01*10^-77", "2.01 x 10^(-77)", "2.01·10⁻⁷⁷"]),
        ("", [r"\sqrt{12}", r"2\sqrt{3}", "2*sqrt(3)", "√12", "3.4641016151377544"]),
        ("", ["1/3", "0.333", "0.3333333333333333", r"\frac{1}{3}"]),
        ("", ["2/3", "0.67", "0.6667", "0.66666"]),
        ("", ["90°", r"90^\circ", r"90^{\circ}", "90 degrees", "90"]),
        ("", ["(1, 2)", "[1,2]", "1, 2", "x = 1, y = 2", "y=2 and x=1", "(x, y) = (1, 2)", "1 and 2"]),
        (SOLVE, ["x = 1, y = 2", "(1, 2)", "x=1\ny=2", r"$x = 1$ and $y = 2$"]),
        (ROOTS, ["2, 3", "{3, 2}", "x = 2 or x = 3", "x = 3, x = 2", "3 and 2", "[2,3]"]),
        (
            "What are the prime factors of 12?",
            ["2, 2, 3", "2 * 2 * 3", r"2^2 \times 3", "2² \u00d7 3", "3, 2, 2", "12 = 2^2 * 3"],
        ),
        (
            "",
            [
                "[[1, 2], [3, 4]]",
                r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}",
                r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
            ],
        ),
        ("", ["x > 3", "3 < x", r"(3, \infty)", r"x \in (3, \infty)"]),
        ("", ["1 < x <= 5", "(1, 5]", r"1 < x \leq 5"]),
        ("", ["x^2 + 3x + 2", "2 + 3*x + x**2", "(x + 1)(x + 2)", "x^{2}+3x+2"]),
        ("Is 91 prime?", ["No", "no.", "False", "No, it is 7 * 13.", "91 is not prime"]),
        ("Return True if it can be done, or False.", ["True", "yes", "true."]),
        (OPTIONS, ["B", "(B)", "b)", "B) 12", "12", "option B", "The answer is B.", "twelve"]),
        ("", ["7:30 PM", "7:30pm", "19:30", "7:30 p.m."]),
        ("", ["October 9, 2022", "9 October 2022", "2022-10-09", "the 9th of October 2022", "Oct. 9, 2022"]),
        ("What is the ratio?", ["3:2", "6 : 4", "3 to 2"]),
        ("Who did it?", ["Alice", "alice.", "It is Alice.", '"Alice"', r"\text{Alice}"]),
        (
            "",
            [
                "Ann is a knave, and Bob is a knight.",
                "Bob is a knight and Ann is a knave",
                "Ann: knave, Bob: knight",
            ],
        ),
        ("Convert 419 to hexadecimal.", ["0x1a3", "1A3", "1a3", "1A3_{16}"]),
        ("Answer with <, > or =.", ["<", r"\lt", "1/4 < 1/3", "less than"]),
        ("How many minutes does it take?", ["150", "2 hours 30 minutes", "2.5 hours", "150 min"]),
        ("Evaluate the integral of 2x.", ["x^2 + C", "x**2", "X**2 + c"]),
        (
            "Use all of these numbers to make 10: create an expression from 2, 3, 4.",
            ["2*3 + 4", "4 + 3*2", "2*3+4 = 10"],
        ),
        ("", ["no solution", "There is no solution.", r"\emptyset", "no real solutions"]),
        ("How much is 4!?", ["24", "4!", "twenty-four"]),
        ("", ["A → B → C", "A -> B -> C", "A→B→C"]),
        ("Solve for x: x^2 = 4", ["x = ±2", r"\pm 2", "x = -2, 2", "2 and -2"]),
        ("What is the probability?", ["1 in 4", "1 out of 4", "25%", "1/4"]),
        ("How many are left?", ["none", "zero", "0"]),
        ("How much is it?", ["$1,250.00 per month", "1.250,00 €", "1250"]),
        ("Who is the knave?", ["Bob is the knave.", "Bob"]),
        ("How many clips did she sell?", ["So she sold 72 clips in April and May.", "72"]),
        ("", ["5,000 and 6,000", "(5000, 6000)"]),
        ("Find the equation of the line.", ["y = 2x + 1", "y=1+2x", "2x + 1"]),
    ],
)
def test_other_spellings_of_one_answer_are_one_vote(question: str, same: list[str]) -> None:
    keys = {said: found.key if (found := normal_form(said, question)) else None for said in same}
    assert len(set(keys.values())) == 1 and None not in keys.values(), keys


@pytest.mark.parametrize(
    ("question", "others"),
    [
        ("", ["1/2", "1/3", "50", "2", "0.51", "-1/2", "5"]),
        (PERCENT, ["50%", "0.5"]),
        (TWO_PLACES, ["3.14", "3.15", "3.1"]),
        ("", ["3.14", "3.1416", "3.15", "22/7"]),
        ("", ["(1, 2)", "(2, 1)", "1", "12", "(1, 2, 3)", "x = 2, y = 1, z = 0"]),
        ("", ["x > 3", "x >= 3", "x < 3", "3", "[3, 4)", "(3, 4]"]),
        ("Factor x^2 + 3x + 2.", ["(x + 1)(x + 2)", "x^2 + 3x + 2"]),
        ("", ["x + 1", "x - 1", "x", "y + 1", "2x + 1"]),
        ("Is 91 prime?", ["Yes", "No"]),
        (OPTIONS, ["A", "B", "C", "5"]),
        ("", ["7:30 AM", "7:30 PM"]),
        ("What is the ones' complement of 1111101?", ["0000010", "10"]),
        ("Who did it?", ["Alice", "Bob", "nobody"]),
        ("", ["Ann is a knave, and Bob is a knight.", "Ann is a knight, and Bob is a knave."]),
        ("Spell ten backward.", ["net", "ten", "10"]),
        ("", ["at least 5", "5", "x > 5"]),
        ("", ["3 - 6i", "3 + 6i", "3", "-3 - 6i"]),
        ("", ["10 hours and 49 minutes", "10", "49"]),
        ("", ["1 1/2", "11/2", r"\frac{11}{2}x"]),
    ],
)
def test_other_answers_are_other_votes(question: str, others: list[str]) -> None:
    forms = [normal_form(said, question) for said in others]
    distinct = {found.key for found in forms if found}
    assert None not in forms
    if question == "" and others[1] == "11/2":
        assert forms[0] != forms[1]
    else:
        assert len(distinct) == len(others), forms


@pytest.mark.parametrize(
    ("question", "said", "sent"),
    [
        ("", "1,234", "1234"),
        ("", "x = 3", "3"),
        ("", "The sum is 180 degrees.", "180"),
        ("", "3/4", "0.75"),
        ("", "1/3", "1/3"),
        ("", "0.333", "0.333"),  # it may be the third, but that is all that was said
        ("Answer with a fraction.", "0.75", "3/4"),
        ("Simplify the fraction to its lowest terms.", "3723/4508", "3723/4508"),
        ("Answer with a fraction.", "27673/82800", "27673/82800"),
        ("", "e^2", "e^2"),
        ("", "2^100", "1267650600228229401496703205376"),
        (r"What is $\frac{1}{2}\cdot\frac{3}{2}$?", "3/4", r"\frac{3}{4}"),
        ("What is it, to three decimals?", "1/3", "0.333"),
        (TWO_PLACES, "160.0", "160"),
        (PERCENT, "73.89%", "73.89"),
        ("", "50 %", "0.5"),
        ("", "0.30000000000000004", "0.3"),
        ("", "1e20", "100000000000000000000"),
        ("", "1.5e-30", "1.5e-30"),
        (r"What is $2 \times 10^{3}$ squared, in scientific notation?", "4000000", r"4 \times 10^{6}"),
        ("", r"\sqrt{194}", r"\sqrt{194}"),
        ("Is it so?", "true", "Yes"),
        ("True or false?", "no", "False"),
        (OPTIONS, "12", "B"),
        ("Is 1933 a leap year?", "1933 is not a leap year", "1933 is not a leap year"),
        ("", "<b>72</b>", "72"),
        ("", "</think>72", "72"),
        ("", "We add them.\n\nThe answer is 72 clips.", "72"),
        ("", "First 1, then 2.\n\\boxed{3}", "3"),
        ("Which symbol: <, > or =?", ">", ">"),
        (
            "Write a function in Python that doubles.",
            "Sure:\n```python\ndef f(x):\n    return 2 * x\n```\nDone.",
            "def f(x):\n    return 2 * x",
        ),
    ],
)
def test_what_is_sent(question: str, said: str, sent: str) -> None:
    found = normal_form(said, question)
    assert found is not None and found.text == sent


@pytest.mark.parametrize(
    "said",
    [
        "",
        " \n ",
        ";",
        "I don't know.",
        "{{ answer }}",
        "miner_answer",
        "not_found",
        "...",
        "we go on and on " * 9,
    ],
)
def test_no_answer_is_no_vote(said: str) -> None:
    assert normal_form(said) is None


def test_forms_are_compared_by_what_they_say() -> None:
    one, other = normal_form("0.5"), normal_form("1/2", "Answer with a fraction.")
    assert one == other and hash(one) == hash(other)
    assert (
        one is not None and one.value == Fraction(1, 2) and one.key == "number:0.5" and one.kind == "number"
    )


WHOLE = st.integers(-(10**15), 10**15)
QUESTIONS = st.sampled_from(
    [
        "",
        PERCENT,
        TWO_PLACES,
        OPTIONS,
        SOLVE,
        ROOTS,
        "Is 91 prime?",
        "Answer with a fraction.",
        r"What is $\frac{1}{2} \times 10^{3}$ in scientific notation, to 3 significant figures?",
        "Convert it to binary.",
        "Factor it.",
        "What are the prime factors?",
        "How many dollars?",
        "Spell it backward.",
        r"What is $\frac{1}{2}$ of it?",
    ]
)


@given(WHOLE)
def test_a_whole_number_in_any_dress(number: int) -> None:
    grouped = f"{number:,}"
    latex = grouped.replace(",", "{,}")
    dresses = [
        str(number),
        grouped,
        f"${number}$",
        f"\\boxed{{{latex}}}",
        f"{number}.0",
        f"{number} apples",
        f"x = {number}",
        f"**{number}**",
        f"{number}.",
        f"The answer is {grouped}.",
        f"{2 * number}/2",
        f"({number})",
    ]
    assert {normal_form(dress) for dress in dresses} == {normal_form(str(number))}
    found = normal_form(str(number))
    assert found is not None and found.text == str(number) and found.value == number


@given(st.fractions(max_denominator=999, min_value=-1000, max_value=1000))
def test_a_fraction_in_any_dress(number: Fraction) -> None:
    top, bottom = number.numerator, number.denominator
    sign, size = "-" if top < 0 else "", abs(top)
    dresses = [
        f"{top}/{bottom}",
        f"{sign}\\frac{{{size}}}{{{bottom}}}",
        f"\\({3 * top}/{3 * bottom}\\)",
        repr(top / bottom),
        f"{100 * top / bottom!r}%" if 10**4 % bottom == 0 else f"{top} / {bottom}",
    ]
    if size > bottom:
        dresses.append(f"{sign}{size // bottom} {size % bottom}/{bottom}")
    assert len({found.key for dress in dresses if (found := normal_form(dress))}) == 1


@given(WHOLE, WHOLE)
def test_different_numbers_are_different_votes(one: int, other: int) -> None:
    assert (normal_form(str(one)) == normal_form(str(other))) == (one == other)
    assert (normal_form(f"{one}/997") == normal_form(f"{other}/997")) == (one == other)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_order_counts_where_the_question_means_it(numbers: list[int], random: object) -> None:
    mixed = list(numbers)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = str(numbers), ", ".join(map(str, mixed))
    assert normal_form(one, ROOTS) == normal_form(other, ROOTS)
    assert (normal_form(one) == normal_form(other)) == (numbers == mixed)


@given(st.decimals(-1000, 1000, places=5), st.integers(0, 4))
def test_rounding_is_by_the_question(number: object, places: int) -> None:
    question = f"Round your answer to {places} decimal places."
    found = normal_form(str(number), question)
    assert found is not None
    assert len(found.text.partition(".")[2]) <= places
    assert by_text(found.text, f"{Fraction(str(number)).__float__():.{places}f}").score is not None


PIECES = st.sampled_from(
    [
        "1",
        "2.5",
        "-3",
        "/",
        " ",
        ",",
        "x",
        "y",
        "=",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\\frac{1}{2}",
        "\\sqrt{",
        "^",
        "**",
        "%",
        "$",
        "and",
        "is",
        "the answer is",
        "\n",
        "yes",
        "A",
        "B)",
        "→",
        "apples",
        "½",
        "²",
        "<",
        ">",
        "!",
        "|",
        "oo",
        "\\boxed{",
        "0x",
        "e5",
        ":",
        ";",
        "pi",
        "\\begin{bmatrix}",
        "&",
        "\\\\",
        "\\end{bmatrix}",
        "'",
        '"',
        "#",
        "`",
        "mod",
        "°",
        "٣",
        "\ud800",
    ]
)


@settings(deadline=None, max_examples=400)
@given(
    st.text(max_size=200)
    | st.lists(PIECES, max_size=25).map("".join)
    | st.lists(PIECES, max_size=12).map(" ".join),
    QUESTIONS,
)
def test_any_text_has_a_form_or_none_and_the_form_is_stable(text: str, question: str) -> None:
    found = normal_form(text, question)
    if found is None:
        return
    assert normal_form(found.text, question) == found
    assert normal_form(text, question) == found and len(found.key) <= 120
    assert found.text and trick(found.text) is None
    assert found.kind in ("code", "list", "unknowns", "formula", "words") or len(found.text.split()) < 20


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_question_is_borne(question: str) -> None:
    normal_form("1/2", question)


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        "[",
        "{",
        "\\frac{",
        "\\sqrt{",
        "answer is ",
        "answer to ",
        "1,",
        "1 ",
        "9^",
        "9!",
        "x=",
        "- ",
        "1/",
        "**",
        "twenty ",
        "<",
        "|",
        "½",
        "²",
        "A) ",
        "10:",
        "Ann is a b, ",
        "(A) x ",
        "\\boxed{",
        "#### 1\n",
        "9" * 5000,
        "9**9**9**9",
        "(9^99)^99^",
        "答案是",
        "。",
        "１",  # noqa: RUF001
        "1 234 ",
        "1.234.",
        "3h ",
        "twenty and ",
        "the answer is correct. ",
        "i.e. ",
        "a (b c d ",
        "is ",
        "**1** ",
        "1\u00a0",
        "万",
    ],
)
@pytest.mark.parametrize(
    "size", [300, *(pytest.param(size, marks=pytest.mark.thorough) for size in (20_000, 100_000))]
)
def test_hostile_texts_take_no_time(unit: str, size: int) -> None:
    text = (unit * (size // len(unit) + 1))[:size]
    for question in ("", text, ROOTS):
        normal_form(text, question)
        normal_form(text + "5", question)


ANIMAL = "Which animal barks?\n(A) cat (B) dog"


@pytest.mark.parametrize(
    ("question", "text", "key"),
    [
        (ANIMAL, "So I choose option B, since option A only purrs.", "choice:B"),
        (ANIMAL, "Option A is eliminated. That leaves option B.", "choice:B"),
        (ANIMAL, "It is the dog rather than the cat.", "choice:B"),
        ("Which is not a mammal?\n(A) dog (B) fish", "The fish is not a mammal.", "choice:B"),
        ("Which one is false?\n(A) 1 > 0 (B) 1 < 0", "Option B is false.", "choice:B"),
        (
            "How much money does Ann have?",
            "Ann has $7.25 left, having spent $2.75 on 4 cards.",
            "number:7.25",
        ),
        ("How far does the bus go?", "The bus covers 90 miles in 3 hours.", "number:90"),
        ("How old will Ann be?", "Ann will be 41 years old in 6 years.", "number:41"),
        ("How many bags does she need?", "She needs 6 bags for 70 apples.", "number:6"),
        ("How many pens are left?", "After 3 days he has 8 pens left.", "number:8"),
        ("How many pens does she have?", "Many think the answer is 12. In fact she has 11.", "number:11"),
        ("How many pens are there?", "The answer is 12? No, it must be 11.", "number:11"),
        ("Solve 3x = 12.", "Thus x = 4 (check: 3*4 = 12).", "number:4"),
        ("Who wrote it?", "The answer is E. M. Forster.", "words:e. m. forster"),
        ("How many are there?", "Answer - 12", "number:12"),
        ("Is 9 prime?", "9 fails to be prime", "yes-no:no"),
        ("What is the smallest bound? At least how many?", "at least 12", "number:12"),
    ],
)
def test_a_sentence_says_one_of_its_values(question: str, text: str, key: str) -> None:
    found = normal_form(text, question)
    assert found is not None and found.key == key
    assert normal_form(extract(text, question), question) == found


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (ANIMAL, "It is not the cat."),
        (ANIMAL, "The cat cannot be right."),
        (ANIMAL, "Option A is small. Option B is large."),
        ("How many pens?", "He moves 4 pens from 7 pens to 3 pens."),
        *(
            ("How many are there?", text)
            for text in ("fewer than 12", "12 or more", "up to 12", "not 12", "never 12", "It cannot be 12.")
        ),
        ("", "a loss of $12"),
        ("", "12 degrees below zero"),
    ],
)
def test_what_is_denied_or_only_bounded_is_no_value(question: str, text: str) -> None:
    for said in (text, extract(text, question)):
        found = normal_form(said, question)
        assert found is None or found.kind not in ("choice", "number")


def test_a_factorial_of_a_letter_is_not_the_letter() -> None:
    assert normal_form("n!") != normal_form("n")


@pytest.mark.parametrize("text", ["$2.5M", "It is $2.5M.", "The answer is $2.5M."])
def test_millions_of_money_are_read_alike(text: str) -> None:
    found = normal_form(extract(text, "How much?"), "How much?")
    assert found is not None and found == normal_form(text, "How much?") and found.value == 2_500_000
