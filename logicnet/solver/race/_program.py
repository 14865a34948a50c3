"""Repair a program that a model wrote, so that the sandbox can run it.

Models wrap code in prose and fences, forget imports, define a function and never call it, or stop in the
middle of a line. The repairs work on the text and its syntax tree; nothing runs here. `_stand_ins` replaces
modules that the sandbox lacks.
"""

import ast
import itertools
import math
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from logicnet.solver.race._stand_ins import SOURCES

MOST_CHARS = 8_000
"""Of the model's text: ten times a short program. The cost of parsing grows with the length."""

MOST_DROPPED = 12  # lines of prose that may be dropped from the end of a program
LAST = "last__"  # the variable for the value of the last expression
ANSWERS = ("answer", "result", "ans", "final_answer")
"""Variables that may hold the result if nothing is printed; the first that is set counts."""

FUNCTIONS = ("solution", "solve", "main", "answer", "calculate", "compute")
"""Functions that return the result if no variable holds it."""


class Unusable(Exception):
    """The text holds no program. `str(error)` says why."""


@dataclass(frozen=True, slots=True)
class Program:
    """`before` (stand-ins, imports) runs first, then `code`; `results` are expressions to try in order."""

    code: str
    before: str
    results: tuple[str, ...]


def program(text: str) -> Program:
    """The program in a model's text. Raises Unusable."""
    if len(text) > MOST_CHARS:
        raise Unusable(f"longer than {MOST_CHARS} characters")
    text = text.encode(errors="replace").decode().replace("\r\n", "\n").replace("\0", "")
    try:
        source = _source(text)
        tree = _parsed(source)
        if tree is None or not tree.body:
            raise Unusable("no program in it")
        return _prepared(source, tree)
    except RecursionError:
        raise Unusable("nested too deep") from None


def repaired(text: str) -> dict[str, Any]:
    """The fields of the program in a model's text, else {"unusable": why}. Called in a worker."""
    try:
        return asdict(program(text))
    except Unusable as error:
        return {"unusable": str(error)}


# From text to source -----------------------------------------------------------------------------

_FENCED = re.compile(r"```[ \t]*+([A-Za-z0-9_+-]*+)[ \t]*+\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_PYTHON = ("", "python", "py", "python3")
_TAGGED = re.compile(
    r"<(?:code|python|program)>(.*?)(?:</(?:code|python|program)>|\Z)", re.DOTALL | re.IGNORECASE
)
_PROMPTED = re.compile(r"^(?:>>>|\.\.\.) ?", re.MULTILINE)
_PYTHON_2_PRINT = re.compile(r"^([ \t]*)print[ \t]+(?![=(])([^\n]+)$", re.MULTILINE)
_CODE_LINE = re.compile(
    r"""\s*(?:
        [#@]                                                        # comment, decorator
        | (?:import|from)\s+\w                                      # import
        | (?:def|class|for|while|if|elif|with|assert)\b.*:?\s*(?:\#.*)?$
        | (?:try|else|finally|except)\b.*:
        | (?:return|raise|pass|break|continue|global|nonlocal|del)\b
        | print\b
        | [A-Za-z_][\w.,\s\[\]'"*]*(?:[-+*/%|&^]|//|\*\*)?=(?!=)    # assignment
        | [A-Za-z_][\w.]*\(.*                                       # call
        | [)\]}'"]                                                  # closing bracket
    )""",
    re.VERBOSE,
)
_LOOK_ALIKES = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u2212": "-", "\u2013": "-"}
    | {"\u00d7": "*", "\u00f7": "/", "\u00a0": " "}
)


def _source(text: str) -> str:
    blocks = [body for tag, body in _FENCED.findall(text) if tag.lower() in _PYTHON]
    if not blocks:
        blocks = _TAGGED.findall(text)
    if blocks:
        return _joined([found for block in blocks if (found := _repaired(block))])
    return _repaired(text)


def _joined(blocks: Sequence[str]) -> str:
    """The last block, after the earlier ones if it uses what they define."""
    if not blocks:
        raise Unusable("no program in it")
    last, earlier = blocks[-1], blocks[:-1]
    defined = {name for block in earlier for name in _bound(_parsed(block))}
    if defined & (_read(_parsed(last)) - _bound(_parsed(last))):
        return "\n".join(blocks)
    return last


