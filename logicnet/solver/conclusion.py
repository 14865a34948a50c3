"""Conclusion: the short answer that a text comes to.

Pure text work on what a model wrote: find where it says its answer, and write that answer plainly.
Nothing is added that the text does not say.
"""

from __future__ import annotations

import re

MOST_WORDS = 19
"""Words in a short answer: a validator has longer ones boiled down by a model first (LogicNet 1.6)."""

_TAIL = 20_000  # characters from the end that are searched: an answer stands at the end

_BOXED = re.compile(r"\\boxed\s*\{")
_HASHES = re.compile(r"^####\s*(.+)$", re.MULTILINE)
_STATED = re.compile(
    r"\b(?:final\s+answer|answer)\b[*_ ]*(?:\s+to\s+[^.\n:]{1,60})?(?:\s+is|\s+are|\s*=|\s*:)[*_]*\s*:?\s*([^\n]+)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+)(?![\d,])")


def visible(text: str) -> str:
    """The text without the part that a thinking model marks as its thinking, unless that is all there is."""
    before, mark, after = text.rpartition("</think>")
    shown = after if after.strip() or not mark else before
    return shown.replace("<think>", "").strip()


def concluded(text: str) -> str:
    """The answer that the text states outright (boxed, "the answer is ..."), tidied; empty if it does not."""
    text = text[-_TAIL:]
    if (boxed := _last_boxed(text)) is not None:
        return plain(boxed)
    if hashes := _HASHES.findall(text):
        return plain(hashes[-1])
    if stated := _STATED.findall(text):
        return plain(_SENTENCE_END.split(stated[-1], maxsplit=1)[0])
    return ""


def guessed(text: str) -> str:
    """What the text seems to come to if it does not say: its last number, else its last short sentence."""
    text = text[-_TAIL:]
    if numbers := _NUMBER.findall(text):
        return plain(numbers[-1])
    sentences = [sentence for sentence in _SENTENCE_END.split(text) if sentence.strip()]
    last = plain(sentences[-1]) if sentences else ""
    return last if len(last.split()) <= MOST_WORDS else ""


def plain(answer: str) -> str:
    """The same answer on one line, without markup, closing full stop or thousands separators."""
    return " ".join(answer.split()).strip(" .*`$")


def _last_boxed(text: str) -> str | None:
    """What stands in the last closed \\boxed{...}, braces inside it included."""
    for opening in reversed(list(_BOXED.finditer(text))):
        depth = 1
        for at in range(opening.end(), len(text)):
            depth += (text[at] == "{") - (text[at] == "}")
            if depth == 0:
                return text[opening.end() : at]
    return None
