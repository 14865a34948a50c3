"""Question: what a question asks for, and how its answer is to be written, read off its words.

Validators have a persona reword each question, so these are the words that survive a rewording: how many
decimals, percent or not, which base, which unknowns, which options.
"""

# ruff: noqa: RUF001  (signs and words of other languages are meant)

import functools
import re
from dataclasses import dataclass, field, replace
from typing import Any

from logicnet.answers._locale import decimal_comma, writes_comma
from logicnet.answers._units import smallest_time_unit, unit_of

_HEAD, _TAIL = 1_500, 1_000  # characters of a long question that are read: its request stands at its ends


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """How an answer is to be written; the defaults mean that nothing is said about it."""

    places: int | None = None
    """Decimals to round to; -1 for tens, -2 for hundreds."""
    significant: int | None = None
    """Significant digits to round to."""
    down: bool = False
    up: bool = False
    exact: bool = False
    fraction: bool = False
    decimal: bool = False
    percent: bool = False
    scientific: bool = False

    @property
    def rounded(self) -> bool:
        return self.places is not None or self.significant is not None or self.down or self.up


@dataclass(frozen=True, slots=True)
class QuestionSpec:
    """What a question asks for. An empty question asks for nothing in particular."""

    text: str = ""
    """The question in lower case, as far as it is read."""
    format: AnswerFormat = field(default_factory=AnswerFormat)
    decimal_comma: bool | None = None
    """Whether the question's own numbers have a decimal comma; None if they do not show it."""
    comma_language: bool = False
    """Whether it is written in a language with a decimal comma."""
    base: int | None = None
    unit: str = ""
    """The unit to give a quantity in, in the singular: "minute"."""
    time_unit: str = ""
    """For a duration: the unit of a number without one, the smallest that the question names."""
    unknowns: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    """The letter and the text of each option."""

    yes_no: bool = False
    true_false: bool = False
    duration: bool = False
    clock: bool = False
    date: bool = False
    ratio: bool = False
    interval: bool = False
    equation: bool = False
    expression: bool = False
    """An expression of given numbers is the answer."""
    primes: bool = False
    symbol: bool = False
    letters: bool = False
    """The answer is made of letters: the word ten is then no number."""
    code: bool = False
    listed: bool = False
    unordered: bool = False
    ordered: bool = False
    once: bool = False
    """Equal elements of a list count once: the roots of an equation."""
    factored: bool = False
    structured: bool = False
    """The shape of an expression matters, not only its value."""
    integral: bool = False
    factorial: bool = False
    chance: bool = False
    quantity: bool = False
    """One amount is asked for: how many, how far, the area."""
    plural: bool = False
    digits_count: bool = False
    """A leading zero of a numeral means something."""
    mentions_percent: bool = False
    shows_decimals: bool = False
    latex_power: bool = False
    """The question writes 10^{...} itself."""
    latex_fraction: bool = False

    @property
    def only_yes_or_no(self) -> bool:
        """Whether nothing but a yes or a no answers the question."""
        request = re.split(r"(?<=[.!?])\s+", self.text.replace("yes or no", "").rstrip())[-1]
        return self.yes_no and (
            self.true_false or not (_ASKS_VALUE.search(request) or _EITHER.search(request))
        )

    @property
    def several(self) -> bool:
        """Whether an answer may hold more than one value."""
        return self.listed or self.unordered or self.ordered or self.plural or bool(self.unknowns)


# How the answer is to be written -----------------------------------------------------------------

