"""Extraction: the answer in a model's text.

    stated_answer   what the text says outright: boxed, tagged, after #### or "the answer is"
    likely_answer   the value that a text ends in which says nothing outright
    short_answer    the answer in a reply to "give only the final answer"
    extract         the stated answer, else the likely one

Pure text work, linear in the text. Nothing is added that the text does not say.
"""

# ruff: noqa: RUF001  (signs and words of other languages are meant)

import functools
import re
from collections.abc import Iterator

from logicnet.answers._locale import plain_signs
from logicnet.answers._numbers import compared
from logicnet.answers._spelled import LARGE, in_digits
from logicnet.answers._units import amounts
from logicnet.answers.question import QuestionSpec, question_spec

MOST_WORDS = 19
"""Words in a short answer: a validator has longer ones boiled down by a model first (LogicNet 1.6)."""

_TAIL = 20_000  # characters from the end that are searched: an answer stands at the end
_END = 4_000  # characters from the end in which the value of a text without a statement stands
_LINE = 2_000  # characters of what may be an answer
_VALUED = 600  # characters of a sentence that are searched for its value, the last ones
_NEAR_END = 300  # characters
_MOST_STATED = 50  # statements that are weighed, the last ones
_MOST_SENTENCES = 40  # from the end that are searched for a value


def extract(text: str, question: str = "") -> str:
    """The answer that a text states, else the one that it seems to end in; one line, or empty."""
    return stated_answer(text, question) or likely_answer(text, question)


# Stated ------------------------------------------------------------------------------------------

