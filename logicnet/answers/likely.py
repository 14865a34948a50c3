"""The value that a text ends in which states no answer outright."""

# ruff: noqa: RUF001  (signs and words of other languages are meant)

import re

from logicnet.answers._locale import plain_signs
from logicnet.answers._markup import LINE, plain_answer
from logicnet.answers._numbers import compared, signed
from logicnet.answers._units import amounts, is_measure, unit_of
from logicnet.answers._words import ELSEWHERE
from logicnet.answers.question import QuestionSpec, question_spec
from logicnet.answers.sentences import own_words, sentences, spoken, without_aside, without_check
from logicnet.answers.spelled import LARGE, in_digits, multiplied
from logicnet.maths.latex import undressed
from logicnet.maths.numbers import computed

MOST_WORDS = 19
"""Words in a short answer: a validator has longer ones boiled down by a model first (LogicNet 1.6)."""

MOST_SENTENCES = 40
"""From the end that are searched for a value."""

_END = 4_000  # characters from the end in which the value of a text without a statement stands
_VALUED = 600  # characters of a sentence that are searched for its value, the last ones
_NEAR_END = 300  # characters

_GAP = "\u00a0\u2007\u2009\u202f"
_DIGITS = rf"(?:\d{{1,3}}(?:[,.' {_GAP}]\d{{3}})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?(?: ?[½⅓⅔¼¾⅕⅛⅜⅝⅞])?)(?![.,]?\d)"
_TEN = r"\s?(?:[×x*·⋅]|\\times|\\cdot)\s?10(?:\^\{?\(?-?\d+\)?\}?|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
_ROOT = r"(?:√\d+|\\sqrt\{\d+\}|sqrt\(\d+\))"
NUMBER = re.compile(
    rf"(?<![\dA-Za-zÀ-ɏ_.,^])(?<!\^[-({{])[-−]?(?:{_ROOT}|{_DIGITS}(?:{_TEN}|\s?/\s?\d+|\^\(?-?\d+\)?)?(?:\s?(?:%|\*?\s?(?:π|\\?pi\b)"
    rf"|[万萬亿億]|{LARGE}\b)|\s?{_ROOT})?"
    r"|\d+(?:,\d+){2,})",
    re.IGNORECASE,
)
_RESULT = re.compile(
    rf"(?:=|\b(?:is|are|equals|gives|leaves|is equal to|total of))[ \t*$]*({NUMBER.pattern})"
)
_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_WHOLE_VALUE = re.compile(
    rf"\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}|\b\d{{1,2}}(?:st|nd|rd"
    rf"|th)?\s+(?:of\s+)?{_MONTH},?\s+\d{{4}}"
    r"|\b\d{4}-\d{1,2}-\d{1,2}\b"
    r"|\b\d{1,2}(?::\d{2}){1,2}(?:\s?[ap]\.?\s?m\b\.?| in the (?:morning|afternoon|evening)| at night)?"
    r"|\b\d{1,2}(?:[.h]\d{2})?(?:\s?[ap]\.?m\b\.?| o'clock| Uhr)|\b\d{1,2}h\d{2}\b|\b12 (?:noon|midnight)\b"
    r"|[(\[{]\s*[-−]?[\d./]+(?:\s*[,;]\s*[-−]?[\d./]+)+\s*[)\]}]"
    r"|\b[a-z]\s?=\s?-?[\d./]+(?:,?\s(?:and|or)\s|,\s)[a-z]\s?=\s?-?[\d./]+"
    r"|\b\d+ \d+/\d+|\b\d+(?:\.\d+)?(?::| : )\d+(?:\.\d+)?(?![:\d])|\bbetween \d[\d.,]* and \d[\d.]*"
    r"|\b\d+[–—]\d+",
    re.IGNORECASE,
)
_AMOUNTS = re.compile(
    r"(?<![\dA-Za-z.,/])\d+(?:[.,]\d+)?(?:\s?[½¼¾]|/\d+)?\s?[^\W\d_]{1,12}\.?(?:,?\s?(?:(?:and|und|y|et|e"
    r"|và)\s)?\d+(?:\.\d+)?\s?[^\W\d_]{1,12}){0,3}"
)
_SHARE = re.compile(r"(?<![\d.,/])\b\d+ (?:to|in|out of) \d+\b(?!/)")
_BOLD_PART = re.compile(r"\*\*([^*\n]{1,100})\*\*(?!\s*:)")
_LABEL = re.compile(r"(?:step|part|case|question|note|example|schritt|bước)\b|.*:$", re.IGNORECASE)
_OPTION = re.compile(
    r"\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer|[Ll]etter|[Cc]hoose|[Pp]ick|[Ss]elect)\s+\(?([A-H])\b|\(([A-H])\)"
    r"|\b([A-H]) is (?:the )?(?:correct|right|best)\b"
    r"|(?:选项?|選項?|opción|Option|вариант|đáp án|phương án)[ :]{0,2}\(?([A-H])(?![A-Za-z])"
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
    r"\b(?:is|be|[Ss]o|[Tt]hus|[Tt]herefore|[Hh]ence|[Cc]hoose|pick|select|answer|[Ii]t's)\W++(?:the )?"
    r"(?:[Oo]ption|[Cc]hoice"
    r"|[Ll]etter|[Aa]nswer)?\s*+\(?([A-H])\b|\b([A-H])\)? is (?:the )?(?:correct|right|best)\b"
    r"|^\W*([A-H])\W*$"
)
THEREFORE = re.compile(
    r"^\W{0,9}(?:so|thus|therefore|hence|then|finally|in conclusion|that means|this means)(?: that)?,? ", re.I
)
_SUBJECT = re.compile(
    rf"(?:{THEREFORE.pattern})?-?\d\S{{0,20}} (?:is|are) (?!the |our |what |how |in total)", re.I
)
_IS = re.compile(
    r"([^,;]{1,60}?) (?:is|are|was|were|must be|will be|has to be) ((?:(?! is | are )[^;]){1,80})"
)
_ASKS_WHO = re.compile(
    r"(?:^|[.?!:,]\s+|\n|\band )(?:who|which|whose"
    r"|what (?:colou?r|day|month|season|shape|animal|name|country|city))\b"
    r"[^?!\n]{1,200}\?"
)
_NAME = r"(?:the |an? )?[\w'-]{1,30}"
_NAMES = re.compile(rf"((?:{_NAME}, ){{0,9}}{_NAME}),? or ({_NAME})\?")
_NAMES_ONE = re.compile(r"(?:it|(?:so |thus |therefore,? )?the (?:winner|answer)) ", re.IGNORECASE)
_NOT_ASKED = frozenset(
    re.findall(r"\w+", "the a an of is are was were in to has have does do who which what whose")
)
_DEGREES = {"more": "most", "most": "more", "less": "least", "least": "less", "fewer": "few", "fewest": "few"}
_CAUSE = re.compile(r"^.*, (?:so|therefore|thus|hence),? |^(?:[Ss]ince|[Bb]ecause) [^,]{1,80}, ")
_ASKS_WHAT = re.compile(r"(?:^|[.?!:,]\s+|\n|\band )what (?:is|was)\b[^?!\n]{1,200}\?")
_PRONOUNS = frozenset(("it", "that", "this"))
_WHO = re.compile(r"\bwho ([^?.!,]{3,80})[?,]")
_ARTICLES = frozenset(("the", "a", "an", "of", "is", "in"))
_LETTER = re.compile(r"\(?[A-H]\)?[.)]?")


