"""Expressions: written out in full, parsed by Python's grammar into a tree, and walked; nothing runs as code.

A validator hands the miner's text to sympy's `sympify`, which evaluates it as code. `read` parses the same
texts into a tree, and `walk` computes the few kinds of node that make up arithmetic. The `Leaves` that walk
is given decide the kind of value: `maths.numbers` computes Fractions and floats, `maths.steps` sympy's exact
numbers, and scoring sympy's objects as a validator has them. `explicit` writes what people leave out
(2x, sin 30, |x|, log_2(8)), so that `read` understands how people write.

The module bounds everything that could cost more than its length: characters, nesting, exponents, arguments
of functions. `walk` computes powers only with a `power` that bounds them: a validator compares nothing
that holds `**` or `^`.
"""

from __future__ import annotations

import ast
import operator
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Protocol

MOST_CHARS = 500  # far more than an answer has; the time of every step grows with it
MOST_NESTED = 20  # brackets within brackets
MOST_CALLS = 20  # functions and factorials in one expression

LARGEST_FACTORIAL = 1000
LARGEST_EXPONENT = 300  # decimal, of a number such as 1e300, which a float still holds
LARGEST_ARGUMENT = 1e15  # of a function: beyond this a float's sine is noise


class Unreadable(Exception):
    """The text is not an expression that is computed here. `str(error)` says why."""


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


def walk(
    tree: Tree, leaves: Leaves, *, power: Power | None = None, weigh: Callable[[Any], None] | None = None
) -> Any:
    """The value of a tree; `**` is refused, or is `power(base, exponent)`, which bounds what it costs.

    `weigh` sees the value of each operation, and raises Unreadable where they become too large. Raises
    Unreadable, and whatever `leaves`, `power` and their values raise.
    """
    return _Walk(tree, leaves, power, weigh).value(tree.root)


def whole_factorial(value: Any) -> int:
    """The argument of a factorial. Raises Unreadable unless it is a whole number within bounds."""
    if value != int(value) or not 0 <= value <= LARGEST_FACTORIAL:
        raise Unreadable(f"a factorial of something other than 0 to {LARGEST_FACTORIAL}")
    return int(value)


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    **{ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    **{ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Is: operator.is_, ast.IsNot: operator.is_not},
    **{ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge},
}


class _Walk:
    def __init__(
        self, tree: Tree, leaves: Leaves, power: Power | None, weigh: Callable[[Any], None] | None
    ) -> None:
        self._tree = tree
        self._leaves = leaves
        self._weigh = weigh
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
                return self._weighed(self._binary[type(op)](self.value(left), self.value(right)))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                return -self.value(operand) if isinstance(op, ast.USub) else +self.value(operand)
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
        return self._weighed(self._leaves.call(name, [self.value(argument) for argument in arguments]))

    def _weighed(self, value: Any) -> Any:
        if self._weigh is not None:
            self._weigh(value)
        return value


# Written out -------------------------------------------------------------------------------------

FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        "sqrt cbrt root log ln logbase exp sin cos tan asin acos atan arcsin arccos arctan sinh cosh tanh"
        " sec csc cot abs comb factorial",
    )
)
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+(?![\w.]))?)|(?P<name>[A-Za-z]+)"
    r"|(?P<sign>\*\*|[-+*/^()|!,]))"
)
_LOGARITHM = re.compile(r"\blog_\(?(\d{1,4}|[a-z])\)?(?:\s*\(|\s+(\d+(?:\.\d+)?))")
_SHORT_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a am an and are as at be by cm day do ft gm go he his her hr if in is it its kg km lb let may"
        " me mi min mm my mph no nor not of off oh on one or our out oz pm red she six so ten the to two"
        " up us was we who why yes you usd boy cat dog men old new see set sum tie top",
    )
)


def explicit(text: str, unknowns: str | None = None) -> str:
    """The expression with every operation and bracket written out, for `read`. Raises Unreadable.

    `unknowns` are the letters that may stand for numbers; the text is then read strictly, and whatever
    people read in two ways (1/2x, -3^2, 2^3^2, sin 2x) is refused. Without `unknowns` any short run of
    letters is a product of unknowns, and the usual precedence decides.
    """
    if len(text) > MOST_CHARS:
        raise Unreadable(f"longer than {MOST_CHARS} characters")
    strict = unknowns is not None
    text = _LOGARITHM.sub(
        lambda log: f"logbase({log[1]}, {log[2]})" if log[2] else f"logbase({log[1]}, ", text
    )
    tokens = _tokens(text, unknowns)
    _refuse_bare_numbers(tokens)
    tokens = _with_brackets(_without_bars(tokens, strict=strict), strict=strict)
    written: list[str] = []
    for token in tokens:
        before = written[-1] if written else ""
        if before and _ends(before) and (token == "(" or _number(token) or token.isalpha()):  # noqa: S105
            if strict and _operator_before(written) == "/":
                raise Unreadable("open what is divided by what")
            written.append("*")
        written.append(token)
    if strict:
        _refuse_open_powers(written)
    return "".join(written).replace("^", "**")


