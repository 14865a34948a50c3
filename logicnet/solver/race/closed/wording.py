"""What a question says beside its formula: who asks, and how the answer is wished for.

The reader is strict. Whatever it does not know may change what is asked, and then nothing is answered:
talk around the question must be free of numbers and of every word that could be a part of a calculation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

MOST_CHARS = 600
"""Of a question that is read: a closed expression with its greeting is shorter."""

MOST_TALK = 30
"""Words around what is asked. More are a story."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How the answer is to be written: as it is, where nothing is said."""

    places: int | None = None  # after the point; negative before it
    significant: int | None = None
    down: bool = False
    exact: bool = False
    fraction: bool = False
    decimal: bool = False
    percent: bool = False
    yes_no: bool = False

    @property
    def rounded(self) -> bool:
        return self.places is not None or self.significant is not None or self.down


@dataclass(frozen=True, slots=True)
class QuestionReading:
    """One reading of a question: the verb that asks, what it asks for, and how it is wished."""

    verb: str
    object: str
    wish: Wish


def readings(question: str) -> Iterator[QuestionReading]:
    """What may be asked, from the widest reading to the narrowest. None where the question says more."""
    if len(question) > MOST_CHARS:
        return
    text = plain(question)
    if text is None:
        return
    wish = Wish()
    asking: list[str] = []
    talk = ""
    for sentence in _SENTENCE.split(text):
        instructed = _instruction(sentence, wish)
        if instructed is not None:
            wish = instructed
        elif is_talk(sentence) and not _REQUEST.search(sentence):
            talk += " " + sentence
        else:
            asking.append(sentence)
    if len(asking) == 1 and len(talk.split()) <= MOST_TALK:
        yield from _asked(asking[0], wish)


def is_talk(text: str) -> bool:
    """Whether the words carry nothing that could be a part of what is asked."""
    text = _HARMLESS.sub(" ", text)
    return not _SIGNIFICANT.search(text) and len(text.split()) <= MOST_TALK


# Text without LaTeX ------------------------------------------------------------------------------

_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z(])|(?<=[.?!])\s*\n\s*|\n\s*\n")
_SUPERSCRIPTS = str.maketrans(
    "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b", "0123456789-"
)
_SUPERSCRIPT = re.compile("[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207b]+")
_SIGNS = str.maketrans(
    {"\u00d7": "*", "\u22c5": "*", "\u00b7": "*", "\u2219": "*", "\u00f7": "/", "\u2212": "-", "\u2013": "-"}
    | {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\u2014": ", "}
    | {"\u03c0": " pi ", "\u00b0": " degrees ", "\u2044": "/"}
)
_LATEX = {
    r"\\(?:times|cdot|ast)(?![A-Za-z])": " * ",
    r"\\div(?![A-Za-z])": " / ",
    r"\\(?:left|right|displaystyle|big|Big|bigl|bigr)(?![A-Za-z])": "",
    r"\\(?:,|;|!|:|quad|qquad|\s)": " ",
    r"\\(?:text|mathrm|operatorname)\{([A-Za-z ]*)\}": r" \1 ",
    r"\\([()\[\]])": " ",
    r"\\%": "%",
    r"\\pi(?![A-Za-z])": " pi ",
    r"\\(sin|cos|tan|ln|exp|gcd|lcm|int|mod|det)(?![A-Za-z])": r" \1 ",
    r"\\(?:bmod|pmod)(?![A-Za-z])": " mod ",
    r"\\l?dots": "...",
    r"\^\s*\\circ|\^\{\\circ\}": " degrees ",
    r"\\\$": "",
    r"\$": "",
}
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,]|\.\d)")
_LISTED = re.compile(r"[A-Za-z]\s?\(|\[|\b(?:of|numbers|and)\b.*,", re.IGNORECASE)


_FRACTIONS_DIVIDED = re.compile(
    r"(?s:/.*(?:\u00f7|\\div(?![A-Za-z])|\bdivided by\b)|(?:\u00f7|\\div(?![A-Za-z])|\bdivided by\b).*/)"
    r"|(?s:\d/(?=\d).*[\d)]\s+/\s+[\d(]|[\d)]\s+/\s+(?=[\d(]).*\d/\d)",
    re.IGNORECASE,
)
"""Two signs for a division: 6 \u00f7 1/2 and 1/2 / 1/4 divide by a fraction, and not by its 1."""