def likely_answer(text: str, question: str = "") -> str:  # noqa: PLR0911
    """What a text without a stated answer ends in: a value in bold, a number, else a short sentence."""
    text, spec = own_words(plain_signs(spoken(text)[-_END:], question)), question_spec(question)
    bold = [part for part in _BOLD_PART.findall(text[-_NEAR_END:]) if not _LABEL.match(part)]
    if spec.options and (letter := _chosen(text[-_NEAR_END:], spec)):
        return letter
    last = without_check(list(sentences(text))[-MOST_SENTENCES:])
    named = [
        letter
        for letter, option in spec.options
        if last and re.search(r"[^\W\d_]{3}", option) and _names(last[-1], option.lower(), spec)
    ]
    if len(named) == 1:
        return named[0]
    if spec.options or spec.only_yes_or_no:
        words = set(re.findall(r"[^\W\d_]{4,}|\d+", spec.text) or re.findall(r"\w{3,}", spec.text))
        plain = [part for part in last[:-9:-1] if not (spec.options and _OPTION.search(part))]
        about = (part for part in bold + plain if spec.options or _answers_yes_no(part, words))
        return next((plain_answer(part) for part in about if len(part.split()) <= MOST_WORDS), "")
    if last and (subject := subject_of(plain_answer(last[-1]), spec) or _formula(last[-1], spec)):
        return subject
    if (
        last
        and (said := _MATHS.search(last[-1].strip()))
        and re.search(r"[^A-Za-z]|\\", span := "".join(filter(None, said.groups())))
    ):
        return plain_answer(span if spec.several or spec.equation else span.split("=")[-1])
    if spec.several and (several := _series(last)):
        return several
    if valued := [value for part in bold if (value := _last_value(part, spec))]:
        return valued[-1]
    if bold and (_LETTER.fullmatch(bold[-1]) or (spec.text and not (spec.quantity or spec.duration))):
        return plain_answer(bold[-1])
    for written in reversed(last):
        in_words = (spec.quantity or spec.duration or spec.format.fraction or spec.chance) and not re.search(
            r"\d", written
        )
        sentence = in_digits(multiplied(written, spec.text)) if in_words else written
        if re.search(r"\d", sentence) and (value := _last_value(sentence, spec)):
            return plain_answer(sentence) if _is_verdict(sentence) and not spec.quantity else value
        if NUMBER.search(sentence):
            return last_short_sentence(written)
    return last_short_sentence(text)


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
    if re.match(r"\W*(?:yes|no|true|false)\b[^\d]", sentence, re.IGNORECASE) or ELSEWHERE.match(sentence):
        return True
    numbers = len(NUMBER.findall(sentence))
    denies = numbers <= 2 and re.search(
        r"\b(?:is|are|does|do|can|could|will)(?: not|n['’]t)\b|\bcannot\b", sentence
    )
    simple = not re.search(r"=|\bbut\b|,", sentence) and len(sentence.split()) <= MOST_WORDS
    return simple and bool(denies or (numbers == 1 and _SUBJECT.match(sentence)))


