"""What a question asks to compute: the verb, the object, and how the answer is to be written.

The reader is strict. A word that it does not know may change what is asked, and then nothing is computed: the
talk around a question must hold no number and no word that could be a part of a calculation.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from logicnet.answers.question import AnswerFormat, strip_format, strip_format_at_end
from logicnet.maths.latex import undressed

MOST_CHARS = 600  # of a question that is read: a formula with its greeting is shorter
MOST_TALK = 30  # words around what is asked; more are a story


@dataclass(frozen=True, slots=True)
class QuestionReading:
    """One reading of a question: the verb that asks ("" if none), its object, the answer's format."""

    verb: str
    object: str
    format: AnswerFormat


def readings(question: str) -> Iterator[QuestionReading]:
    """The readings of a question, the widest first; no reading where the question says more."""
    text = plain(question) if len(question) <= MOST_CHARS else None
    if text is None:
        return
    wanted = AnswerFormat()
    asking: list[str] = []
    talk = ""
    for part in _SENTENCE.split(text):
        sentence = " ".join(part.split())
        instructed = _instruction(sentence, wanted)
        if instructed is not None:
            wanted = instructed
        elif is_talk(sentence) and not _REQUEST.search(sentence):
            talk += " " + sentence
        else:
            asking.append(sentence)
    if len(asking) == 1 and len(talk.split()) <= MOST_TALK:
        yield from _asked(asking[0], wanted)


def is_talk(text: str) -> bool:
    """Whether no word of the text could be a part of what is asked."""
    return not _SIGNIFICANT.search(_HARMLESS.sub(" ", text)) and len(text.split()) <= MOST_TALK


# Text without LaTeX ------------------------------------------------------------------------------

_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z(])|(?<=[.?!])\s*\n\s*|\n\s*\n")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,]|\.\d)")
_LISTED = re.compile(r"[A-Za-z]\s?\(|\[|\b(?:of|numbers|and)\b.*,", re.IGNORECASE)
_TWO_READINGS = re.compile(
    r"(?s:/.*(?:\u00f7|\\div(?![A-Za-z])|\bdivided by\b)|(?:\u00f7|\\div(?![A-Za-z])|\bdivided by\b).*/)"
    r"|(?s:\d/(?=\d).*[\d)]\s+/\s+[\d(]|[\d)]\s+/\s+(?=[\d(]).*\d/\d)"
    r"|[\u00bc-\u00be\u2150-\u215e\u00b1]|\\pm\b|\bnearest (?:percent|degree)",
    re.IGNORECASE,
)
"""Two signs for a division (6 \u00f7 1/2 divides by a fraction, not by its 1), \u00bd, \u00b1."""


def plain(text: str) -> str | None:
    """The text with its formulas in plain signs; None if it has two readings, or an unknown sign."""
    if _TWO_READINGS.search(text):
        return None
    text = "\n".join(map(undressed, text.replace("\u2014", ", ").replace(":\n", ": ").split("\n")))
    if re.search(r"[\\{}]", text):
        return None
    if _THOUSANDS.search(text):
        if _LISTED.search(text):
            return None  # one number, or several
        text = _THOUSANDS.sub(lambda number: number[0].replace(",", ""), text)
    return text


# Instructions ------------------------------------------------------------------------------------

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


def _instruction(sentence: str, known: AnswerFormat) -> AnswerFormat | None:
    """`known` with what a sentence of pure instruction adds to it; None if the sentence says more."""
    if not _LEADING.match(sentence):
        return None
    rest, wanted = strip_format(sentence, known)
    words = re.findall(r"without(?: any)? [a-z]+|[a-z']+|[^\sa-z'.,;:!()]", rest.lower())
    return wanted if all(_INSTRUCTING.fullmatch(word) for word in words) else None


# Who asks ----------------------------------------------------------------------------------------

_ASKING = re.compile(
    r"""\b(?:
        (?P<what>what(?:'s|\sis|\sare|\swould\sbe|\swas)|whats|how\smuch\sis|how\smany(?=\s(?:degrees|ways)\b))
        | (?P<find>calculate|compute|evaluate|find|work\sout|determine|give(?:\sme)?|tell\sme|figure\sout
            |state|multiply|add|divide|subtract)
        | (?P<solve>solve) | (?P<simplify>simplify|reduce) | (?P<convert>convert)
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


def _asked(sentence: str, wanted: AnswerFormat) -> Iterator[QuestionReading]:
    sentence, wanted = _without_format(sentence, wanted)
    if found := _WHAT_DOES.fullmatch(sentence):
        yield QuestionReading("what", found[1].strip(), wanted)
    if (found := _WHAT_IS.search(sentence)) and is_talk(sentence[: found.start()]):
        yield QuestionReading("what", found[1].strip(), wanted)
    for found in _ASKING.finditer(sentence):
        if not is_talk(sentence[: found.start()]):
            break
        verb = str(found.lastgroup)
        rest = sentence[found.end() :].lstrip(" :,")
        if verb == "find" and found[0].lower() in ("multiply", "add", "divide", "subtract"):
            verb = found[0].lower()
        yield QuestionReading(verb, rest, wanted)
        while filler := _FILLER.match(rest):
            rest = rest[filler.end() :]
            yield QuestionReading(verb, rest, wanted)
    yield QuestionReading("", sentence, wanted)
    *before, last = re.split(r"[:,]\s+", sentence)
    if before and is_talk(" ".join(before)):
        yield QuestionReading("", last, wanted)


def _without_format(sentence: str, wanted: AnswerFormat) -> tuple[str, AnswerFormat]:
    for _ in range(4):
        sentence = _END.sub("", sentence.strip())
        sentence = _EQUALS_WHAT.sub("", sentence) if sentence.count("=") <= 1 else sentence
        before = sentence
        sentence, wanted = strip_format_at_end(sentence, wanted)
        if sentence == before:
            break
    return sentence.strip(), wanted
