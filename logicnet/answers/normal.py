"""Normal form: what an answer says, in one notation for all spellings, so that equal answers are one vote.

number      rounded as the question wants it        duration   seconds
time        of day, or a date                       list       in order, unless the question has none
choice      the letter of an option                 yes-no
formula     an expression with unknowns             interval   also a range
unknowns    x = 1, y = 2; Ann is a knave            numeral    digits in another base than ten
words, code
"""

# ruff: noqa: RUF001  (signs and words of other languages are meant)

import functools
import re
from dataclasses import replace

from logicnet.answers._durations import duration_form, range_form
from logicnet.answers._form import NormalForm, formula_form, made
from logicnet.answers._lists import (
    BELONGS,
    expression_form,
    factors_form,
    interval_form,
    list_form,
    roles_form,
    split,
    unknowns_form,
)
from logicnet.answers._locale import one_notation, unmistakable
from logicnet.answers._markup import plain_answer
from logicnet.answers._numbers import compared, number_form, numbers_in, only_number, signed
from logicnet.answers._words import (
    choice_letter,
    code_form,
    fixed_form,
    ratio_form,
    symbol_form,
    time_form,
    words_form,
    yes_no_form,
)
from logicnet.answers.extract import short_answer, stated_answer
from logicnet.answers.likely import MOST_WORDS, THEREFORE, likely_answer, subject_of
from logicnet.answers.question import AnswerFormat, QuestionSpec, question_spec
from logicnet.answers.sentences import spoken, without_aside
from logicnet.answers.spelled import multiplied
from logicnet.maths.latex import MOST_CHARS, undressed
from logicnet.scoring.tricks import EMPTY, trick

MOST_TEXT = 8_000
"""Characters that are looked at, from the end: an answer stands there."""

_MOST_TIMES = 4
"""A text that is read is read again, until it says what was read in it: odd texts take two or three turns."""

_ONE_LINE = 300
_MOST_LISTED = 80  # words of a list or a deciphered sentence, which may be longer than 19
_MOST_CODE = 1_000  # characters of a program: the most that is sent

_FENCED = re.compile(r"```[\w+-]*\n(.*?)```", re.DOTALL)
_ONLY_FENCED = re.compile(r"```[\w+-]{0,30}\n?([^`]*)```")
_CODE_SIGNS = re.compile(
    r"\bdef \w+\(|\breturn\b|\bfunction\b|#include|\bSELECT\b|=>|\bclass \w+|\bimport \w+"
)
_TAGS = re.compile(r"</?\w{1,20}>")
_NO_ANSWER = re.compile(
    r"(?:i (?:do not|don't) know|i am not sure|i'm not sure|unknown|not[_ ]found|n/a|no answer|none given"
    r"|idk|\?+|-+|\.+)[.!]?",
    re.IGNORECASE,
)
_FIXED = frozenset(("words:no solution", "words:infinity", "words:undefined"))
_BOTH = re.compile(r"(?:[a-z]\s*+=\s*+)?([^=,;+]{0,40}?)\s*+\+-\s*+([^=,;+]{1,40})", re.IGNORECASE)  # 1 ± 2
_SAYS = re.compile(r"[=:](?!\d)|->|=|(?<!\d):|\b(?:is|are|was|equals|be|has|have|makes?)\b", re.IGNORECASE)
_NUMERAL = re.compile(r"(-?)(?:0[xbo])?([0-9a-z]{1,200})", re.IGNORECASE)
_BASE_MARK = re.compile(r"(?:_\(?\d{1,2}\)?|(?:(?<!\s)\s++)?\(?base[- ]?\d{1,2}\)?)$", re.IGNORECASE)
_PREFIXES = {"0x": 16, "0b": 2, "0o": 8}


def normal_form(text: str, question: str = "") -> NormalForm | None:
    """What `text` answers to `question`; None if it holds no answer that could be sent.

    `text` is a bare answer, a reply to "give only the answer", or a text that states its answer: `extract`
    finds the answer of one that only ends in it. `normal_form(found.text, question)` is `found`.
    """
    found = _once(text, question)
    for _ in range(_MOST_TIMES):
        if found is None:
            return None
        again = _once(found.text, question)
        if again == found and again.text == found.text:
            return found
        found = again
    return None