_NAMED = r"(?:[a-z](?:_\{?\d\}?|\d)?\s?[=∈]\s?)?"
_ONE = r"[-−±√\d][-−\w./√π²³^±]*+(?: ?[+±−-] ?[\d√][\w./√]*+)?+"
_SERIES = re.compile(
    rf"(?<![\w.,=*/+√π²³^±−-])(?<![*/+-] ){_NAMED}{_ONE}"
    rf"(?:(?:\s?[,;]\s(?:(?:and|or)\s)?|\s(?:and|or)\s){_NAMED}{_ONE})+(?=[^\w)\]}}]*$)"
)
_POINT = re.compile(r"[-*•\d.) ]*([a-z]_?\d? ?= ?[^=]{1,40})")


_MATHS = re.compile(
    r"(?:^|\b(?:is|are|be|get|gives?|equals?|obtain|have|yields?|[Ss]o|[Tt]hus|[Tt]herefore|[Hh]ence|to)\b[,:]?|[=:])\s*\**"
    r"(?:\$\$([^$]{1,300})\$\$|\$([^$]{1,300})\$|\\\(((?:(?!\\[()]).){1,300})\\\)|\\\[((?:(?!\\[\[\]]).){1,300})\\\])[\s.*!]*$"
)
"""A formula in LaTeX at the end of a sentence that says it."""


