"""Kinds of questions, coarse: samplers earn trust for each of them."""

import re

from logicnet.answers.question import question_spec

KINDS = (
    "closed-expression",
    "arithmetic-words",
    "algebra",
    "story",
    "yes-no",
    "choice",
    "logic",
    "text",
    "code",
    "other",
)
"""A formula to compute; the same in words (GCD, area, percentage); unknowns and polynomials; a word problem;
yes or no; options; puzzles of rules and statements; letters and strings; a program; anything else."""

_LONG = 4_000  # characters that are read

_LOGIC = re.compile(
    r"\balways (?:tells?|tell the truth|lies?)\b|\bliars?\b|\btruth-?tell|\bknights?\b|\bpuzzle\b"
    r"|\bclues?\b|\bstatements?\b"
    r"|\bif and only if\b|\blogic\b|\bsyllogis|\bpremise|\bconclude\b|\bhouses?\b.{0,80}\bnumbered\b"
    r"|\bprerequisites?\b"
    r"|\bcryptarithm|\bgrid\b|\bmaze\b|\bnavigate\b|\brotated\b|\bgraph\b|\bblicket|\brelated to\b"
    r"|\bis married to\b|\bbuttons?\b|\btruthful"
)
_UNKNOWN = re.compile(
    r"\bsolve for\b|\bfactor\b(?! of)|\bexpand\b|\bsimplify\b(?! the fraction)|\bequations?\b|\bpolynomial"
    r"|\bintegra|\bderivative|\bdifferentiate"
    r"|\broots of\b|\bcombine like\b|\b\d*+[a-z]\s*+(?:\^|\*\*)\s*+\{?\d"
    r"|(?<![a-z\d])\d*+[a-z]\s*+[-+]\s*+\d++[a-z]?\s*+=|\bvalue of [a-z]\b.{0,60}=|∫"
)
_SUM = re.compile(
    r"(?:[\d.,\s(){}|!]|[-+*/^\u00d7·÷\u2212√%]|\\(?:cdot|times|div|[dt]?frac|sqrt|left|right)"
    r"|\b(?:sqrt|times|plus|minus|divided by)\b)+"
)
_OPERATION = re.compile(
    r"\d[)}\s!|]*+(?:[-+*/^\u00d7·÷\u2212]|\\(?:cdot|times|div)|times|plus|minus|divided by)"
    r"[\s({|\u2212√+-]*+(?:\\[dt]?frac|\\?sqrt)?[\s({]*+\d"
    r"|\d\s*+!|(?:√|sqrt)[\s({]*+\d|\|[^|]*\d\|"
)
_MATHS_WORD = re.compile(
    r"\b(?:gcd|hcf|lcm|greatest common|least common|prime|remainder|modulo|percent|area|volume|perimeter"
    r"|circumference|angle"
    r"|mean|median|factorial|square root|cube root|probability|permutations?|combinations?|sum of"
    r"|product of|difference|average"
    r"|hexadecimal|binary|base|degrees|radians|interest|vectors?|matrix|determinant|sequence|series"
    r"|fibonacci|factors?|divisors"
    r"|triangle|circle|sphere|cylinder|cone|cube|celsius|convert|weekday|day of|date|fraction|decimal|norm"
    r"|log)\b"
)
_LETTERS = re.compile(
    r"\bletters?\b|\bstrings?\b|\bspell|\bcipher|\bdecrypt|\bpalindrome|\banagram"
    r"|\bwords?\b.{0,30}\b(?:sort|order|revers)|\bsort\b.{0,40}\bwords?\b"
    r"|\btokens?\b|\bcharacters?\b"
)


def question_kind(question: str) -> str:
    """One of KINDS. Pure text work, under a millisecond for a question of ordinary length. Never raises."""
    wanted = question_spec(question)
    words = wanted.text[:_LONG]
    if not words:
        return "other"
    numbers = len(re.findall(r"\d+(?:\.\d+)?", words))
    for kind, holds in (
        ("choice", bool(wanted.options)),
        ("code", wanted.code),
        ("closed-expression", _is_expression(words)),
        ("logic", _LOGIC.search(words) is not None),
        ("yes-no", wanted.only_yes_or_no),
        ("arithmetic-words", wanted.base is not None),
        ("text", wanted.letters),
        ("algebra", _UNKNOWN.search(words) is not None),
        ("text", _LETTERS.search(words) is not None),
        ("story", _is_story(words, numbers)),
        ("arithmetic-words", numbers > 0),
    ):
        if holds:
            return kind
    return "other"


def _is_expression(words: str) -> bool:
    """One span of numbers and signs that holds every number of a short question."""
    if len(words) > 700:
        return False
    bare = words.replace("$", " ")
    spans = [found[0] for found in _SUM.finditer(bare) if re.search(r"\d", found[0])]
    return (
        len(spans) == 1
        and _OPERATION.search(spans[0]) is not None
        and not _MATHS_WORD.search(re.sub(r"\bproblem\b|\bsum\b(?! of)", "", bare))
    )


def _is_story(words: str, numbers: int) -> bool:
    asks = re.search(r"\bhow (?:many|much|long|far|old|fast|often)\b|\bwhat\b", words) is not None
    sentences = len(re.findall(r"[.!?](?:\s|$)", words))
    return (
        asks
        and numbers >= 2
        and len(words.split()) >= 20
        and sentences >= 2
        and len(_MATHS_WORD.findall(words)) <= 1
    )