def plain(text: str) -> str | None:
    """The text with its formulas in plain signs; None if it holds what we cannot be sure to read."""
    if _FRACTIONS_DIVIDED.search(text):
        return None
    text = _SUPERSCRIPT.sub(lambda found: f"^({found[0].translate(_SUPERSCRIPTS)})", text)
    text = text.translate(_SIGNS)
    text = re.sub("\u221a\\s*\\(", "sqrt(", text)
    text = re.sub("\u221a\\s*(\\d+(?:\\.\\d+)?)", r"sqrt(\1)", text)
    for pattern, sign in _LATEX.items():
        text = re.sub(pattern, sign, text)
    for _ in range(12):  # from the inside out
        before = text
        text = re.sub(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"((\1)/(\2))", text)
        text = re.sub(r"\\[dt]?frac\s*(\d)\s*(\d)", r"((\1)/(\2))", text)
        text = re.sub(r"\\[dt]?binom\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"comb(\1,\2)", text)
        text = re.sub(r"\\sqrt\s*\[(\d+)\]\s*\{([^{}]*)\}", r"root(\2,\1)", text)
        text = re.sub(r"\\sqrt\s*\{([^{}]*)\}", r"sqrt(\1)", text)
        text = re.sub(r"\\?log\s*_\s*\{?\s*(\d+)\s*\}?\s*\(([^()]*)\)", r"log(\2,\1)", text)
        text = re.sub(r"\\?log\s*_\s*\{?\s*(\d+)\s*\}?\s*\{?(\d+)\}?", r"log(\2,\1)", text)
        text = re.sub(r"([\^_])\s*\{([^{}]*)\}", r"\1(\2)", text)
        if text == before:
            break
    if "\\" in text or "{" in text or "}" in text:
        return None
    if _THOUSANDS.search(text):
        if _LISTED.search(text):
            return None  # two numbers, or one
        text = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    return re.sub(r"[ \t]+", " ", text).replace(":\n", ": ").strip()


# Wishes ------------------------------------------------------------------------------------------

_COUNT = {
    **{str(number): number for number in range(11)},
    **{
        word: n
        for n, word in enumerate(
            ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
        )
    },
}
_NEAREST = {
    "whole number": 0, "integer": 0, "unit": 0, "tenth": 1, "hundredth": 2, "thousandth": 3,
    "cent": 2, "ten": -1, "hundred": -2, "thousand": -3,
}  # fmt: skip
_WISH = re.compile(
    r"""(?:(?:to|with|using|at)\s+)?(?:exactly\s+)?(?P<places>\d|10|[a-z]{3,5})[\s-]+
            (?:decimal[\s-](?:places?|digits?)|decimals?|places|d\.?p\.?
            |digits?\safter\sthe\sdecimal(?:\spoint)?)(?!\w)
        | to\sthe\snearest\s(?P<nearest>whole\snumber|integer|unit|tenth|hundredth|thousandth|cent|ten|hundred
            |thousand)(?!\w)
        | (?:to|with)\s(?:a\smaximum\sof\s)?(?P<significant>\d|10|[a-z]{3,5})\s
            significant\s(?:digits?|figures?)
            (?:,\srounding\sup\sfrom\sthe\shalf)?
        | (?P<down>rounded\sdown\sto\s(?:a|the\snearest)\swhole\snumber)
        | (?P<exact>exact(?:ly|\s(?:value|answer|form))|in\s(?:simplest\s)?radical\sform|in\sterms\sof\spi)
        | (?P<fraction>(?:as|in)\s(?:an?\s|the\s)?(?:simplified\s|reduced\s|irreducible\s|single\s)*
            fraction(?:\sform)?
            |(?:in|to)\s(?:its\s|the\s)?(?:simplest|lowest|reduced)\s(?:form|terms?))
        | (?P<decimal>as\sa\sdecimal(?:\s(?:number|form))?|in\sdecimal\sform)
        | (?P<percent>(?:in|as\sa)\spercent(?:age)?)
        | (?P<yes_no>(?:yes\sor\sno|yes/no))""",
    re.VERBOSE | re.IGNORECASE,
)
_SUFFIX = re.compile(
    r"(?:[,;]?\s*(?:and\s+)?(?:please\s+)?(?:(?:give|express|write)\s(?:it|your\sanswer|the\s(?:answer|result))\s?)?"
    r"(?:round(?:ed|ing)?(?:\s(?:off|it|the\s(?:answer|result)|your\sanswer))*|correct|accurate|expressed|written|given)?"
    rf"\s*\(?(?:{_WISH.pattern})\)?)$",
    re.VERBOSE | re.IGNORECASE,
)
_INSTRUCTING = re.compile(
    r"""a|all|an|and|answers?|as|be|by|calculation|clearly|compute|concise|correct|degrees|do|exactly|explain|expression
    |final|find|for|form|full|give|given|here|how|i|in|include|including|is|it|just|keep|let's|leave|lowest|method|my|no
    |number|numeric|numerical|of|on|only|or|output|please|problem|process|provide|reasoning|reply|report|respond|results?
    |round|rounded|rounding|set|show|simplest|simplified|simplify|single|solution|solve|state|steps?|terms|that|the|then
    |this|to|units|use|values?|want|with|without\s(?:any\s)?(?:explanation|reasoning|rounding|steps|units|working)
    |work|working|would|write|you|your|think|fraction|gcd|lcm|hcf|maximum|thanks|thank|greatest|common|divisor|least
    |multiple""",
    re.VERBOSE,
)
_LEADING = re.compile(
    r"^(?:please\s+)?(?:round|give|answer|only|just|state|provide|report|express|write|leave|respond|reply|show|explain"
    r"|do|simplify|keep|use|think|solve|your|the\s(?:answer|result)|thank|thanks|include|let's)\b",
    re.IGNORECASE,
)


def _wished(found: re.Match[str], wish: Wish) -> Wish | None:
    if word := found["places"] or found["significant"]:
        count = _COUNT.get(word.lower())
        if count is None:
            return None
        return replace(wish, places=count) if found["places"] else replace(wish, significant=count)
    if found["nearest"]:
        return replace(wish, places=_NEAREST[found["nearest"].lower()])
    name = next(name for name in ("down", "exact", "fraction", "decimal", "percent", "yes_no") if found[name])
    changed: Wish = replace(wish, **{name: True})
    return changed


def _instruction(sentence: str, wish: Wish) -> Wish | None:
    """The wish with what a sentence of pure instruction adds to it; None if it is no such sentence."""
    if not _LEADING.match(sentence):
        return None
    rest = sentence
    while found := _WISH.search(rest):
        changed = _wished(found, wish)
        if changed is None:
            return None
        wish, rest = changed, rest[: found.start()] + " " + rest[found.end() :]
    words = re.findall(r"without(?: any)? [a-z]+|[a-z']+|[^\sa-z'.,;:!()]", rest.lower())
    return wish if all(_INSTRUCTING.fullmatch(word) for word in words) else None


# Who asks ----------------------------------------------------------------------------------------

_ASKING = re.compile(
    r"""\b(?:
        (?P<what>what(?:'s|\sis|\sare|\swould\sbe|\swas)|whats|how\smuch\sis|how\smany(?=\s(?:degrees|ways)\b))
        | (?P<find>calculate|compute|evaluate|find|work\sout|determine|give(?:\sme)?|tell\sme|figure\sout
            |state|multiply|add|divide|subtract)
        | (?P<solve>solve) | (?P<simplify>simplify|reduce) | (?P<differentiate>differentiate)
        | (?P<integrate>integrate) | (?P<convert>convert)
        | (?P<is>is)
    )(?=[\s:,|(\d-])""",
    re.VERBOSE | re.IGNORECASE,
)
_FILLER = re.compile(
    r"""(?:the|following|exact|numerical|simplified|final|correct|value\sof|result\sof|answer\s(?:to|for|of)|outcome\sof
        |solutions?\s(?:to|of)|for\sme|out|up|expression
        |fraction|(?:simple\s|basic\s|quick\s)?(?:arithmetic\s|math\s|maths\s|mathematical\s|mathematics\s|multiplication\s|addition\s
        |subtraction\s|division\s)?(?:problem|calculation|computation|multiplication|operation)
        |[:,])(?=[\s:,(\d|-]|$)\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"\bdouble[- ]check\w*|\bno one\b|\bsecond opinion\b|\bby hand\b"
    r"|\bwithout (?:using )?(?:a|my|any) calculator\b",
    re.IGNORECASE,
)
_SIGNIFICANT = re.compile(
    r"""\d|[=+*/^|<>%$\\\[\]{}]|\b(?:
        zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy
        |eighty|ninety|hundred|thousand|million|dozen|pair|couple|half|third|quarter|double[ds]?|triple[ds]?|twice|thrice
        |if|when|whenever|where|then|after|before|afterwards?|unless|except|but|not|never|instead|rather|assum\w+|suppos\w+
        |given|imagine|pretend|let|define[ds]?|defin\w+|mean|means|denotes?|represents?|replace[ds]?|swap\w*|opposite|reverse\w*
        |backwards?|upside|flip\w*|(?:integer|whole|fractional)\spart|ceiling|floor|truncat\w*|spell\w*|without|approximat\w*|roughly|estimat\w*
        |negat\w+|invers\w+|recipro\w+|invert\w*|ignor\w+|forget|trick\w*|riddle
        |base|binary|octal|hex\w*|roman|words|letters|digits?|mod\w*|clock|fraction\w*|decimal\w*|percent\w*|round\w*|nearest
        |add\w*|sum\w*|subtract\w*|multipl\w+|divid\w*|division|plus|minus|times|product|quotient|remainder|differen\w+
        |increas\w+|decreas\w+|more|less|fewer|than|equals?|greater|larger|smaller|squared?|cubed?|root|power\w*|factorial
        |each|every|per|total|altogether|remain\w*|left|split|share[ds]?|ratio|average|median|twice
        |wrong|incorrect|false|lie|lying|also|translat\w+|french|spanish|german|chinese|italian|japanese|russian|latin
        |which|who|whom|whose|why|how|what|explain|write|list|prove|describe|compare|convert|simplif\w+|factor\w*|expand\w*
        |integr\w+|deriv\w+|equations?|solve[ds]?|degrees|radians|modulo|limit|matrix|vector|probab\w+|choose|answer\s+with
        |cost\w*|price\w*|dollars?|meters?|km|cm|hours?|minutes?|days?|years?|miles?|apples?
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
_REQUEST = re.compile(r"\b(?:tell|say|give|make|sing|draw|call|name|show|use|in \w+)\b", re.IGNORECASE)
"""In a sentence beside the one that asks: a wish that we do not know."""

_END = re.compile(r"[\s.?,;:]*(?:(?:please|thanks|thank you|for me|exactly)[\s.?!,]*)*$", re.IGNORECASE)
_EQUALS_WHAT = re.compile(
    r"\s*(?:=\s*(?:\?|what|_+)?|equals?(?: to)?(?: what)?|is equal to(?: what)?)\s*$", re.IGNORECASE
)
_WHAT_DOES = re.compile(r"what (?:does|do|would) (.+?)(?: (?:equal|make|come to|give|be))?", re.IGNORECASE)
_WHAT_IS = re.compile(
    r"\b(?:what|how much) ((?!is\b|are\b|'s\b).+?) (?:is|are|equals|comes to|would be)$", re.IGNORECASE
)


def _asked(sentence: str, wish: Wish) -> Iterator[QuestionReading]:
    sentence, wish = _without_suffixes(sentence, wish)
    if found := _WHAT_DOES.fullmatch(sentence):
        yield QuestionReading("what", found[1].strip(), wish)
    if (found := _WHAT_IS.search(sentence)) and is_talk(sentence[: found.start()]):
        yield QuestionReading("what", found[1].strip(), wish)
    for found in _ASKING.finditer(sentence):
        if not is_talk(sentence[: found.start()]):
            break
        verb = str(found.lastgroup)
        rest = sentence[found.end() :].lstrip(" :,")
        if verb == "find" and found[0].lower() in ("multiply", "add", "divide", "subtract"):
            verb = found[0].lower()
        yield QuestionReading(verb, rest, wish)
        while filler := _FILLER.match(rest):
            rest = rest[filler.end() :]
            yield QuestionReading(verb, rest, wish)
    yield QuestionReading("", sentence, wish)
    *before, last = re.split(r"[:,]\s+", sentence)
    if before and is_talk(" ".join(before)):
        yield QuestionReading("", last, wish)


def _without_suffixes(sentence: str, wish: Wish) -> tuple[str, Wish]:
    for _ in range(4):
        sentence = _END.sub("", sentence.strip())
        sentence = _EQUALS_WHAT.sub("", sentence) if sentence.count("=") <= 1 else sentence
        found = _SUFFIX.search(sentence)
        changed = _wished(found, wish) if found else None
        if found is None or changed is None:
            break
        sentence, wish = sentence[: found.start()], changed
    return sentence.strip(), wish