def _repaired(text: str) -> str:
    """The text after the smallest repair that makes it parse; empty if none does."""
    text = textwrap.dedent(text.expandtabs(4)).strip("\n")
    plain = text.translate(_LOOK_ALIKES)
    prompted = "\n".join(line for line in plain.splitlines() if _PROMPTED.match(line))
    for attempt in (text, plain, _PROMPTED.sub("", prompted), _PYTHON_2_PRINT.sub(r"\1print(\2)", plain)):
        tree = _parsed(attempt)
        match tree:
            case None | ast.Module(body=[]) | ast.Module(body=[ast.Expr(value=ast.Name())]):
                continue  # a single word is prose
        return attempt
    return _without_prose(plain)


def _without_prose(text: str) -> str:
    lines = text.splitlines()
    while lines and not _CODE_LINE.match(lines[0]):
        lines.pop(0)
    lost = 0  # lines of code: only an unfinished last line may be dropped
    for _ in range(MOST_DROPPED):
        if not lines:
            return ""
        if _parsed("\n".join(lines)) is not None:
            return "\n".join(lines)
        dropped = lines.pop()
        lost += bool(_CODE_LINE.match(dropped))
        if lost > 1:
            return ""
        while lines and not lines[-1].strip():
            lines.pop()
    return ""


