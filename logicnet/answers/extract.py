"""Extraction: the answer in a model's text.

    stated_answer   what the text says outright: boxed, tagged, after #### or "the answer is"
    short_answer    the answer in a reply to "give only the final answer"
    extract         the stated answer, else the one that it seems to end in (likely.py)

Pure text work, linear in the text. Nothing is added that the text does not say.
"""

# ruff: noqa: RUF001  (signs and words of other languages are meant)

import functools
import re

from logicnet.answers._locale import plain_signs
from logicnet.answers._markup import FENCE, LINE, last_boxed, plain_answer
from logicnet.answers.likely import MOST_SENTENCES, MOST_WORDS, NUMBER, last_short_sentence, likely_answer
from logicnet.answers.question import question_spec
from logicnet.answers.sentences import first_sentence, own_words, spoken, without_aside

_TAIL = 20_000  # characters from the end that are searched: an answer stands at the end
_MOST_STATED = 50  # statements that are weighed, the last ones


def extract(text: str, question: str = "") -> str:
    """The answer that a text states, else the one that it seems to end in; one line, or empty."""
    return stated_answer(text, question) or likely_answer(text, question)


_HASHES = re.compile(r"^####[ \t]*(\S.*)$", re.MULTILINE)
_TAGGED = re.compile(r"<(answer|final_answer)>([^<>]{1,2000})</\1>", re.IGNORECASE)
_JSON = re.compile(
    r'"(?:final_|correct_)?answer"\s*+:\s*+'
    r'(?:"([^"\n]{1,2000})"|(-?\d{1,3}(?:,\d{3}){1,9}|-?\d[\d.e+-]{0,40})(?=\s*+[,}]))',
    re.IGNORECASE,
)
_JSON_ENDS = re.compile(r"[^{}]*+\}[\s`]*+")
_BOX = re.compile(r"\\boxed\{([^{}\n]{1,80})\}")
_BOXES = re.compile(rf"{_BOX.pattern}(?:[^\w\\]{{0,4}}(?:and|or|,)[^\w\\]{{0,4}}{_BOX.pattern})+")
_LEFT_OPEN = re.compile(r"\\boxed\s*\{[^{}]*$")
_HEADING = re.compile(r"(?:^|\n)[ \t#*_]*final answer[ \t#*_:]*\n+([^\n]{1,2000})", re.IGNORECASE)
_STATED = re.compile(
    r"(?:\b(?:answer|(?:correct|right|best) (?:option|choice))\b(?:[ \t]+(?:to|for|of)\b"
    r"(?:[^\n.:;\"“]{0,60}[\"“][^\"”\n]{1,200}[\"”]|[^\n.:;]{1,80}?))?"
    r"[ \t*_]*(?:\b(?:is|are|would be|will be|should be|must be|comes to|equals)\b"
    r"(?:[ \t]+(?:therefore|thus|then|simply|indeed))?|[:=])"
    r"|\b(?:đáp (?:số|án)|câu trả lời|antwort|lösung|respuesta|solución|réponse|resposta|risposta"
    r"|antwoord|ответ)\b"
    r"[^\n.:;=]{0,40}?[ \t*_]*(?:\b(?:là|ist|lautet|beträgt|es|est|é|è|is)\b|[:=—])"
    r"|(?:答案|答え|回答|答|정답|답)[ \t*_]*(?:是|为|為|は|은|는|[:=])"
    r"|^[ \t*_]*answer[ \t*_]+[-–—][ \t]+(?=[\d$])"
    r")[*_]*[ \t:]*\n{0,2}",
    re.IGNORECASE | re.MULTILINE,
)
_EMBEDDED = re.compile(
    r"\b(?:whether|if|that|sure|hope|check|verify|confirms?)[ \t]+(?:that )?(?:the |my |our )?$", re.I
)
_SUPPOSED = re.compile(
    r"\b(?:if|without|unless)\b(?:(?!\b(?:if|without|unless)\b)[^.!?\n])*+(?<=\bwould be)$", re.IGNORECASE
)
_EVALUATION = re.compile(
    r"(?:(?:also|indeed|very|quite|both|now|thus|therefore|not|fully|clearly|already|in fact|probably"
    r"|likely) )*"
    r"(?:correct|right|true|wrong|incorrect|false|valid|accurate|exact|precise|reasonable|sensible"
    r"|plausible|realistic"
    r"|logical|consistent|in line|in agreement|verified|confirmed|checked|proven|helpful|useful|clear"
    r"|obvious|unique"
    r"|complete|final|simple|good|fine|ok|okay|satisfactory|acceptable|meaningful|close to|near|as"
    r" (?:follows|above"
    r"|expected|required|shown|given|stated)|(?:given|found|obtained|written|expressed|rounded|measured"
    r"|shown|stated"
    r"|derived|simplified|to be|left)\b|what (?:we|was|is|the)|because|since|so)\b",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(r"(?:in|to|for|of|as|with|by|on|from|within|under|the same)\s+(?![A-Z\d\"$\\*])")
_BOUND = re.compile(
    r"(?:(?:less|more|greater|fewer|larger|smaller|higher|lower) than|at (?:least|most)|(?:below|above)\b)"
)
_MARKED = re.compile(r"[\dA-Z\"'“$\\*(\[{½¼¾⅓⅔π√∞<>=-]|\W?[^\x00-\u02ff]")
_VALUE_WORD = re.compile(
    r"(?:yes|no|none|zero|one|two|three|four|five|six|seven|eight|nine|ten|\w+teen|twenty|thirty|forty"
    r"|fifty|half|minus"
    r"|negative|approximately|about|exactly|true|false)\b",
    re.IGNORECASE,
)


def stated_answer(text: str, question: str = "") -> str:  # noqa: PLR0911
    """The answer that a text states outright; empty if it states none.

    Of several "the answer is" the last that states a value counts: "the answer is reasonable" or "in pens"
    only comments on it, unless the question has that word.
    """
    text = plain_signs(spoken(text[-_TAIL:]), question)
    spec = question_spec(question)
    boxes = [found[0] for found in _BOXES.finditer(text) if text.rfind("\\boxed") < found.end()]
    if boxes and (spec.several or not spec.text):
        return ", ".join(dict.fromkeys(map(plain_answer, _BOX.findall(boxes[-1]))))
    if boxed := last_boxed(text):
        return plain_answer(boxed)
    if hashes := _HASHES.findall(text):
        return plain_answer(hashes[-1])
    if tagged := _TAGGED.findall(text):
        return plain_answer(tagged[-1][1])
    *_, field = [None, *_JSON.finditer(text)]
    in_json = plain_answer(field[1] or field[2]) if field else ""
    if field and _JSON_ENDS.fullmatch(text, field.end()):
        return in_json
    text = own_words(_LEFT_OPEN.sub("", text))
    words = _words_of(spec.text)
    best = (0, "")
    for stated in reversed(list(_STATED.finditer(text))[-_MOST_STATED:]):
        value = text[stated.end() : stated.end() + LINE]
        before = text[max(0, stated.start() - 40) : stated.start()]
        supposed = _SUPPOSED.search((before + stated[0]).rstrip(" \t\n*_:"))
        weight = min(_weight(value, before, words), 1 if supposed else 3)
        on_own_line = text[stated.end() - 1 : stated.end()] == "\n"
        if weight > best[0] and (answer := _stated_value(value, on_own_line)):
            best = (weight, _corrected(text[stated.end() :], question) or answer)
    if best[1]:
        return best[1]
    headed = _HEADING.findall(text)
    return _stated_value(headed[-1], on_own_line=True) if headed else in_json


@functools.lru_cache(maxsize=128)
def _words_of(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def _weight(value: str, before: str, words: frozenset[str]) -> int:
    """3: it looks like a value; 2: some words; 1: it seems to describe the answer; 0: it comments on it."""
    value = value.lstrip(" *_`")
    word = re.match(r"[^\W\d_]{3,40}(?![^\W\d_])", value)
    in_question = word is not None and word[0].lower() in words
    evaluates = _EVALUATION.match(value) is not None
    if re.match(r"\W{0,4}[^\s?]{1,20}\?", value):
        return 0
    if (evaluates and not in_question) or _PREPOSITION.match(value) or _DENIAL.match(value):
        return 0
    if evaluates or _BOUND.match(value):
        return 1
    if _EMBEDDED.search(before) and not re.match(r"\W{0,4}\d", value):
        return 1
    if (
        in_question
        or _MARKED.match(value)
        or _VALUE_WORD.match(value)
        or re.match(r"[^.!?\n]{0,40}\d", value)
    ):
        return 3
    return 1 if re.match(r"[a-z]{1,30}(?:able|ible|ful|ent|ive|ous|ical)\b", value) else 2


_VALUE = r"\W{0,4}\d(?:[.,/]?\d){0,30}+"
_RETRACTS = re.compile(
    r"\bwait,? (?:no\b|actually)"
    r"|(?:^|[.!?…]\s|\n|\b(?:wait|no|hmm),? )(?:that|this)(?:'s| is| was)"
    r" (?:wrong|incorrect|not (?:right|correct))(?=[.,;:!\n])"
    r"|\bi (?:have )?made (?:an? )(?:\w+ )?(?:mistake|error)|\bcorrection:|\boops\b"
    r"|\bi mis(?:calculated|counted|read)\b|\bscratch that\b"
    r"|\bno,? wait\b"
    r"|(?:^|[.…] )(?:\W{0,3}actually|hmm,? actually),?"
    rf"(?=(?: it(?:'s| is| should be)| the (?:\w+ )?answer is)?{_VALUE}(?: [^\W\d_]+)?(?:[.!\n]|$))",
    re.IGNORECASE,
)
_CORRECTS = re.compile(
    r"(?:^|(?:\b(?:it|answer|total|(?<!that )there|\d) (?:is|are|(?:should|must) (?:be|have been))|\bit's|=))"
    rf"{_VALUE}(?: (?!is\b|was\b|as\b)[^\W\d_]+){{0,3}}(?:[.,;!)*$]|\n|$)",
    re.IGNORECASE,
)
_OF_BEFORE = re.compile(r"\b(?:previously|earlier|above|typo|wrote)\b", re.IGNORECASE)


def _corrected(text: str, question: str) -> str:
    """The value of what follows a statement that the text takes back; empty if it stands by it.

    A remark on a slip further above, or that gives the stated value again, takes nothing back.
    """
    taken_back = list(_RETRACTS.finditer(text))
    if not 1 <= len(taken_back) <= MOST_SENTENCES:
        return ""
    rest = text[taken_back[-1].end() :]
    stated = set(NUMBER.findall(text[: taken_back[0].start()]))
    if len(stated) > 1 or stated & set(NUMBER.findall(rest)):
        return ""
    likely = likely_answer(rest, question) if _CORRECTS.search(rest) and not _OF_BEFORE.search(rest) else ""
    return likely if re.search(r"\d", likely) else ""


_OPENING = re.compile(r"(?:\s*(?:```[\w+-]*\n|\\\[|\$\$))?\s*")
_BULLET = re.compile(r"(?:[-*•–·]|1[.)])[ \t]+(?=\S)")
_BOLD_START = re.compile(r"(?:[*_]{2}(?=\S)([^*\n]{1,200})[*_]{2}|\$([^$\n]{1,200})\$)(?![\w*])")
_GOES_ON = re.compile(r",? (?:and|or) \W{0,3}[a-z]_?\d? ?=")
_FOLLOWS_NUMBER = re.compile(r"[ \t]?(?:[%€$£°²³]|[^\W\d_]+(?: [^\W\d_]+){0,2})?")
_DENIAL = re.compile(r"not\b(?![^\n]{1,60}\b(?:it is|it's|but|rather)\b)", re.IGNORECASE)
_DENIED = re.compile(
    r"not\s++[^,;.\s][^,;.]{0,59}[,;.]?\s++(?:but|rather|it is|it's|instead)\s+(?:rather\s+|actually\s+)?",
    re.IGNORECASE,
)


def _stated_value(text: str, on_own_line: bool) -> str:
    """The value at the start of what follows "the answer is"; a list has its points on lines of their own."""
    start = _OPENING.match(text)
    text = text[start.end() :] if start else text
    lines = text.split("\n")
    if on_own_line and _BULLET.match(lines[0]):
        lines = [re.sub(r"^\s*+\d{1,2}[.)](?=\s)", "-", line) for line in lines]
        listed = [line.strip() for line in lines]
        count = next((place for place, line in enumerate(listed) if not _BULLET.match(line)), len(listed))
        return plain_answer(
            ", ".join(plain_answer(_BULLET.sub("", line, count=1)) for line in listed[:count])
        )
    line = lines[0]
    bold = _BOLD_START.match(line)
    if bold and re.search(r"\d|^[A-Z]", inner := (bold[1] or bold[2])):
        unit = _FOLLOWS_NUMBER.match(line, bold.end())
        number = NUMBER.fullmatch(plain_answer(inner))
        if (
            not number
            or not unit
            or not re.match(r"[ ,]*(?:and )?\W{0,3}\d", line[unit.end() : unit.end() + 9])
        ) and not _GOES_ON.match(line, bold.end()):
            return plain_answer(inner.rstrip(".") + (unit[0] if unit and number else ""))
    answer = plain_answer(without_aside(first_sentence(line)))
    denied = _DENIED.match(answer)
    return answer[denied.end() :] if denied else answer


def short_answer(text: str, question: str = "") -> str:
    """The answer, under 20 words, in a reply to "give only the final answer"; empty if none is found.

    Models explain themselves all the same: what is stated outright counts, then the first line, then
    the last sentence.
    """
    text = text[:_TAIL]
    lines = [line for line in FENCE.sub("", text).splitlines() if line.strip()][:MOST_SENTENCES]
    first = next(filter(None, map(plain_answer, lines)), "")
    candidates = (stated_answer(text, question), first, last_short_sentence(text))
    return next((found for found in candidates if found and len(found.split()) <= MOST_WORDS), "")