_COUNTS = {"no": 0} | {
    word: number
    for number, word in enumerate(re.findall(r"\w+", "zero one two three four five six seven eight nine ten"))
}
_COUNT = r"(?:\d{1,2}|" + "|".join(_COUNTS) + ")"
_NEAREST_PLACES = {
    "tenth": 1, "hundredth": 2, "thousandth": 3, "cent": 2, "ten": -1, "hundred": -2, "thousand": -3,
}  # fmt: skip
_WHOLE = r"(?:\s[a-z]+){0,2}?\s(?:to\s)?(?:an?\s|the\s)?(?:nearest\s)?(?:whole(?:\snumber)?|integer|full)\b"
_FORMAT = re.compile(
    rf"""\bround(?:ed|ing)?(?:\s[a-z]+){{0,3}}?\s(?:(?P<down>down)|(?P<up>up)){_WHOLE}
        | (?:\b(?:to|with|using|at)\s+)?(?:(?:exactly|a\smaximum\sof|at\smost)\s+)?
          (?:\b(?P<places>{_COUNT})[\s-]*(?:or\sfewer\s)?
              (?:decimal[\s-](?:places?|digits?|points?)|decimals?|(?<=[\s-])d\.?p\.?
              |digits?\s(?:after|past|behind)\sthe\s(?:decimal(?:\spoint)?|point))(?!\w)
          |\b(?P<significant>{_COUNT})[\s-]*(?:significant|sig\.?)\s*(?:figures?|digits?|figs?)
              (?:,\srounding\sup\sfrom\sthe\shalf)?)
        | \b(?:to|with)\s+(?:exactly\s+)?(?P<bare_places>{_COUNT})\s+places?\b
        | \bto\s(?:the\s|an?\s)?(?:(?:nearest|closest)\s(?P<nearest>whole\snumber|whole|integer|unit|one
              |dollar              |degree|percent|tenth|hundredth|thousandth|cent|ten|hundred|thousand)s?
          |(?P<part>whole\snumber|integer|tenth|hundredth|thousandth)s?)\b
        | (?P<exact>\bexact(?:ly|\s(?:value|answer|form))|\bin\s(?:simplest\s)?radical\sform
              |\bin\sterms\sof\spi)
        | (?P<fraction>\b(?:as|in)\s(?:an?\s|the\s)?(?:simplified\s|reduced\s|irreducible\s|single\s)*
              fraction(?:\sform)?|\b(?:in|to)\s(?:its\s|the\s)?(?:simplest|lowest|reduced)\s(?:form|terms?))
        | (?P<decimal>\bas\sa\sdecimal(?:\s(?:number|form))?|\bin\sdecimal\sform)
        | (?P<percent>\b(?:in|as\sa)\spercent(?:age)?)
        | (?P<yes_no>\byes(?:\sor\s|/)no)""",
    re.VERBOSE | re.IGNORECASE,
)
_FORMAT_AT_END = re.compile(
    rf"""(?:(?:[,;]\s*+|(?<!\s)\s++)?(?:and\s++)?(?:please\s++)?
        (?:(?:give|express|write)\s(?:it|your\sanswer|the\s(?:answer|result))\s?)?
        (?:round(?:ed|ing)?(?:\s(?:off|it|the\s(?:answer|result)|your\sanswer))*
          |correct|accurate|expressed|written|given)?
        (?:(?<!\s)\s++)?\(?(?:{_FORMAT.pattern})\)?)$""",
    re.VERBOSE | re.IGNORECASE,
)
_MOST_SENTENCE = 600  # characters of a sentence from which its format is taken


def strip_format(text: str, known: AnswerFormat | None = None) -> tuple[str, AnswerFormat]:
    """The text without its phrases about the form of the answer, and `known` with what they say.

    >>> strip_format("give it to two decimal places")
    ('give it  ', AnswerFormat(places=2, ...))
    """
    known = known or AnswerFormat()
    if len(text) > _MOST_SENTENCE:
        return text, known
    for found in _FORMAT.finditer(text):
        known = _with_phrase(found, known)
    return _FORMAT.sub(" ", text), known


def strip_format_at_end(text: str, known: AnswerFormat | None = None) -> tuple[str, AnswerFormat]:
    """The same for the one phrase that ends the text: ", rounded to two decimal places"."""
    known = known or AnswerFormat()
    found = _FORMAT_AT_END.search(text) if len(text) <= _MOST_SENTENCE else None
    return (text[: found.start()], _with_phrase(found, known)) if found else (text, known)


def _with_phrase(found: re.Match[str], known: AnswerFormat) -> AnswerFormat:
    if count := found["places"] or found["bare_places"]:
        return replace(known, places=_count(count))
    if found["significant"]:
        return replace(known, significant=max(1, _count(found["significant"])))
    if nearest := found["nearest"] or found["part"]:
        return replace(known, places=_NEAREST_PLACES.get(nearest.lower(), 0))
    flags = {name: True for name in ("down", "up", "exact", "fraction", "decimal", "percent") if found[name]}
    return replace(known, **flags)


def _count(written: str) -> int:
    return int(written) if written.isdecimal() else _COUNTS[written.lower()]