def _parsed(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as "invalid escape sequence"
            return ast.parse(source)
    except (SyntaxError, ValueError, MemoryError):
        return None
    except SystemError as error:  # CPython 3.11 raises it for a tree that is too deep
        raise RecursionError from error


# From source to what runs ------------------------------------------------------------------------

_HOMES = {
    **dict.fromkeys(("sqrt", "gcd", "lcm", "factorial", "comb", "perm", "pi", "ceil", "floor"), "math"),
    **dict.fromkeys(("log", "sin", "cos", "tan", "isqrt", "radians", "degrees"), "math"),
    **dict.fromkeys(("permutations", "combinations", "product"), "itertools"),
    **dict.fromkeys(("Counter", "defaultdict", "deque"), "collections"),
    **dict.fromkeys(("reduce", "lru_cache"), "functools"),
    **dict.fromkeys(("date", "datetime", "timedelta"), "datetime"),
    "Fraction": "fractions",
    "Decimal": "decimal",
}
"""Modules of names that programs use without importing them."""

_MODULES = ("math", "itertools", "functools", "collections", "random", "re", "json", "datetime", "decimal")
_EXPORTED = {home.__name__: [one for one in dir(home) if one[0] != "_"] for home in (math, itertools)}
_NEEDLESS_MODULES = ("__future__", "warnings", "logging")
_NEEDLESS_CALLS = ("sys.setrecursionlimit", "sys.set_int_max_str_digits", "decimal.setcontext")
_ENDINGS = ("exit", "quit", "sys.exit", "os._exit")


def _prepared(source: str, tree: ast.Module) -> Program:
    edits: list[_Edit] = []
    needed: set[str] = set()  # stand-ins
    names = _read(tree) - _bound(tree)
    bindings = [_forgotten(name, needed) for name in sorted(names)]
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                edits.append((node, _imports(node, names, needed)))
            case ast.Expr(value=ast.Call(func=function)) if ast.unparse(function) in _NEEDLESS_CALLS:
                edits.append((node, "pass"))
            case ast.Expr(value=ast.Call(func=function)) if ast.unparse(function) in _ENDINGS:
                edits.append((node, "raise SystemExit"))
            case ast.Delete(targets=targets):
                edits.append((node, "; ".join(map(_deleted, targets))))
    last = tree.body[-1]
    match last:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print")) | ast.Constant() | ast.JoinedStr()):
            ends_in_value = False
        case _:
            ends_in_value = isinstance(last, ast.Expr)
    if ends_in_value and all(node is not last for node, _ in edits):
        written = ast.get_source_segment(source, last)
        edits.append((last, f"{LAST} = ({written}\n)"))
    before = [*(SOURCES[name] for name in sorted(needed)), *bindings]
    return Program(_edited(source, edits), "\n".join(filter(None, before)), _results(tree, ends_in_value))


def _results(tree: ast.Module, ends_in_value: bool) -> tuple[str, ...]:
    """Expressions that may hold the result, the most likely first."""
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    bound = _bound(tree)
    results = [name for name in ANSWERS if name in bound and name not in defined]
    if ends_in_value:
        results.append(LAST)
    results += [f"{name}()" for name in FUNCTIONS if name in defined and _needs_nothing(defined[name])]
    if not results and defined and _needs_nothing(last := list(defined.values())[-1]):
        results.append(f"{last.name}()")
    if not results and isinstance(assigned := tree.body[-1], ast.Assign | ast.AnnAssign):
        target = assigned.target if isinstance(assigned, ast.AnnAssign) else assigned.targets[0]
        results += [target.id] if isinstance(target, ast.Name) else []
    return tuple(results)


def _needs_nothing(function: ast.FunctionDef) -> bool:
    given = function.args
    return len(given.posonlyargs + given.args) <= len(given.defaults) and None not in given.kw_defaults


def _forgotten(name: str, needed: set[str]) -> str:
    """The import of a name that the program uses without one; empty if its module is unknown."""
    if name in _MODULES:
        return f"import {name}"
    home = name if name in SOURCES else _HOMES.get(name, "")
    if home in SOURCES:
        needed.add(home)
        return f"{name} = {home}__" if name == home else f"{name} = {home}__.{name}"
    return f"from {home} import {name}" if home else ""


def _imports(node: ast.Import | ast.ImportFrom, names: set[str], needed: set[str]) -> str:
    """An import in a form that the sandbox supports, on one line."""
    lines = []
    for alias in node.names:
        module = alias.name if isinstance(node, ast.Import) else node.module or ""
        bound = alias.asname or alias.name
        if module in SOURCES:
            needed.add(module)
        if module in _NEEDLESS_MODULES:
            continue
        if alias.name == "*":
            lines += _wildcard(module, names)
        elif module in SOURCES:
            value = f"{module}__" if isinstance(node, ast.Import) else f"{module}__.{alias.name}"
            lines.append(f"{bound} = {value}")
        elif isinstance(node, ast.Import):
            lines.append(f"import {module}" + (f" as {alias.asname}" if alias.asname else ""))
        else:
            lines.append(f"from {module} import {alias.name} as {bound}")
    return "; ".join(lines) or "pass"


def _wildcard(module: str, names: set[str]) -> list[str]:
    if module in SOURCES:
        return [
            f"{name} = {module}__.{name}"
            for name in sorted(names)
            if re.search(rf"^    (?:def )?{name}\b", SOURCES[module], re.MULTILINE)
        ]
    exported = _EXPORTED.get(module) or [name for name, home in _HOMES.items() if home == module]
    return [f"from {module} import {name}" for name in sorted(names & set(exported))]


def _deleted(target: ast.expr) -> str:
    # The sandbox does not support `del`.
    match target:
        case ast.Subscript(slice=ast.Slice()):
            return f"{ast.unparse(target)} = []"
        case ast.Subscript(value=value, slice=key):
            return f"{ast.unparse(value)}.pop({ast.unparse(key)})"
        case _:
            return f"{ast.unparse(target)} = None"


_Node = TypeVar("_Node", bound=ast.AST)
_Edit = tuple[ast.stmt, str]  # a statement, and the text in its place


def _nodes(tree: ast.AST | None, kind: type[_Node]) -> Iterator[_Node]:
    return (node for node in ast.walk(tree) if isinstance(node, kind)) if tree is not None else iter(())


def _bound(tree: ast.AST | None) -> set[str]:
    """Names with a value in any scope, so that none of them is replaced."""
    bound = {node.id for node in _nodes(tree, ast.Name) if not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in _nodes(tree, ast.arg)}
    bound |= {node.name for node in _nodes(tree, ast.FunctionDef)}
    bound |= {node.name for node in _nodes(tree, ast.ClassDef)}
    return bound | {(one.asname or one.name).partition(".")[0] for one in _nodes(tree, ast.alias)}


def _read(tree: ast.AST | None) -> set[str]:
    return {node.id for node in _nodes(tree, ast.Name) if isinstance(node.ctx, ast.Load)}


def _edited(source: str, edits: Sequence[_Edit]) -> str:
    lines = [line.encode() for line in source.split("\n")]  # columns of a tree count bytes of UTF-8
    for node, text in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
        first, last = node.lineno - 1, node.end_lineno or 0
        before, after = lines[first][: node.col_offset], lines[last - 1][node.end_col_offset :]
        lines[first:last] = [before + text.encode() + after]
    return b"\n".join(lines).decode()
