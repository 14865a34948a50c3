"""Expressions with unknowns, as the objects that sympy's `sympify` would make of the same text."""

import builtins
import functools
import importlib
import types
from fractions import Fraction
from typing import Any

from logicnet.maths.expression import (
    LARGEST_ARGUMENT,
    LARGEST_EXPONENT,
    Tree,
    Unreadable,
    walk,
    whole_factorial,
)
from logicnet.maths.numbers import plain_call

MOST_IRRATIONAL = 3
"""Irrational terms beside unknowns: sympy may look for the minimal polynomial of their sum, whose
degree doubles with each square root."""


def symbolic(tree: Tree) -> Any:
    """The sympy object, or the bool, that an expression is. Raises Unreadable, and what sympy raises."""
    return walk(tree, _Symbols())


_SYMBOLIC_NAMES = ("pi", "E", "I", "oo", "zoo", "nan")
_SYMBOLIC_FUNCTIONS = ("sqrt", "exp", "log", "ln", "sin", "cos", "tan", "asin", "acos", "atan", "factorial")
_BUILTINS = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, types.BuiltinFunctionType)
)


class _Symbols:
    def __init__(self) -> None:
        self._sympy = _load_sympy()
        self._irrational_left = MOST_IRRATIONAL

    def number(self, written: str) -> Any:
        return self._sympy.Integer(int(written)) if written.isdecimal() else self._sympy.Float(written)

    def truth_value(self, value: Any) -> Any:
        return value

    def name(self, name: str) -> Any:
        if name in _SYMBOLIC_NAMES:
            return getattr(self._sympy, name)
        self._refuse_known(name)
        return self._sympy.Symbol(name)

    def call(self, name: str, arguments: list[Any]) -> Any:
        if not all(isinstance(argument, self._sympy.Expr) for argument in arguments):
            raise Unreadable("a function of something other than numbers")
        if name not in _SYMBOLIC_FUNCTIONS:
            if all(argument.is_Rational for argument in arguments):
                value = plain_call(
                    name, [Fraction(int(argument.p), int(argument.q)) for argument in arguments]
                )
                if value is not None:
                    return self._sympy.sympify(value)  # of a number, which runs nothing
            self._refuse_known(name)
            return self._sympy.Function(name)(*arguments)
        for argument in arguments:
            self._check(name, argument)
        return getattr(self._sympy, name)(*arguments)

    def _check(self, name: str, argument: Any) -> None:
        if not argument.is_number:
            return
        if not argument.is_Number or not argument.is_finite or abs(argument) > LARGEST_ARGUMENT:
            raise Unreadable(f"{name} of a number that is not simple, beside unknowns")
        if name == "factorial":
            whole_factorial(argument)
            return
        if name == "exp" and abs(argument) > LARGEST_EXPONENT:
            raise Unreadable(f"exp of something beyond {LARGEST_EXPONENT}")
        self._irrational_left -= 1
        if self._irrational_left < 0:
            raise Unreadable(f"more than {MOST_IRRATIONAL} irrational terms beside unknowns")

    def _refuse_known(self, name: str) -> None:
        if name in _BUILTINS or hasattr(self._sympy, name):
            raise Unreadable("a name of Python's or sympy's that is not computed here")


@functools.cache
def _load_sympy() -> Any:
    try:
        return importlib.import_module("sympy")
    except ModuleNotFoundError:
        raise Unreadable("sympy is not installed: pip install 'logicnet[scoring]'") from None
