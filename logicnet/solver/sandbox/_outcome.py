"""Run a program and tell its result, in a confined child that ends afterwards: it may do anything."""

import ast
import contextlib
import io
import linecache
import re
from collections.abc import Sequence
from types import FunctionType
from typing import Any

from logicnet.solver.sandbox._source import joined, program

MOST_PRINTED = 20_000  # characters; a program that prints more fails
MOST_VALUE = 1_000  # characters of a result; an answer is far shorter
MOST_ERROR = 300

LAST = "last__"  # the variable for the value of the last expression
ANSWERS = ("answer", "result", "ans", "final_answer")
"""Variables that may hold the result if nothing is printed; the first that is set counts."""
FUNCTIONS = ("solution", "solve", "main", "answer", "calculate", "compute")
"""Functions that return the result if no variable holds it."""

FORGOTTEN = """
import collections, datetime, decimal, fractions, functools, itertools, json, math, random, re, statistics
import string, sys
from collections import Counter, defaultdict, deque
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import combinations, permutations, product
from math import ceil, comb, cos, degrees, factorial, floor, gcd, isqrt, lcm, log, perm, pi, radians
from math import sin, sqrt, tan
"""
FORGOTTEN_OF_LIBRARIES = (
    "import numpy as np, numpy",
    "import sympy, sympy as sp\nfrom sympy import Eq, Rational, Symbol, diff, expand, integrate, isprime, "
    "simplify, solve, symbols",
)
"""What programs use without importing it."""

_NO_VALUE = re.compile(r"<(?:function|class|built-in|bound method|coroutine|module|.{1,80} object)\b")


class _Flood(BaseException):
    """Not an Exception, which the program would catch."""


class _Printed(io.StringIO):
    def write(self, text: str) -> int:
        if self.tell() + len(text) > MOST_PRINTED:
            raise _Flood
        return super().write(text)


def names() -> dict[str, Any]:
    """The names that a program finds without importing them."""
    found: dict[str, Any] = {"__name__": "__main__"}
    for one in (FORGOTTEN, *FORGOTTEN_OF_LIBRARIES):
        with contextlib.suppress(ImportError):
            exec(one, found)  # noqa: S102  (our own text)
    return found


def outcome(texts: Sequence[str], given: dict[str, Any]) -> tuple[str, str, str]:
    """Value, error and all that was printed of the program in the last text, which may use earlier ones."""
    source = joined([found for text in texts if (found := program(_readable(text)))])
    if not source:
        return "", "no program in it", ""
    printed = _Printed()
    error = value = ""
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            value = _run(source, given, printed)
        except _Flood:
            error = f"printed more than {MOST_PRINTED} characters"
        except MemoryError:
            error = "took too much memory"
        except BaseException as raised:  # whatever a program raises
            error = _told(raised)
    return value, error, printed.getvalue()


def _run(source: str, given: dict[str, Any], printed: _Printed) -> str:
    tree = ast.parse(source)
    assigned = ""
    match tree.body[-1]:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print")) | ast.Constant() | ast.JoinedStr()):
            pass
        case ast.Assign(targets=[ast.Name(id=assigned), *_]) | ast.AnnAssign(target=ast.Name(id=assigned)):
            pass
        case ast.Expr(value=value) as last:
            tree.body[-1] = ast.copy_location(ast.Assign([ast.Name(LAST, ast.Store())], value), last)
    before = dict(given)
    # Such as inspect.getsource, which sympy's lambdify and dataclasses may ask.
    linecache.cache["<program>"] = (len(source), None, source.splitlines(keepends=True), "<program>")
    with contextlib.suppress(SystemExit):
        exec(compile(ast.fix_missing_locations(tree), "<program>", "exec"), given)  # noqa: S102  (confined)
    for found in _results(given, before, assigned):
        if line := _last_line(printed):
            return line
        shown = str(found() if isinstance(found, FunctionType) else found)[:MOST_VALUE]
        if shown and not _NO_VALUE.match(shown):
            return _last_line(printed) or shown
    return _last_line(printed)


def _results(given: dict[str, Any], before: dict[str, Any], assigned: str) -> list[Any]:
    """What may hold the result, the most likely first; `assigned`: the variable of the last line."""
    own = {name: value for name, value in given.items() if before.get(name) is not value}
    functions = {name: one for name, one in own.items() if isinstance(one, FunctionType)}
    ready = {name: one for name, one in functions.items() if _needs_nothing(one)}
    found = [own[name] for name in (*ANSWERS, LAST) if own.get(name) is not None and name not in functions]
    found += [ready[name] for name in FUNCTIONS if name in ready]
    found = found or [one for name, one in list(functions.items())[-1:] if name in ready]
    if not found and assigned in own and assigned not in functions:
        found = [own[assigned]]
    return found


def _needs_nothing(function: FunctionType) -> bool:
    code = function.__code__
    return code.co_argcount <= len(function.__defaults__ or ()) and not code.co_kwonlyargcount


def _last_line(printed: _Printed) -> str:
    return printed.getvalue().rstrip().rpartition("\n")[2].strip()[:MOST_VALUE]


def _readable(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\r\n", "\n").replace("\0", "")


def _told(raised: BaseException) -> str:
    try:
        return " ".join(f"{type(raised).__name__}: {str(raised)[:MOST_ERROR]}"[:MOST_ERROR].split())
    except BaseException:  # its message is the program's own code
        return type(raised).__name__[:MOST_ERROR]
