"""Is one mathematical answer truly the other? Runs in the worker of `bounded`, never beside anything else.

math-verify reads what it finds and lets sympy compare, which has no bound of its own; its own time
limits rest on signals and are switched off, because the worker has one already.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from math_verify import parse, verify

# It warns whenever its time limits are off.
logging.getLogger("math_verify").setLevel(logging.ERROR)

_ROOT = re.compile(r"(?<![\\A-Za-z])sqrt\(([^()]*)\)")
_FUNCTION = re.compile(r"(?<![\\A-Za-z])(pi|sin|cos|tan|log|ln|exp)(?![A-Za-z])")
_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}|\d +[A-Za-z]")  # "sum", but also the unit of "15 m^2"


def same(truth: str, answer: str) -> bool | None:
    """Whether `answer` is `truth`; None if either holds no mathematics."""
    read_truth, read_answer = _read(truth), _read(answer)
    if not read_truth or not read_answer:
        return None
    return bool(verify(read_truth, read_answer, timeout_seconds=None))


def _read(text: str) -> list[Any]:
    # A bare formula is read as one, whole; out of a sentence, its last number or formula.
    formula = _FUNCTION.sub(r"\\\1", _ROOT.sub(r"\\sqrt{\1}", text))
    if not ("$" in text or "\\" in text or _WORDS.search(formula)):
        formula = formula.replace("**", "^").replace("*", r"\cdot ")
        found = parse(f"${formula}$", parsing_timeout=None)
        if found:
            return list(found)
    return list(parse(text, parsing_timeout=None))
