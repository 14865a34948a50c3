"""Plain arithmetic in words, eight kinds, each with its program: what `make tune-demo` trains on.

The questions are ours, and templated: a model learns to write such calculations down, not to solve others.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

_Made = tuple[str, str, Fraction]  # question, program, answer
_NAMES = ("Ada", "Ben", "Chloe", "Dinh", "Emre", "Farah", "Gita", "Hugo", "Ines", "Jonas")
_GOODS = ("apples", "stamps", "marbles", "books", "shells", "cards", "pens", "coins")


@dataclass(frozen=True)
class PracticeQuestion:
    """`program` prints `answer`."""

    kind: str
    question: str
    program: str
    answer: Fraction


def practice_questions(
    count: int, seed: int, *, but_not: frozenset[str] = frozenset()
) -> list[PracticeQuestion]:
    """Different questions, the kinds in turn; none whose text is in `but_not`."""
    return list(islice(_questions(random.Random(seed), set(but_not)), count))  # noqa: S311 (no secret)


def _questions(draw: random.Random, known: set[str]) -> Iterator[PracticeQuestion]:
    while True:
        for kind, make in _KINDS.items():
            question, program, answer = make(draw)
            if question not in known:
                known.add(question)
                yield PracticeQuestion(kind, question, f"print({program})", answer)


def _add(draw: random.Random) -> _Made:
    a, b, who, what = draw.randint(12, 980), draw.randint(12, 980), draw.choice(_NAMES), draw.choice(_GOODS)
    return (
        f"{who} has {a} {what} and gets {b} more. How many {what} does {who} have now?",
        f"{a} + {b}",
        Fraction(a + b),
    )


def _subtract(draw: random.Random) -> _Made:
    a, who, what = draw.randint(200, 990), draw.choice(_NAMES), draw.choice(_GOODS)
    b = draw.randint(11, a - 1)
    return (
        f"Of {a} {what}, {who} gives {b} away. How many {what} are left?",
        f"{a} - {b}",
        Fraction(a - b),
    )


def _multiply(draw: random.Random) -> _Made:
    a, b, what = draw.randint(12, 97), draw.randint(12, 97), draw.choice(_GOODS)
    return (
        f"There are {a} boxes with {b} {what} each. How many {what} is that?",
        f"{a} * {b}",
        Fraction(a * b),
    )


def _divide(draw: random.Random) -> _Made:
    a, b, what = draw.randint(12, 97), draw.randint(3, 24), draw.choice(_GOODS)
    return (
        f"{a * b} {what} are shared equally by {b} children. How many {what} does each child get?",
        f"{a * b} // {b}",
        Fraction(a),
    )


def _equation(draw: random.Random) -> _Made:
    a, b, x = draw.randint(3, 19), draw.randint(2, 90), draw.randint(2, 60)
    return f"Solve {a}x + {b} = {a * x + b} for x.", f"({a * x + b} - {b}) // {a}", Fraction(x)


def _percent(draw: random.Random) -> _Made:
    share, whole = draw.choice((5, 10, 15, 20, 25, 30, 40, 60, 75)), 20 * draw.randint(3, 60)
    return f"What is {share}% of {whole}?", f"{whole} * {share} // 100", Fraction(whole * share, 100)


def _perimeter(draw: random.Random) -> _Made:
    a, b = draw.randint(4, 120), draw.randint(4, 120)
    return (
        f"A rectangle is {a} cm long and {b} cm wide. What is its perimeter in cm?",
        f"2 * ({a} + {b})",
        Fraction(2 * (a + b)),
    )


def _change(draw: random.Random) -> _Made:
    price, count, who = draw.randint(2, 18), draw.randint(2, 9), draw.choice(_NAMES)
    paid = price * count + draw.randint(1, 60)
    return (
        f"{who} buys {count} tickets at {price} dollars each and pays with {paid} dollars. "
        "How many dollars of change are due?",
        f"{paid} - {count} * {price}",
        Fraction(paid - count * price),
    )


_KINDS: dict[str, Callable[[random.Random], _Made]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "equation": _equation,
    "percent": _percent,
    "perimeter": _perimeter,
    "change": _change,
}
