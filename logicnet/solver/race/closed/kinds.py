"""The phrasings that are recognised, and what each comes to. `solve` is what the worker is asked to run.

Each kind is a pattern that must match everything that is asked, and a function that computes it and tells
how. A question that no pattern matches whole is not answered; nor is one whose answer cannot be written
exactly and is not to be rounded either.
"""

# ruff: noqa: RUF001  (the sign of multiplication is meant)

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from logicnet.solver.race.closed import equations, shapes
from logicnet.solver.race.closed.answers import Found, chained, written
from logicnet.solver.race.closed.formula import Story, Unclear, bracketed, shown, told, unworded
from logicnet.solver.race.closed.wording import Asked, Wish, readings

MOST_NUMBERS = 30
"""In a list."""

LARGEST_PRIME_QUESTION = 10**12


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


def _found(asked: Asked) -> Found | None:
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


def _expression(text: str, wish: Wish, *, simplified: bool = False) -> Found | None:
    if modulo := _MODULO.fullmatch(text):
        return _remainder(modulo, wish)
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
    return Found(answer, chained(_pretty(text), story, answer, wish)) if answer else None


_TRIVIAL = re.compile(r"(-?\d+) ÷ (\d+) = \1/\2")


def _pretty(text: str) -> str:
    text = (
        re.sub(r"\(\((-?[\d.]+)\)/\((-?[\d.]+)\)\)", r"\1/\2", text).replace("**", "^").replace(" / ", " ÷ ")
    )
    text = re.sub(r"\blog\(([^,()]+),(\d+)\)", r"the logarithm of \1 to base \2", text)
    return re.sub(r"\^\((\d+)\)", r"^\1", re.sub(r"\s*\*\s*", " × ", text)).strip()


# Fixed phrasings ---------------------------------------------------------------------------------

_N = r"(?:-?\d+(?:\.\d+)?)"
_AND = r"(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*)"
_NUMBERS = (
    r"(?:(?:these|those)\s+(?:(?:two|three|four|whole|positive|natural|given)\s+)?numbers"
    rf"|(?:the\s+)?numbers?)?\s*:?\s*[(\[]?({_N}(?:{_AND}{_N})+)[)\]]?"
)


def _listed(text: str) -> list[Any]:
    numbers = [sympy.Rational(number) for number in re.findall(_N, text)]
    if not 2 <= len(numbers) <= MOST_NUMBERS or any(abs(number) > 10**15 for number in numbers):
        raise Unclear("too many numbers, or too large ones")
    return numbers


def _with_and(numbers: Sequence[Any]) -> str:
    words = [shown(number) for number in numbers]
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _positive(numbers: Sequence[Any]) -> list[int]:
    if not all(number.is_Integer and number > 0 for number in numbers):
        raise Unclear("not all of them are whole and positive")
    return [int(number) for number in numbers]


def _factored(number: int) -> str:
    if number == 1 or number > LARGEST_PRIME_QUESTION:
        return ""
    powers = sympy.factorint(number).items()
    return " × ".join(f"{prime}^{power}" if power > 1 else str(prime) for prime, power in powers)


def _percentage(match: re.Match[str], wish: Wish) -> Found | None:
    rate, whole = told(unworded(match["rate"])), told(unworded(match["whole"]))
    value = rate.value * whole.value / 100
    answer = written(value, wish)
    if answer is None or wish.percent:
        return None
    said, of = shown(rate.value), shown(whole.value)
    steps = [
        f"To find {said}% of {of}, we write {said}% as {said}/100 and multiply it by {of}.",
        f"This gives {said}/100 × {of} = {shown(rate.value * whole.value)}/100 = {shown(value)}.",
        f"So {said}% of {of} is {answer}.",
    ]
    return Found(answer, steps)


