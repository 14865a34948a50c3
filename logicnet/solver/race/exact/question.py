"""What a question asks to compute: the verb, the object, and how the answer is to be written.

The reader is strict. A word that it does not know may change what is asked, and then nothing is computed: the
talk and the instructions around a question must be made of known words and forms.
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
        instructed = _instruction(sentence, wanted, " ".join(asking))
        if instructed is not None:
            wanted = instructed
        elif is_talk(sentence) and not (asking and sentence.endswith("?")):
            talk += " " + sentence
        else:
            asking.append(sentence)
    if len(asking) == 1 and len(talk.split()) <= MOST_TALK:
        yield from _asked(asking[0], wanted)


def is_talk(text: str) -> bool:
    """Whether the text is made of words alone that cannot change what is asked."""
    return len(text.split()) <= MOST_TALK and bool(_TALK.fullmatch(text))


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

_NOUN = (
    r"(?:(?:your|the|an?|it|this|only|just|final|exact|numerical|numeric|simplified|single|correct)\s+)*"
    r"(?:answers?|results?|value|number|solution|fraction|gcd|hcf|gcf|lcm|greatest\scommon\sdivisor"
    r"|least\scommon\smultiple|it|this|your|the|an?|exact|only|just)"
)
_FORM = re.compile(
    rf"""(?:please\s+)?(?:then\s+)?(?:only\s+|just\s+)?(?:
        (?:round|give|answer|state|provide|report|express|write|leave|keep|respond|reply|output)(?:\s+me)?(?:\s+with)?
            (?:\s+{_NOUN})?(?:\s+(?:as|with|to|in)(?:\s+{_NOUN})?)?
        | (?:your|the)\s(?:final\s)?(?:answer|result)\s(?:should|must)\sbe(?:\s{_NOUN})?
        | (?:show|explain|include|give|provide|write)\s(?:me\s)?(?:all\s)?(?:of\s)?(?:your|the|each)
            \s(?:full\s)?(?:work|working|steps?|reasoning|calculation|method)
        | solve\s(?:this|it|the)(?:\sproblem)?
        | (?:let's\s)?(?:think|solve|explain|work)(?:\s(?:it|this))?\sstep\sby\sstep
    )(?:\s*,?\s*without\s(?:any\s)?(?:explanation|reasoning|steps|working))?(?:\s+please)?""",
    re.VERBOSE | re.IGNORECASE,
)
_REDUCED = re.compile(r"\s*\bin (?:its |the )?(?:lowest terms|simplest form)$", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:fraction|gcd|hcf|gcf|lcm|greatest common divisor|least common multiple)\b")


def _instruction(sentence: str, known: AnswerFormat, asked: str) -> AnswerFormat | None:
    """`known` with what one of a few known forms of instruction adds to it; None for any other sentence."""
    rest, wanted = strip_format(sentence, known)
    rest = " ".join(rest.replace(",", " ").split()).strip(" .:;!")
    asked = asked.lower()
    if wanted.fraction or "simplify" in asked:
        rest = _REDUCED.sub("", rest)
    if not _FORM.fullmatch(rest) or (rest.lower().startswith("round") and wanted == known):
        return None
    return wanted if all(name in asked for name in _NAMED.findall(rest.lower())) else None


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
    r"""(?:the|this|following|exact|numerical|simplified|final|correct|(?:value|result|outcome)(?:\sof)?|answer(?:\s(?:to|for|of))?
        |solutions?\s(?:to|of)|for\sme|out|up|expression
        |fraction|(?:simple\s|basic\s|quick\s)?(?:arithmetic\s|math\s|maths\s|mathematical\s|mathematics\s|multiplication\s|addition\s
        |subtraction\s|division\s)?(?:problem|calculation|computation|multiplication|operation)
        |[:,])(?=[\s:,(\d|-]|$)\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_TALK = re.compile(
    r"""(?:\s*+[,:;.!?]*+\s*+\b(?:
        hi|hey|hello|dear|good\s(?:morning|afternoon|evening|day)|greetings|there|all|everyone|friend|ok|okay|so|well|now
        |please|kindly|thanks|thank|you|your|very|much|lot|help|in\sadvance|wow|great|nice|happy|excited|glad
        |i|i'm|i've|i'd|am|is|was|were|are|have|has|been|be|keep|kept|just|really|still|wondering|wonder|curious|stuck|struggling
        |working|studying|trying|tired|busy|bored|want|wanted|need|needed|like|love|would|will|could|can|may|might|to|know|learn|understand
        |ask|see|check|double-check|verify|hear|a|an|the|this|that|it|here|here's|on|at|and|with|for|from|of|as|who|do|does
        |me|my|his|her|their|our|us|we|he|she|they|son|daughter|kid|child|brother|sister|friends?|teacher|student|nurse|class
        |homework|budget|exam|test|quiz|school|work|today|tonight|morning|night(?:\sshift)?|quick|simple|little
        |question|problem|one\sthing|tell\sme|no\sone|second\sopinion|by\shand|without\s(?:using\s)?(?:a|my|any)\scalculator
    )(?![\w'-]))*[\s,:;.!?]*""",
    re.VERBOSE | re.IGNORECASE,
)
"""Talk is made of these words alone: any other may be a condition, a function or a language."""

_END = re.compile(
    r"(?<![\s.?,;:])[\s.?,;:]*+(?:(?:please|thanks|thank you|for me|exactly)[\s.?!,]*+)*+$", re.IGNORECASE
)
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
        while (filler := _FILLER.match(rest)) and (verb == "simplify" or filler[0].strip() != "fraction"):
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