_ROUNDING = re.compile(r"\bround|\bnearest\b|\bclosest\b|\bcorrect to\b|\baccurate to\b|\bapproximat")
_OF_A_STORY = re.compile(
    r"\b(?:he|she|they|we|has|had|have|decided?s?|prices?|each|all|every|first|always|rounds)\b"
)
_MONEY = re.compile(
    r"\bhow (?:much|many)(?: more| total| less)? (?:money|dollars?|euros?|cash|profit|change|interest)\b"
    r"|\bin dollars\b"
)
_PERCENT_ASKED = re.compile(
    r"\b(?:what|which|how many|how much)\s+(?:\S+\s+){0,4}?(?<!\d\s)percent(?:age)?s?\b"
    r"|\b(?:in|as|to|into)\s+(?:an?\s+|the\s+)?percent(?:age)?s?\b"
    r"|\b(?:find|give|calculate|compute|determine|express|work out|figure out"
    r"|tell me)\s+(?:\S+\s+){0,4}?(?<!\d\s)percent(?:age)?s?\b"
    r"|\bpercent(?:age)?\s+(?:error|difference|change|increase|decrease|profit|loss|gain)\b"
    r"|\b(?:profit|loss|error)\s+percent(?:age)?\b|\bas a %|\bin %|\bwhat %"
)
_FRACTION_ASKED = re.compile(
    r"\bfractions?\b|\bexact (?:value|answer|form)|\blowest terms\b|\bsimplest form\b"
    r"|\birreducible\b|\bas a ratio\b|\bm\s*/\s*n\b|\bp\s*/\s*q\b|\brational number\b"
)
_DECIMAL_ASKED = re.compile(r"\bas an? decimal\b|\bin decimal(?: form)?\b|\bdecimal (?:number|form|value)\b")


def _answer_format(bare: str) -> AnswerFormat:
    """The format that a whole question asks for. A story that rounds is no request to round."""
    places = significant = None
    down = up = False
    for sentence in re.split(r"(?<=[.!?])\s+", bare):
        rounds = _ROUNDING.search(sentence) is not None
        story = _OF_A_STORY.search(sentence) is not None
        for found in _FORMAT.finditer(sentence):
            count = found["places"] or found["bare_places"]
            if found["significant"]:
                significant = max(1, _count(found["significant"]))
            elif count:
                places = _count(count) if places is None else places
            elif found["down"] or found["up"]:
                down, up = down or found["down"] is not None, up or found["up"] is not None
                places = 0 if places is None and not story else places
            elif (nearest := found["nearest"] or found["part"]) and rounds and not story and places is None:
                places = _NEAREST_PLACES.get(nearest, 0)
    scientific = "scientific notation" in bare or "standard form" in bare
    if significant is not None:
        places = None
    elif places is None and _MONEY.search(bare):
        places = 2
    if scientific and places is not None:
        significant, places = places + 1, None
    decimal = _DECIMAL_ASKED.search(bare) is not None
    return AnswerFormat(
        places=places,
        significant=significant,
        down=down,
        up=up,
        exact=re.search(r"\bexact (?:value|answer|form)\b", bare) is not None,
        fraction=_FRACTION_ASKED.search(bare) is not None and not decimal and places is None,
        decimal=decimal,
        percent=_PERCENT_ASKED.search(bare) is not None,
        scientific=scientific,
    )


# What is asked for -------------------------------------------------------------------------------

_BASES = {
    "binary": 2, "octal": 8, "hexadecimal": 16, "hexidecimal": 16, "hex": 16, "ternary": 3, "decimal": 10,
}  # fmt: skip
_BASE = re.compile(
    r"\b(?:in|into|to)\s+(?:an?\s+|its\s+|the\s+)?(?:number\s+)?(binary|octal|hexadecimal|hexidecimal|hex"
    r"|ternary|decimal)\b"
    r"(?! (?:place|point|digit))"
    r"|\b(?:in|into|to)\s+(?:number\s+)?base[- ]*\$?(\d{1,2})\b"
    r"|\b(?:final|the)\s+(hexadecimal|hexidecimal|binary|octal)\s+(?:value|form|representation|equivalent"
    r"|answer)"
)
_COMPLEMENT = re.compile(
    r"\bcomplement\b.{0,60}\bbinary\b|\bbinary\b.{0,60}\bcomplement\b|\b(?:ones?|two)'?s?'? complement\b"
)