def _what_percent(match: re.Match[str], wish: Wish) -> Found | None:
    part, whole = sympy.Rational(match["part"]), sympy.Rational(match["whole"])
    if whole <= 0 or part < 0:
        return None
    answer = written(part / whole * 100, wish)
    if answer is None or "/" in answer:
        return None
    steps = [
        f"To see what percentage of {shown(whole)} the number {shown(part)} is, we divide {shown(part)} by "
        f"{shown(whole)} and multiply by 100.",
        f"We get {shown(part)} ÷ {shown(whole)} × 100 = {answer}.",
        f"So {shown(part)} is {answer}% of {shown(whole)}.",
    ]
    return Found(f"{answer}%", steps)


def _greatest_divisor(match: re.Match[str], _wish: Wish) -> Found | None:
    numbers = _positive(_listed(match[1]))
    value = math.gcd(*numbers)
    named = _with_and(list(map(sympy.Integer, numbers)))
    steps = [f"To find the greatest common divisor of {named}, we factor each.", _factors_of(numbers)]
    if value == 1:
        steps += ["They have no prime factor in common, so the greatest common divisor is 1."]
    else:
        steps += [f"The prime factors that they share multiply to {value}."]
        steps += [f"So the greatest common divisor is {value}."]
    return Found(str(value), [step for step in steps if step])


def _least_multiple(match: re.Match[str], _wish: Wish) -> Found | None:
    numbers = _positive(_listed(match[1]))
    value = math.lcm(*numbers)
    if len(str(value)) > 30:
        return None
    named = _with_and(list(map(sympy.Integer, numbers)))
    steps = [f"To find the least common multiple of {named}, we factor each.", _factors_of(numbers)]
    steps += [f"Taking each prime to the highest power that occurs gives {_factored(value) or value}."]
    steps += [f"So the least common multiple is {value}."]
    return Found(str(value), [step for step in steps if step])


def _factors_of(numbers: Sequence[int]) -> str:
    factored = [f"{number} = {_factored(number)}" for number in numbers if _factored(number)]
    return f"We have {', '.join(factored)}." if factored and len(factored) <= 5 else ""


def _remainder(match: re.Match[str], wish: Wish) -> Found | None:
    above, below = int(match[1]), int(match[2])
    if above < 0 or below <= 0 or wish.rounded:
        return None
    quotient, rest = divmod(above, below)
    steps = [
        f"To find the remainder of {above} divided by {below}, we see how often {below} fits into {above}.",
        f"It fits {quotient} times, because {quotient} × {below} = {quotient * below}.",
        f"What is left is {above} - {quotient * below} = {rest}.",
        f"So the remainder is {rest}.",
    ]
    return Found(str(rest), steps)


def _sum(match: re.Match[str], wish: Wish) -> Found | None:
    return _folded(_listed(match[1]), "+", "sum", "add the numbers", wish)


def _product(match: re.Match[str], wish: Wish) -> Found | None:
    return _folded(_listed(match[1]), "×", "product", "multiply the numbers", wish)


def _folded(numbers: list[Any], sign: str, name: str, do: str, wish: Wish) -> Found | None:
    value = sum(numbers) if sign == "+" else math.prod(numbers)
    answer = written(value, wish)
    if answer is None:
        return None
    steps = [f"To find the {name} of {_with_and(numbers)}, we {do} one after the other."]
    steps += [
        f"We have {f' {sign} '.join([shown(numbers[0]), *map(bracketed, numbers[1:])])} = {shown(value)}."
    ]
    return Found(answer, [*steps, f"So the {name} is {answer}."])


def _difference(match: re.Match[str], wish: Wish) -> Found | None:
    numbers = _listed(match[1])
    if len(numbers) != 2 or numbers[0] < numbers[1] or wish.percent:
        return None  # smaller less larger: people disagree on the sign
    value = numbers[0] - numbers[1]
    answer = written(value, wish)
    text = f"{shown(numbers[0])} - {bracketed(numbers[1])} = {shown(value)}"
    steps = [f"The difference is what is left when the second number is taken from the first: {text}."]
    return Found(answer, [*steps, f"So the difference is {answer}."]) if answer else None


