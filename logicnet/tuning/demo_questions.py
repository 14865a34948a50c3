"""Questions of plain arithmetic with the program that answers each: what `make tune-demo` trains on.

The prompt is the race's for a program, without worked examples (`logicnet/solver/race/samplers.py`), so what
is learned is learned for the words that the miner asks with. Only the standard library; the same for a seed.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

PROGRAM = "Write a short Python program that prints the answer and nothing else. Reply with code only."


@dataclass(frozen=True)
class DemoQuestion:
    """One question; `program` prints `answer`."""

    kind: str
    text: str
    program: str
    answer: str

    @property
    def prompt(self) -> str:
        """What the user says."""
        return f"{self.text}\n\n{PROGRAM}"

    def row(self) -> dict[str, Any]:
        """The question as a row of task sft (see train/jobfile.py)."""
        return {
            "prompt": [{"role": "user", "content": self.prompt}],
            "completion": [{"role": "assistant", "content": self.program}],
        }


_Made = tuple[str, str, int | Fraction]  # text, expression, value


def _sum(luck: random.Random) -> _Made:
    a, b = luck.randint(100, 9999), luck.randint(100, 9999)
    return luck.choice((f"What is {a} + {b}?", f"Add {a} and {b}.")), f"{a} + {b}", a + b


def _difference(luck: random.Random) -> _Made:
    b, rest = luck.randint(100, 4999), luck.randint(1, 4999)
    a = b + rest
    return luck.choice((f"What is {a} - {b}?", f"Subtract {b} from {a}.")), f"{a} - {b}", rest


def _product(luck: random.Random) -> _Made:
    a, b = luck.randint(11, 99), luck.randint(11, 99)
    return luck.choice((f"What is {a} times {b}?", f"Multiply {a} by {b}.")), f"{a} * {b}", a * b


def _quotient(luck: random.Random) -> _Made:
    b, value = luck.randint(3, 25), luck.randint(11, 199)
    return f"What is {b * value} divided by {b}?", f"{b * value} // {b}", value


def _equation(luck: random.Random) -> _Made:
    a, x, b = luck.randint(2, 12), luck.randint(2, 60), luck.randint(1, 99)
    c = a * x + b
    return f"Solve {a}x + {b} = {c} for x.", f"({c} - {b}) // {a}", x


def _percent(luck: random.Random) -> _Made:
    share, whole = luck.randint(1, 19) * 5, luck.randint(2, 60) * 20
    return f"What is {share}% of {whole}?", f"{share} * {whole} // 100", Fraction(share * whole, 100)


def _perimeter(luck: random.Random) -> _Made:
    a, b = luck.randint(3, 99), luck.randint(3, 99)
    text = f"A rectangle is {a} cm long and {b} cm wide. What is its perimeter in cm?"
    return text, f"2 * ({a} + {b})", 2 * (a + b)


def _change(luck: random.Random) -> _Made:
    count, price = luck.randint(2, 9), luck.randint(2, 19)
    paid = (count * price // 50 + 1) * 50
    what = luck.choice(("pens", "cups", "books", "maps"))
    text = f"{count} {what} cost ${price} each. You pay with ${paid}. How many dollars do you get back?"
    return text, f"{paid} - {count} * {price}", paid - count * price


KINDS: dict[str, Callable[[random.Random], _Made]] = {
    "sum": _sum,
    "difference": _difference,
    "product": _product,
    "quotient": _quotient,
    "equation": _equation,
    "percent": _percent,
    "perimeter": _perimeter,
    "change": _change,
}


def demo_questions(
    train: int = 200, held_out: int = 96, *, seed: int = 0
) -> tuple[list[DemoQuestion], list[DemoQuestion]]:
    """Questions to train on and others of the same kinds, which are in equal shares; no text occurs twice."""
    luck = random.Random(seed)  # noqa: S311  (no secret)
    made: dict[str, DemoQuestion] = {}
    names = list(KINDS)
    while len(made) < train + held_out:
        kind = names[len(made) % len(names)]
        text, expression, value = KINDS[kind](luck)
        made.setdefault(text, DemoQuestion(kind, text, f"print({expression})", str(value)))
    questions = list(made.values())
    return questions[:train], questions[train:]