_MARKS = {
    name: re.compile(pattern, re.DOTALL)
    for name, pattern in {
        "unordered": r"\bfactors?\b|\bdivisors\b|\bfactoriz|\broots\b|\bzeros\b|\bzeroes\b"
        r"|\bsolutions\b|\bsolve\b|\bsets?\b|\bstationary\b|\bcritical points\b|\bwhich of\b|\beigenvalues\b"
        r"|\bsatisf(?:y|ies)\b|\bintegers? that\b",
        "ordered": r"\bcoordinates?\b|\bmidpoint\b|\bintersect\w*\b|\bvectors?\b|\bmatri(?:x|ces)\b"
        r"|\bsequence\b|\bsort(?:ed)?\b|\border\b|\bpath\b|\bmean\b|\bmedian\b|\brespectively\b|\bhours\b|\bminutes\b"
        r"|\binput\b"
        r"|\bsolve (?:\w+ ){0,4}system\b|\b(?:the|this|following|linear) system\b"
        r"|\bsystem of (?:\w+ ){0,2}equations\b|\bsimultaneous|\bpoint\b|\bcross product\b|\bcounts\b",
        "once": r"\broots?\b|\bzeros?\b|\bsolutions?\b|\bsolve\b|\bset\b|\bsatisf(?:y|ies)\b",
        "listed": r"\blist\b|\bfactors\b|\bcoordinates\b|\bpairs?\b|\bsequence\b|\bcomma|\broots\b"
        r"|\bsolutions\b|\bdigits\b",
        "plural": r"\b(?:what|which) (?:are|were)\b|\b(?:what|which|find) (?:the |all )?(?:two |three )?"
        r"(?:numbers|values|integers)\b|\brespectively\b",
        "primes": r"\bprime[- ]factor",
        "factored": r"\bfactor(?:ise|ize|ed|ing|ise this|isation|ization)?\b(?!s)",
        "structured": r"\bexpand|\bcombine like\b|\bsimplif|\bas a (?:single|product|power|sum)\b"
        r"|\bmultiply out\b|\bsingle power\b",
        "expression": r"\b(?:arithmetic|mathematical|math) expression\b|\b(?:create|make) an expression\b"
        r"|\busing (?:all |each |all of |only )*(?:of )?(?:these |the |the following )?(?:numbers|digits)\b"
        r"|\b(?:make|reach|get|form|build|calculate)\s+\S{1,8}\s+using\b",
        "symbol": r"<,?\s*(?:or\s*)?>|<\s*,\s*=|(?:less|greater)[- ]than sign"
        r"|comparison (?:sign|symbol|operator)",
        "letters": r"\bspell|\bdecrypt|\bdecipher|\bdecode\b|\bencrypt|\bcipher\b|\banagram|\bpalindrome"
        r"|(?<!empty )\bstrings?\b|\bunscramble|\brhymes?\b|\breverse the\b|\bbackwards?\b|\bwhich word\b"
        r"|\bwhat word\b|\bopposite of\b|\bin words\b|\btranslate\b|\btokens?\b",
        "yes_no": r"(?:^|[.!?:,;]\s*|\band\s+|\bbut\s+)(?:so,?\s+|now,?\s+|well,?\s+|hey,?\s+|please,?\s+)?"
        r"(?:is|are|was(?! (?:ist|sind|kostet|kosten|wiegt|ergibt|macht|bedeutet)\b)"
        r"|were|does|do|did|can|could|will|would|has|have|should"
        r"|must)\s+(?!you\b)(?:[^.?!]|\.(?=\d)){2,200}\?"
        r"|\byes or no\b|\byes/no\b|\btrue or false\b|\bwhether\b|\breturn true\b|\btrue/false\b"
        r"|\b(?:know|wonder|tell|check|see) if\b",
        "true_false": r"\btrue\b.{0,80}\bfalse\b|\breturn true\b",
        "code": r"\b(?:write|implement|create|develop|design|provide|complete|code)\b[^\n]{0,60}\b(?:function"
        r"|program|script|code|class|method|algorithm|sql|query|regex|regular expression)\b"
        r"|\bin (?:python|javascript|java|c\+\+|rust|golang|typescript)\b|\bdef \w+\(",
        "interval": r"\binterval|\bdomain\b|\binequalit|\brange of (?:the function|f|x|values)\b"
        r"|[<>≤≥]=?\s*-?\d",
        "ratio": r"\bratio\b|\bproportion\b|\bodds\b|\bscale of\b",
        "clock": r"\bwhat time\b|\bwhen (?:will|does|did|do|should|is)\b|\bo'?clock\b|\b[ap]\.?m\b|\barriv"
        r"|\btime is it\b|\bclock\b"
        r"|\bquelle heure\b|\bqu[ée] horas?\b|\bwie ?viel uhr\b|\bmấy giờ\b|几点|何時(?!間)",
        "date": r"\b(?:what|which) (?:is the |was the |will the )?date\b|\bwhat day\b"
        r"|\bon (?:what|which) (?:date|day)\b|\bdates?\b",
        "duration": r"\bhow (?:long|much time)\b|\bduration\b|\btime taken\b"
        r"|\b(?:hours (?:and|&) (?:\w+ )?minutes|minutes (?:and|&) (?:\w+ )?seconds|days (?:and|&)"
        r" (?:\w+ )?hours)\b"
        r"|\bwie lange\b|\bcu[áa]nto tiempo\b|\bcombien de temps\b|\bquanto tempo\b|\bbao lâu\b"
        r"|\bсколько времени\b|多久|多长时间|多少时间|どのくらい|どれくらい|何時間",
        "quantity": r"\bhow (?:many|much|long|far|old|tall|high|deep|wide|heavy|fast|often|big|large)\b"
        r"|\bwhat (?:is|was|will be|would be) the (?:total |average |final |new )?(?:area|volume"
        r"|perimeter|length"
        r"|width|height|distance|weight|mass|speed|price|cost|sum|product|amount|number|age|temperature)\b"
        r"|\bwie viele?\b|\bcu[áa]nt[oa]s?\b|\bcombien\b|\bquant[oiae]s?\b|\bbao nhiêu\b|\bсколько\b"
        r"|多少|几[个只]|いくつ|何[個本人円]",
        "chance": r"probab|chance|likel|odds",
        "integral": r"\bintegral\b|\bintegrate\b|\bantiderivative\b|∫|\\int\b",
        "equation": r"\b(?:find|write|give|determine|what is) (?:the |an? )?(?:\S+ ){0,2}equation\b"
        r"(?! equals)|\bequation of (?:the|a) line\b",
        "factorial": r"factorial|\d!",
        "digits_count": r"complement|bits|leading zero",
        "mentions_percent": r"percent|%",
        "shows_decimals": r"\d\.\d",
        "latex_power": r"\\(?:times|cdot) 10\^",
        "latex_fraction": r"\\[dt]?frac",
    }.items()
}
_COUNTED = re.compile(r"\bhow many\b|\bcount\b|\bnumber of\b|\bhow often\b|\bminimum\b|\bmaximum\b")
_EITHER = re.compile(r"\bor (?!not\b|no\b|false\b|equal\b|more\b|less\b|fewer\b|greater\b|later\b|earlier\b)")
_ASKS_VALUE = re.compile(r"\b(?:what|how|which|who|where|when|why|find|calculate|compute|determine|solve)\b")
_OUTPUT = re.compile(
    r"\bwhat (?:is|are|will be|would be) (?:the )?(?:\w{1,20} )?"
    r"(?:outputs?|results?|values?|printed|returned)\b"
    r"|\bwhat (?:does|do|will|would)\b[^.?!\n]{0,80}\b(?:print|output|return|display|evaluate)\b"
    r"|\b(?:predict|determine|find|give|write|provide|state|tell)(?: me)? the (?:\w{1,20} )?"
    r"(?:output|result)s? of\b"
    r"|\b(?:predict|determine|find|state|tell)(?: me)? what\b[^.?!\n]{0,80}\b(?:prints|outputs|returns)\b"
)
"""A request for what given code does: a value answers it, not a program."""
_WRITES_CODE = re.compile(
    r"(?:^|[.!?:\n])[ \t]{0,8}(?:please |now )?(?:write|implement|create|develop|design)\s"
    r"(?!the (?:\w{1,20} )?(?:output|result))"
    r"|(?<!\bi )(?<!\bwe )\b(?:(?:write|implement|create|develop|design)\s|complete (?=(?:the|this|my|a)\b))"
    r"(?!the (?:\w{1,20} )?(?:output|result))"
    r"[^.?!\n]{0,60}\b(?:function|program|script|class|method|algorithm|query|regex)\b"
)


