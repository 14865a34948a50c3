"""The phrasings that are recognised, and what each comes to. `solve` is what the worker is asked to run.

Each kind is a pattern that must match everything that is asked, and a function, mostly of `sums`, that
computes it and tells how. A question that no pattern matches whole is not answered; nor is one whose answer
cannot be written exactly and is not to be rounded either.
"""

# ruff: noqa: RUF001  (the sign of multiplication is meant)

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from logicnet.maths.worked import Story, Unclear, told, unworded
from logicnet.solver.race.closed import equations, shapes, sums
from logicnet.solver.race.closed.answers import ComputedAnswer, chained, written
from logicnet.solver.race.closed.wording import QuestionReading, Wish, readings


def solve(question: str) -> dict[str, str] | None:
    """The answer to a closed question and the steps to it; None if it is not surely one."""
    for asked in readings(question):
        try:
            found = _found(asked)
        except Unclear:
            continue
        if found is not None:
            return {"answer": found.answer, "steps": " ".join(found.steps)}
    return None


def _found(asked: QuestionReading) -> ComputedAnswer | None:
    text = asked.object
    for kind in _KINDS:
        if asked.verb in kind.verbs and (match := kind.pattern.fullmatch(text)):
            return kind.function(match, asked.wish)
    if asked.verb in ("differentiate", "integrate", "convert", "factor", "expand", "is"):
        return None
    if asked.verb in ("what", "find", "simplify", "solve", "") and (found := shapes.found(text, asked.wish)):
        return found
    if asked.verb in ("what", "find", "solve", "") and (
        found := equations.found(text, asked.wish, asked.verb)
    ):
        return found
    if asked.verb in ("what", "find", "simplify", "solve", ""):
        return _expression(text, asked.wish, simplified=asked.verb == "simplify")
    return None


# Expressions -------------------------------------------------------------------------------------

_DEGREES = re.compile(
    r",?\s*(?:with|where|and) the angles? (?:is |are |given |measured )?in degrees\s*$", re.IGNORECASE
)
_ANGLE = re.compile(r"(?<=[\d)])\s*degrees?\b", re.IGNORECASE)
_MODULO = re.compile(r"(-?\d+)(?:\s*mod(?:ulo)?\s*|\s%\s|%)\(?(\d+)\)?", re.IGNORECASE)


def _expression(text: str, wish: Wish, *, simplified: bool = False) -> ComputedAnswer | None:
    if modulo := _MODULO.fullmatch(text):
        return sums.remainder(modulo, wish)
    degrees = bool(_DEGREES.search(text) or _ANGLE.search(text))
    formula = _ANGLE.sub("", _DEGREES.sub("", text))
    if degrees and not re.search(r"\b(?:sin|cos|tan)\b", formula):
        return None
    formula = unworded(formula)
    fraction = wish.fraction or simplified or bool(re.search(r"\(\([-\d. ]+\)/\(", formula))
    outcome = told(formula, degrees=degrees, story=Story(fractions=fraction, exact=wish.exact))
    story = [entry for entry in outcome.story if not _TRIVIAL.fullmatch(entry)] or outcome.story
    plain = fraction and not (simplified or wish.rounded or wish.decimal)
    if not story or (plain and _TRIVIAL.fullmatch(story[0])):  # a number, which nobody asks for
        return None
    answer = written(outcome.value, wish, fraction=fraction)
    return ComputedAnswer(answer, chained(_pretty(text), story, answer, wish)) if answer else None


_TRIVIAL = re.compile(r"(-?\d+) ÷ (\d+) = \1/\2")


def _pretty(text: str) -> str:
    text = (
        re.sub(r"\(\((-?[\d.]+)\)/\((-?[\d.]+)\)\)", r"\1/\2", text).replace("**", "^").replace(" / ", " ÷ ")
    )
    text = re.sub(r"\blog\(([^,()]+),(\d+)\)", r"the logarithm of \1 to base \2", text)
    return re.sub(r"\^\((\d+)\)", r"^\1", re.sub(r"\s*\*\s*", " × ", text)).strip()


# Fixed phrasings ---------------------------------------------------------------------------------

