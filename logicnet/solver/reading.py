"""What a model's text says: functions of text alone, whose results are JSON, for `reader.Reader`.

They read what strangers wrote, so they run in a worker where the text is long.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from logicnet.answers import NormalForm, normal_form, question_kind
from logicnet.answers.extract import stated_answer
from logicnet.answers.likely import likely_answer
from logicnet.solver.guard import addresses_judge, blank, suspicious, visible
from logicnet.solver.special_tokens import spoken

Form = dict[str, Any]
"""The fields of a NormalForm, without its value, which only its makers need."""

_REFUSES = re.compile(
    r"\W*(?:(?:I['\u2019]?m|I am|we are)? ?(?:very |so )?sorry\b|as an AI\b|I (?:do not|don['\u2019]t) know\b"
    r"|I(?: am|['\u2019]m)? ?(?:can(?:not|['\u2019]t)|unable to) (?:help|assist|answer|solve|determine)\b)",
    re.IGNORECASE,
)
"""A model that declines has not answered, however often it does."""

_DIGIT = re.compile(r"\d")
_TAG = re.compile(r"</?[A-Za-z][\w-]{0,20}>")


def value(text: str, question: str) -> Form | None:
    """The form of a bare answer; None also for what must not be sent, so that it gets no vote."""
    found = None if blank(text) or _REFUSES.match(text) else normal_form(text, question)
    if found is None or blank(found.text) or suspicious(text) or suspicious(found.text):
        return None
    return _fields(found)


def conclusion(text: str, question: str) -> Form | None:
    """The form of the answer that a text states; the program in it if the question asks for a program."""
    if question_kind(question) == "code":
        found = normal_form(text, question)
        if found is not None and found.kind == "code":
            return _fields(found)
    return value(stated_answer(text, question), question)


def disagrees(texts: Sequence[str], question: str, key: str) -> list[bool]:
    """Whether each text states another answer than the one with this key."""
    stated = [conclusion(text, question) for text in texts]
    return [form is not None and form["key"] != key for form in stated]


def named(said: str, text: str, question: str, whole: bool) -> Form | None:
    """The form of the answer that `said` states, else of the likely answer of `text`.

    Of a text that was cut off in the middle of a sentence (it is not `whole`) only a number counts.
    """
    if found := value(stated_answer(said, question), question):
        return found
    answer = likely_answer(text, question if whole else "")
    return value(answer, question) if whole or _DIGIT.search(answer) else None


def _fields(found: NormalForm) -> Form:
    return asdict(found) | {"value": None}


def best(texts: Sequence[str], whole: Sequence[bool]) -> tuple[str, str]:
    """The best of several texts as reasoning, and the answer in it; empty without an answer.

    The answer that most texts state, the latest among equals; else a guess from the end of the longest text,
    unless it was cut off in half a sentence (it is not `whole`).
    """
    found = list(zip((spoken(text).strip() for text in texts), whole, strict=True))
    read = [text for text, _ in found if text]
    if not read:
        return "", ""
    stated = [(answer, text) for text in reversed(read) if (answer := stated_answer(text))]
    if not stated:
        longest = max(read, key=len)
        answer = likely_answer(longest)
        return longest, answer if (longest, True) in found or any(map(str.isdecimal, answer)) else ""
    winner, _ = Counter(answer for answer, _ in stated).most_common(1)[0]
    return max((text for answer, text in stated if answer == winner), key=len), winner


def sendable(text: str) -> str:
    """The text visible, stripped and encodable: a lone surrogate would break the JSON of the reply.

    Without special tokens; empty if it addresses a judge.
    """
    text = visible(spoken(text)).strip()
    if addresses_judge(text):
        return ""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def sendable_answer(answer: str) -> str:
    """The same for an answer, which a judge reads; its tags are left out, as "</" counts as a trick."""
    short = sendable(answer)
    if suspicious(short):
        short = _TAG.sub("", short).strip()
    return "" if suspicious(short) else short