def asks_value(text: str) -> bool:
    """Whether a question in English asks for something else than yes or no: what it is, or which of two."""
    return bool(_ASKS_VALUE.search(text) or _EITHER.search(text))


_FOR = re.compile(
    r"\b(?:solve for|find|values? of|determine)\s+\$?([a-z])\$?\s*+(?:,\s*+\$?([a-z])\$?\s*+,?\s*+)?"
    r"(?:\band\b|,|&)\s*+\$?([a-z])\$?(?![a-z])"
)
_UNIT = re.compile(
    r"\b(?:how many|in|into|in terms of|as|to|of|number of|total)\s+(?:total |whole |full |more )?"
    r"(kilometers?|kilometres?|meters?|metres?|centimeters?|centimetres?|millimeters?|millimetres?|km|cm|mm"
    r"|feet|inches|yards|miles"
    r"|kilograms?|grams?|milligrams?|kg|mg|seconds|minutes|hours|days|weeks|liters?|litres?|milliliters?"
    r"|millilitres?|ml"
    r"|cents|dollars)\b(?!\s*(?:and\b|&|\\&|per\b))"
)
_OPTION = re.compile(r"(?:(?<=\n)|(?<=\s)|^)(?:\(([A-Ha-h])\)|([A-H])[).]|([A-H]):(?=\s))\s*([^\n]{1,200})")

