"""Words: yes and no, options, times and dates, names and short sentences, code."""

import calendar
import re
from datetime import date
from fractions import Fraction
from string import ascii_lowercase

from logicnet.answers._form import NormalForm, made
from logicnet.answers.question import QuestionSpec, asks_value

_YES = frozenset(("yes", "true", "correct", "yep", "yeah", "affirmative"))
_NO = frozenset(("no", "false", "incorrect", "nope", "negative"))
_FIRST = re.compile(r"(yes|no|true|false)\b\s*(?:[,.;:!-]|$)", re.IGNORECASE)
ELSEWHERE = re.compile(
    r"(?:(sí|sì|oui|ja|sim|да|có|đúng|是的?|对|はい)|(nein|non|não|нет|không|sai|不是?|不对|否|いいえ))(?:\s*[,.;:!-]|$)",
    re.IGNORECASE,
)
"""Yes and no of other languages."""
_LAST = re.compile(
    r"\b(?:so|thus|therefore|hence|answer is),? (yes|no)\b"
    r"|\b(?:statement|claim|assertion|it|this|that) is (?:\w+ly )?(true|false|correct|incorrect)$",
    re.IGNORECASE,
)
_CONTRARY = {
    "composite": "prime", "odd": "even", "even": "odd", "irrational": "rational",
}  # fmt: skip
_OPPOSITE = {"less": "greater", "greater": "less", "smaller": "larger", "larger": "smaller"}
_COMPARES = re.compile(
    r"(?<!\S)(\S{1,40}) (?:is |are )?(less|greater|smaller|larger) than (?:the )?([^\s?.,;]{1,40})"
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|cannot|none|neither|false|impossible|fails?|failed)\b|n't\b", re.IGNORECASE
)
_STOP = frozenset(
    re.findall(
        r"\w+",
        "the a an is are was were does do did can could will would has have should must it this that of in on"
        " to with and or for be by exist you if so there these those as at from evenly exactly",
    )
)

_LETTER = re.compile(
    r"(?:the\s++)?(?:correct\s++)?(?:option|choice|answer|letter)?\s*+\(?([A-Ha-h])\)?"
    r"(?:(?:\s*+[).:]|\s++-\s|,)\s*+(.*))?",
    re.DOTALL | re.IGNORECASE,
)

_CLOCK = re.compile(
    r"(?:(?:at|um|à|(?:a )?las?|lúc)\s+)?(\d{1,2})(?:[:.h](\d{2}))?(?::(\d{2}))?"
    r"(?:\s*+(?:([ap])\.?\s?m\.?|o'clock|uhr))?"
    r"(?:\s++(?:in the|at|de la) (morning|afternoon|evening|night|mañana|tarde|noche))?",
    re.IGNORECASE,
)
_NOON = re.compile(r"\b(noon|midday|midnight)\b", re.IGNORECASE)
_MONTHS = tuple(month.lower() for month in calendar.month_name[1:])
_MONTH = "(" + "|".join(f"{month[:3]}(?:{month[3:]})?" if month[3:] else month for month in _MONTHS) + r")\.?"
_DATES = (
    re.compile(rf"(?:on\s+)?(?:\w+day,?\s+)?{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd"
        rf"|th)?,?\s+(?P<year>\d{{4}})", re.IGNORECASE),
    re.compile(rf"(?:on\s+)?(?:\w+day,?\s+)?(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd"
        rf"|th)?\s+(?:of\s+)?{_MONTH},?\s+(?P<year>\d{{4}})", re.IGNORECASE),
    re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"),
)  # fmt: skip
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")

_SYMBOL = re.compile(r"(?<![<>=])([<>=])(?![<>=])")
_SYMBOL_WORDS = {
    "less than": "<",
    "greater than": ">",
    "more than": ">",
    "equal to": "=",
    "equals": "=",
    "equal": "=",
}

_NOTHING = re.compile(
    r"(?:there (?:is|are) )?no (?:real )?(?:solutions?|roots?|zeros?|values?)(?: exists?)?|none|empty set"
    r"|the empty set|\{\s*\}|\[\s*\]"
)
_NONE = re.compile(
    r"none|(?:(?:so |thus |therefore )?,?(?:there (?:is|are|were|will be) )?"
    r"(?:none|no (?!idea|answer|one\b)[^\W\d_]+)"
    r"(?: (?:is|are|were|will be))?(?: left| remain\w*)?)"
)
_EVERYTHING = re.compile(
    r"(?:[a-z] in )?(?:(?:all|any) (?:of the )?(?:real numbers?|reals?)|(?:\\mathbb ?)?\{? ?r ?\}?)"
)
_ENDLESS = re.compile(r"\+?\s*+(?:oo|inf|infinity)")
_UNDEFINED = re.compile(
    r"(?:it is |is |(?:the )?limit (?:is )?)?(?:undefined|does not exist|dne|not defined)"
)

