"""Where a question of reasoning-gym can be answered in a few lines, its truth is computed again."""

import math
import re
from collections.abc import Callable
from fractions import Fraction
from itertools import product

import pytest

from logicnet.evals.challenges.checks import CHECKS
from logicnet.evals.challenges.reasoning_gym import ReasoningGym

DRAWS = 4


def whole(text: str) -> list[int]:
    return [int(one) for one in re.findall(r"-?\d+", text)]


def after(mark: str, text: str) -> str:
    return text.rpartition(mark)[2].strip(" =?.\n")


def exact(expression: str) -> Fraction:
    return eval(re.sub(r"(\d+(?:\.\d+)?)", r"Fraction('\1')", expression))


def primes_of(number: int) -> list[int]:
    factor = next((one for one in range(2, number + 1) if number % one == 0), None)
    return [] if factor is None else [factor, *primes_of(number // factor)]


def in_base(number: int, base: int) -> str:
    rest = in_base(number // base, base) if number >= base else ""
    return rest + "0123456789abcdefghijklmnopqrstuvwxyz"[number % base]


def converted(text: str) -> str:
    base, number, target = re.search(r"the (.+?) number (\w+) to (\S+)$", text).groups()
    value = {"binary": 2, "hexadecimal": 16}
    bases = [value.get(one) or int(one.removeprefix("base-")) for one in (base, target)]
    return in_base(int(number, bases[0]), bases[1])


def equation(text: str) -> Fraction:
    left, right = after(":", text).split("=")
    at = [exact(re.sub(r"\b[a-zA-Z]\b", f"({x})", f"({left}) - ({right})")) for x in (0, 1)]
    return -at[0] / (at[1] - at[0])


def rolled(text: str) -> Fraction:
    sides = [int(one) for one in re.findall(r"1d(\d+)", text.partition(".")[0])]
    target = int(re.search(r"rolling (\d+) or higher", text)[1])
    ways = {0: 1}
    for most in sides:
        ways = {
            total: sum(ways.get(total - face, 0) for face in range(1, most + 1))
            for total in range(max(ways) + most + 1)
        }
    return Fraction(sum(count for total, count in ways.items() if total >= target), math.prod(sides))


def flipped(text: str) -> float:
    heads, flips = whole(text)
    counts = [heads] if "exactly" in text else range(heads, flips + 1)
    return sum(math.comb(flips, one) for one in counts) / 2**flips


def island(text: str) -> int:
    rows = [line.split() for line in text.splitlines() if re.fullmatch(r"[01 ]+", line)]
    land = {(y, x) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell == "1"}
    largest = 0
    while land:
        reached, edge = 0, [land.pop()]
        while edge:
            reached += 1
            y, x = edge.pop()
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & land
            land -= near
            edge += near
        largest = max(largest, reached)
    return largest


def finishable(text: str) -> bool:
    needs = [tuple(whole(pair)) for pair in re.findall(r"\((\d+, \d+)\)", text)]
    left = {course for pair in needs for course in pair}
    while free := {one for one in left if not any(a == one and b in left for a, b in needs)}:
        left -= free
    return not left


def consistent(text: str) -> int:
    """How many of the 128 assignments to seven statements about themselves hold."""
    (a, *_), (b, *_), (c, *_), (d, *_) = (whole(line.partition(": ")[2]) for line in text.splitlines()[1:5])

    def holds(said: tuple[bool, ...]) -> bool:
        true, false = sum(said), 7 - sum(said)
        return said == (
            true >= a,
            false <= b,
            true == c,
            false == d,
            said[2] != said[3],
            true in (2, 3, 5, 7),
            false in (4, 6),
        )

    return sum(holds(said) for said in product((True, False), repeat=7))


def powered(text: str) -> float:
    base, power = re.search(r"Compute (\S+)\^(-?\d+)\.", text).groups()
    return float(base) ** int(power)


def alternating(text: str) -> int:
    bits = re.search(r"alternating: ([01]+)", text)[1]
    ones, zeros = bits.count("1"), bits.count("0")
    if abs(ones - zeros) > 1:
        return -1
    wrong = [sum(bit != "01"[(place + start) % 2] for place, bit in enumerate(bits)) for start in (0, 1)]
    if ones != zeros:
        return wrong[ones > zeros] // 2
    return min(wrong) // 2


ANSWERS: dict[str, Callable[[str], object]] = {
    "base_conversion": converted,
    "basic_arithmetic": lambda text: exact(text.removeprefix("Calculate").strip(" .")),
    "binary_alternation": alternating,
    "bitwise_arithmetic": lambda text: hex(eval(text.splitlines()[-1])),
    "chain_sum": lambda text: exact(after(":", text)),
    "coin_flip": flipped,
    "count_bits": lambda text: whole(text)[-1].bit_count(),
    "count_primes": lambda text: sum(
        all(n % d for d in range(2, math.isqrt(n) + 1))
        for n in range(max(2, whole(text)[0]), whole(text)[1] + 1)
    ),
    "course_schedule": finishable,
    "decimal_arithmetic": lambda text: float(exact(after("\n", text))),
    "decimal_chain_sum": lambda text: float(exact(after(":", text))),
    "dice": rolled,
    "gcd": lambda text: math.gcd(*whole(text)),
    "largest_island": island,
    "lcm": lambda text: math.lcm(*whole(text)),
    "letter_counting": lambda text: (
        re.search(r'text: "(.*)"', text)[1].lower().count(re.search(r'letter "(.)"', text)[1])
    ),
    "power_function": powered,
    "prime_factorization": lambda text: " × ".join(map(str, primes_of(whole(text)[0]))),  # noqa: RUF001
    "products": lambda text: exact(re.search(r": ([\d *]+)\.", text)[1]),
    "self_reference": consistent,
    "simple_equations": equation,
    "spell_backward": lambda text: after(":", text)[::-1],
    "word_sorting": lambda text: ", ".join(
        sorted(after(":", text).split(", "), reverse="in descending order" in text)
    ),
}


@pytest.fixture(scope="module")
def source():
    return ReasoningGym()


@pytest.mark.parametrize("kind", sorted(ANSWERS))
@pytest.mark.parametrize("level", [0, 3])
def test_the_truth_is_what_the_question_gives(source, kind, level):
    for seed in range(DRAWS):
        problem = source.draw(kind, seed, level)
        ours = str(ANSWERS[kind](problem.question))
        check = problem.check
        assert CHECKS[check.by](ours, problem.truth, **check.arguments), (
            problem.question,
            problem.truth,
            ours,
        )
