"""Reading a text as an expression, without evaluating it as code.

A validator hands the miner's text to sympy's `sympify`, which is Python's `eval` after some changes
to the tokens. We want its results, not its doors. So the text is parsed by Python's grammar into a
tree (`ast.parse` runs nothing), and the few kinds of node that make up arithmetic are walked here.
What they are walked with says what comes out: `_plain` computes numbers with Fractions and floats,
which is all that most answers need; `_symbols` builds sympy's objects, for answers with unknowns.

Everything that could cost more than its length is bounded: characters, nesting, exponents, arguments
of functions, and the number of irrational terms (sympy looks for hidden zeros among them, in time
exponential in their number). Powers are read only where `walk` is told how to raise: a validator compares
nothing that holds `**` or `^`, and a power is what costs most.
"""

from __future__ import annotations

import ast
import operator
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Protocol

MOST_CHARS = 500
"""An expression that a person would call an answer is far shorter; whatever grows, grows with this."""

MOST_NESTED = 20
"""Brackets within brackets."""

MOST_CALLS = 20
"""Calls of functions and factorials in one expression."""

LARGEST_FACTORIAL = 1000
LARGEST_EXPONENT = 300  # decimal, of a number such as 1e300, which a float still holds
LARGEST_ARGUMENT = 1e15  # of a function: beyond this a float's sine is noise


class Unreadable(Exception):
    """The text is no expression that we compute. `str(error)` says why; a validator may see it otherwise."""


def read(text: str) -> Tree:
    """The tree of an expression. Raises Unreadable."""
    text = text.replace("\n", "").strip()  # sympify drops line ends, so "1\n2" is 12
    if len(text) > MOST_CHARS:
        raise Unreadable(f"longer than {MOST_CHARS} characters")
    if not _CHARACTERS.fullmatch(text) or unicodedata.normalize("NFKC", text) != text:
        raise Unreadable("not an expression")
    if _GLUED.search(text) or _ODD_FACTORIAL.search(text):
        raise Unreadable("not an expression")
    if _depth(text) > MOST_NESTED:
        raise Unreadable(f"brackets nested deeper than {MOST_NESTED}")
    text = _FACTORIAL.sub(lambda mark: _FACTORIAL_AS_ATTRIBUTE[mark[0]], text)
    try:
        return Tree(ast.parse(text, mode="eval").body, text.encode())
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):  # the last: too deep, in 3.11
        raise Unreadable("not an expression") from None


_CHARACTERS = re.compile(r"[\w\s.+\-*/(),!<>=]+")
# 2x, 0x1f, 1_000, x.y: an error for sympify too, or something of Python's that is no answer.
_GLUED = re.compile(r"[\d.](?![eE][+-]?\d)[^\W\d]")
_ODD_FACTORIAL = re.compile(r"!\s+!|!{3}|^\s*!")
_FACTORIAL = re.compile(r"!!(?!=)|!(?!=)")
# A factorial binds like an attribute, and Python has a grammar for that. `_GLUED` keeps real ones out.
_FACTORIAL_AS_ATTRIBUTE = {"!": " .factorial ", "!!": " .factorial2 "}
_NUMBER = re.compile(rb"\d+|(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE](?P<exponent>[+-]?\d+))?")


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


class Tree:
    """A parsed expression and its text in UTF-8, which columns count in."""

    def __init__(self, root: ast.expr, source: bytes) -> None:
        self.root = root
        self._source = source

    def number(self, node: ast.Constant) -> str:
        """A number as it was written, because sympy counts its digits. Raises Unreadable."""
        written = self._source[node.col_offset : node.end_col_offset]
        match = _NUMBER.fullmatch(written)
        if match is None:
            raise Unreadable("not an expression")
        if abs(int(match["exponent"] or 0)) > LARGEST_EXPONENT:
            raise Unreadable(f"an exponent beyond {LARGEST_EXPONENT}")
        return written.decode()


class Leaves(Protocol):
    """What a kind of value is made from. Operators are Python's own on those values."""

    def number(self, written: str) -> Any: ...
    def name(self, name: str) -> Any: ...
    def call(self, name: str, arguments: list[Any]) -> Any: ...
    def truth_value(self, value: Any) -> Any: ...


Power = Callable[[Any, Any], Any]


def walk(tree: Tree, leaves: Leaves, *, power: Power | None = None) -> Any:
    """The value of a tree; `**` is refused, or is `power(base, exponent)`, which bounds what it costs.

    Raises Unreadable, and whatever `leaves`, `power` and their values raise.
    """
    return _Walk(tree, leaves, power).value(tree.root)


def whole_factorial(value: Any) -> int:
    """The argument of a factorial. Raises Unreadable unless it is a whole number within bounds."""
    if value != int(value) or not 0 <= value <= LARGEST_FACTORIAL:
        raise Unreadable(f"a factorial of something other than 0 to {LARGEST_FACTORIAL}")
    return int(value)


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class _Walk:
    def __init__(self, tree: Tree, leaves: Leaves, power: Power | None) -> None:
        self._tree = tree
        self._leaves = leaves
        self._binary = _BINARY if power is None else {**_BINARY, ast.Pow: power}
        self._calls_left = MOST_CALLS

    def value(self, node: ast.expr) -> Any:  # noqa: PLR0911  (one line per kind of node)
        match node:
            case ast.Constant(value=bool() as value):
                return self._leaves.truth_value(value)
            case ast.Constant():
                return self._leaves.number(self._tree.number(node))
            case ast.Name(id=name):
                return self._leaves.name(name)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in self._binary:
                return self._binary[type(op)](self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return +self.value(operand)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._leaves.truth_value(not self.value(operand))
            case ast.BoolOp():
                return self._boolean(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
            case ast.Attribute(value=operand, attr=name):
                return self._call(name, [operand])
            case _:
                raise Unreadable("not arithmetic")

    def _boolean(self, node: ast.BoolOp) -> Any:
        # Python's "3 and 4" is 4, and therefore sympify's.
        stop_at = isinstance(node.op, ast.Or)
        value = None
        for operand in node.values:
            value = self.value(operand)
            if bool(value) is stop_at:
                break
        return value

    def _comparison(self, node: ast.Compare) -> Any:
        left, outcome = self.value(node.left), None
        for op, operand in zip(node.ops, node.comparators, strict=True):
            if type(op) not in _COMPARISONS:
                raise Unreadable("not arithmetic")
            right = self.value(operand)
            outcome = self._leaves.truth_value(_COMPARISONS[type(op)](left, right))
            if op is not node.ops[-1] and not outcome:
                break
            left = right
        return outcome

    def _call(self, name: str, arguments: list[ast.expr]) -> Any:
        self._calls_left -= 1
        if self._calls_left < 0:
            raise Unreadable(f"more than {MOST_CALLS} functions")
        return self._leaves.call(name, [self.value(argument) for argument in arguments])
