"""Named operations: percentages, divisors, sums, means, choices, bases.

A rule is a pattern that must match all that is asked, and a function that computes the match. A function
returns a Work, or None or Unreadable where it is not sure.
"""

# ruff: noqa: RUF001  (the sign of multiplication is meant)

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sympy

from logicnet.answers.question import AnswerFormat
from logicnet.maths.expression import Unreadable
from logicnet.maths.steps import bracketed, shown
from logicnet.solver.race.exact.formulas import written
from logicnet.solver.race.exact.sampler import ExactSolution

MOST_NUMBERS = 30  # in a list
LARGEST_NUMBER = 10**15
LARGEST_FACTORED = 10**12
LARGEST_SET = 200  # that is chosen from
MOST_DIGITS = 30  # of a multiple or a choice
MOST_BASE_DIGITS = 60


class Work(NamedTuple):
    """`value` is a number, or the answer itself; `subject` is its name in the last sentence."""

    value: Any
    steps: list[str]
    subject: str = "the answer"
    unit: str = ""


def operation(verb: str, text: str, wanted: AnswerFormat) -> ExactSolution | None:
    """The solution if one rule matches the text. Raises Unreadable."""
    for pattern, function, verbs in _RULES:
        if verb in verbs and (match := pattern.fullmatch(text)):
            work = function(match)
            return _solution(work, wanted) if work else None
    return None


def _solution(work: Work, wanted: AnswerFormat) -> ExactSolution | None:
    if isinstance(work.value, str):
        return ExactSolution(work.value, " ".join([*work.steps, f"So {work.subject}."]))
    answer = written(work.value, wanted)
    if answer is None or (work.unit and "/" in answer):
        return None
    exact = answer == shown(work.value) or not wanted.rounded
    last = f"{'So' if exact else 'Rounded as asked,'} {work.subject} is {answer}{work.unit}."
    return ExactSolution(answer + work.unit, " ".join([*work.steps, last]))


# Numbers in a list -------------------------------------------------------------------------------


def _listed(text: str) -> list[Any]:
    numbers = [sympy.Rational(number) for number in re.findall(_N, text)]
    if not 2 <= len(numbers) <= MOST_NUMBERS or any(abs(number) > LARGEST_NUMBER for number in numbers):
        raise Unreadable("too many numbers, or too large ones")
    return numbers


def _with_and(numbers: Sequence[Any]) -> str:
    words = [shown(number) for number in numbers]
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _folded(text: str, name: str, sign: str, fold: Callable[[list[Any]], Any]) -> Work:
    numbers = _listed(text)
    done = f" {sign} ".join([shown(numbers[0]), *map(bracketed, numbers[1:])])
    steps = [f"To find the {name} of {_with_and(numbers)}, we take one number after the other."]
    return Work(fold(numbers), [*steps, f"We have {done} = {shown(fold(numbers))}."], f"the {name}")


def _total(match: re.Match[str]) -> Work:
    return _folded(match[1] or match[2], "sum", "+", sum)


def _product(match: re.Match[str]) -> Work:
    return _folded(match[1], "product", "×", math.prod)


def _difference(match: re.Match[str]) -> Work | None:
    numbers = _listed(match[1])
    if len(numbers) != 2 or numbers[0] < numbers[1]:
        return None  # smaller less larger: people disagree on the sign
    return _less(*numbers)


def _less(first: Any, second: Any) -> Work:
    done = f"{shown(first)} - {bracketed(second)} = {shown(first - second)}"
    steps = [f"To find the difference, we take {shown(second)} away: {done}."]
    return Work(first - second, steps, "the difference")


def _quotient(match: re.Match[str]) -> Work | None:
    first, second = sympy.Rational(match[1]), sympy.Rational(match[2])
    if second == 0:
        return None
    steps = [
        f"We divide {shown(first)} by {shown(second)}.",
        f"We have {first} ÷ {second} = {shown(first / second)}.",
    ]
    return Work(first / second, steps, "the quotient")


def _mean(match: re.Match[str]) -> Work:
    numbers = _listed(match[1])
    total, value = sum(numbers), sum(numbers) / sympy.Integer(len(numbers))
    steps = [
        f"To find the mean of {_with_and(numbers)}, we add them up and divide by how many there are.",
        f"Their sum is {shown(total)}, and there are {len(numbers)} of them.",
        f"We get {shown(total)} ÷ {len(numbers)} = {shown(value)}.",
    ]
    return Work(value, steps, "the mean")


def _median(match: re.Match[str]) -> Work:
    numbers = sorted(_listed(match[1]))
    steps = [f"To find the median, we put the numbers in order: {', '.join(map(shown, numbers))}."]
    middle = len(numbers) // 2
    value = numbers[middle] if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2
    if len(numbers) % 2:
        steps += [f"The one in the middle is {shown(value)}."]
    else:
        two = _with_and(numbers[middle - 1 : middle + 1])
        steps += [f"The two in the middle are {two}, and halfway between them is {shown(value)}."]
    return Work(value, steps, "the median")