def _series(last: list[str]) -> str:
    """The values that a text ends in, in its last sentence or on lines of their own: x = 2 or 3."""
    points = [_POINT.fullmatch(re.sub(r"[$*]", "", part).strip()) for part in last]
    while points and points[-1]:
        points.pop()
    lines = [re.sub(r"[$*]", "", part).strip(" -•") for part in last[len(points) :]]
    if len(lines) > 1:
        return plain_answer(", ".join(lines))
    sentence = re.sub(r"\*\*|\$|\\[()]", "", last[-1][-_NEAR_END:]) if last else ""
    sentence = re.sub(r"\b([a-z]) is (?=-?\d)", r"\1 = ", sentence.replace("\\quad ", ""))
    both = re.search(r"(?:^|[=:] |\b(?:is|are) )([^=:]{0,40}(?:±|\\pm)[^=:±]{1,40})$", sentence.rstrip(" .!"))
    found = _SERIES.search(sentence)
    factors = re.fullmatch(r"\W*\d+ = ((?:\d+(?:\^\d+|[²³])?(?: ?[×*·⋅] ?|\W*$))+)", sentence)
    if whole := both or factors:
        return whole[1].strip(" .")
    named = found is not None and "=" in found[0] and "=" not in found[0].split(",")[0]
    return found[0] if found and not named else ""  # by 3, x = 4


def _formula(sentence: str, spec: QuestionSpec) -> str:
    """The formula in the letters of the question that a sentence ends in: its derivative is 3x^2."""
    if spec.interval and (relation := _RELATION.search(plain_answer(sentence[-_NEAR_END:]))):
        return relation[1] or relation[2]
    if spec.quantity or (spec.several and not spec.factored) or len(sentence) > _NEAR_END:
        return ""
    sentence = plain_answer(sentence)
    if spec.base is not None:
        numeral = re.search(r"(?:\bis|=|:) ?(?:0[xbo])?([0-9a-z]+)$", sentence, re.IGNORECASE)
        return numeral[1] if numeral else ""
    after = re.split(r"\b(?:is|are|be)\b|:" if spec.equation else r"=|\b(?:is|are|be)\b|:", sentence)[
        -1
    ].strip()
    found = computed(undressed(re.sub(r"\+ ?C$", "", after.split("=")[-1])))
    if found is None or not found.unknowns or not re.search(r"[\d^*/+()²³-]", after):
        return ""
    known = spec.equation or all(
        re.search(rf"(?<![a-z]){name}(?![a-z])", spec.text) for name in found.unknowns
    )
    return after if known else ""


_RELATION = re.compile(
    r"(?:\b(?:is|are|that|when|for|where)|:)\s"
    r"((?:(?!\b(?:is|are|that)\b)[^:]){0,30}(?:[<>≤≥∞≠∪]|all real)[^:]{1,60}?)$"
    r"|^((?:[a-z] [<>≤≥≠]|[Aa]ll real)[^:]{1,40})$"
)


def subject_of(sentence: str, spec: QuestionSpec) -> str:  # noqa: PLR0911
    """The subject of a sentence that says again what a question asks who or which is: "Bob is the oldest"."""
    if len(sentence) > _NEAR_END or spec.quantity or spec.options or spec.only_yes_or_no:
        return ""
    sentence = _CAUSE.sub("", sentence)
    if listed := _listed(sentence, spec):
        return listed
    if not (_ASKS_WHO.search(spec.text) or (_ASKS_WHAT.search(spec.text) and not re.search(r"\d", sentence))):
        return ""
    said = THEREFORE.sub("", sentence.rstrip(" ."), count=1)
    if (predicate := _WHO.search(spec.text)) and said.lower().endswith(f" {predicate[1]}"):
        return said[: -len(predicate[1]) - 1]
    found = _IS.fullmatch(said)
    if found is None:
        return ""
    first, second = found.groups()
    if first.lower() in _PRONOUNS and " who " not in f" {second} ":
        return second
    if _repeats(second, spec) and not _repeats(first, spec, whole=True):
        return first
    return second if _repeats(first, spec, whole=True) and not _repeats(second, spec, whole=True) else ""


