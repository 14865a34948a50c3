"""Durations and ranges: 3 h 20 min is 3:20 where a duration is asked for; between 10 and 15 is 10-15."""

import re
from fractions import Fraction

from logicnet.answers._form import NormalForm, made
from logicnet.answers._numbers import normal, number_form, shown, written
from logicnet.answers._units import amounts, converted, seconds
from logicnet.answers.question import QuestionSpec
from logicnet.answers.spelled import in_digits

_ABOUT = re.compile(r"^(?:about|approximately|around|roughly|exactly|for|in|after)\s+", re.IGNORECASE)


def duration_form(read: str, text: str, question: QuestionSpec) -> NormalForm | None:
    """The form of a length of time: a number where the question has a unit for it, else seconds."""
    said = in_digits(_ABOUT.sub("", read.strip(" .")))
    parts = amounts(said)
    if not (question.duration or len(parts) > 1) or (":" in said and question.clock):
        return None
    length = seconds(said)
    if length is None:
        return None
    unit = question.unit or question.time_unit
    if not unit:
        return made("duration", f"{shown(length)} s", text)
    value = Fraction(converted(length, "second", unit))
    own_unit = bool(question.unit) or (len(parts) == 1 and parts[0][1] == unit)
    return made(
        "number", shown(normal(value, question)), written(value, question) if own_unit else text, value
    )


_RANGE = re.compile(
    r"(?:(between|from)\s+)?(\S{1,20})\s*(-|to|and)\s*(\S{1,20})((?:\s+[^\W\d_]+){0,2})", re.IGNORECASE
)


def range_form(read: str, text: str, question: QuestionSpec) -> NormalForm | None:
    """Between 10 and 15, from 10 to 15, and 10-15 where the question has no such difference."""
    found = _RANGE.fullmatch(read.strip(" ."))
    if found is None or (not found[1] and (found[3] == "and" or not question.quantity or question.several)):
        return None
    if not found[1] and re.search(r"\d\s*-\s*\d", question.text):
        return None
    low, high = (number_form(end, end, question) for end in (found[2], found[4]))
    if low is None or high is None or low.value is None or high.value is None or not low.value < high.value:
        return None
    return made("interval", f"{low.key.removeprefix('number:')} to {high.key.removeprefix('number:')}", text)
