"""Asked: what form of answer a question asks for, read off its words.

Validators have a persona reword each question, so these are the words that survive a rewording: how many
decimals, percent or not, which base, which unknowns, which options.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_HEAD, _TAIL = 2_500, 1_500  # characters of a long question that are read: what is asked stands at its ends


@dataclass(frozen=True, slots=True)
class QuestionSpec:
    """What a question asks for. Everything is unknown for an empty question."""

    places: int | None = None
    """Decimals to round to; -1 for tens, -2 for hundreds."""
    significant: int | None = None
    down: bool = False
    up: bool = False
    scientific: bool = False
    latex_power: bool = False
    """It writes 10^{...} itself."""
    percent: bool = False
    mentions_percent: bool = False
    fraction: bool = False
    latex_fraction: bool = False
    shows_decimals: bool = False
    base: int | None = None
    digits_count: bool = False
    """A leading zero of a numeral means something."""
    unordered: bool = False
    once: bool = False
    """Equal ones of a list count once: the roots of an equation."""
    listed: bool = False
    factored: bool = False
    structured: bool = False
    """The shape of an expression matters, not only its value."""
    expression: bool = False
    primes: bool = False
    symbol: bool = False
    text: bool = False
    """Its answer is made of letters: the word ten is then no number."""
    yes_no: bool = False
    true_false: bool = False
    code: bool = False
    interval: bool = False
    ratio: bool = False
    clock: bool = False
    date: bool = False
    integral: bool = False
    imaginary: bool = False
    equation: bool = False
    factorial: bool = False
    unit: str = ""
    unknowns: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    words: str = ""
    """The question in lower case, as far as it is read."""


_COUNTS = {"no": 0} | {
    word: number
    for number, word in enumerate(re.findall(r"\w+", "zero one two three four five six seven eight nine ten"))
}
_COUNT = r"(\d{1,2}|" + "|".join(_COUNTS) + ")"
_PLACES = re.compile(
    rf"\b{_COUNT}\s*(?:or fewer )?(?:digits? (?:after|past|behind) the (?:decimal|point)|decimals?\b"
    rf"|decimal (?:place|point|digit)s?"
    r"|(?<=round )places?)|\brounded (?:off )?to "
    rf"{_COUNT} places?\b"
)
_SIGNIFICANT = re.compile(rf"\b{_COUNT}\s*(?:-\s*)?(?:significant|sig\.?)\s*(?:figure|digit|fig)")
_NEAREST = re.compile(
    r"\bto (?:the |a |an )?(?:nearest |closest )?(tenth|hundredth|thousandth|whole|integer|unit|one|dollar"
    r"|cent"
    r"|ten|hundred|thousand|degree|percent)s?\b"
)
_NEAREST_PLACES = {
    "tenth": 1, "hundredth": 2, "thousandth": 3, "cent": 2, "ten": -1, "hundred": -2, "thousand": -3,
}  # fmt: skip
_ROUNDING = re.compile(r"\bround|\bnearest\b|\bclosest\b|\bcorrect to\b|\baccurate to\b|\bapproximat")
_OF_A_STORY = re.compile(
    r"\b(?:he|she|they|we|has|had|have|decided?s?|prices?|each|all|every|first|always|rounds)\b"
)
_DOWN = re.compile(
    r"\bround(?:ed|ing)?(?: \w+){0,3} down(?: \w+){0,2} (?:to )?(?:a |the )?(?:nearest )?(?:whole|integer"
    r"|full)"
)
_UP = re.compile(
    r"\bround(?:ed|ing)?(?: \w+){0,3} up(?: \w+){0,2} (?:to )?(?:a |the )?(?:nearest )?(?:whole|integer|full)"
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

_BASES = {
    "binary": 2,
    "octal": 8,
    "hexadecimal": 16,
    "hexidecimal": 16,
    "hex": 16,
    "ternary": 3,
    "decimal": 10,
}
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

_UNORDERED = re.compile(
    r"\bfactors?\b|\bdivisors\b|\bfactoriz|\broots\b|\bzeros\b|\bzeroes\b|\bsolutions\b|\bsolve\b|\bsets?\b"
    r"|\bstationary\b|\bcritical points\b|\bwhich of\b|\beigenvalues\b|\bsatisf(?:y|ies)\b|\bintegers? that\b"
)
_ORDERED = re.compile(
    r"\bcoordinates?\b|\bmidpoint\b|\bintersect\w*\b|\bvectors?\b|\bmatri(?:x|ces)\b|\bsequence\b"
    r"|\bsort(?:ed)?\b|\border\b"
    r"|\bpath\b|\bmean\b|\bmedian\b|\brespectively\b|\bhours\b|\bminutes\b|\binput\b|\bpoint\b"
    r"|\bcross product\b|\bcounts\b"
)
_ONCE = re.compile(r"\broots?\b|\bzeros?\b|\bsolutions?\b|\bsolve\b|\bset\b|\bsatisf(?:y|ies)\b")
_LISTED = re.compile(
    r"\blist\b|\bfactors\b|\bcoordinates\b|\bpairs?\b|\bsequence\b|\bcomma|\broots\b|\bsolutions\b|\bdigits\b"
)
_PRIMES = re.compile(r"\bprime[- ]factor")
_FACTORED = re.compile(r"\bfactor(?:ise|ize|ed|ing|ise this|isation|ization)?\b(?!s)")
_STRUCTURED = re.compile(
    r"\bexpand|\bcombine like\b|\bsimplif|\bas a (?:single|product|power|sum)\b|\bmultiply out\b"
    r"|\bsingle power\b"
)
_EXPRESSION = re.compile(
    r"\b(?:arithmetic|mathematical|math) expression\b|\bcreate an expression\b|\bmake an expression\b"
    r"|\busing (?:all |each |all of |only )*(?:of )?(?:these |the |the following )?(?:numbers|digits)\b"
    r"|\b(?:make|reach|get|form|build|calculate)\s+\S{1,8}\s+using\b"
)
_SYMBOL = re.compile(
    r"<,?\s*(?:or\s*)?>|<\s*,\s*=|(?:less|greater)[- ]than sign|comparison (?:sign|symbol|operator)"
)
_TEXT = re.compile(
    r"\bspell|\bdecrypt|\bdecipher|\bdecode\b|\bencrypt|\bcipher\b|\banagram|\bpalindrome"
    r"|(?<!empty )\bstrings?\b|\bunscramble|\brhymes?\b"
    r"|\breverse the\b|\bbackwards?\b|\bwhich word\b|\bwhat word\b|\bopposite of\b|\bin words\b"
    r"|\btranslate\b|\btokens?\b"
)
_COUNTED = re.compile(r"\bhow many\b|\bcount\b|\bnumber of\b|\bhow often\b|\bminimum\b|\bmaximum\b")
_YES_NO = re.compile(
    r"(?:^|[.!?:,;]\s*|\band\s+|\bbut\s+)(?:so,?\s+|now,?\s+|well,?\s+|hey,?\s+|please,?\s+)?"
    r"(?:is|are|was|were|does|do|did|can|could|will|would|has|have|should|must)\s+(?!you\b)[^.?!]{2,200}\?"
    r"|\byes or no\b|\byes/no\b|\btrue or false\b|\bwhether\b|\breturn true\b|\btrue/false\b|\b(?:know"
    r"|wonder|tell|check|see) if\b"
)
_TRUE_FALSE = re.compile(r"\btrue\b.{0,80}\bfalse\b|\breturn true\b", re.DOTALL)
_ASKS_VALUE = re.compile(r"\b(?:what|how|which|who|where|when|why|find|calculate|compute|determine|solve)\b")
_CODE = re.compile(
    r"\b(?:write|implement|create|develop|design|provide|complete|code)\b.{0,60}\b(?:function|program"
    r"|script|code|class|method|algorithm"
    r"|sql|query|regex|regular expression)\b|\bin (?:python|javascript|java|c\+\+|rust|golang|typescript)\b"
    r"|\bdef \w+\("
)
_INTERVAL = re.compile(
    r"\binterval|\bdomain\b|\binequalit|\brange of (?:the function|f|x|values)\b|[<>≤≥]=?\s*-?\d"
)
_RATIO = re.compile(r"\bratio\b|\bproportion\b|\bodds\b|\bscale of\b")
_CLOCK = re.compile(
    r"\bwhat time\b|\bwhen (?:will|does|did|do|should|is)\b|\bo'?clock\b|\b[ap]\.?m\b|\barriv"
    r"|\btime is it\b|\bclock\b"
)
_DATE = re.compile(
    r"\bwhat (?:is the |was the |will the )?date\b|\bwhich date\b|\bwhat day\b|\bon (?:what|which) (?:date"
    r"|day)\b|\bdates?\b"
)
_INTEGRAL = re.compile(r"\bintegral\b|\bintegrate\b|\bantiderivative\b|∫|\\int\b")
_IMAGINARY = re.compile(r"\bcomplex\b|\bimaginary\b|\d[ij]\b")
_EQUATION = re.compile(
    r"\b(?:find|write|give|determine|what is) (?:the |an? )?(?:\S+ ){0,2}equation\b(?! equals)"
    r"|\bequation of (?:the|a) line\b"
)
_FOR = re.compile(
    r"\b(?:solve for|find|values? of|determine)\s+\$?([a-z])\$?\s*(?:,\s*\$?([a-z])\$?\s*,?\s*)?(?:\band\b"
    r"|,|&)\s*\$?([a-z])\$?(?![a-z])"
)
_UNIT = re.compile(
    r"\b(?:how many|in|into|in terms of|as|to|of|number of|total)\s+(?:total |whole |full |more )?"
    r"(kilometers?|kilometres?|meters?|metres?|centimeters?|centimetres?|millimeters?|millimetres?|km|cm|mm"
    r"|feet|inches|yards|miles"
    r"|kilograms?|grams?|milligrams?|kg|mg|seconds|minutes|hours|days|weeks|liters?|litres?|milliliters?"
    r"|millilitres?|ml"
    r"|cents|dollars)\b(?!\s*(?:and\b|&|\\&|per\b))"
)
_SHORT_UNITS = {
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "kg": "kilogram", "mg": "milligram",
    "ml": "milliliter", "feet": "foot", "inches": "inch",
}  # fmt: skip

_OPTION = re.compile(r"(?:(?<=\n)|(?<=\s)|^)(?:\(([A-Ha-h])\)|([A-H])[).]|([A-H]):(?=\s))\s*([^\n]{1,200})")

_CHOOSES = re.compile(r"\b(?:choices?|options?|which of|choose|select|pick)\b", re.IGNORECASE)


@functools.lru_cache(maxsize=128)
def asked(question: str) -> QuestionSpec:
    """What `question` asks for. Takes about a quarter of a millisecond the first time. Never raises."""
    if len(question) > _HEAD + _TAIL:
        question = f"{question[:_HEAD]}\n{question[-_TAIL:]}"
    if not question.strip():
        return QuestionSpec()
    words = question.lower().replace("’", "'").replace("‘", "'")  # noqa: RUF001
    bare = words.replace("$", "")
    percent = bool(_PERCENT_ASKED.search(bare))
    base = _base_of(bare)
    counted = bool(_COUNTED.search(bare))
    scientific = "scientific notation" in bare or "standard form" in bare
    places, significant = _precision(bare)
    if places is None and significant is None and _MONEY.search(bare):
        places = 2
    if scientific and places is not None:
        significant, places = places + 1, None
    options = _options(question)
    yes_no = bool(_YES_NO.search(bare)) and not options
    symbol = bool(_SYMBOL.search(words))
    primes = bool(_PRIMES.search(bare))
    text = bool(_TEXT.search(bare)) and not counted and base is None
    true_false = bool(_TRUE_FALSE.search(bare))
    return QuestionSpec(
        places=places,
        significant=significant,
        down=bool(_DOWN.search(bare)),
        up=bool(_UP.search(bare)),
        scientific=scientific,
        latex_power="\\times 10^" in words or "\\cdot 10^" in words,
        percent=percent,
        mentions_percent=percent or "percent" in bare or "%" in bare,
        fraction=bool(_FRACTION_ASKED.search(bare)) and not _DECIMAL_ASKED.search(bare) and places is None,
        latex_fraction="\\frac" in words or "\\dfrac" in words or "\\tfrac" in words,
        shows_decimals=bool(re.search(r"\d\.\d", bare)),
        base=base,
        digits_count="complement" in bare or "bits" in bare or "leading zero" in bare,
        unordered=bool(_UNORDERED.search(bare)) and not _ORDERED.search(bare),
        once=bool(_ONCE.search(bare)),
        listed=bool(_LISTED.search(bare)),
        factored=bool(_FACTORED.search(bare)) and not primes,
        structured=bool(_STRUCTURED.search(bare)),
        expression=bool(_EXPRESSION.search(bare)),
        primes=primes,
        symbol=symbol,
        text=text,
        yes_no=yes_no,
        true_false=true_false,
        code=bool(_CODE.search(bare)),
        interval=bool(_INTERVAL.search(words)) and not symbol,
        ratio=bool(_RATIO.search(bare)),
        clock=bool(_CLOCK.search(bare)),
        date=bool(_DATE.search(bare)),
        integral=bool(_INTEGRAL.search(words)),
        imaginary=bool(_IMAGINARY.search(bare)),
        factorial="factorial" in words or re.search(r"\d\$?!", words) is not None,
        equation=bool(_EQUATION.search(bare)),
        unit=_unit(bare),
        unknowns=_unknowns(bare),
        options=options,
        words=words,
    )


def only_yes_or_no(question: QuestionSpec) -> bool:
    """Whether nothing but a yes or a no answers the question."""
    said = question.words.replace("yes or no", "").rstrip()
    last = re.split(r"(?<=[.!?])\s+", said)[-1]
    return question.yes_no and (question.true_false or not _ASKS_VALUE.search(last))


def _count(written: str) -> int:
    return int(written) if written.isdecimal() else _COUNTS[written]


def _precision(words: str) -> tuple[int | None, int | None]:
    if found := _SIGNIFICANT.search(words):
        return None, max(1, _count(found[1]))
    if found := _PLACES.search(words):
        return _count(found[1] or found[2]), None
    if "two places" in words:
        return 2, None
    for sentence in re.split(r"(?<=[.!?])\s+", words):
        if _ROUNDING.search(sentence) and not _OF_A_STORY.search(sentence):
            nearest = _NEAREST.search(sentence)
            if nearest and (
                nearest[1] not in ("ten", "hundred", "thousand", "cent") or "nearest" in nearest[0]
            ):
                return _NEAREST_PLACES.get(nearest[1], 0), None
            if _DOWN.search(sentence) or _UP.search(sentence):
                return 0, None
    return None, None


def _base_of(words: str) -> int | None:
    if _COMPLEMENT.search(words):
        return 2
    base = None
    for found in _BASE.finditer(words):
        name, number = found[1] or found[3], found[2]
        base = int(number) if number else _BASES[name]
    return base if base is not None and base != 10 and 2 <= base <= 36 else None


def _unit(words: str) -> str:
    spelled = (unit.replace("metre", "meter").replace("litre", "liter") for unit in _UNIT.findall(words))
    units = {_SHORT_UNITS.get(unit, unit.removesuffix("s")) for unit in spelled}
    return units.pop() if len(units) == 1 else ""


def _unknowns(words: str) -> tuple[str, ...]:
    found = _FOR.search(words)
    return tuple(name for name in found.groups() if name) if found else ()


def _options(question: str) -> tuple[tuple[str, str], ...]:
    """The options A, B, ... of a question that lists at least two in order; ("A", "text")."""
    marks = []
    for part in re.split(r"(?<=\S)\s+(?=\(?[A-H][).]\s)|\n", question):
        found = _OPTION.match(part.strip())
        if found:
            text = found[4].strip(" ,;")
            if (
                re.search(r"\w", text)
                and not re.match(r"(?:and|or)\b", text)
                and (not found[3] or _CHOOSES.search(question))
            ):
                marks.append(((found[1] or found[2] or found[3]).upper(), text))
    listed: list[tuple[str, str]] = []
    for letter, text in marks:
        if letter == chr(ord("A") + len(listed)):
            listed.append((letter, text))
    return tuple(listed) if len(listed) >= 2 else ()
