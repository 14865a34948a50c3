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
    r"\banswer\b(?:[ \t]+(?:to|for|of)\b[^\n.:;]{1,80}?)?[ \t*_]*"
    r"(?:\b(?:is|are|would be|will be|should be|must be|comes to|equals)\b(?:[ \t]+(?:therefore|thus|then"
    r"|simply|indeed))?"
    r"|[:=])[ \t*_:]*\n{0,2}",
    re.IGNORECASE,
)
_MOST_STATED = 50  # of the places that state an answer: the last ones are looked at
_TAGGED = re.compile(r"<(answer|final_answer)>([^<>]{1,2000})</\1>", re.IGNORECASE)
_HEADING = re.compile(r"(?:^|\n)[ \t#*_]*final answer[ \t#*_:]*\n+([^\n]{1,2000})", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:/\d+)?")
_RESULT = re.compile(rf"(?:=|\b(?:is|are|equals|gives|leaves))[ \t*$]*({_NUMBER.pattern})")
_BOLD_PART = re.compile(r"\*\*([^*\n]{1,100})\*\*")
_NEAR_END = 300  # characters
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

_FENCE = re.compile(r"```[\w+-]*")
_HEAD = re.compile(r"\A(?:(?:#{1,6}|>)\s+|>+(?=[^\s=]))+")
_BOLD = re.compile(
    r"(?<![\w)*])(\*\*|__)(?=\S)(.{1,200}?)(?<=\S)\1(?![\w(*])"
)  # not the powers in x**2 + y**2
_MATHS = re.compile(r"(?<!\\)\\[()\[\]]|\\[,;!]|\\?\$")
_WORDS_IN_MATHS = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"(\d?)\\[dt]?frac\s*\{(\w+)\}\s*\{(\w+)\}")
_THOUSANDS = re.compile(r"[^\d,()\[\]{}]*\d{1,3}(?:,\d{3})+(?![\d,])[^\d,()\[\]{}]*(?:\.\d+[^\d,()\[\]{}]*)?")


def concluded(text: str) -> str:
    """The answer that a text states outright: boxed, tagged, after `####` or "the answer is"; else empty."""
    text = text[-_TAIL:]
    if boxed := _last_boxed(text):
        return plain(boxed)
    if hashes := _HASHES.findall(text):
        return plain(hashes[-1])
    if tagged := _TAGGED.findall(text):
        return plain(tagged[-1][1])
    for end in reversed([stated.end() for stated in _STATED.finditer(text)][-_MOST_STATED:]):
        line = text[end : end + _LINE].split("\n", 1)[0]
        if answer := plain(_SENTENCE_END.split(line, maxsplit=1)[0]):
            return answer
    headed = _HEADING.findall(text)
    return plain(_SENTENCE_END.split(headed[-1], maxsplit=1)[0]) if headed else ""


def guessed(text: str) -> str:
    """What a text seems to come to that does not say: a number, else its last short sentence.

    The last number in bold type that stands near the end, else in the last sentence with a number what
    follows its last `=` or "is", else the last number.
    """
    text = text[-_TAIL:]
    if bold := [found[0] for found in map(_NUMBER.search, _BOLD_PART.findall(text[-_NEAR_END:])) if found]:
        return plain(bold[-1])
    numbers = list(_NUMBER.finditer(text))
    if not numbers:
        return _last_short_sentence(text)
    start = numbers[-1].start()
    line = text[max(text.rfind("\n", 0, start), text.rfind(". ", 0, start), 0) :]
    result = _RESULT.findall(line)
    return plain(result[-1] if result else numbers[-1][0])


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
    answer = _FRACTION.sub(_fraction, _WORDS_IN_MATHS.sub(r"\1", answer)).replace(r"\%", "%")
    answer = _BOLD.sub(r"\2", " ".join(answer.split())).strip(" `\"'")
    answer = _HEAD.sub("", answer) or answer
    answer = answer.removesuffix("**").removeprefix("**").rstrip(" .").removesuffix("**").strip()
    if _THOUSANDS.fullmatch(answer):
        answer = answer.replace(",", "")
    return answer


def _fraction(found: re.Match[str]) -> str:
    before, top, bottom = found.groups()
    if not bottom.isdigit() and len(bottom) > 1:
        bottom = f"({bottom})"  # 1/(2x) is not 1/2x
    return f"{before} {top}/{bottom}" if before else f"{top}/{bottom}"  # 1 1/2 is not 11/2


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