_BOXED = re.compile(r"\\boxed\s*\{")
_BRACES = re.compile(r"[{}]")
_MOST_BOXED = 8  # that may be left open
_HASHES = re.compile(r"^####[ \t]*(\S.*)$", re.MULTILINE)
_TAGGED = re.compile(r"<(answer|final_answer)>([^<>]{1,2000})</\1>", re.IGNORECASE)
_HEADING = re.compile(r"(?:^|\n)[ \t#*_]*final answer[ \t#*_:]*\n+([^\n]{1,2000})", re.IGNORECASE)
_STATED = re.compile(
    r"(?:\b(?:answer|(?:correct|right|best) (?:option|choice))\b(?:[ \t]+(?:to|for|of)\b[^\n.:;]{1,80}?)?"
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
_OF_OTHERS = re.compile(
    r"\b(?:(?:some|many|people|others|one|you|they|students|someone)(?: (?:people|of them|students))?"
    r" (?:(?:might|may|would|could|will|often|first|mistakenly|wrongly) ){0,3}"
    r"(?:says?|thinks?|believes?|claims?|guess|argues?|assumes?)"
    r"(?: that)? (?:the (?:\w+ )?(?:answer|result|total)|it|this)\b"
    r"|\b(?:wrong|incorrect|false|naive|tempting|mistaken) answer (?:is|was|would be)\b)"
    r"(?:[^.,;!?\n]|[.,](?=\d)){0,120}(?:[.,;!?]+(?=\s)|$)\s*(?:but\b)?",
    re.IGNORECASE,
)
_EMBEDDED = re.compile(
    r"\b(?:whether|if|that|sure|hope|check|verify|confirms?)[ \t]+(?:that )?(?:the |my |our )?$", re.I
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


def stated_answer(text: str, question: str = "") -> str:
    """The answer that a text states outright; empty if it states none.

    Of several "the answer is" the last that states a value counts: "the answer is reasonable" or "in pens"
    only comments on it, unless the question has that word.
    """
    text = plain_signs(text[-_TAIL:])
    if boxed := _last_boxed(text):
        return plain_answer(boxed)
    if hashes := _HASHES.findall(text):
        return plain_answer(hashes[-1])
    if tagged := _TAGGED.findall(text):
        return plain_answer(tagged[-1][1])
    text = _own_words(text)
    words = _words_of(question_spec(question).text)
    best = (0, "")
    for stated in reversed(list(_STATED.finditer(text))[-_MOST_STATED:]):
        value = text[stated.end() : stated.end() + _LINE]
        weight = _weight(value, text[max(0, stated.start() - 40) : stated.start()], words)
        on_own_line = text[stated.end() - 1 : stated.end()] == "\n"
        if weight > best[0] and (answer := _stated_value(value, on_own_line)):
            best = (weight, answer)
    if best[1]:
        return best[1]
    headed = _HEADING.findall(text)
    return _stated_value(headed[-1], on_own_line=True) if headed else ""


@functools.lru_cache(maxsize=128)
def _words_of(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def _own_words(text: str) -> str:
    """The text without what it says that others think, unless it says no more."""
    own = _OF_OTHERS.sub("", text)
    return own if re.search(r"\w", own) else text


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


_OPENING = re.compile(r"(?:\s*(?:```[\w+-]*\n|\\\[|\$\$))?\s*")
_BULLET = re.compile(r"(?:[-*•–·]|1[.)])[ \t]+(?=\S)")
_BOLD_START = re.compile(r"(?:[*_]{2}(?=\S)([^*\n]{1,200})[*_]{2}|\$([^$\n]{1,200})\$)(?![\w*])")
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
        listed = [line.strip() for line in lines]
        count = next((place for place, line in enumerate(listed) if not _BULLET.match(line)), len(listed))
        return plain_answer(
            ", ".join(plain_answer(_BULLET.sub("", line, count=1)) for line in listed[:count])
        )
    line = lines[0]
    bold = _BOLD_START.match(line)
    if bold and re.search(r"\d|^[A-Z]", inner := (bold[1] or bold[2])):
        unit = _FOLLOWS_NUMBER.match(line, bold.end())
        number = _NUMBER.fullmatch(plain_answer(inner))
        if (
            not number
            or not unit
            or not re.match(r"[ ,]*(?:and )?\W{0,3}\d", line[unit.end() : unit.end() + 9])
        ):
            return plain_answer(inner.rstrip(".") + (unit[0] if unit and number else ""))
    answer = plain_answer(without_aside(first_sentence(line)))
    denied = _DENIED.match(answer)
    return answer[denied.end() :] if denied else answer


_STOP = re.compile(r"(?<![.!?])[.!?]++[\"')\]*_]{0,4}\s++|\n\s*+")
_ALWAYS_SHORT = re.compile(
    r"(?:^|[\s(*])(?:i\.e|e\.g|z\.B|d\.h|p\.ej|cf|vs|viz|[Dd]r|[Mm]rs?|Ms|Prof|St|Mt|Sr|Sra|Fig|Eq|ca"
    r"|[Aa]pprox|bzw|resp)\.$"
)
_SHORT_BEFORE_NUMBER = re.compile(
    r"(?:^|[\s(])(?:[Nn]o|[Nn]os|Nr|[Nn]um|pp?|[Vv]ol|[Cc]h|[Ee]q|[Ss]ec|Art)\.$"
)
_INITIAL = re.compile(r"(?:^|\s)[A-Z]\.$")
_INITIALS = re.compile(r"(?:^|\s)[A-Z]\.\s+[A-Z]\.\s")
_MAYBE_SHORT = re.compile(
    r"(?:\b[A-Za-z]\.\s?[A-Za-z]|\b(?:etc|est|avg|max|min|hrs?|secs?|ft|in|yds?|lbs?|oz|sq|cu|mi|inc|co"
    r"|ltd|jr|sr"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tues?|wed|thurs?|fri|sat|sun|incl|excl|deg|usw"
    r"|uds?))\.$",
    re.IGNORECASE,
)


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text in turn. An abbreviation ends none: approx. 5, Dr. Lee, i.e. 0.25, 3 p.m."""
    start = 0
    for stop in _STOP.finditer(text):
        before, following = (
            text[max(start, stop.start() - 10) : stop.start() + 1],
            text[stop.end() : stop.end() + 1],
        )
        if text[stop.start()] == "." and (
            _ALWAYS_SHORT.search(before)
            or (
                _INITIAL.search(before)
                and _INITIALS.search(text[max(start, stop.start() - 5) : stop.end() + 3])
            )
            or (following.isdecimal() and _SHORT_BEFORE_NUMBER.search(before))
            or ((following.islower() or following.isdecimal()) and _MAYBE_SHORT.search(before))
        ):
            continue
        if sentence := text[start : stop.end()].strip():
            yield sentence
        start = stop.end()
    if sentence := text[start:].strip():
        yield sentence


_WHOLE = re.compile(r"(?<!\d)[.!?][\"')\]*_]{0,4}$|\n$")  # but "3." may have been the beginning of 3.14


def whole_sentences(text: str) -> str:
    """The beginning of a text that was cut off, up to the end of its last whole sentence or line."""
    if _WHOLE.search(text[-8:].rstrip(" ")):
        return text.rstrip()
    *_, last = ["", *sentences(text)]
    return text[: text.rindex(last)].rstrip()


def first_sentence(text: str) -> str:
    return next(sentences(text), "")


def without_aside(text: str) -> str:
    """The text without a remark in brackets at its end: "42 pens (20 red and 22 blue)"."""
    bare = text.rstrip(" .*_")
    start = bare.rfind("(")
    before, remark = bare[:start].rstrip(), bare[start + 1 : -1]
    if (
        start < 1
        or not bare.endswith(")")
        or ")" in remark
        or (len(before) == start and before[-1].isascii())
    ):
        return text
    words = re.match(r"(?:check|verify|because|since)\b", remark, re.IGNORECASE) or (
        re.search(r"[^\W\d_]{3}", remark) and not re.search(r"\bmod\b|\bsqrt\b|[\\=]", remark)
    )
    return before if words and re.search(r"[\w*%°²³$)]$", before) else text


# Likely ------------------------------------------------------------------------------------------

_GAP = "\u00a0\u2007\u2009\u202f"
_DIGITS = rf"(?:\d{{1,3}}(?:[,.' {_GAP}]\d{{3}})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?)(?![.,]?\d)"
_NUMBER = re.compile(
    rf"(?<![\dA-Za-zÀ-ɏ_.,^])(?<!\^[-({{])-?(?:{_DIGITS}(?:/\d+|\^\(?-?\d+\)?)?(?:\s?(?:%|π|\\?pi\b"
    rf"|[万萬亿億]|{LARGE}\b)|√\d+|\\sqrt\{{\d+\}})?"
    r"|\d+(?:,\d+){2,})",
    re.IGNORECASE,
)
_RESULT = re.compile(
    rf"(?:=|\b(?:is|are|equals|gives|leaves|is equal to|total of))[ \t*$]*({_NUMBER.pattern})"
)
_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_WHOLE_VALUE = re.compile(
    rf"\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}|\b\d{{1,2}}(?:st|nd|rd"
    rf"|th)?\s+(?:of\s+)?{_MONTH},?\s+\d{{4}}"
    r"|\b\d{4}-\d{1,2}-\d{1,2}\b"
    r"|\b\d{1,2}(?::\d{2}){1,2}(?:\s?[ap]\.?\s?m\b\.?| in the (?:morning|afternoon|evening))?"
    r"|\b\d{1,2}(?:\s?[ap]\.?m\b\.?| o'clock)"
    r"|[(\[{]\s*-?[\d./]+(?:\s*[,;]\s*-?[\d./]+)+\s*[)\]}]"
    r"|\b[a-z]\s?=\s?-?[\d./]+(?:,?\s(?:and|or)\s|,\s)[a-z]\s?=\s?-?[\d./]+"
    r"|\b\d+ \d+/\d+|\b\d+(?:\.\d+)?(?::| : )\d+(?:\.\d+)?(?![:\d])|\bbetween \d[\d.,]* and \d[\d.]*"
    r"|\b\d+[–—]\d+",
    re.IGNORECASE,
)
_AMOUNTS = re.compile(
    r"(?<![\dA-Za-z.,])\d+(?:[.,]\d+)?\s?[^\W\d_]{1,12}\.?(?:,?\s?(?:(?:and|und|y|et|e"
    r"|và)\s)?\d+(?:\.\d+)?\s?[^\W\d_]{1,12}){0,3}"
)
_BOLD_PART = re.compile(r"\*\*([^*\n]{1,100})\*\*(?!\s*:)")
_LABEL = re.compile(r"(?:step|part|case|question|note|example|schritt|bước)\b|.*:$", re.IGNORECASE)
_OPTION = re.compile(
    r"\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer|[Ll]etter|[Cc]hoose|[Pp]ick|[Ss]elect)\s+\(?([A-H])\b|\(([A-H])\)"
    r"|\b([A-H]) is (?:the )?(?:correct|right|best)\b"
)
_CLAUSE = re.compile(
    r"(?<=[.;:!?,\n])\s++"
    r"|(?<!\s)\s++(?=(?:because|since|rather than|instead of|but|so|not|unlike|as opposed)\b)",
    re.IGNORECASE,
)
_DISCARDS = re.compile(
    r"\b(?:not|no|never|nor|neither|cannot|because|since|unlike|except|rather than|instead of|as opposed"
    r"|ruled? out|rules out|wrong|incorrect|impossible|false|too|eliminat\w+|exclud\w+|discard\w*"
    r"|reject\w*)\b|n.t\b",
    re.IGNORECASE,
)
_CHOOSES = re.compile(
    r"\b(?:is|be|so|thus|therefore|hence|choose|pick|select|answer)\W++(?:the )?(?:[Oo]ption|[Cc]hoice"
    r"|[Ll]etter|[Aa]nswer)?\s*+\(?([A-H])\b|\b([A-H])\)? is (?:the )?(?:correct|right|best)\b"
)
_THEREFORE = re.compile(
    r"^\W{0,9}(?:so|thus|therefore|hence|then|finally|in conclusion|that means|this means)(?: that)?,? ", re.I
)
_SUBJECT = re.compile(
    rf"(?:{_THEREFORE.pattern})?-?\d\S{{0,20}} (?:is|are) (?!the |our |what |how |in total)", re.I
)
_IS = re.compile(r"([^,;]{1,60}?) (?:is|are|was|were|must be) ((?:(?! is | are )[^;]){1,80})")
_ASKS_WHO = re.compile(r"(?:^|[.?!:]\s+|\n|\band )(?:who|which|whose)\b[^?!\n]{1,200}\?")
_WHO = re.compile(r"\bwho ([^?.!]{3,80})\?")
_ARTICLES = frozenset(("the", "a", "an", "of", "is", "in"))
_LETTER = re.compile(r"\(?[A-H]\)?[.)]?")


def likely_answer(text: str, question: str = "") -> str:  # noqa: PLR0911
    """What a text without a stated answer ends in: a value in bold, a number, else a short sentence."""
    text, spec = _own_words(plain_signs(text[-_END:])), question_spec(question)
    bold = [part for part in _BOLD_PART.findall(text[-_NEAR_END:]) if not _LABEL.match(part)]
    if spec.options and (letter := _chosen(text[-_NEAR_END:], spec)):
        return letter
    last = list(sentences(text))[-_MOST_SENTENCES:]
    named = [
        letter
        for letter, option in spec.options
        if last and re.search(r"[^\W\d_]{3}", option) and _names(last[-1], option.lower(), spec)
    ]
    if len(named) == 1:
        return named[0]
    if spec.options or spec.only_yes_or_no:
        words = set(re.findall(r"[^\W\d_]{4,}|\d+", spec.text))
        plain = [part for part in last[:-9:-1] if not (spec.options and _OPTION.search(part))]
        about = (part for part in bold + plain if spec.options or _answers_yes_no(part, words))
        return next((plain_answer(part) for part in about if len(part.split()) <= MOST_WORDS), "")
    if last and (subject := subject_of(plain_answer(last[-1]), spec)):
        return subject
    if valued := [value for part in bold if (value := _last_value(part, spec))]:
        return valued[-1]
    if bold and (_LETTER.fullmatch(bold[-1]) or (spec.text and not (spec.quantity or spec.duration))):
        return plain_answer(bold[-1])
    for written in reversed(last):
        in_words = (spec.quantity or spec.duration) and not re.search(r"\d", written)
        sentence = in_digits(written) if in_words else written
        if re.search(r"\d", sentence) and (value := _last_value(sentence, spec)):
            return plain_answer(sentence) if _is_verdict(sentence) and not spec.quantity else value
        if _NUMBER.search(sentence):
            return _last_short_sentence(written)
    return _last_short_sentence(text)


def _chosen(text: str, spec: QuestionSpec) -> str:
    """The letter of the one option that a text does not discard, or that it says is the one."""
    kept = [clause for clause in _CLAUSE.split(text) if not _discards(clause, spec)]
    for pattern in (_OPTION, _CHOOSES):
        letters = {"".join(found) for clause in kept for found in pattern.findall(clause)}
        if len(letters) == 1:
            return letters.pop()
    return ""


def _names(sentence: str, option: str, spec: QuestionSpec) -> bool:
    """Whether a sentence names an option and does not discard it."""
    clauses = (f" {_letters(clause)} " for clause in _CLAUSE.split(sentence))
    named = (clause.replace(option, "") for clause in clauses if f" {option} " in clause)
    return any(not _discards(rest, spec) for rest in named)


def _discards(clause: str, spec: QuestionSpec) -> bool:
    """Whether a clause denies what it names; not where the question asks what is false, or no mammal."""
    options = " ".join(option.lower() for _, option in spec.options)
    for found in _DISCARDS.finditer(clause):
        word = found[0].lower()
        denied = re.match(r"\s*(?:an? |the )?(\w{3,})", clause[found.end() :])
        asked = re.search(rf"\b{word}\b", spec.text) is not None and (
            word in ("false", "wrong", "incorrect", "impossible")
            or (word == "not" and denied and denied[1] in spec.text and denied[1] not in options)
        )
        if not asked:
            return True
    return False


def _is_verdict(sentence: str) -> bool:
    """Whether a sentence says yes or no, or something of the one number in it: "91 is not prime"."""
    if len(sentence) > _NEAR_END:
        return False
    if re.match(r"\W*(?:yes|no|true|false)\b[^\d]", sentence, re.IGNORECASE):
        return True
    numbers = len(_NUMBER.findall(sentence))
    denies = numbers <= 2 and re.search(
        r"\b(?:is|are|does|do|can|could|will)(?: not|n['’]t)\b|\bcannot\b", sentence
    )
    simple = not re.search(r"=|\bbut\b|,", sentence) and len(sentence.split()) <= MOST_WORDS
    return simple and bool(denies or (numbers == 1 and _SUBJECT.match(sentence)))


def subject_of(sentence: str, spec: QuestionSpec) -> str:
    """The subject of a sentence that says again what a question asks who or which is: "Bob is the oldest"."""
    if len(sentence) > _NEAR_END or spec.quantity or spec.options or not _ASKS_WHO.search(spec.text):
        return ""
    said = _THEREFORE.sub("", sentence.rstrip(" ."), count=1)
    if (predicate := _WHO.search(spec.text)) and said.lower().endswith(f" {predicate[1]}"):
        return said[: -len(predicate[1]) - 1]
    found = _IS.fullmatch(said)
    if found is None:
        return ""
    first, second = found.groups()
    if _repeats(second, spec) and not _repeats(first, spec, whole=True):
        return first
    return second if _repeats(first, spec, whole=True) and not _repeats(second, spec, whole=True) else ""


def _repeats(phrase: str, spec: QuestionSpec, *, whole: bool = False) -> bool:
    """Whether a phrase begins with a word of the question, or has (`whole`) no other words; not its names."""
    words = [word for word in re.findall(r"[A-Za-z']+", phrase) if word.lower() not in _ARTICLES]
    asked = set(re.findall(r"[a-z']+", spec.text))
    if not words or len(words) > 9 or any(word[0].isupper() for word in words[: None if whole else 1]):
        return False
    return all(word.lower() in asked for word in (words if whole else words[:1]))


def _letters(sentence: str) -> str:
    return " ".join(re.sub(r"[^\w']+", " ", sentence.lower()).split())


def _answers_yes_no(sentence: str, words: set[str]) -> bool:
    lowered = sentence.lower()
    return re.match(r"\W*(?:yes|no|true|false)\b", lowered) is not None or any(
        word in lowered for word in words
    )


def _last_value(sentence: str, spec: QuestionSpec) -> str:
    """The value that a sentence ends in: a time, a date, an amount, a tuple, else its one number."""
    sentence = plain_answer(without_aside(sentence[-_VALUED:]), keep_point=True)
    denied = compared(sentence, spec)
    numbers = [
        found
        for found in _NUMBER.finditer(sentence)
        if not any(start <= found.start() < end for start, end in denied)
    ]
    last = numbers[-1].end() if numbers else 0
    for pattern in (_WHOLE_VALUE, _AMOUNTS):
        found = [one for one in pattern.finditer(sentence) if one.end() >= last] if numbers else []
        if found and (pattern is _WHOLE_VALUE or len(amounts(found[-1][0])) > 1 - spec.duration):
            return found[-1][0].strip(" .") if pattern is _AMOUNTS else found[-1][0].strip()
    starts = {found.start() for found in numbers}
    result = [found[1] for found in _RESULT.finditer(sentence) if found.start(1) in starts]
    if result or len(numbers) < 2:
        return plain_answer(result[-1] if result else numbers[-1][0]) if numbers else ""
    main = _main_number(sentence, numbers, spec)
    return plain_answer(main or ("" if spec.text else numbers[-1][0]))


_UNITS_ASKED = (
    (r"\bhow much money\b|\bcosts?\b|\bdollars\b", r"(?<=[$€£])-?[\d.,]++|(?<![\d.,])[\d.,]++(?= dollars)"),
    (
        r"\bhow far\b",
        r"(?<![\d.,])[\d.,]++(?= ?(?:[kcm]?m|kilomet\w+|met(?:er|re)s?|miles?|feet|yards?)\b(?! ?(?:/|per)))",
    ),
    (r"\bhow old\b", r"(?<![\d.,])[\d.,]++(?= years old)"),
)
_ASKED_NOUN = re.compile(
    r"\bhow many (?:(?:more|total|whole|full) )?([^\W\d_]{3,40}(?: per [a-z]{1,40})?)(?![^\W\d_])"
)
_IN_PASSING = re.compile(
    r"\b(?:in|within|for|after|before|on|at|than|of|over|during|with|every|each|per)\s+"
    r"(?:(?:the|these|those|all|about|only|his|her|their|its|first|last|next)\s+){0,2}[$€£]?$",
    re.IGNORECASE,
)
_SUBORDINATE = re.compile(
    r",? (?:having|because|since|whereas|while|if|compared)\b.*$|,? which\b.*$", re.IGNORECASE
)
_PHRASE = 60  # characters before a number that say what it is
_CHANGES = re.compile(
    r"\b(?:to|into|from|by|between|among|plus|minus|times|and|or)\s+(?:\w+ )?[$€£]?$|[-+*/×÷,]\s*$"
)


def _main_number(sentence: str, numbers: list[re.Match[str]], spec: QuestionSpec) -> str:
    """Of several numbers the one that the question asks for, or that alone is not said in passing."""
    patterns = [pattern for asked, pattern in _UNITS_ASKED if re.search(asked, spec.text)]
    if noun := _ASKED_NOUN.search(spec.text):
        patterns = [rf"(?<!\d)\d[\d.,]{{0,30}}+(?= (?:[^\W\d_]+ )?{re.escape(noun[1])})"]
    for pattern in patterns:
        counted = [found for found in re.finditer(pattern, sentence, re.IGNORECASE) if found[0].strip(".,")]
        if len(counted) == 1:
            place = counted[0].start()
            return next((one[0] for one in numbers if one.start() <= place < one.end()), "")
    if not sentence.isascii():
        return numbers[-1][0]
    end = len(_SUBORDINATE.sub("", sentence)) or len(sentence)
    before = [sentence[max(0, one.start() - _PHRASE) : one.start()] for one in numbers]
    main = [
        one
        for one, said in zip(numbers, before, strict=True)
        if one.end() <= end and not _IN_PASSING.search(said)
    ]
    return main[0][0] if len(main) == 1 and not any(map(_CHANGES.search, before)) else ""


def _last_short_sentence(text: str) -> str:
    last = plain_answer((list(sentences(text[-_LINE:])) or [""])[-1])
    return last if len(last.split()) <= MOST_WORDS else ""


# Short and plain ---------------------------------------------------------------------------------

_FENCE = re.compile(r"```[\w+-]*")
_HEAD = re.compile(r"\A(?:(?:#{1,6}|>)\s+|>+(?=[^\s=]))+")
_BOLD = re.compile(
    r"(?<![\w)*])(\*\*|__)(?=\S)((?:(?!\1(?=\S)(?<![\w)*]\1)).){1,200}?)(?<=\S)\1(?![\w(*])"
)  # not the powers in x**2 + y**2
_MATHS = re.compile(r"(?<!\\)\\[()\[\]]|\\[,;!]|\\?\$")
_WORDS_IN_MATHS = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"(\d?)\\[dt]?frac\s*\{(\w+)\}\s*\{(\w+)\}")
_THOUSANDS = re.compile(r"[^\d,()\[\]{}]*\d{1,3}(?:,\d{3})+(?![\d,])[^\d,()\[\]{}]*(?:\.\d+[^\d,()\[\]{}]*)?")


def short_answer(text: str, question: str = "") -> str:
    """The answer, under 20 words, in a reply to "give only the final answer"; empty if none is found.

    Models explain themselves all the same: what is stated outright counts, then the first line, then
    the last sentence.
    """
    text = text[:_TAIL]
    lines = [line for line in _FENCE.sub("", text).splitlines() if line.strip()][:_MOST_SENTENCES]
    first = next(filter(None, map(plain_answer, lines)), "")
    candidates = (stated_answer(text, question), first, _last_short_sentence(text))
    return next((found for found in candidates if found and len(found.split()) <= MOST_WORDS), "")


def plain_answer(answer: str, *, keep_point: bool = False) -> str:
    """The same answer on one line without markup, closing full stop, or commas between thousands."""
    answer = answer[:_LINE]
    answer = _last_boxed(answer) or answer
    answer = _MATHS.sub("", _FENCE.sub("", answer))
    answer = _FRACTION.sub(_fraction, _WORDS_IN_MATHS.sub(r"\1", answer)).replace(r"\%", "%")
    answer = _BOLD.sub(r"\2", " ".join(answer.split())).strip(" `\"'")
    answer = _HEAD.sub("", answer) or answer
    if keep_point:
        return answer
    answer = answer.removesuffix("**").removeprefix("**").rstrip(" .").removesuffix("**").strip()
    if _THOUSANDS.fullmatch(answer):
        answer = answer.replace(",", "")
    return answer


def _fraction(found: re.Match[str]) -> str:
    before, top, bottom = found.groups()
    if not bottom.isdigit() and len(bottom) > 1:
        bottom = f"({bottom})"  # 1/(2x) is not 1/2x
    return f"{before} {top}/{bottom}" if before else f"{top}/{bottom}"  # 1 1/2 is not 11/2


def _last_boxed(text: str) -> str:
    """What stands in the last \\boxed{...} that is closed, with the braces inside it."""
    for opening in reversed(list(_BOXED.finditer(text))[-_MOST_BOXED:]):
        depth = 1
        for brace in _BRACES.finditer(text, opening.end(), opening.end() + _LINE):
            depth += 1 if brace[0] == "{" else -1
            if not depth:
                return text[opening.end() : brace.start()]
    return ""