def _mean(match: re.Match[str], wish: Wish) -> Found | None:
    numbers = _listed(match[1])
    total = sum(numbers)
    value = total / sympy.Integer(len(numbers))
    answer = written(value, wish)
    if answer is None:
        return None
    steps = [
        f"To find the mean of {_with_and(numbers)}, we add them up and divide by how many there are.",
        f"Their sum is {shown(total)}, and there are {len(numbers)} of them.",
        f"We get {shown(total)} ÷ {len(numbers)} = {answer}, so the mean is {answer}.",
    ]
    return Found(answer, steps)


def _median(match: re.Match[str], wish: Wish) -> Found | None:
    numbers = sorted(_listed(match[1]))
    middle = len(numbers) // 2
    value = numbers[middle] if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2
    answer = written(value, wish)
    if answer is None:
        return None
    steps = [f"To find the median, we put the numbers in order: {', '.join(map(shown, numbers))}."]
    if len(numbers) % 2:
        steps += [f"The one in the middle is {shown(value)}."]
    else:
        two = f"{shown(numbers[middle - 1])} and {shown(numbers[middle])}"
        steps += [f"The two in the middle are {two}, and halfway between them is {shown(value)}."]
    return Found(answer, [*steps, f"So the median is {answer}."])


def _extreme(match: re.Match[str], _wish: Wish) -> Found | None:
    numbers = _listed(match[2])
    largest = match[1].lower() in ("largest", "greatest", "biggest", "maximum", "highest")
    value = max(numbers) if largest else min(numbers)
    steps = [f"We compare {_with_and(numbers)}.", f"The {match[1].lower()} of them is {shown(value)}."]
    return Found(shown(value), steps)


def _is(match: re.Match[str], _wish: Wish) -> Found | None:
    number, what = int(match["n"]), re.sub(r"\s+", " ", match["what"].lower())
    if number > LARGEST_PRIME_QUESTION or number < 0:
        return None
    if what == "leap year":
        return _leap_year(number) if number >= 1583 else None
    if what in ("prime", "composite"):
        return _is_prime(number, what)
    if what == "perfect square":
        holds = math.isqrt(number) ** 2 == number
        why = f"The square root of {number} is {'' if holds else 'not '}a whole number."
    else:
        holds = number % 2 == (what == "odd")
        why = f"{number} divided by 2 leaves a remainder of {number % 2}."
    return _yes_no(
        f"To see whether {number} is {what}, we check it directly.", why, f"{number} is", holds, what
    )


def _is_prime(number: int, what: str) -> Found | None:
    if number < 2:
        return None  # 0 and 1 are neither: an answer with no reason is not told here
    prime = bool(sympy.isprime(number))
    if prime:
        why = f"No prime up to the square root of {number} divides it."
    else:
        smallest = min(sympy.factorint(number))
        why = f"We have {number} = {smallest} × {number // smallest}."
    opening = f"To see whether {number} is {what}, we look for a divisor other than 1 and {number} itself."
    return _yes_no(opening, why, f"{number} is", prime == (what == "prime"), what)


def _leap_year(year: int) -> Found:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    opening = "A year is a leap year if 4 divides it, but not if 100 divides it, unless 400 does."
    if year % 4:
        why = f"{year} divided by 4 leaves a remainder of {year % 4}."
    elif year % 100:
        why = f"4 divides {year}, and 100 does not."
    else:
        why = f"100 divides {year}, and 400 {'does too' if leap else 'does not'}."
    found = _yes_no(opening, why, f"{year} is", leap, "a leap year")
    return Found("Yes" if leap else "No", found.steps)


def _yes_no(opening: str, why: str, subject: str, holds: bool, what: str) -> Found:
    return Found("Yes" if holds else "No", [opening, why, f"So {subject}{'' if holds else ' not'} {what}."])