# Percentages and divisors ------------------------------------------------------------------------


def _percentage(match: re.Match[str]) -> Work:
    rate, whole = sympy.Rational(match["rate"]), sympy.Rational(match["whole"])
    said, of = shown(rate), shown(whole)
    steps = [
        f"To find {said}% of {of}, we write {said}% as {said}/100 and multiply it by {of}.",
        f"This gives {said}/100 × {of} = {shown(rate * whole)}/100 = {shown(rate * whole / 100)}.",
    ]
    return Work(rate * whole / 100, steps, f"{said}% of {of}")


def _what_percent(match: re.Match[str]) -> Work | None:
    part, whole = sympy.Rational(match["part"]), sympy.Rational(match["whole"])
    if whole <= 0 or part < 0:
        return None
    steps = [
        f"To see what percentage of {shown(whole)} the number {shown(part)} is, we divide {shown(part)} by "
        f"{shown(whole)} and multiply by 100.",
        f"We get {shown(part)} ÷ {shown(whole)} × 100 = {shown(part / whole * 100)}.",
    ]
    return Work(part / whole * 100, steps, "the percentage", "%")


def _greatest_divisor(match: re.Match[str]) -> Work:
    value = math.gcd(*_whole(match[1]))
    last = f"Their shared prime factors multiply to {value}." if value > 1 else "They share no prime factor."
    return _by_factors(match[1], value, "greatest common divisor", last)


def _least_multiple(match: re.Match[str]) -> Work | None:
    value = math.lcm(*_whole(match[1]))
    last = f"Taking each prime to the highest power that occurs gives {_factored(value) or value}."
    return _by_factors(match[1], value, "least common multiple", last) if value < 10**MOST_DIGITS else None


def _by_factors(text: str, value: int, name: str, last: str) -> Work:
    factored = [f"{number} = {_factored(number)}" for number in _whole(text) if _factored(number)]
    steps = [f"To find the {name} of {_with_and(_listed(text))}, we factor each."]
    steps += [f"We have {', '.join(factored)}."] if 1 <= len(factored) <= 5 else []
    return Work(sympy.Integer(value), [*steps, last], f"the {name}")


def _whole(text: str) -> list[int]:
    numbers = _listed(text)
    if not all(number.is_Integer and number > 0 for number in numbers):
        raise Unreadable("not all of them are whole and positive")
    return [int(number) for number in numbers]


def _factored(number: int) -> str:
    if number == 1 or number > LARGEST_FACTORED:
        return ""
    powers = sympy.factorint(number).items()
    return " × ".join(f"{prime}^{power}" if power > 1 else str(prime) for prime, power in powers)


def _remainder(match: re.Match[str]) -> Work | None:
    above, below = (int(group) for group in match.groups() if group is not None)
    if above < 0 or below <= 0:
        return None
    quotient, rest = divmod(above, below)
    steps = [
        f"To find the remainder of {above} divided by {below}, we see how often {below} fits into {above}.",
        f"It fits {quotient} times, because {quotient} × {below} = {quotient * below}.",
        f"The rest is {above} - {quotient * below} = {rest}.",
    ]
    return Work(sympy.Integer(rest), steps, "the remainder")


# Choices and bases -------------------------------------------------------------------------------


def _choices(match: re.Match[str]) -> Work | None:
    n, k, ordered = int(match["n"]), int(match["k"]), "ordered" in match.groupdict()
    if not 0 <= k <= n <= LARGEST_SET:
        return None
    value = math.perm(n, k) if ordered else math.comb(n, k)
    how = "where the order counts" if ordered else "without regard to order"
    formula = f"{n}! / {n - k}!" if ordered else f"{n}! / ({k}! × {n - k}!)"
    steps = [
        f"The number of ways to choose {k} out of {n} {how} is {formula}.",
        f"We have {formula} = {value}.",
    ]
    return Work(sympy.Integer(value), steps) if value < 10**MOST_DIGITS else None


def _conversion(match: re.Match[str]) -> Work | None:
    groups = match.groupdict()
    source, target = _base(groups.get("from")), _base(groups.get("to"))
    digits = match["digits"].lower()
    if source is None or target is None or source == target:
        return None
    try:
        number = int(digits.removeprefix("0x") if source == 16 else digits, source)
    except ValueError:
        return None
    value = _in_base(number, target)
    if len(value) > MOST_BASE_DIGITS:
        return None
    steps = [f"To write {digits} of base {source} in base {target}, we first find its value."]
    steps += [f"In decimal it is {number}."] if source != 10 else []
    if target != 10:
        steps += [f"Dividing {number} by {target} again and again, the remainders give the digits {value}."]
    return Work(value, steps, f"the answer is {value}")


def _base(named: str | None) -> int | None:
    if named is None:
        return 10
    number = re.search(r"\d+", named)
    base = int(number[0]) if number else {"bi": 2, "oc": 8, "de": 10, "he": 16}[named[:2].lower()]
    return base if 2 <= base <= 36 else None


