"""Reading expressions: what nobody can read is said to be so, whatever the parser makes of it."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.maths.expression import Unreadable, explicit, read


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100 + "1" + ")" * 100,
        "-" * 5_000 + "1",
        "not " * 4_000 + "1",
        "1" + "+1" * 5_000,
        "a" + ".b" * 5_000,
        "2" + "**2" * 5_000,
        "1 +",
        "\0",
        "",
    ],
)
def test_too_deep_or_none_at_all_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


@pytest.mark.parametrize("error", [SystemError, RecursionError, MemoryError, SyntaxError, ValueError])
def test_so_is_what_the_parser_gives_up_on(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def parse(*_: object, **__: object) -> ast.Expression:
        raise error("AST constructor recursion depth mismatch")

    monkeypatch.setattr(ast, "parse", parse)
    with pytest.raises(Unreadable):
        read("1 + 1")


@given(st.text(alphabet=st.sampled_from(list("0123456789+-*/^().! xabsqrt,")), max_size=120))
def test_any_text_is_read_or_not(text: str) -> None:
    try:
        read(text)
    except Unreadable as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "unknowns", "written"),
    [
        ("2x", "x", "2*x"),
        ("3(4+5)", "", "3*(4+5)"),
        ("(1+2)(3+4)", "", "(1+2)*(3+4)"),
        ("x(x+1)", "x", "x*(x+1)"),
        ("sqrt 16", "", "sqrt(16)"),
        ("2 pi", "", "2*pi"),
        ("5^2", "", "5**2"),
        ("((1)/(2))x", "x", "((1)/(2))*x"),
    ],
)
def test_every_operation_is_written_out(text: str, unknowns: str, written: str) -> None:
    assert explicit(text, unknowns) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2xy", "2*x*y"),
        ("1/2x", "1/2*x"),
        ("2|x - 1| + |3|", "2*abs(x-1)+abs(3)"),
        ("sin^2 x + cos^2(x)", "sin(x)**2+cos(x)**2"),
        ("sqrt sin x", "sqrt(sin(x))"),
        ("log_2(8) + log_3 9", "logbase(2,8)+logbase(3,9)"),
        ("2e", "2*E"),
        ("007", "7"),
    ],
)
def test_loosely_any_letter_is_an_unknown(text: str, written: str) -> None:
    assert explicit(text) == written


@pytest.mark.parametrize(
    "text", ["2 3", "x2", "(x).5", "sin^-1 x", "|x", "the sum", "cm", "sqrt", "2 $ 3", "x_1"]
)
def test_what_is_not_an_expression_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        explicit(text)