def _combinations(match: re.Match[str], _wish: Wish) -> Found | None:
    n, k = int(match["n"]), int(match["k"])
    if not 0 <= k <= n <= 200:
        return None
    value = math.comb(n, k)
    steps = [
        f"The number of ways to choose {k} out of {n} without regard to order is {n}! / ({k}! × {n - k}!).",
        f"This comes to {value}, so the answer is {value}.",
    ]
    return Found(str(value), steps) if len(str(value)) <= 30 else None


def _permutations(match: re.Match[str], _wish: Wish) -> Found | None:
    n, k = int(match["n"]), int(match["k"])
    if not 0 <= k <= n <= 200:
        return None
    value = math.perm(n, k)
    steps = [
        f"The number of ways to pick {k} out of {n} where the order counts is {n}! / {n - k}!.",
        f"This comes to {value}, so the answer is {value}.",
    ]
    return Found(str(value), steps) if len(str(value)) <= 30 else None


_BASES = {"binary": 2, "octal": 8, "decimal": 10, "hexadecimal": 16, "hex": 16}


def _conversion(match: re.Match[str], _wish: Wish) -> Found | None:
    groups = match.groupdict()
    source, target = _base(groups.get("from")), _base(groups.get("to"))
    digits = match["digits"].lower()
    if source is None or target is None or source == target:
        return None
    if source == 16:
        digits = digits.removeprefix("0x")
    try:
        number = int(digits, source)
    except ValueError:
        return None
    value = _in_base(number, target)
    if len(value) > 60:
        return None
    steps = [f"To write {digits} of base {source} in base {target}, we first find its value."]
    if source != 10:
        steps += [f"In decimal it is {number}."]
    if target != 10:
        steps += [f"Dividing {number} by {target} again and again, the remainders give the digits {value}."]
    return Found(value, [*steps, f"So the answer is {value}."])


def _base(named: str | None) -> int | None:
    if named is None:
        return 10
    named = named.lower()
    number = re.search(r"\d+", named)
    base = int(number[0]) if number else _BASES.get(named)
    return base if base is not None and 2 <= base <= 36 else None


def _in_base(number: int, base: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, base)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"


# The table ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    verbs: tuple[str, ...]
    pattern: re.Pattern[str]
    function: Callable[[re.Match[str], Wish], Found | None]


_PLAIN = ("what", "find", "")


def _kind(pattern: str, function: Callable[[re.Match[str], Wish], Found | None], *verbs: str) -> _Kind:
    return _Kind(verbs or _PLAIN, re.compile(pattern, re.IGNORECASE), function)


_GCD = r"(?:gcd|hcf|gcf|(?:greatest|highest)\s+common\s+(?:divisor|factor))(?:\s*\((?:gcd|hcf|gcf)\))?"
_LCM = r"(?:lcm|(?:least|lowest)\s+common\s+multiple)(?:\s*\(lcm\))?"
_CHOSEN = r"(?:chosen|taken|picked|selected|choosing|choose)"
_OBJECTS = r"(?:\s+(?:different\s+|distinct\s+)?(?:objects?|items?|things?|elements?))?"
_RATE = rf"(?P<rate>{_N})\s*(?:%|percent|per\s+cent)"
_BASED = r"(?:binary|octal|hexadecimal|hex|decimal|base[\s-]*\d+)"