def _listed(sentence: str, spec: QuestionSpec) -> str:
    """The one name that a sentence gives of those that a question lists at its end: Ann, Bob or Cid.

    The sentence says the rest of the question again, and compares only as the question does.
    """
    start = max(0, len(spec.text) - _NEAR_END)
    named = _NAMES.search(spec.text, start)
    if named is None or _DISCARDS.search(sentence):
        return ""
    names = [re.sub("^(?:the|an?) ", "", name) for name in (*named[1].split(", "), named[2])]
    asked = re.split(r"[.?!]\s", spec.text[start : named.start()])[-1]
    if re.search(r"\b(?:who|which|what|whose)\b[^:,]*$", asked):  # who is first, Ann, Bob or Cid
        asked += names.pop(0)
    said = re.findall(r"[\w'-]+", re.sub(r" than [^,;]{1,60}", "", sentence))
    mentioned = {name for name in said if name.lower() in names}
    if len(mentioned) != 1 or len(names) < 2:
        return ""
    rest = {word.lower() for word in said} - set(names)
    again = rest & (set(re.findall(r"[\w'-]+", asked)) - _NOT_ASKED)
    compares = all(word in asked or _DEGREES[word] in asked for word in rest & _DEGREES.keys())
    return str(mentioned.pop()) if compares and (again or not rest or _NAMES_ONE.match(sentence)) else ""


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
    return re.search(
        r"^\W*(?:yes|no|true|false)\b|\bso,? (?:yes|no)\b| is (?:true|false|(?:in)?correct)\b", lowered
    ) is not None or any(word in lowered for word in words)


def _last_value(sentence: str, spec: QuestionSpec) -> str:
    """The value that a sentence ends in: a time, a date, an amount, a tuple, else its one number."""
    sentence = plain_answer(without_aside(sentence[-_VALUED:]), keep_point=True)
    sentence = signed(sentence, spec.text)
    if sentence.startswith("|") and (cells := [cell for cell in sentence.split("|") if NUMBER.search(cell)]):
        sentence = cells[-1]  # the last row of a table
    if not (spec.format.rounded or spec.format.decimal):
        sentence = _APPROXIMATELY.sub(r"\1", sentence)
    denied = compared(sentence, spec)
    numbers = [
        found
        for found in NUMBER.finditer(sentence)
        if not any(start <= found.start() < end for start, end in denied)
    ]
    last = numbers[-1].end() if numbers else 0
    shares = [found[0] for found in _SHARE.finditer(sentence) if found.end() >= last]
    if shares and (spec.ratio or spec.chance or spec.format.fraction):
        return shares[-1]
    for pattern in (_WHOLE_VALUE, _AMOUNTS):
        found = [one for one in pattern.finditer(sentence) if one.end() >= last] if numbers else []
        if found and (pattern is _WHOLE_VALUE or _parts(found[-1][0]) > 1 - spec.duration):
            return found[-1][0].strip(" .") if pattern is _AMOUNTS else found[-1][0].strip()
    starts = {found.start() for found in numbers}
    result = [
        found[1]
        for found in _RESULT.finditer(sentence)
        if found.start(1) in starts and not _is_difference(sentence, found, spec)
    ]
    if result or len(numbers) < 2:
        return (
            plain_answer(_with_unit(result[-1] if result else numbers[-1][0], sentence, spec))
            if numbers
            else ""
        )
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
_LEFT = (
    r"\b(?:how (?:many|much)|what (?:fraction|part|percent\w*))\b"
    r"(?:(?! (?:if|when|since|so|given|and|before|until)\b)[^.?!,]){0,80}"
    r"\b(?:(?:is|are|was|were|be|have|has|had) (?:still )?left\b(?!-)"
    r"|remain)",
    r"(?<![\d.,])\d[\d.,]*+(?= (?:[^\W\d_]+ ){0,3}(?:(?:is|are|was|were) (?:still )?left|remain))"
    r"|(?:(?<=\bis )|(?<=\bare )|(?<=\bwas )|(?<=\bwere )|(?<=\bhas )|(?<=\bhave )|(?<=\bhad ))"
    r"\d[\d.,]*+(?= (?:[^\W\d_]+ ){0,3}left\b)",
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
    r",? (?:having|because|since|whereas|while|if|compared)\b.*$|,? which\b.*$"
    r"|,? \(?(?:i\.e|e\.g|viz|vs)\..*$",
    re.IGNORECASE,
)
_PHRASE = 60  # characters before a number that say what it is
_CHANGES = re.compile(
    r"\b(?:to|into|from|by|between|among|plus|minus|times|and|or)\s+(?:\w+ )?[$€£]?$|[-+*/×÷,]\s*$"
)


