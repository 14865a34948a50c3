"""Finding a program in a model's text: there is one or there is none, and nothing else happens."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.solver.sandbox._source import program

DEEP: list[Callable[[int], str]] = [
    lambda n: "print(" + "(" * n + "1" + ")" * n + ")",
    lambda n: "print(" + "-" * n + "1)",
    lambda n: "print(" + "not " * n + "1)",
    lambda n: "print(1" + "+1" * n + ")",
    lambda n: "x = a" + ".b" * n,
    lambda n: "x = a" + "()" * n,
    lambda n: "x = " + "lambda: " * n + "1",
    lambda n: "x = 2" + "**2" * n,
    lambda n: "if 1: pass\n" + "elif 1: pass\n" * n,
    lambda n: "x = " + "[" * n + "]" * n,
]


@pytest.mark.parametrize("source", DEEP)
@pytest.mark.parametrize("depth", [150, 980, 1_600, 2_900])
def test_what_is_too_deep_is_no_program_and_nothing_worse(source: Callable[[int], str], depth: int) -> None:
    assert program(source(depth)) in (source(depth).strip(), "")


def test_a_later_program_gets_an_earlier_one_if_it_uses_it() -> None:
    first, second = "```python\ndef f(x): return x + 1\n```", "```python\nprint(f(2))\n```"
    assert program(f"{first}\nThen:\n{second}") == "def f(x): return x + 1\nprint(f(2))"
    assert program(f"{first}\nThen:\n```python\nprint(2)\n```") == "print(2)"
    assert program("```python\nimport math as m\n```\n```python\nprint(m.pi)\n```").startswith("import math")


@pytest.mark.parametrize("text", ["", "I think that it is five.", "x = = 3", "five"])
def test_where_there_is_none_the_text_is_empty(text: str) -> None:
    assert program(text) == ""


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    assert isinstance(program(text), str)
