"""Find the program in what a model wrote: in fences, between tags, among prose, with small faults.

Runs where the program runs, in a confined process: the text may be anything.
"""

import ast
import re
import textwrap
import warnings
from collections.abc import Sequence

MOST_DROPPED = 12  # lines of prose that may be dropped from the end of a program

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


def program(text: str) -> str:
    """The program in a model's text, without fences and prose; empty if it has no program."""
    blocks = [body for tag, body in _FENCED.findall(text) if tag.lower() in _PYTHON]
    if not blocks:
        blocks = _TAGGED.findall(text)
    return joined([found for block in blocks or [text] if (found := _repaired(block))])


def joined(programs: Sequence[str]) -> str:
    """The last program, after the earlier ones if it uses what they define."""
    last = programs[-1] if programs else ""
    defined = {name for one in programs[:-1] for name in _names(one, ast.Store)}
    used = _names(last, ast.Load) - _names(last, ast.Store)
    return "\n".join(programs) if defined & used else last


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
    except (SyntaxError, ValueError, MemoryError, RecursionError, SystemError):  # the last: too deep, in 3.11
        return None


def _names(source: str, use: type[ast.expr_context]) -> set[str]:
    """The names that a program reads, or those that it gives a value."""
    found: set[str] = set()
    for node in ast.walk(_parsed(source) or ast.Module([], [])):
        match node:
            case ast.Name(id=name, ctx=ctx) if isinstance(ctx, use):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if use is ast.Store:
                found.add(name)
            case ast.alias(name=name, asname=other) if use is ast.Store:
                found.add((other or name).partition(".")[0])
    return found
