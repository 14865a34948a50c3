"""Telling: a calculation as an assistant tells it, in words; and which text is closest to all, by words.

Functions of text alone, for `reader.Reader`.
"""

import ast
import copy
import math
import operator
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from logicnet.solver.guard import addresses_judge

MOST_QUESTION = 600  # characters of the question that are repeated
MOST_READ = 4_000  # of a long question, to find them among its spaces
MOST_COMPARED = 1_200  # characters of a trace: its first 256 tokens
MOST_PROGRAM = 2_000  # characters of a program that is told; a longer one has more steps than that
_MOST_STEPS = 8  # of a program
_WORD = re.compile(r"\w+|[^\w\s]")
_FENCED = re.compile(r"```\w*\n(.*?)(?:```|\Z)", re.DOTALL)
_LAST_WORDS = 300  # characters at the end of the steps, searched for the answer
_STATES = re.compile(r"\banswer(?: is|:)[\s$*]*\Z", re.IGNORECASE)
_STEP = re.compile(r"\d[\s$)]*[-+*/×÷^=<>]|=\s*[$(]*\d")  # noqa: RUF001
_TOKEN = re.compile(r"\d+(?:\.\d+)?|\w+")
_CLOSING = frozenset(
    _TOKEN.findall("we are asked so therefore thus hence the final answer result is equals equal to")
)
_RESULT = re.compile(r"(?<![\d.])(-?\d+(?:\.\d+)?(?:e[-+]\d+)?)\.$", re.MULTILINE)
_QUOTIENT = re.compile(r"(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?:\s?/\s?(\d+(?:\.\d+)?))?")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LEAST_WORDS = 6  # of its own, of a trace without a calculation

_Number = Fraction | float
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}  # no ^: 5 ^ 3 is 6 in Python
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{one.__name__: one for one in (abs, min, max, round, int, math.floor, math.ceil, math.sqrt)},
    "float": Fraction,
}
_MOST_POWER = 64  # an exponent; and of its base the digits
_MOST_VALUE = 10**18


class _Untold(Exception):
    """A statement that is no sentence about numbers, such as a loop."""


def nearest_to_all(texts: Sequence[str]) -> int:
    """The place of the text whose words are closest to those of all: the largest sum of cosines."""
    counts = [Counter(_WORD.findall(text[:MOST_COMPARED].lower())) for text in texts]
    norms = [math.sqrt(sum(count * count for count in one.values())) or 1.0 for one in counts]
    middle: defaultdict[str, float] = defaultdict(float)  # the sum of all texts as vectors of length 1
    for one, norm in zip(counts, norms, strict=True):
        for word, count in one.items():
            middle[word] += count / norm
    sums = [
        sum(count * middle[word] for word, count in one.items()) / norm
        for one, norm in zip(counts, norms, strict=True)
    ]
    return sums.index(max(sums))


def concluded(steps: str, answer: str) -> str:
    """The steps, with the answer at their end."""
    closing = "" if not answer or _ends_with(steps, answer) else f"The answer is {answer}."
    return "\n\n".join(part for part in (steps, closing) if part and not addresses_judge(part))


def told(question: str, steps: str, answer: str) -> str:
    """The question, the steps and the answer as an assistant tells them."""
    asked = " ".join(question[-MOST_READ:].split())
    if len(asked) > MOST_QUESTION or len(question) > MOST_READ:
        asked = "..." + asked[-MOST_QUESTION:]
    parts = (f"We are asked: {asked}", concluded(steps, answer))
    return "\n\n".join(part for part in parts if part and not addresses_judge(part))


def _ends_with(steps: str, answer: str) -> bool:
    """Whether the steps end by stating the answer."""
    last = steps[-_LAST_WORDS:].rstrip(" \n.*$")
    before = last.removesuffix(answer) if answer else last
    return len(before) < len(last) and bool(_STATES.search(before))


def is_trace(text: str, question: str, answer: str) -> bool:
    """Whether a text says how the answer comes about: by a calculation, a new number, or words of its own.

    The question once more and the answer do not.
    """
    if _STEP.search(text.replace(answer, " ") if len(answer) > 1 else text):
        return True
    known = {*_TOKEN.findall(f"{question} {answer}".lower()), *_CLOSING}
    own = [token for token in _TOKEN.findall(text[:MOST_READ].lower()) if token not in known]
    return any(map(str.isdecimal, own)) or len(own) >= _LEAST_WORDS


def in_words(program: str) -> str:
    """The steps of a short program with their values, one sentence each; "" if one is no sentence."""
    if len(program) > MOST_PROGRAM:
        return ""
    try:
        body = ast.parse("\n".join(_FENCED.findall(program)) or program).body
        told_by = _Teller()
        steps = [step for node in body for step in told_by.steps(node)]
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):  # the last: too deep in 3.11
        return ""
    except (_Untold, ArithmeticError, TypeError):
        return ""
    if not steps or len(steps) > _MOST_STEPS or len(" ".join(steps)) > MOST_QUESTION:
        return ""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def ends_at(steps: str, answer: str) -> bool:
    """Whether steps in words end at a number of the answer, to the six digits that they are told with."""
    results = _RESULT.findall(steps)
    numbers = _QUOTIENT.findall(_THOUSANDS.sub("", answer[:_LAST_WORDS]))
    return any(
        math.isclose(float(results[-1]), float(above) / (float(below or 1.0) or math.inf), rel_tol=1e-5)
        for above, below in numbers
        if results
    )