_DIFFERENCE = re.compile(r"(?: [^\W\d_]+)? (less|more|fewer|higher|lower|older|younger) than\b")
_APPROXIMATELY = re.compile(
    r"((?:π|\bpi\b|√\d{1,30}|sqrt(?:\{\d{1,30}\}|\(\d{1,30}\)))\)?)\s*+(?:≈|\\approx)\s*+"
    r"\d[\d.,]{0,30}+(?: ?[^\W\d_]{1,20}[²³]?)?[\s.]*$"
)
"""The decimals of a root or of a multiple of pi, which says more."""


_ASKS_DIFFERENCE = re.compile(r"\bdiffer|\bexceed|\bcompare|\bby how (?:much|many)\b")


def _is_difference(sentence: str, number: re.Match[str], spec: QuestionSpec) -> bool:
    """Whether a number only compares: ", which is 6 less than before", unless the question compares too."""
    found = _DIFFERENCE.match(sentence, number.end())
    in_passing = sentence[: number.start()].endswith("which ") and not _ASKS_DIFFERENCE.search(spec.text)
    return found is not None and in_passing and found[1] not in spec.text


def _with_unit(number: str, sentence: str, spec: QuestionSpec) -> str:
    """The number with the unit that follows it where the question asks for another one."""
    units = re.findall(rf"(?<![\d.,]){re.escape(number)} ?([^\W\d_]+)", sentence) if spec.unit else []
    other = units and is_measure(units[-1]) and unit_of(units[-1]) != spec.unit
    return f"{number} {units[-1]}" if other else number


def _parts(amount: str) -> int:
    return len(amounts(undressed(amount).replace(",", ".")))


def _main_number(sentence: str, numbers: list[re.Match[str]], spec: QuestionSpec) -> str:
    """Of several numbers the one that the question asks for, or that alone is not said in passing."""
    patterns = [pattern for asked, pattern in _UNITS_ASKED if re.search(asked, spec.text)]
    if noun := _ASKED_NOUN.search(spec.text):
        patterns = [rf"(?<!\d)\d[\d.,]{{0,30}}+(?= (?:[^\W\d_]+ )?{re.escape(noun[1])})"]
    if spec.format.percent:
        patterns = [r"(?<![\d.,])-?\d[\d.,]*+(?= ?(?:%|percent))"]
    if re.search(_LEFT[0], spec.text):
        patterns.insert(0, _LEFT[1])
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


def last_short_sentence(text: str) -> str:
    last = plain_answer((list(sentences(text[-LINE:])) or [""])[-1])
    return last if len(last.split()) <= MOST_WORDS else ""