_KINDS = (
    _kind(rf"{_RATE}\s+of\s+(?P<whole>{_N})", _percentage),
    _kind(rf"what\s+(?:%|percent(?:age)?)\s+of\s+(?P<whole>{_N})\s+is\s+(?P<part>{_N})", _what_percent),
    _kind(rf"(?P<part>{_N})\s+is\s+what\s+(?:%|percent(?:age)?)\s+of\s+(?P<whole>{_N})", _what_percent),
    _kind(rf"(?:the\s+)?{_GCD}\s*(?:of|between|for)?\s*{_NUMBERS}", _greatest_divisor),
    _kind(rf"(?:the\s+)?{_LCM}\s*(?:of|between|for)?\s*{_NUMBERS}", _least_multiple),
    _kind(
        r"(?:the\s+)?remainder\s+(?:of|when|if)\s+(\d+)\s+(?:is\s+)?divided\s+by\s+(\d+)"
        r"|(?:the\s+)?remainder\s+when\s+dividing\s+(\d+)\s+by\s+(\d+)",
        lambda match, wish: _remainder(_compact(match), wish),
    ),
    _kind(rf"(?:the\s+)?(?:sum|total)\s+of\s+{_NUMBERS}", _sum),
    _kind(rf"{_NUMBERS}(?:\s+together)?", _sum, "add"),
    _kind(rf"({_N}\s+to\s+{_N})", _sum, "add"),
    _kind(
        rf"({_N})\s+by\s+({_N})", lambda match, wish: _expression(f"{match[1]} / {match[2]}", wish), "divide"
    ),
    _kind(
        rf"({_N})\s+from\s+({_N})",
        lambda match, wish: _expression(f"{match[2]} - {match[1]}", wish),
        "subtract",
    ),
    _kind(rf"(?:the\s+)?product\s+of\s+{_NUMBERS}", _product),
    _kind(rf"({_N}\s+(?:by|and)\s+{_N})(?:\s+together)?", _product, "multiply"),
    _kind(rf"(?:the\s+)?difference\s+(?:between|of)\s+{_NUMBERS}", _difference),
    _kind(rf"(?:the\s+)?(?:arithmetic\s+)?(?:mean|average)(?:\s*\(?average\)?)?\s+of\s+{_NUMBERS}", _mean),
    _kind(rf"(?:the\s+)?median\s+of\s+{_NUMBERS}", _median),
    _kind(
        rf"(?:the\s+)?(largest|greatest|biggest|smallest|least|maximum|minimum|highest|lowest)\s+(?:of|among)\s+{_NUMBERS}",
        _extreme,
    ),
    _kind(
        r"(?:the\s+(?:number|year)\s+)?(?P<n>\d+)\s+(?:an?\s+)?(?P<what>prime|composite|even|odd|perfect\s+square|leap\s+year)"
        r"(?:\s+number)?(?:\s+or\s+not)?",
        _is,
        "is",
    ),
    _kind(
        rf"(?:the\s+)?number\s+of\s+combinations\s+(?:of|from)\s+(?P<n>\d+){_OBJECTS}\s+{_CHOSEN}\s+(?P<k>\d+)"
        r"(?:\s+at\s+a\s+time)?",
        _combinations,
    ),
    _kind(r"(?P<n>\d+)\s+choose\s+(?P<k>\d+)", _combinations),
    _kind(
        rf"(?:the\s+)?number\s+of\s+permutations\s+(?:of|from)\s+(?P<n>\d+){_OBJECTS}\s+{_CHOSEN}\s+(?P<k>\d+)"
        r"(?:\s+at\s+a\s+time)?",
        _permutations,
    ),
    _kind(
        rf"(?:the\s+)?(?:(?P<from>{_BASED})\s+)?number\s+(?P<digits>[0-9a-f]+)\s+(?:in|into|to)\s+(?P<to>{_BASED})(?:\s+form)?",
        _conversion,
        "what",
        "find",
        "convert",
    ),
    _kind(
        rf"(?:the\s+)?(?:number\s+)?(?P<digits>[0-9a-z]+)\s+from\s+(?P<from>{_BASED})\s+(?:in|into|to)\s+(?P<to>{_BASED})",
        _conversion,
        "convert",
    ),
    _kind(rf"(?P<digits>\d+)\s+(?:in|into|to)\s+(?P<to>{_BASED})", _conversion, "convert"),
    *(_kind(pattern, function, *verbs) for pattern, function, verbs in equations.CALCULUS),
)


def _compact(match: re.Match[str]) -> re.Match[str]:
    groups = [group for group in match.groups() if group is not None]
    compact = re.fullmatch(r"(\d+) (\d+)", " ".join(groups))
    assert compact is not None
    return compact