_ARTICLE = re.compile(r"(?:(?:it|he|she|this|that)(?: is|'s| was) )?(?:(?:an?|the) (?=[a-z]{2}))?")
_TIGHT = re.compile(r"(?:(?<!\s)\s++)?(->|,|;)\s*+")
_QUOTES = "'\"`*_ "


def yes_no_form(read: str, text: str, question: QuestionSpec) -> NormalForm | None:
    """Yes and true are one, no and false too; what is sent is the word that the question has."""
    said = read.casefold().strip(" .!\"'")
    verdict: bool | None = None
    word = said in _YES or said in _NO
    if word:
        verdict = said in _YES
    elif (first := _FIRST.match(read.strip())) and (question.yes_no or len(read.split()) > 2):
        verdict, word = first[1].lower() in _YES, True
    elif (
        question.text
        and not (question.quantity or asks_value(question.text))
        and (found := ELSEWHERE.match(read.strip()))
    ):
        verdict = found[1] is not None
        text = (found[1] or found[2]).capitalize()
    elif question.only_yes_or_no and (last := _LAST.search(said)):
        verdict, word = (last[1] or last[2]) in _YES, True
    elif (
        question.only_yes_or_no
        and 2 <= len(read.split()) <= 19
        and (_about(said, question) or _contrary(said, question))
    ):
        verdict = bool(_NEGATION.search(said)) == _contrary(said, question)
    if verdict is None or question.letters:
        return None
    if said in ("negative", "affirmative", "correct", "incorrect") and not question.yes_no:
        return None
    if word:
        truth = question.true_false or (said in ("true", "false") and not question.yes_no)
        text = ("True" if verdict else "False") if truth else ("Yes" if verdict else "No")
    return made("yes-no", "yes" if verdict else "no", text)


def _about(said: str, question: QuestionSpec) -> bool:
    """Whether a sentence says again what was asked: it ends in a word of the question."""
    said = re.split(r",? (?:since|because)\b", said, maxsplit=1)[0]
    words = [word for word in re.findall(r"[a-z']{3,}", said) if word not in _STOP]
    again = bool(words) and re.search(rf"\b{re.escape(words[-1].rstrip('s'))}", question.text) is not None
    return again or (said.endswith(("exist", "exists")) and "exist" in question.text)


def _contrary(said: str, question: QuestionSpec) -> bool:
    """Whether a sentence has the contrary of a word of the question: composite for prime.

    Of comparisons only the same two: that 20 is smaller than 24 does not deny that 24 is larger than 20.
    """
    compared, asked = _COMPARES.search(said), _COMPARES.search(question.text)
    if compared and asked and (compared[1], compared[3]) == (asked[1], asked[3]):
        return _OPPOSITE[compared[2]] == asked[2]
    return any(
        re.search(rf"\b{word}\b", said) and not re.search(rf"\b{other}\b", said)
        and re.search(rf"\b{other}\b", question.text) and not re.search(rf"\b{word}\b", question.text)
        for word, other in _CONTRARY.items()
    )  # fmt: skip


def choice_letter(read: str, question: QuestionSpec) -> str:
    """The letter of an option, if that is what the answer is."""
    found = _LETTER.fullmatch(read.strip(" .*"))
    if found is None:
        return ""
    letter = found[1].upper()
    return letter if letter in dict(question.options) else ""