def _once(text: str, question: str) -> NormalForm | None:
    spec = question_spec(question)
    text = spoken(text)[-MOST_TEXT:]
    if spec.code and (code := _code(text)):
        return code
    text = _TAGS.sub(" ", text) if "<" in text else text
    localised = not (spec.letters or spec.base or spec.code)
    if localised:
        text = one_notation(
            text,
            asked=spec.text,
            shown=spec.decimal_comma,
            language=spec.comma_language,
            one_number=False if spec.several else spec.quantity or None,
        )
        text = multiplied(text, spec.text)
    answer = _answer(text, question)
    found = _sendable(_read(answer, spec), spec)
    if not _is_asked_for(found, spec) and len(text.split()) > 1:
        first = _first_value(answer) if spec.quantity and not spec.several else ""
        likely = first or likely_answer(text, question)
        other = _sendable(_read(likely, spec), spec) if likely != answer else None
        found = other if _is_asked_for(other, spec) and spec.text else found
    if (
        found is not None
        and localised
        and (spec.decimal_comma or (spec.comma_language and "." in found.text))
    ):
        found = replace(found, text=unmistakable(found.text))
    return found


_FIRST_VALUE = re.compile(
    r"((?:about |approximately |approx\.? )?-?[$€£]?\d(?:[.,]?\d)*+\s?π?(?: [^\W\d_]++){0,3})"
    r"\s*+(\(=|[,;:–—(\[])"
)
_CONCLUSION = re.compile(r"(?<!in )\b(?:total|altogether|so|thus|therefore|hence)\b")


def _first_value(answer: str) -> str:
    """The amount that an answer begins with, unless a calculation or a conclusion follows; or empty."""
    found = _FIRST_VALUE.match(answer)
    if found is None:
        return ""
    concluded = "=" in answer[found.end() :] or _CONCLUSION.search(
        answer, max(found.end(), answer.rfind(")") + 1)
    )
    return "" if found[2] != "(=" and concluded else found[1]


def _is_asked_for(found: NormalForm | None, spec: QuestionSpec) -> bool:
    """Whether the answer is of the kind that the question asks for, as far as it says."""
    if found is None:
        return False
    for asked, kinds in (
        (bool(spec.options), ("choice",)),
        (spec.only_yes_or_no, ("yes-no",)),
        (spec.quantity and not spec.several, ("number", "duration", "interval", "formula")),
        (spec.clock or spec.date, ("time",)),
        (spec.duration, ("duration", "number") if spec.time_unit else ("duration",)),
    ):
        if asked:
            return found.kind in kinds
    return True


def _answer(text: str, question: str) -> str:
    """The bare answer in one line."""
    text = text.strip()
    if fenced := _ONLY_FENCED.fullmatch(text):
        text = fenced[1].strip()
    if len(text) <= _ONE_LINE and "\n" not in text:
        return stated_answer(text, question) or plain_answer(text)
    lines = [line.strip(" \t*-•") for line in text.splitlines() if line.strip(" \t*-•")]
    if len(text) <= _ONE_LINE and all(
        re.fullmatch(r"\$?[A-Za-z]\w?\s*=\s*[^=]{1,40}", line) for line in lines
    ):
        return plain_answer(", ".join(lines))
    if re.match(r"(?:\$|\\\[|\\\()*\s*(?:\\begin|\[)", text) and len(text) <= MOST_CHARS:
        return plain_answer(text)
    return stated_answer(text, question) or short_answer(text, question)


def _code(text: str) -> NormalForm | None:
    fenced = _FENCED.findall(text)
    code = fenced[-1] if fenced else text
    if not code.strip() or not (fenced or _CODE_SIGNS.search(code)) or trick(code):
        return None
    return code_form(code.strip()[:_MOST_CODE])


def _read(answer: str, question: QuestionSpec) -> NormalForm | None:
    if not answer or answer == EMPTY or trick(answer) or _NO_ANSWER.fullmatch(answer):
        return None
    if len(answer) > MOST_CHARS:
        return words_form(answer, question)
    answer = without_aside(answer)
    answer = THEREFORE.sub("", answer, count=1) or answer
    read = BELONGS.sub("", signed(undressed(answer), question.text))
    if not read:
        return None
    first = _as_asked(read, answer, question)
    if first is not None:
        return first
    for said in _said(read):
        sent = answer if said == read else said
        found = _value(said, sent, question)
        if found is not None and (said == read or _concludes(found, read, question)):
            return replace(found, text=answer) if found.kind == "formula" and "=" in answer else found
    return _in_words(read, answer, question)