def _in_base(number: int, base: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, base)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"


# Rules -------------------------------------------------------------------------------------------

_N = r"(?:-?\d+(?:\.\d+)?)"
_AND = r"(?:\s*+,\s*+(?:and\s++)?|\s++and\s++|\s*+&\s*+)"
_NUMBERS = (
    r"(?:(?:these|those)\s++(?:(?:two|three|four|whole|positive|natural|given)\s++)?numbers"
    rf"|(?:the\s++)?numbers?)?\s*+:?\s*+[(\[]?({_N}(?:{_AND}{_N})+)[)\]]?"
)
_GCD = r"(?:gcd|hcf|gcf|(?:greatest|highest)\s++common\s++(?:divisor|factor))(?:\s*+\((?:gcd|hcf|gcf)\))?"
_LCM = r"(?:lcm|(?:least|lowest)\s++common\s++multiple)(?:\s*+\(lcm\))?"
_PERCENT = r"(?:%|percent|per\s++cent)"
_CHOSEN = (
    r"(?P<n>\d+)(?:\s++(?:different\s++|distinct\s++)?(?:objects?|items?|things?|elements?))?"
    r"\s++(?:chosen|taken|picked|selected|choosing|choose)\s++(?P<k>\d+)(?:\s++at\s++a\s++time)?"
)
_BASED = r"(?:binary|octal|hexadecimal|hex|decimal|base[\s-]*\d+)"
_IN = r"\s++(?:in|into|to)\s++"

Function = Callable[[re.Match[str]], Work | None]


def _rule(pattern: str, function: Function, *verbs: str) -> tuple[re.Pattern[str], Function, tuple[str, ...]]:
    return re.compile(rf"(?:the\s++)?{pattern}", re.IGNORECASE), function, verbs or ("what", "find", "")


_RULES = (
    _rule(rf"(?P<rate>{_N})\s*+{_PERCENT}\s++of\s++(?P<whole>{_N})", _percentage),
    _rule(rf"what\s++(?:%|percent(?:age)?)\s++of\s++(?P<whole>{_N})\s++is\s++(?P<part>{_N})", _what_percent),
    _rule(rf"(?P<part>{_N})\s++is\s++what\s++(?:%|percent(?:age)?)\s++of\s++(?P<whole>{_N})", _what_percent),
    _rule(rf"{_GCD}\s*+(?:of|between|for)?\s*+{_NUMBERS}", _greatest_divisor),
    _rule(rf"{_LCM}\s*+(?:of|between|for)?\s*+{_NUMBERS}", _least_multiple),
    _rule(
        r"remainder\s++(?:of|when|if)\s++(\d+)\s++(?:is\s++)?divided\s++by\s++(\d+)"
        r"|remainder\s++when\s++dividing\s++(\d+)\s++by\s++(\d+)|(-?\d+)(?:\s*+mod(?:ulo)?\s*+|\s%\s|%)\(?(\d+)\)?",
        _remainder,
    ),
    _rule(rf"(?:sum|total)\s++of\s++{_NUMBERS}", _total),
    _rule(rf"(?:{_NUMBERS}|({_N}\s++to\s++{_N}))(?:\s++together)?", _total, "add"),
    _rule(rf"product\s++of\s++{_NUMBERS}", _product),
    _rule(rf"({_N}\s++(?:by|and)\s++{_N})(?:\s++together)?", _product, "multiply"),
    _rule(rf"({_N})\s++by\s++({_N})", _quotient, "divide"),
    _rule(
        rf"({_N})\s++from\s++({_N})",
        lambda match: _less(sympy.Rational(match[2]), sympy.Rational(match[1])),
        "subtract",
    ),
    _rule(rf"difference\s++(?:between|of)\s++{_NUMBERS}", _difference),
    _rule(rf"(?:arithmetic\s++)?(?:mean|average)(?:\s*+\(?average\)?)?\s++of\s++{_NUMBERS}", _mean),
    _rule(rf"median\s++of\s++{_NUMBERS}", _median),
    _rule(rf"number\s++of\s++combinations\s++(?:of|from)\s++{_CHOSEN}", _choices),
    _rule(r"(?P<n>\d+)\s++choose\s++(?P<k>\d+)", _choices),
    _rule(rf"number\s++of\s++(?P<ordered>permutations)\s++(?:of|from)\s++{_CHOSEN}", _choices),
    _rule(
        rf"(?:(?P<from>{_BASED})\s++)?number\s++(?P<digits>[0-9a-f]+){_IN}(?P<to>{_BASED})(?:\s++form)?",
        _conversion,
        *("what", "find", "convert"),
    ),
    _rule(
        rf"(?:number\s++)?(?P<digits>[0-9a-z]+)\s++from\s++(?P<from>{_BASED}){_IN}(?P<to>{_BASED})",
        _conversion,
        "convert",
    ),
    _rule(rf"(?P<digits>\d+){_IN}(?P<to>{_BASED})", _conversion, "convert"),
)