def as_listing(program: str) -> str:
    """A program that is no sentences, as it is."""
    code = "\n".join(_FENCED.findall(program)) or program
    return (
        f"We can work this out with a short program:\n\n```python\n{code.strip()}\n```"
        if code.strip()
        else ""
    )


class _Teller:
    """Tells statements one after the other, and keeps the values of their names."""

    def __init__(self) -> None:
        self._values: dict[str, _Number] = {}
        self._functions: dict[str, list[ast.stmt]] = {}

    def steps(self, node: ast.stmt) -> list[str]:
        """The sentences of a statement. Raises _Untold, ArithmeticError or TypeError."""
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant(value=str())):
                return []
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                value = self._inlined(value)
                words, self._values[name] = self._told(value), self._value(value)
                return [f"Let {_spaced(name)} be {words}."]
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                return self.steps(ast.Assign([ast.Name(name)], ast.BinOp(ast.Name(name), op, value)))
            case ast.FunctionDef(name=name, args=ast.arguments(args=[]), body=body):
                self._functions[name] = body
                return []
            case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[*shown])):
                numbers = [one for one in shown if not isinstance(one, ast.Constant | ast.JoinedStr)] or shown
                if len(numbers) != 1:
                    raise _Untold
                return self._result(numbers[0])
            case ast.Return(value=ast.expr() as value) | ast.Expr(value=value):
                return self._result(value)
        raise _Untold

    def _result(self, value: ast.expr) -> list[str]:
        match value:
            case ast.Call(func=ast.Name(id=name), args=[]) if name in self._functions:
                return [step for node in self._functions.pop(name) for step in self.steps(node)]
            case ast.Name(id=name) if name in self._values:
                return [f"The result is {_spaced(name)} = {_number(self._values[name])}."]
        return [f"The result is {self._told(value)}."]

    def _inlined(self, value: ast.expr) -> ast.expr:
        """A call of a function without arguments is not told in the middle of a sentence."""
        match value:
            case ast.Call(func=ast.Name(id=name)) if name in self._functions:
                raise _Untold
        return value

    def _told(self, value: ast.expr) -> str:
        """An expression in words, in numbers, and its value: "april / 2 = 48 / 2 = 24"."""
        found = self._value(value)
        exactly = isinstance(found, Fraction) and Fraction(_number(found)) == found
        forms = [_maths(value), _maths(_Filled(self._values).visit(copy.deepcopy(value))), _number(found)]
        *steps, last = dict.fromkeys(forms)
        return f"{' = '.join(steps)} {'=' if exactly else '≈'} {last}" if steps else last

    def _value(self, value: ast.expr) -> _Number:
        match value:
            case ast.Constant(value=bool()):
                raise _Untold
            case ast.Constant(value=int() | float() as number):
                return _bounded(Fraction(repr(number)))
            case ast.Name(id=name) if name in self._values:
                return self._values[name]
            case ast.Name(id="pi") | ast.Attribute(value=ast.Name(id="math"), attr="pi"):
                return math.pi
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._value(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                one, other = self._value(left), self._value(right)
                if isinstance(op, ast.Pow) and math.fabs(other) > _MOST_POWER:
                    raise _Untold
                return _bounded(_OPERATORS[type(op)](one, other))
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="math"), attr=name), args=[*of]
            ):
                if name in _FUNCTIONS and not value.keywords:
                    arguments: list[Any] = [self._value(one) for one in of]
                    if name == "round":
                        arguments[1:] = map(int, arguments[1:])
                    return _bounded(_FUNCTIONS[name](*arguments))
        raise _Untold


def _bounded(value: Any) -> _Number:
    """A root that is whole is exact."""
    if isinstance(value, complex) or not abs(value) <= _MOST_VALUE:
        raise _Untold
    whole = not isinstance(value, float) or value.is_integer()
    return Fraction(value) if whole else float(value)


def _number(value: _Number) -> str:
    return str(int(value)) if value == int(value) else f"{float(value):.6g}"


class _Filled(ast.NodeTransformer):
    """Writes the value of each name."""

    def __init__(self, values: Mapping[str, _Number]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._values:
            return node
        value = self._values[node.id]
        number = ast.Name(_number(-value if value < 0 else value))
        return number if value >= 0 else ast.UnaryOp(ast.USub(), number)


def _maths(value: ast.expr) -> str:
    """An expression in the notation of mathematics."""
    text = ast.unparse(_Spelled().visit(copy.deepcopy(value))).replace("math.", "").replace("**", "^")
    return _spaced(text.replace(" % ", " mod "))


class _Spelled(ast.NodeTransformer):
    """Writes 7 // 2 as floor(7 / 2)."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.FloorDiv):
            return node
        return ast.Call(ast.Name("floor"), [ast.BinOp(node.left, ast.Div(), node.right)], [])


def _spaced(name: str) -> str:
    return name.replace("_", " ").strip()