def _as_asked(read: str, answer: str, question: QuestionSpec) -> NormalForm | None:  # noqa: PLR0911
    """What only the question can tell: a choice, a sign, a numeral, letters rather than numbers."""
    if question.options and (choice := _choice(read, answer, question)):
        return choice
    if question.symbol and (symbol := symbol_form(read)):
        return symbol
    if found := yes_no_form(read, answer, question):
        return found
    if question.expression and (found := expression_form(read, answer)):
        return found
    if question.primes and (found := factors_form(read, answer, question)):
        return found
    if question.base is not None and (found := _numeral(read, question)):
        return found
    if question.letters:
        return _in_words(read, answer, question) if not read.replace(".", "").isdecimal() else None
    return None


def _value(read: str, text: str, question: QuestionSpec) -> NormalForm | None:  # noqa: PLR0911
    """The readers of values, the more particular before the more general."""
    if question.ratio and (
        found := ratio_form(read, text, fraction=_BETWEEN.search(question.text) is not None)
    ):
        return found
    if found := fixed_form(read, text, question) or duration_form(read, text, question):
        return found
    if found := time_form(read, text, question) or range_form(read, text, question) or ratio_form(read, text):
        return found
    if found := _restated(read, text, question):
        return found
    if question.structured and (found := formula_form(read, text, question)):
        return found
    if both := _BOTH.fullmatch(read):
        return list_form(f"{{{both[1]} + {both[2]}, {both[1]} - {both[2]}}}", text, question)
    if (
        not (question.equation and "=" in read)
        and "!=" not in read
        and (found := unknowns_form(read, text, question))
    ):
        return found
    if found := interval_form(read, text, question):
        return found
    if not _is_list(read, question) and (found := number_form(read, text, question)):
        return found
    return list_form(read, text, question) or formula_form(read, text, question)


_BETWEEN = re.compile(r"\bratio of\b.{1,60}\bto\b")
_RESTATED = re.compile(
    r"(?:,|(?<!\s)(?=\s))\s++(?:or|i\.e\.,?|that is,?|equivalently"
    r"|which (?:is|equals|(?:simplifies|reduces) to"
    r"|can be (?:simplified|reduced) to))\s++(?:about |approximately |roughly )?"
    r"|(?:(?<!\s)\s++)?=\s*+|(?<!\s)\s++\((?:or|i\.e\.,?|that is,?|=)?\s*+"
)


def _restated(read: str, text: str, question: QuestionSpec) -> NormalForm | None:
    """One number said twice: 3/8, or 37.5%; 25%, i.e. 0.25; 6/8, which simplifies to 3/4; 25 pi = 78.54."""
    parts = [part.strip(" )") for part in _RESTATED.split(read)]
    if len(parts) != 2:
        return None
    percent = "%" in read
    exactly = replace(question, format=AnswerFormat()) if not percent else QuestionSpec()
    forms = [duration_form(part, part, exactly) or number_form(part, part, exactly) for part in parts]
    values = [float(form.value) for form in forms if form is not None and form.value is not None]
    if len(values) < 2 or abs(values[0] - values[1]) > abs(values[0]) / 100:
        return None
    if percent:
        if ("%" in parts[0]) is ("%" in parts[1]):
            return None
        chosen = next(part for part in parts if ("%" in part) is question.format.percent)
    elif abs(values[0] - values[1]) <= abs(values[0]) * 1e-9:
        chosen = parts[1]
    else:  # an exact value and its decimals; a quotient is often only the way to them
        fraction = question.format.fraction or question.chance
        exact = [bool(re.search(r"\bpi\b|sqrt" + r"|\d/\d" * fraction, part)) for part in parts]
        if exact[0] is exact[1]:
            return None
        chosen = parts[exact.index(not (question.format.rounded or question.format.decimal))]
    return duration_form(chosen, chosen, question) or number_form(chosen, chosen, question)


def _is_list(read: str, question: QuestionSpec) -> bool:
    """1,234 is a number unless a list was asked for."""
    return question.listed and bool(re.fullmatch(r"\d{1,3}(?:,\d{3})+", read)) and question.unordered


