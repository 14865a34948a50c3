"""Reading expressions: what nobody can read is said to be so, whatever the parser makes of it."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.maths.expression import Unreadable, read


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