def time_form(  # noqa: PLR0911
    read: str, text: str, question: QuestionSpec
) -> NormalForm | None:
    """A date, or a time of day: 7:30 PM is 19:30."""
    read = read.strip(" .")
    if question.clock and (named := _NOON.search(read)) and not re.search(r"\d", read.replace("12 ", "")):
        return made("time", "12:00" if named[1].lower() in ("noon", "midday") else "00:00", text)
    for pattern in _DATES:
        if found := pattern.fullmatch(read):
            return _date_form(found, text)
    if question.date and (slashed := _SLASHED.fullmatch(read)):
        return _day(int(slashed[3]), int(slashed[1]), int(slashed[2]), text)
    clock = _CLOCK.fullmatch(read)
    if clock is None or not (clock[2] or clock[4] or re.search("clock|uhr", read.lower())):
        return None
    if not question.clock and not clock[4] and not re.search(r"clock|uhr|:\d\d", read.lower()):
        return None
    hour, minute, second = int(clock[1]), int(clock[2] or 0), int(clock[3] or 0)
    halves = {"morning": "a", "mañana": "a", "afternoon": "p", "tarde": "p", "evening": "p"}
    halves |= dict.fromkeys(("night", "noche"), "p" if 5 < hour < 12 else "a")
    half = (clock[4] or halves.get((clock[5] or "").lower(), "")).lower()
    if hour > 24 or minute > 59 or second > 59 or (half and not 1 <= hour <= 12):
        return None
    if half:
        hour = hour % 12 + 12 * (half == "p")
    return made("time", f"{hour % 24:02d}:{minute:02d}" + (f":{second:02d}" if second else ""), text)


def _date_form(found: re.Match[str], text: str) -> NormalForm | None:
    groups = found.groupdict()
    if "month" in groups:
        month = int(groups["month"])
    else:
        name = next(group for group in found.groups() if group and group[:3].isalpha())
        month = 1 + next(place for place, one in enumerate(_MONTHS) if one.startswith(name[:3].lower()))
    return _day(int(groups["year"]), month, int(groups["day"]), text)


def _day(year: int, month: int, day: int, text: str) -> NormalForm | None:
    try:
        return made("time", date(year, month, day).isoformat(), text)
    except ValueError:
        return None


def ratio_form(read: str, text: str, *, fraction: bool = False) -> NormalForm | None:
    """3:2, 6 : 4 and 3 to 2 are one ratio, and 3/2 where a `fraction` may be one."""
    found = _RATIO.fullmatch(read.strip(" .()")) if fraction or "/" not in read else None
    if found is None:
        return None
    left, right = float(found[1]), float(found[2])
    return made("list", f"{left / right:.10g} to 1", text) if right else None


def symbol_form(read: str) -> NormalForm | None:
    """The one sign of comparison in an answer."""
    found = set(_SYMBOL.findall(read)) or {
        sign for words, sign in _SYMBOL_WORDS.items() if re.search(rf"\b{words}\b", read.lower())
    }
    if len(found) != 1:
        return None
    sign = found.pop()
    return made("words", sign, sign)


_RATIO = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(?::|to|/)\s*(\d{1,9}(?:\.\d{1,6})?)")


def fixed_form(read: str, text: str, question: QuestionSpec) -> NormalForm | None:
    """No solution, infinity, undefined: the words for what is no value. None of many is a number, 0."""
    said = read.casefold().strip(" .!")
    if "how many" in question.text and _NONE.fullmatch(said):
        return made("number", "0", "0", Fraction(0))
    if _EVERYTHING.fullmatch(said) and (question.interval or "real" in said):
        return made("interval", "(-oo, oo)", text)
    for word, pattern in (("no solution", _NOTHING), ("infinity", _ENDLESS), ("undefined", _UNDEFINED)):
        if pattern.fullmatch(said):
            return made("words", word, text)
    return None


def words_form(text: str, question: QuestionSpec) -> NormalForm | None:
    """Names and short sentences: the same words, whatever their case, article, quotes and full stop.

    "Bob is the knave" says Bob where the question is who the knave is.
    """
    said = " ".join(text.casefold().replace("→", "->").replace("’", "'").split()).strip(_QUOTES + ".,;:!?")  # noqa: RUF001
    bare = _ARTICLE.sub("", said, count=1) if _ARTICLE.match(said) else said
    said = _TIGHT.sub(r"\1", bare.strip(_QUOTES) or said)
    said += "!" * (said in ascii_lowercase and text.endswith("!"))  # n! is not n
    return made("words", said, text) if said else None


def code_form(code: str) -> NormalForm:
    """A program: the same lines, without comments and empty ones."""
    lines = (re.sub(r"(?:^|\s)(?:#|//)[^\n]*$", "", line).rstrip() for line in code.splitlines())
    return made("code", "\n".join(" ".join(line.split()) for line in lines if line.strip()), code.strip())
