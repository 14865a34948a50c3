"""Conclusion: the short answer that a text comes to.

Pure text work on what a model wrote: find where it says its answer, and write that down plainly.
Nothing is added that the text does not say.
"""

from __future__ import annotations

import re

MOST_WORDS = 19
"""Words in a short answer: a validator has longer ones boiled down by a model first (LogicNet 1.6)."""

_TAIL = 20_000  # characters from the end that are searched: an answer stands at the end
_LINE = 2_000  # characters of what may be one

_BRACES = re.compile(r"\\boxed\s*\{|[{}]")
_HASHES = re.compile(r"^####[ \t]*(\S.*)$", re.MULTILINE)
_STATED = re.compile(
    r"\banswer\b(?:[ \t]+(?:to|for|of)\b[^\n.:;]{1,80}?)?[ \t*_]*(?:\bis\b|\bare\b|[:=])[ \t*_:]*\n?"
    r"(?=([^\n]{1,2000}))",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:/\d+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

_FENCE = re.compile(r"```[\w+-]*")
_BOLD = re.compile(
    r"(?<![\w)*])(\*\*|__)(?=\S)(.{1,200}?)(?<=\S)\1(?![\w(*])"
)  # not the powers in x**2 + y**2
_MATHS = re.compile(r"\\[()\[\]]|\\[,;!]|\$")
_WORDS_IN_MATHS = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{(\w+)\}\s*\{(\w+)\}")
_THOUSANDS = re.compile(r"[^\d,()\[\]{}]*\d{1,3}(?:,\d{3})+(?![\d,])[^\d,()\[\]{}]*(?:\.\d+[^\d,()\[\]{}]*)?")


def concluded(text: str) -> str:
    """The answer that the text states outright: boxed, after `####` or "the answer is"; else empty."""
    text = text[-_TAIL:]
    if boxed := _last_boxed(text):
        return plain(boxed)
    if hashes := _HASHES.findall(text):
        return plain(hashes[-1])
    for stated in reversed(_STATED.findall(text)):
        if answer := plain(_SENTENCE_END.split(stated, maxsplit=1)[0]):
            return answer
    return ""


def guessed(text: str) -> str:
    """What a text seems to come to that does not say: its last number, else its last short sentence."""
    text = text[-_TAIL:]
    if numbers := _NUMBER.findall(text):
        return plain(numbers[-1])
    return _last_short_sentence(text)


def short(text: str) -> str:
    """The answer, under 20 words, in a reply to "give only the final answer"; empty if there is none.

    Models explain themselves all the same: what is stated outright counts, then the first line, then
    the last sentence.
    """
    text = text[:_TAIL]
    lines = [line for line in map(plain, _FENCE.sub("", text).splitlines()) if line]
    candidates = (concluded(text), *lines[:1], _last_short_sentence(text))
    return next((found for found in candidates if found and len(found.split()) <= MOST_WORDS), "")


def plain(answer: str) -> str:
    """The same answer on one line without markup, closing full stop, or commas between thousands."""
    answer = answer[:_LINE]
    answer = _last_boxed(answer) or answer
    answer = _MATHS.sub("", _FENCE.sub("", answer))
    answer = _FRACTION.sub(r"\1/\2", _WORDS_IN_MATHS.sub(r"\1", answer)).replace(r"\%", "%")
    answer = _BOLD.sub(r"\2", " ".join(answer.split())).strip(" `\"'#>")
    answer = answer.removesuffix("**").removeprefix("**").rstrip(" .").removesuffix("**").strip()
    if _THOUSANDS.fullmatch(answer):
        answer = answer.replace(",", "")
    return answer


def _last_short_sentence(text: str) -> str:
    sentences = [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]
    last = plain(sentences[-1]) if sentences else ""
    return last if len(last.split()) <= MOST_WORDS else ""


def _last_boxed(text: str) -> str:
    """What stands in the last \\boxed{...} that is closed, with the braces inside it."""
    found = ""
    opened: list[tuple[str, int]] = []
    for brace in _BRACES.finditer(text):
        if brace[0] != "}":
            opened.append((brace[0], brace.end()))
        elif opened:
            opening, start = opened.pop()
            if opening != "{":
                found = text[start : brace.start()]
    return found