_N = sums.NUMBER
_AND = r"(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*)"
_NUMBERS = (
    r"(?:(?:these|those)\s+(?:(?:two|three|four|whole|positive|natural|given)\s+)?numbers"
    rf"|(?:the\s+)?numbers?)?\s*:?\s*[(\[]?({_N}(?:{_AND}{_N})+)[)\]]?"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    verbs: tuple[str, ...]
    pattern: re.Pattern[str]
    function: Callable[[re.Match[str], Wish], ComputedAnswer | None]


_PLAIN = ("what", "find", "")


def _kind(
    pattern: str, function: Callable[[re.Match[str], Wish], ComputedAnswer | None], *verbs: str
) -> _Kind:
    return _Kind(verbs or _PLAIN, re.compile(pattern, re.IGNORECASE), function)


_GCD = r"(?:gcd|hcf|gcf|(?:greatest|highest)\s+common\s+(?:divisor|factor))(?:\s*\((?:gcd|hcf|gcf)\))?"
_LCM = r"(?:lcm|(?:least|lowest)\s+common\s+multiple)(?:\s*\(lcm\))?"
_CHOSEN = r"(?:chosen|taken|picked|selected|choosing|choose)"
_OBJECTS = r"(?:\s+(?:different\s+|distinct\s+)?(?:objects?|items?|things?|elements?))?"
_RATE = rf"(?P<rate>{_N})\s*(?:%|percent|per\s+cent)"
_BASED = r"(?:binary|octal|hexadecimal|hex|decimal|base[\s-]*\d+)"

_KINDS = (
    _kind(rf"{_RATE}\s+of\s+(?P<whole>{_N})", sums.percentage),
    _kind(rf"what\s+(?:%|percent(?:age)?)\s+of\s+(?P<whole>{_N})\s+is\s+(?P<part>{_N})", sums.what_percent),
    _kind(rf"(?P<part>{_N})\s+is\s+what\s+(?:%|percent(?:age)?)\s+of\s+(?P<whole>{_N})", sums.what_percent),
    _kind(rf"(?:the\s+)?{_GCD}\s*(?:of|between|for)?\s*{_NUMBERS}", sums.greatest_divisor),
    _kind(rf"(?:the\s+)?{_LCM}\s*(?:of|between|for)?\s*{_NUMBERS}", sums.least_multiple),
    _kind(
        r"(?:the\s+)?remainder\s+(?:of|when|if)\s+(\d+)\s+(?:is\s+)?divided\s+by\s+(\d+)"
        r"|(?:the\s+)?remainder\s+when\s+dividing\s+(\d+)\s+by\s+(\d+)",
        lambda match, wish: sums.remainder(_compact(match), wish),
    ),
    _kind(rf"(?:the\s+)?(?:sum|total)\s+of\s+{_NUMBERS}", sums.total),
    _kind(rf"{_NUMBERS}(?:\s+together)?", sums.total, "add"),
    _kind(rf"({_N}\s+to\s+{_N})", sums.total, "add"),
    _kind(
        rf"({_N})\s+by\s+({_N})", lambda match, wish: _expression(f"{match[1]} / {match[2]}", wish), "divide"
    ),
    _kind(
        rf"({_N})\s+from\s+({_N})",
        lambda match, wish: _expression(f"{match[2]} - {match[1]}", wish),
        "subtract",
    ),
    _kind(rf"(?:the\s+)?product\s+of\s+{_NUMBERS}", sums.product),
    _kind(rf"({_N}\s+(?:by|and)\s+{_N})(?:\s+together)?", sums.product, "multiply"),
    _kind(rf"(?:the\s+)?difference\s+(?:between|of)\s+{_NUMBERS}", sums.difference),
    _kind(
        rf"(?:the\s+)?(?:arithmetic\s+)?(?:mean|average)(?:\s*\(?average\)?)?\s+of\s+{_NUMBERS}",
        sums.mean,
    ),
    _kind(rf"(?:the\s+)?median\s+of\s+{_NUMBERS}", sums.median),
    _kind(
        rf"(?:the\s+)?(largest|greatest|biggest|smallest|least|maximum|minimum|highest|lowest)\s+(?:of|among)\s+{_NUMBERS}",
        sums.extreme,
    ),
    _kind(
        r"(?:the\s+(?:number|year)\s+)?(?P<n>\d+)\s+(?:an?\s+)?(?P<what>prime|composite|even|odd|perfect\s+square|leap\s+year)"
        r"(?:\s+number)?(?:\s+or\s+not)?",
        sums.is_so,
        "is",
    ),
    _kind(
        rf"(?:the\s+)?number\s+of\s+combinations\s+(?:of|from)\s+(?P<n>\d+){_OBJECTS}\s+{_CHOSEN}\s+(?P<k>\d+)"
        r"(?:\s+at\s+a\s+time)?",
        sums.combinations,
    ),
    _kind(r"(?P<n>\d+)\s+choose\s+(?P<k>\d+)", sums.combinations),
    _kind(
        rf"(?:the\s+)?number\s+of\s+permutations\s+(?:of|from)\s+(?P<n>\d+){_OBJECTS}\s+{_CHOSEN}\s+(?P<k>\d+)"
        r"(?:\s+at\s+a\s+time)?",
        sums.permutations,
    ),
    _kind(
        rf"(?:the\s+)?(?:(?P<from>{_BASED})\s+)?number\s+(?P<digits>[0-9a-f]+)\s+(?:in|into|to)\s+(?P<to>{_BASED})(?:\s+form)?",
        sums.conversion,
        "what",
        "find",
        "convert",
    ),
    _kind(
        rf"(?:the\s+)?(?:number\s+)?(?P<digits>[0-9a-z]+)\s+from\s+(?P<from>{_BASED})\s+(?:in|into|to)\s+(?P<to>{_BASED})",
        sums.conversion,
        "convert",
    ),
    _kind(rf"(?P<digits>\d+)\s+(?:in|into|to)\s+(?P<to>{_BASED})", sums.conversion, "convert"),
    *(_kind(pattern, function, *verbs) for pattern, function, verbs in equations.CALCULUS),
)


def _compact(match: re.Match[str]) -> re.Match[str]:
    groups = [group for group in match.groups() if group is not None]
    compact = re.fullmatch(r"(\d+) (\d+)", " ".join(groups))
    assert compact is not None
    return compact