def _tokens(text: str, unknowns: str | None) -> list[str]:
    found: list[str] = []
    place, text = 0, text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise Unreadable("not an expression")
        place = match.end()
        if match["name"]:
            found += _names(match["name"], unknowns)
        elif number := match["number"]:
            if unknowns is not None and not re.fullmatch(r"(?!0\d)\d+(?:\.\d+)?|\.\d+", number):
                raise Unreadable("a number with two readings")
            found.append(number.lstrip("0") or "0" if number.isdecimal() else number)
        else:
            found.append("^" if match["sign"] == "**" else match["sign"])
    return found


def _refuse_bare_numbers(tokens: list[str]) -> None:
    """Refuse 2 3, x2 and (x).5; 2x, (x)5 and sin^2 30 are products and a power."""
    for place, token in enumerate(tokens[1:], start=1):
        before = tokens[place - 1]
        if not _number(token) or not _ends(before) or (before == ")" and token[0] != "."):
            continue
        if tokens[place - 2] != "^" or tokens[place - 3] not in FUNCTIONS:
            raise Unreadable("a number beside another number or name")


def _names(run: str, unknowns: str | None) -> list[str]:
    """The known name, or the unknowns, that a run of letters stands for; English words are refused."""
    lowered = run.lower()
    if unknowns is not None and len(run) <= 2 and all(letter in unknowns for letter in run):
        return list(run)
    if lowered in FUNCTIONS or lowered == "pi":
        return [lowered]
    if unknowns is None and len(run) <= 3 and (len(run) == 1 or lowered not in _SHORT_WORDS):
        return [{"e": "E", "i": "I", "j": "I"}.get(letter, letter) for letter in lowered]
    if run == "e":
        return ["E"]
    raise Unreadable("words in an expression")


def _without_bars(tokens: list[str], *, strict: bool) -> list[str]:
    """`|x|` as abs(x). A bar opens unless one is open and a value stands before it."""
    if strict and tokens.count("|") not in (0, 2):
        raise Unreadable("bars within bars")
    written: list[str] = []
    still_open = 0
    for token in tokens:
        if token != "|":  # noqa: S105
            written.append(token)
        elif still_open and _ends(written[-1]):
            still_open -= 1
            written.append(")")
        else:
            still_open += 1
            written += ["abs", "("]
    if still_open:
        raise Unreadable("a bar without its other one")
    return written


def _with_brackets(tokens: list[str], *, strict: bool) -> list[str]:
    """`sqrt 16` as sqrt(16), `sin^2 x` as sin(x)^2; strictly, nothing else goes without brackets."""
    written: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        written.append(token)
        if token not in FUNCTIONS or tokens[place : place + 1] == ["("]:
            continue
        power: list[str] = []
        if not strict and tokens[place : place + 1] == ["^"]:
            power = tokens[place : place + 2]
            place += 2
            if power[-1] not in ("2", "3", "4"):  # sin^-1 may be an inverse
                raise Unreadable("a power of a function")
        end = _argument_end(tokens, place)
        if strict and (
            end != place + 1 or tokens[place] in FUNCTIONS or tokens[end : end + 1] in (["^"], ["!"], ["("])
        ):
            raise Unreadable("open where an argument ends")
        argument = _with_brackets(tokens[place:end], strict=strict)
        written += [*(argument if argument[0] == "(" else ["(", *argument, ")"]), *power]
        place = end
    return written


def _argument_end(tokens: list[str], place: int) -> int:
    """The place after the argument at `place`: brackets, a number, a name, or another function."""
    if tokens[place : place + 1] == ["("]:
        depth = 0
        for end in range(place, len(tokens)):
            depth += (tokens[end] == "(") - (tokens[end] == ")")
            if depth == 0:
                return end + 1
    elif place < len(tokens) and tokens[place] in FUNCTIONS:
        return _argument_end(tokens, place + 1)
    elif place < len(tokens) and (_number(tokens[place]) or tokens[place].isalpha()):
        end = place + 1
        while tokens[end : end + 1] == ["!"]:
            end += 1
        return end
    raise Unreadable("a function without an argument")


def _number(token: str) -> bool:
    return token[0].isdigit() or token[0] == "."


def _ends(token: str) -> bool:
    """Whether a value may end with the token."""
    return _number(token) or token in (")", "!") or (token.isalpha() and token not in FUNCTIONS)


def _operator_before(written: list[str]) -> str:
    """The operator on the same level before what was written last."""
    depth = 0
    for sign in reversed(written):
        depth += (sign == ")") - (sign == "(")
        if depth < 0:
            return ""
        if depth == 0 and sign in ("+", "-", "*", "/"):
            return sign
    return ""


def _refuse_open_powers(written: list[str]) -> None:
    """Refuse -3^2, 2^3^2 and 2^3!, which mean different things to different people."""
    for place, sign in enumerate(written):
        if sign != "^":
            continue
        end = _argument_end(written, place + 1 + (written[place + 1 : place + 2] == ["-"]))
        if written[end : end + 1] in (["^"], ["!"]) or written[end - 1] == "!":
            raise Unreadable("open what is raised to which power")
        bare = _number(written[place - 1]) and written[place - 2 : place - 1] == ["-"]
        if bare and (place == 2 or written[place - 3] in ("(", "*", "/", "+", "-", "^", ",")):
            raise Unreadable("open whether the sign is raised")