def _said(read: str) -> list[str]:
    """What may be meant: all of it, or what stands after the last `=`, `:` or `is`."""
    last = _SAYS.split(read)[-1].strip(" .,:;!\"'")
    return list(dict.fromkeys(one for one in (read, last) if one))


def _concludes(found: NormalForm, read: str, question: QuestionSpec) -> bool:
    """Whether the end of a sentence may stand for the whole: a value does, a word of it does not."""
    joined = re.search(r"\band\b", read)
    if found.kind == "words" and found.key in _FIXED:
        return True
    denied = [end for _, end in compared(read, question)]
    return (
        found.kind in ("number", "list", "formula", "interval", "time", "duration")
        and not (joined and re.search(r"\b(?:is|are|=)", read[joined.end() :]))
        and not re.search(r"[<>]", read)
        and (not denied or found.kind == "interval" or re.search(r"\d", read[max(denied) :]) is not None)
    )


def _in_words(read: str, answer: str, question: QuestionSpec) -> NormalForm | None:
    if found := roles_form(read, answer):
        return found
    if (subject := subject_of(answer, question)) and subject != answer:
        return _read(subject, question)
    if not question.letters and len(answer.split()) <= MOST_WORDS:
        if found := only_number(read, answer, question):
            return found
        several = _several(read, answer, question)
        if several is not None:
            return several
    return words_form(answer, question)


def _several(read: str, answer: str, question: QuestionSpec) -> NormalForm | None:
    """The numbers of a sentence: "the mean is 4 and the median 3", "5 hours and 1 minute"."""
    parts, bracket = split(read)
    if bracket or len(parts) < 2 or not all(len(numbers_in(part)) == 1 for part in parts):
        return None
    forms = [only_number(part, part, question) for part in parts]
    if not all(forms):
        return None
    keys = [one.key.removeprefix("number:") for one in forms if one is not None]
    if question.unordered and len(question.unknowns) != len(keys):
        keys = sorted(keys)
    return made("list", "[" + ", ".join(keys) + "]", answer)


def _choice(read: str, answer: str, question: QuestionSpec) -> NormalForm | None:
    letter = choice_letter(read, question)
    if not letter:
        plainly = replace(question, options=())
        said = _read(answer, plainly)
        same = [
            name for name, option in question.options if said is not None and _option(option, plainly) == said
        ]
        letter = same[0] if len(same) == 1 else ""
    return made("choice", letter, letter) if letter else None


@functools.lru_cache(maxsize=256)
def _option(option: str, plainly: QuestionSpec) -> NormalForm | None:
    """What an option of a question says; kept, because every answer to the question is compared with it."""
    return _read(plain_answer(option), plainly)


def _numeral(read: str, question: QuestionSpec) -> NormalForm | None:
    """Digits in the base that was asked for, with or without 0x, 0b or 0o."""
    said = _BASE_MARK.sub("", _said(read)[-1].strip(" ._'\""))
    said = re.sub(r"(?<=\w)[ _,](?=\w)", "", said) if re.fullmatch(r"[0-9a-fA-F ,_]+", said) else said
    found = _NUMERAL.fullmatch(said)
    if found is None or question.base is None:
        return None
    sign, digits = found.groups()
    prefix = said.lstrip("-")[:2].lower()
    if prefix in _PREFIXES and _PREFIXES[prefix] != question.base:
        digits = said.lstrip("-")  # in base 16, 0b1 is a number too
    digits = digits.lower()
    try:
        int(digits, question.base)
    except ValueError:
        return None
    bare = digits if question.digits_count else digits.lstrip("0") or "0"
    return made("numeral", f"{sign}{bare} in {question.base}", said)


def _sendable(found: NormalForm | None, question: QuestionSpec) -> NormalForm | None:
    """The form with a text that may be sent, or None: no trick, no rambling."""
    if found is None or not found.text or trick(found.text) or found.text == EMPTY:
        return None
    words = len(found.text.split())
    if words > MOST_WORDS:
        tight = re.sub(r"([,;])\s+", r"\1", found.text)
        if len(tight.split()) <= MOST_WORDS and found.kind != "words":
            return replace(found, text=tight)
        several = found.kind in ("list", "unknowns") and re.search(r"[,;&\[]|\d \d", found.text)
        long_one = several or found.kind in ("formula", "code") or question.letters or question.listed
        return found if long_one and words <= _MOST_LISTED else None
    return found
