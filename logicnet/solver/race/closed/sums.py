"""What the fixed phrasings come to: percentages, divisors, sums, means, primes, choices, digits.

Each function takes what its pattern in `kinds` has caught, and tells how it is computed; None, or Unclear
raised, if it cannot be told exactly.
"""

# ruff: noqa: RUF001  (the sign of multiplication is meant)

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import sympy

from logicnet.maths.worked import Unclear, bracketed, shown, told, unworded
from logicnet.solver.race.closed.answers import ComputedAnswer, written
from logicnet.solver.race.closed.wording import Wish

NUMBER = r"(?:-?\d+(?:\.\d+)?)"

MOST_NUMBERS = 30
"""In a list."""

LARGEST_PRIME_QUESTION = 10**12


def _listed(text: str) -> list[Any]:
    numbers = [sympy.Rational(number) for number in re.findall(NUMBER, text)]
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


def percentage(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
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
    return ComputedAnswer(answer, steps)


def what_percent(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
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
    return ComputedAnswer(f"{answer}%", steps)


def greatest_divisor(match: re.Match[str], _wish: Wish) -> ComputedAnswer | None:
    numbers = _positive(_listed(match[1]))
    value = math.gcd(*numbers)
    named = _with_and(list(map(sympy.Integer, numbers)))
    steps = [f"To find the greatest common divisor of {named}, we factor each.", _factors_of(numbers)]
    if value == 1:
        steps += ["They have no prime factor in common, so the greatest common divisor is 1."]
    else:
        steps += [f"The prime factors that they share multiply to {value}."]
        steps += [f"So the greatest common divisor is {value}."]
    return ComputedAnswer(str(value), [step for step in steps if step])


def least_multiple(match: re.Match[str], _wish: Wish) -> ComputedAnswer | None:
    numbers = _positive(_listed(match[1]))
    value = math.lcm(*numbers)
    if len(str(value)) > 30:
        return None
    named = _with_and(list(map(sympy.Integer, numbers)))
    steps = [f"To find the least common multiple of {named}, we factor each.", _factors_of(numbers)]
    steps += [f"Taking each prime to the highest power that occurs gives {_factored(value) or value}."]
    steps += [f"So the least common multiple is {value}."]
    return ComputedAnswer(str(value), [step for step in steps if step])


def _factors_of(numbers: Sequence[int]) -> str:
    factored = [f"{number} = {_factored(number)}" for number in numbers if _factored(number)]
    return f"We have {', '.join(factored)}." if factored and len(factored) <= 5 else ""


def remainder(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
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
    return ComputedAnswer(str(rest), steps)


def total(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
    return _folded(_listed(match[1]), "+", "sum", "add the numbers", wish)


def product(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
    return _folded(_listed(match[1]), "×", "product", "multiply the numbers", wish)


def _folded(numbers: list[Any], sign: str, name: str, do: str, wish: Wish) -> ComputedAnswer | None:
    value = sum(numbers) if sign == "+" else math.prod(numbers)
    answer = written(value, wish)
    if answer is None:
        return None
    steps = [f"To find the {name} of {_with_and(numbers)}, we {do} one after the other."]
    steps += [
        f"We have {f' {sign} '.join([shown(numbers[0]), *map(bracketed, numbers[1:])])} = {shown(value)}."
    ]
    return ComputedAnswer(answer, [*steps, f"So the {name} is {answer}."])


def difference(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
    numbers = _listed(match[1])
    if len(numbers) != 2 or numbers[0] < numbers[1] or wish.percent:
        return None  # smaller less larger: people disagree on the sign
    value = numbers[0] - numbers[1]
    answer = written(value, wish)
    text = f"{shown(numbers[0])} - {bracketed(numbers[1])} = {shown(value)}"
    steps = [f"The difference is what is left when the second number is taken from the first: {text}."]
    return ComputedAnswer(answer, [*steps, f"So the difference is {answer}."]) if answer else None


def mean(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
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
    return ComputedAnswer(answer, steps)


def median(match: re.Match[str], wish: Wish) -> ComputedAnswer | None:
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
    return ComputedAnswer(answer, [*steps, f"So the median is {answer}."])


def extreme(match: re.Match[str], _wish: Wish) -> ComputedAnswer | None:
    numbers = _listed(match[2])
    largest = match[1].lower() in ("largest", "greatest", "biggest", "maximum", "highest")
    value = max(numbers) if largest else min(numbers)
    steps = [f"We compare {_with_and(numbers)}.", f"The {match[1].lower()} of them is {shown(value)}."]
    return ComputedAnswer(shown(value), steps)


def is_so(match: re.Match[str], _wish: Wish) -> ComputedAnswer | None:
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


def _is_prime(number: int, what: str) -> ComputedAnswer | None:
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


def _leap_year(year: int) -> ComputedAnswer:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    opening = "A year is a leap year if 4 divides it, but not if 100 divides it, unless 400 does."
    if year % 4:
        why = f"{year} divided by 4 leaves a remainder of {year % 4}."
    elif year % 100:
        why = f"4 divides {year}, and 100 does not."
    else:
        why = f"100 divides {year}, and 400 {'does too' if leap else 'does not'}."
    found = _yes_no(opening, why, f"{year} is", leap, "a leap year")
    return ComputedAnswer("Yes" if leap else "No", found.steps)


def _yes_no(opening: str, why: str, subject: str, holds: bool, what: str) -> ComputedAnswer:
    return ComputedAnswer(
        "Yes" if holds else "No", [opening, why, f"So {subject}{'' if holds else ' not'} {what}."]
    )


def combinations(match: re.Match[str], _wish: Wish) -> ComputedAnswer | None:
    n, k = int(match["n"]), int(match["k"])
    if not 0 <= k <= n <= 200:
        return None
    value = math.comb(n, k)
    steps = [
        f"The number of ways to choose {k} out of {n} without regard to order is {n}! / ({k}! × {n - k}!).",
        f"This comes to {value}, so the answer is {value}.",
    ]
    return ComputedAnswer(str(value), steps) if len(str(value)) <= 30 else None


def permutations(match: re.Match[str], _wish: Wish) -> ComputedAnswer | None:
    n, k = int(match["n"]), int(match["k"])
    if not 0 <= k <= n <= 200:
        return None
    value = math.perm(n, k)
    steps = [
        f"The number of ways to pick {k} out of {n} where the order counts is {n}! / {n - k}!.",
        f"This comes to {value}, so the answer is {value}.",
    ]
    return ComputedAnswer(str(value), steps) if len(str(value)) <= 30 else None


_BASES = {"binary": 2, "octal": 8, "decimal": 10, "hexadecimal": 16, "hex": 16}


def conversion(match: re.Match[str], _wish: Wish) -> ComputedAnswer | None:
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
    return ComputedAnswer(value, [*steps, f"So the answer is {value}."])


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
