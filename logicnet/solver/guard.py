"""Guard: what of our own output must not go out, above all what could be taken for an attempt on a judge.

A question may tell a model to write such a thing, and a model may write one by itself. A true answer that
happens to look like one earns -1 as well (LogicNet 1.6), so it is not sent either.
"""

from __future__ import annotations

import re

from logicnet.scoring.tricks import trick

_ADDRESSES = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:instructions?|prompts?|guidelines)\b"
    r"|\bsystem prompt\b"
    r"|\b(?:judge|grader|evaluator|validator)s?\b[,:]? (?:please |must |should )?"
    r"(?:accept|award|give|grade|mark|output|rate|return|score) (?:this|me|it|my|full|1|the answer)\b"
    r"|\b(?:give|award|assign|output|return)\b[^.\n]{0,30}"
    r"\b(?:full marks|(?:full|perfect|maximum|highest) score)\b",
    re.IGNORECASE,
)
"""Words to whoever reads, and not to the question."""

_TEMPLATE = re.compile(r"<\|[a-zA-Z_]{1,30}\|>|\[/?INST\]")
"""Pieces of a chat template that a model gave back."""

_BLANK = re.compile(
    r"\W*(?:(?:put|insert|write|state|your|the|my|final|short|numerical|correct)\s+)*"
    r"(?:answer|number|result|value)s?(?:\s+(?:goes\s+)?here)?\W*|[\s._;]*",
    re.IGNORECASE,
)


def blank(answer: str) -> bool:
    """Whether a short answer is none: nothing, or what a form had in its place, [your answer here] say."""
    return _BLANK.fullmatch(answer) is not None


def suspicious(text: str) -> bool:
    """Whether a text could be taken for an attempt on whoever judges it."""
    return bool(trick(text) or _ADDRESSES.search(text) or _TEMPLATE.search(text))
