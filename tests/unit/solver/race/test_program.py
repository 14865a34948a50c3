"""Reading a program from a model's text: there is one, or a word that there is none."""

import ast
import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.solver.race._program import Program, Unusable, program

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
def test_what_is_too_deep_is_unusable_and_nothing_worse(source: Callable[[int], str], depth: int) -> None:
    with contextlib.suppress(Unusable):
        assert isinstance(program(source(depth)), Program)


@pytest.mark.parametrize("frames", [100, 500, 800])
def test_however_deep_the_caller_is_itself(frames: int) -> None:
    """CPython 3.11 counts its own stack and the tree's together, and loses count of them."""

    def deeper(left: int) -> None:
        if left:
            return deeper(left - 1)
        for source in DEEP:
            with contextlib.suppress(Unusable):
                program(source(900))
        return None

    deeper(frames)


def test_the_parsers_own_error_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_: object, **__: object) -> ast.Module:
        raise SystemError("AST constructor recursion depth mismatch (before=94, after=95)")

    monkeypatch.setattr(ast, "parse", parse)
    with pytest.raises(Unusable, match="too deep"):
        program("print(1)")


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    with contextlib.suppress(Unusable):
        assert program(text).code is not None
