import pytest

from logicnet.evals.challenges.checks import CHECKS, check_for


@pytest.mark.parametrize(
    ("by", "truth", "answer", "arguments", "right"),
    [
        ("number_is", "72", "72", {}, True),
        ("number_is", "72", "$72$", {}, True),
        ("number_is", "72", "**72**", {}, True),
        ("number_is", "72", r"\boxed{72}", {}, True),
        ("number_is", "72", "The answer is 72.", {}, True),
        ("number_is", "72", "48 + 24 = 72", {}, True),
        ("number_is", "72", "There are 72 clips", {}, True),
        ("number_is", "72", "x = 72 apples", {}, True),
        ("number_is", "1080", "1,080", {}, True),
        ("number_is", "-7", "7", {}, False),  # a validator calls it right: it reads no signs
        ("number_is", "72", "about 70 to 72", {}, False),
        ("number_is", "72", "", {}, False),
        ("number_is", "72", "seventy-two", {}, False),
        ("number_is", "9", "9**9**9", {}, False),
        ("number_is", "0", "0x1f", {}, False),
        ("number_is", "72", "NaN", {}, False),
        ("number_is", "72", "__import__('os')", {}, False),
        ("number_is", r"\frac{15}{32}", "15/32", {}, True),
        ("number_is", r"\frac{15}{32}", "0.46875", {}, True),
        ("number_is", r"\frac{15}{32}", "0.47", {}, False),
        ("number_is", r"\frac{\sqrt{3}}{2}", "sqrt(3)/2", {}, True),
        ("number_is", r"\sqrt{8}", r"2\sqrt{2}", {}, True),
        ("number_is", "54 m^2", "54 square metres", {}, True),
        ("number_is", "12.24%", "12.24", {"places": 2}, True),
        ("number_is", "0.87", "0.868", {"places": 2}, True),
        ("number_is", "0.87", "0.88", {"places": 2}, False),
        ("number_is", r"1.59 \times 10^{110}", "1.59e110", {"within": 0.005}, True),
        ("number_is", r"1.59 \times 10^{110}", "1.61e110", {"within": 0.005}, False),
        ("sequence_is", "(36/13, 50/13)", r"(\frac{36}{13}, \frac{50}{13})", {}, True),
        ("sequence_is", "(4.5, -9.0)", "x = 4.5 and y = -9", {}, True),
        ("sequence_is", "[1, 2]", "[2, 1]", {}, False),
        ("sequence_is", "[1, 2]", "1, 2, 3", {}, False),
        ("sequence_is", "[]", "[]", {}, True),
        ("sequence_is", r"\begin{bmatrix} 1 & -2 \\ 0 & 3 \end{bmatrix}", "[[1, -2], [0, 3]]", {}, True),
        ("collection_is", "{-0.28, -1.94}", "x = -1.94 or x = -0.28", {"places": 2}, True),
        ("collection_is", r"{- \frac{1}{2}, - \frac{1}{3}}", "-1/3, -1/2", {}, True),
        ("collection_is", r"{-1 - \frac{\sqrt{6}}{3}, 1}", "1, -1-sqrt(6)/3", {}, True),
        ("collection_is", "[1, 2, 2]", "1, 2", {}, False),
        ("factors_are", "2, 2, 7", r"2^2 \times 7", {}, True),
        ("factors_are", "2, 2, 7", "7 × 2 × 2", {}, True),  # noqa: RUF001
        ("factors_are", "2, 2, 7", "28 = 2 * 2 * 7", {}, True),
        ("factors_are", "2, 2, 7", "2, 7", {}, False),
        ("unknowns_are", "x = -1, y = -8", "y=-8, x=-1", {}, True),
        ("unknowns_are", "x = -1, y = -8", "(-1, -8)", {}, True),
        ("unknowns_are", "x = -1, y = -8", "x = -8, y = -1", {}, False),
        ("numeral_is", "0x94", "94", {"base": 16}, True),
        ("numeral_is", "0x5F", "0x5f", {"base": 16}, True),
        ("numeral_is", "-0x3", "-3", {"base": 16}, True),
        ("numeral_is", "1010", "0b1010", {"base": 2}, True),
        ("numeral_is", "1010", "1010_2", {"base": 2}, True),
        ("numeral_is", "1010", "The binary form is 1010", {"base": 2}, True),
        ("numeral_is", "1010", "10", {"base": 2}, False),
        ("numeral_is", "1010", "12", {"base": 2}, False),
        ("complex_is", "(12+76j)", "12 + 76i", {}, True),
        ("complex_is", "4.0 - 7.0i", "4-7j", {}, True),
        ("complex_is", "(12+76j)", "12 - 76i", {}, False),
        ("words_are", "Wednesday", "It is wednesday.", {}, True),
        ("words_are", "grandfather", "the grandfather", {}, True),
        ("words_are", "Wednesday", "Not Wednesday", {}, False),
        ("words_are", "THE MOON IS UP", "the moon is up", {}, True),
        ("words_are", "a, b", "a,b", {}, True),
        ("symbol_is", "<", "<", {}, True),
        ("symbol_is", "<", r"$\lt$", {}, True),
        ("symbol_is", "<", ">", {}, False),
        ("symbol_is", "0100", "100", {}, False),
        ("yes_or_no", "Yes", "yes, it does", {}, True),
        ("yes_or_no", "No", "It isn't.", {}, True),
        ("yes_or_no", "1998 is not a leap year", "No", {}, True),
        ("yes_or_no", "1998 is not a leap year", "1998 is a leap year", {}, False),  # right for a validator
        ("yes_or_no", "True", "maybe", {}, False),
        ("polynomial_is", "21x^{6} + 2x^{1} + 18x^{1}", "21x^6 + 20x", {}, True),
        ("polynomial_is", "21x^{6} + 20x^{1}", "20x+21x^6", {}, True),
        ("polynomial_is", "20x^{1}", "2x + 18x", {"combined": True}, False),
        ("polynomial_is", "20x^{1}", "sin(x)", {}, False),
        ("factored_is", "(x-5)(x+3)", "(x + 3)(x - 5)", {}, True),
        ("factored_is", "(x+6)(x+6)", "(x+6)^2", {}, True),
        ("factored_is", "(x)(x+3)", "x(x+3)", {}, True),
        ("factored_is", "(x-5)(x+3)", "x^2-2x-15", {}, False),  # the question itself
        ("expression_gives", "5*5 + 4 - 5", "4 + 5*5 - 5 = 24", {"target": 24, "given": [5, 5, 5, 4]}, True),
        ("expression_gives", "5*5 + 4 - 5", "24", {"target": 24, "given": [5, 5, 5, 4]}, False),
        ("expression_gives", "5*5 + 4 - 5", "4*(5+5/5)", {"target": 24, "given": [5, 5, 5, 4]}, True),
        ("expression_gives", "5*5 + 4 - 5", "5*5 + 4 + 5", {"target": 24, "given": [5, 5, 5, 4]}, False),
        ("expression_gives", "5*5 + 4 - 5", "4!", {"target": 24, "given": [4]}, False),
    ],
)
def test_an_answer_is_right_or_wrong(by, truth, answer, arguments, right):
    assert CHECKS[by](answer, truth, **arguments) is right


@pytest.mark.parametrize("by", sorted(CHECKS))
@pytest.mark.parametrize(
    "answer", ["", " ", "(" * 3000, "9**9**9**9", "1 " * 4000, "\\frac{" * 500, "= :", "\0"]
)
def test_no_answer_makes_a_check_raise(by, answer):
    arguments = {"numeral_is": {"base": 16}, "expression_gives": {"target": 1, "given": [1]}}.get(by, {})
    assert CHECKS[by](answer, "x = 17, y = 4", **arguments) in (True, False)


@pytest.mark.parametrize(
    ("truth", "by"),
    [
        ("42", "number_is"),
        ("-3.5", "number_is"),
        ("1/2", "number_is"),
        ("Yes", "yes_or_no"),
        ("false", "yes_or_no"),
        ("Monday", "words_are"),
        ("x^2 + 1", None),
        (r"\frac{1}{2} + C", None),
    ],
)
def test_a_truth_finds_its_check(truth, by):
    check = check_for(truth)
    assert (check.by if check else None) == by