_CHOOSES = re.compile(r"\b(?:choices?|options?|which of|choose|select|pick)\b", re.IGNORECASE)


@functools.lru_cache(maxsize=128)
def question_spec(question: str) -> QuestionSpec:
    """What `question` asks for. Takes about a quarter of a millisecond the first time. Never raises."""
    if len(question) > _HEAD + _TAIL:
        question = f"{question[:_HEAD]}\n{question[-_TAIL:]}"
    if not question.strip():
        return QuestionSpec()
    text = question.lower().replace("’", "'").replace("‘", "'")
    bare = text.replace("$", "")
    marks: dict[str, Any] = {name: pattern.search(bare) is not None for name, pattern in _MARKS.items()}
    base = _base(bare)
    options = _options(question)
    marks["letters"] &= base is None and not _COUNTED.search(bare)
    marks["yes_no"] &= not options
    marks["code"] &= not _OUTPUT.search(bare) or _WRITES_CODE.search(bare) is not None
    marks["interval"] &= not marks["symbol"]
    marks["unordered"] &= not marks["ordered"]
    marks["factored"] &= not marks["primes"]
    unit = _unit(bare)
    return QuestionSpec(
        text=text,
        format=_answer_format(bare),
        decimal_comma=decimal_comma(question),
        comma_language=writes_comma(question),
        base=base,
        unit=unit,
        time_unit=(unit or smallest_time_unit(bare)) if marks["duration"] else "",
        unknowns=_unknowns(bare),
        options=options,
        **marks,
    )


def _base(words: str) -> int | None:
    if _COMPLEMENT.search(words):
        return 2
    base = None
    for found in _BASE.finditer(words):
        name, number = found[1] or found[3], found[2]
        base = int(number) if number else _BASES[name]
    return base if base is not None and base != 10 and 2 <= base <= 36 else None


def _unit(words: str) -> str:
    units = {unit_of(unit) for unit in _UNIT.findall(words)}
    return units.pop() if len(units) == 1 else ""


def _unknowns(words: str) -> tuple[str, ...]:
    found = _FOR.search(words)
    return tuple(name for name in found.groups() if name) if found else ()


def _options(question: str) -> tuple[tuple[str, str], ...]:
    """The options A, B, ... of a question that lists at least two in order; ("A", "text")."""
    marks = []
    chooses = _CHOOSES.search(question) is not None
    for part in re.split(r"(?<=\S)\s+(?=\(?[A-H][).]\s)|\n", question):
        found = _OPTION.match(part.strip())
        if found:
            text = found[4].strip(" ,;")
            if re.search(r"\w", text) and not re.match(r"(?:and|or)\b", text) and (not found[3] or chooses):
                marks.append(((found[1] or found[2] or found[3]).upper(), text))
    listed: list[tuple[str, str]] = []
    for letter, text in marks:
        if letter == chr(ord("A") + len(listed)):
            listed.append((letter, text))
    return tuple(listed) if len(listed) >= 2 else ()
