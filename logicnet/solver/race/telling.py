"""Telling: a calculation as an assistant tells it, in words; and which text is closest to all, by words.

Functions of text alone, for `reader.Reader`.
"""

import ast
import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from logicnet.solver.guard import addresses_judge

MOST_QUESTION = 600  # characters of the question that are repeated
MOST_READ = 4_000  # of a long question, to find them among its spaces
MOST_COMPARED = 1_200  # characters of a trace: its first 256 tokens
MOST_PROGRAM = 2_000  # characters of a program that is told; a longer one has more steps than that
_MOST_STEPS = 8  # of a program
_WORD = re.compile(r"\w+|[^\w\s]")
_FENCED = re.compile(r"```\w*\n(.*?)(?:```|\Z)", re.DOTALL)
_LAST_WORDS = 300  # characters at the end of the steps, searched for the answer
_STATES = re.compile(r"(?:\b(?:is|are|equals|gives)\b|[=:])[\s$*]*\Z", re.IGNORECASE)
_READABLE = (
    *(ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Call),
    *(ast.List, ast.Tuple, ast.expr_context, ast.unaryop, ast.cmpop, ast.boolop),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),  # no ^: 5 ^ 3 is 6 in Python
)


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


def told(question: str, steps: str, answer: str) -> str:
    """The question, the steps and the answer as an assistant tells them."""
    asked = " ".join(question[-MOST_READ:].split())
    if len(asked) > MOST_QUESTION or len(question) > MOST_READ:
        asked = "..." + asked[-MOST_QUESTION:]
    parts = (f"We are asked: {asked}", steps, "" if _ends_with(steps, answer) else f"The answer is {answer}.")
    return "\n\n".join(part for part in parts if part and not addresses_judge(part))


def _ends_with(steps: str, answer: str) -> bool:
    """Whether the steps end by stating the answer."""
    last = steps[-_LAST_WORDS:].rstrip(" \n.*$")
    before = last.removesuffix(answer) if answer else last
    return len(before) < len(last) and bool(_STATES.search(before))


def in_words(program: str) -> str:
    """The steps of a short program, one sentence each; "" if one cannot be a sentence, such as a loop."""
    if len(program) > MOST_PROGRAM:
        return ""
    try:
        body = ast.parse("\n".join(_FENCED.findall(program)) or program).body
        steps = [_step(node) for node in body if not isinstance(node, ast.Import | ast.ImportFrom)]
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):  # the last: too deep in 3.11
        return ""
    if not all(steps) or len(steps) > _MOST_STEPS or len(" ".join(steps)) > MOST_QUESTION:
        return ""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _step(node: ast.stmt) -> str:
    """A statement as a sentence; "" if that is not possible."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _reads(value):
            return f"Let {_spaced(name)} be {_maths(value)}."
        case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
            return _step(ast.Assign([ast.Name(name)], ast.BinOp(ast.Name(name), op, value)))
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[*shown])):
            if shown and all(_reads(one) for one in shown):
                return f"The result is {', '.join(_maths(one) for one in shown)}."
            return ""
        case ast.Expr(value=value) if _reads(value):
            return f"We compute {_maths(value)}."
    return ""


def _reads(value: ast.expr) -> bool:
    """Whether an expression reads as mathematics, not as Python."""
    for node in ast.walk(value):
        match node:
            case ast.Attribute(value=ast.Name(id="math")):
                continue
        if not isinstance(node, _READABLE):
            return False
    return True


def _maths(value: ast.expr) -> str:
    """An expression in the notation of mathematics."""
    text = ast.unparse(_Spelled().visit(value)).replace("math.", "").replace("**", "^")
    return _spaced(text.replace(" % ", " mod ").replace("'", ""))


class _Spelled(ast.NodeTransformer):
    """Writes 7 // 2 as floor(7 / 2)."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.FloorDiv):
            return node
        return ast.Call(ast.Name("floor"), [ast.BinOp(node.left, ast.Div(), node.right)], [])


def _spaced(name: str) -> str:
    return name.replace("_", " ").strip()
