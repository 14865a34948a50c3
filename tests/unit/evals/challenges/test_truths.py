"""Each kind of mathgenerator is computed again, from its question alone: its truths are not believed."""

import cmath
import math
import re
import statistics
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import product

import pytest

from logicnet.evals.challenges._mathgenerator_kinds import KINDS
from logicnet.evals.challenges.checks import CHECKS
from logicnet.evals.challenges.mathgenerator import Mathgenerator

DRAWS = 6

Numbers = list[Fraction]


def listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def solved(a: Fraction, b: Fraction, c: Fraction, d: Fraction, e: Fraction, f: Fraction) -> str:
    """ax + by = c, dx + ey = f."""
    return f"x = {(c * e - b * f) / (a * e - b * d)}, y = {(a * f - c * d) / (a * e - b * d)}"


def equations(text: str) -> str:
    rows = []
    for left, right in re.findall(r"\$([^$=]*)=\s*(-?\d+)\$", text):
        terms = dict.fromkeys("xy", Fraction())
        for sign, digits, unknown in re.findall(r"([+-]?)\s*(\d*)([xy])", left.replace("+ -", "-")):
            terms[unknown] += int(f"{sign}{digits or 1}")
        rows += [terms["x"], terms["y"], Fraction(right)]
    return solved(*rows)


def expanded(text: str) -> str:
    (a, b), (c, d) = (
        (int({"": "1", "-": "-1"}.get(x, x)), int(one or 0))
        for x, one in re.findall(r"\((-?\d*)x([+-]\d+)?\)", text)
    )
    return f"{a * c}x^2 + {a * d + b * c}x + {b * d}".replace("+ -", "- ")


def factored(text: str) -> str:
    match = re.search(r"x\^2(?:([+-]\d*)x)?([+-]\d+)?\$", text)
    b = int({"+": "1", "-": "-1", None: "0"}.get(match[1], match[1]))
    c = int(match[2] or 0)
    root = math.isqrt(b * b - 4 * c)
    return "".join(f"(x{(b + sign * root) // 2:+d})" for sign in (1, -1)).replace("+0", "")


def polynomial(text: str) -> list[tuple[int, int]]:
    return [(int(a), int(n)) for a, n in re.findall(r"(\d+)x\^\{(\d+)\}", text)]


def combined(text: str) -> str:
    powers = {n: sum(a for a, m in polynomial(text) if m == n) for _, n in polynomial(text)}
    return " + ".join(f"{a}x^{n}" for n, a in powers.items())


def stationary(text: str) -> str:
    text = re.search(r"=([^$]*)\$", text)[1]

    def coefficient(pattern: str) -> int:
        match = re.search(r"(\d*)\*?" + pattern, text)
        return int(match[1] or 1) if match else 0

    a, b, c = coefficient(r"x\^3"), coefficient(r"x\^2"), coefficient(r"x(?!\^)")
    if a == 0:
        return str(Fraction(-c, 2 * b))
    root = math.sqrt(4 * b * b - 12 * a * c)
    return listed(sorted({(-2 * b + sign * root) / (6 * a) for sign in (1, -1)}))


def primes_of(number: int) -> list[int]:
    for factor in range(2, number + 1):
        if number % factor == 0:
            return [factor, *primes_of(number // factor)]
    return []


def in_base(number: int, base: int) -> str:
    digits = "0123456789ABCDEFGHIJ"
    return (in_base(number // base, base) if number >= base else "") + digits[number % base]


def converted(text: str) -> str:
    written, base, target = re.search(r"\$(\w+)\$ from base \$(\d+)\$ to base \$(\d+)\$", text).groups()
    return in_base(int(written, int(base)), int(target))


def inverse(n: Numbers) -> str:
    (a, b, c), (d, e, f), (g, h, i) = n[:3], n[3:6], n[6:9]
    cofactors = [
        e * i - f * h, c * h - b * i, b * f - c * e,
        f * g - d * i, a * i - c * g, c * d - a * f,
        d * h - e * g, b * g - a * h, a * e - b * d,
    ]  # fmt: skip
    determinant = a * cofactors[0] + b * cofactors[3] + c * cofactors[6]
    return listed(one / determinant for one in cofactors)


def meeting(text: str) -> str:
    lines = []
    for right in re.findall(r"y = ([^$]*)\$", text):
        slope = re.match(r"(-?\d*(?:/\d+)?)x", right)
        rest = right[slope.end() :] if slope else right
        m = Fraction({"": "1", "-": "-1"}.get(slope[1], slope[1])) if slope else Fraction()
        lines.append((m, Fraction(rest.replace(" ", "") or 0)))
    (m, b), (n, c) = lines
    x = (c - b) / (m - n)
    return f"({x}, {m * x + b})"


def scientific(n: Numbers) -> str:
    mantissa, power = float(n[0] * n[3]), int(n[2] + n[5])
    return f"{mantissa}e{power}"


def normal_vector(n: Numbers) -> str:
    a, b = n[:3], n[3:]
    return listed([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def angle(n: Numbers) -> float:
    a, b = [float(one) for one in n[: len(n) // 2]], [float(one) for one in n[len(n) // 2 :]]
    return math.acos(sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b))


def trigonometric(text: str) -> str:
    name, degrees = re.search(r"\\(sin|cos|tan)\((\d+)\)", text).groups()
    return repr(getattr(math, name)(math.radians(int(degrees))))


def bayes(n: Numbers) -> float:
    ill, sensitivity, specificity = (one / 100 for one in n[:3])
    return float(100 * ill * sensitivity / (ill * sensitivity + (1 - ill) * (1 - specificity)))


def binomial(n: Numbers) -> float:
    share, batch, most = n[0] / 100, int(n[1]), int(n[2])
    terms = (math.comb(batch, k) * share**k * (1 - share) ** (batch - k) for k in range(most + 1))
    return float(100 * sum(terms))


def dice(n: Numbers) -> Fraction:
    rolls = list(product(range(1, 7), repeat=int(n[0])))
    return Fraction(sum(sum(roll) == n[1] for roll in rolls), len(rolls))


def sign(left: float, right: float) -> str:
    return "<" if left < right else ">" if left > right else "="


def yes(value: bool) -> str:
    return "Yes" if value else "No"


def common(*numbers: Fraction) -> str:
    every = math.gcd(*map(int, numbers))
    return listed(one for one in range(1, every + 1) if every % one == 0)


def fibonacci(n: int) -> int:
    return sum(math.comb(n - 1 - k, k) for k in range((n + 1) // 2))


def flipped(bits: str) -> str:
    return bits.translate(str.maketrans("01", "10"))


BY_NUMBERS: dict[str, Callable[[Numbers], object]] = {
    "addition": lambda n: n[0] + n[1],
    "angle_btw_vectors": angle,
    "angle_regular_polygon": lambda n: float(180 - 360 / n[0]),
    "arc_length": lambda n: 2 * math.pi * n[0] * n[1] / 360,
    "area_of_circle": lambda n: math.pi * n[0] ** 2,
    "area_of_circle_given_center_and_point": lambda n: math.pi * ((n[0] - n[2]) ** 2 + (n[1] - n[3]) ** 2),
    "area_of_triangle": lambda n: (
        math.sqrt((n[0] + n[1] + n[2]) * (-n[0] + n[1] + n[2]) * (n[0] - n[1] + n[2]) * (n[0] + n[1] - n[2]))
        / 4
    ),
    "arithmetic_progression_sum": lambda n: n[0] * (2 * n[1] + (n[0] - 1) * (n[2] - n[1])) / 2,
    "arithmetic_progression_term": lambda n: n[1] + (n[0] - 1) * (n[2] - n[1]),
    "basic_algebra": lambda n: (n[2] - n[1]) / n[0],
    "binomial_distribution": binomial,
    "celsius_to_fahrenheit": lambda n: float(n[0] * 9 / 5 + 32),
    "circumference": lambda n: 2 * math.pi * n[0],
    "combinations": lambda n: math.comb(int(n[0]), int(n[1])),
    "common_factors": lambda n: common(*n),
    "compare_fractions": lambda n: sign(n[0] / n[1], n[2] / n[3]),
    "complex_to_polar": lambda n: cmath.phase(complex(*n[-2:])),
    "compound_interest": lambda n: float(n[0] * (1 + n[1] / 100) ** int(n[2])),
    "conditional_probability": bayes,
    "cube_root": lambda n: float(n[0]) ** (1 / 3),
    "curved_surface_area_cylinder": lambda n: 2 * math.pi * n[0] * n[1],
    "definite_integral": lambda n: float(n[2] / 3 + n[4] / 2 + n[5]),
    "degree_to_rad": lambda n: math.radians(n[0]),
    "dice_sum_probability": dice,
    "distance_two_points": lambda n: f"sqrt({(n[0] - n[2]) ** 2 + (n[1] - n[3]) ** 2})",
    "divide_fractions": lambda n: n[0] / n[1] / (n[2] / n[3]),
    "division": lambda n: n[0] / n[1],
    "euclidian_norm": lambda n: math.hypot(*n[1:]),
    "exponentiation": lambda n: n[0] ** int(n[1]),
    "factorial": lambda n: math.factorial(int(n[0])),
    "factors": lambda n: common(n[0], n[0]),
    "fourth_angle_of_quadrilateral": lambda n: 360 - sum(n),
    "fraction_multiplication": lambda n: n[0] / n[1] * n[2] / n[3],
    "fraction_to_decimal": lambda n: float(n[0] / n[1]),
    "gcd": lambda n: math.gcd(*map(int, n)),
    "geometric_mean": lambda n: statistics.geometric_mean(map(float, n[1:])),
    "greatest_common_divisor": lambda n: math.gcd(*map(int, n)),
    "hcf": lambda n: math.gcd(*map(int, n)),
    "int_matrix_22_determinant": lambda n: n[0] * n[3] - n[1] * n[2],
    "invert_matrix": inverse,
    "is_composite": lambda n: yes(len(primes_of(int(n[0]))) > 1),
    "is_leap_year": lambda n: yes(n[0] % 4 == 0 and (n[0] % 100 != 0 or n[0] % 400 == 0)),
    "is_prime": lambda n: yes(len(primes_of(int(n[0]))) == 1),
    "lcm": lambda n: math.lcm(*map(int, n)),
    "log": lambda n: round(math.log(n[1], n[0])),
    "mean_median": lambda n: f"{statistics.mean(map(float, n))} and {statistics.median(map(float, n))}",
    "midpoint_of_two_points": lambda n: f"({float((n[0] + n[2]) / 2)}, {float((n[1] + n[3]) / 2)})",
    "minutes_to_hours": lambda n: "{} hours and {} minutes".format(*divmod(int(n[0]), 60)),
    "modulo_division": lambda n: n[0] % n[1],
    "multiplication": lambda n: n[0] * n[1],
    "multiply_int_to_22_matrix": lambda n: listed(n[0] * one for one in n[1:]),
    "nth_fibonacci_number": lambda n: fibonacci(int(n[0])),
    "percentage": lambda n: float(n[0] * n[1] / 100),
    "percentage_difference": lambda n: float(200 * abs(n[0] - n[1]) / (n[0] + n[1])),
    "percentage_error": lambda n: float(100 * abs(n[0] - n[1]) / abs(n[1])),
    "perimeter_of_polygons": lambda n: sum(n[1:]),
    "permutation": lambda n: math.perm(int(n[0]), int(n[1])),
    "power_of_powers": lambda n: f"{n[0]}^{n[1] * n[2]}",
    "prime_factors": lambda n: listed(primes_of(int(n[0]))),
    "product_of_scientific_notations": scientific,
    "profit_loss_percent": lambda n: float(100 * abs(n[0] - n[1]) / n[0]),
    "pythagorean_theorem": lambda n: math.hypot(*n),
    "quadratic_equation": lambda n: listed(
        {(-n[2] + s * math.sqrt(n[2] ** 2 - 4 * n[0] * n[3])) / (2 * n[0]) for s in (1, -1)}
    ),
    "quotient_of_power_same_base": lambda n: n[0] ** int(n[1] - n[3]),
    "radian_to_deg": lambda n: math.degrees(n[0]),
    "sector_area": lambda n: math.pi * n[0] ** 2 * n[1] / 360,
    "signum_function": lambda n: (n[0] > 0) - (n[0] < 0),
    "simple_interest": lambda n: float(n[0] * n[1] * n[2] / 100),
    "square": lambda n: n[0] ** 2,
    "square_root": lambda n: math.isqrt(int(n[0])),
    "subtraction": lambda n: n[0] + n[1],  # the minus is read as a sign
    "sum_of_polygon_angles": lambda n: 180 * (n[0] - 2),
    "surds_comparison": lambda n: sign(n[0] ** int(n[5]), n[3] ** int(n[2])),
    "surface_area_cone": lambda n: math.floor(math.pi * n[1] * (n[1] + math.hypot(*n))),
    "surface_area_cube": lambda n: 6 * n[0] ** 2,
    "surface_area_cuboid": lambda n: 2 * (n[0] * n[1] + n[1] * n[2] + n[2] * n[0]),
    "surface_area_cylinder": lambda n: math.floor(2 * math.pi * n[1] * (n[0] + n[1])),
    "surface_area_sphere": lambda n: 4 * math.pi * n[0] ** 2,
    "third_angle_of_triangle": lambda n: 180 - sum(n),
    "valid_triangle": lambda n: yes(2 * max(n) < sum(n)),
    "vector_cross": normal_vector,
    "vector_dot": lambda n: sum(a * b for a, b in zip(n[:3], n[3:], strict=True)),
    "volume_cone": lambda n: math.floor(math.pi * n[1] ** 2 * n[0] / 3),
    "volume_cube": lambda n: n[0] ** 3,
    "volume_cuboid": math.prod,
    "volume_cylinder": lambda n: math.floor(math.pi * n[1] ** 2 * n[0]),
    "volume_hemisphere": lambda n: 2 / 3 * math.pi * n[0] ** 3,
    "volume_pyramid": lambda n: float(math.prod(n) / 3),
    "volume_sphere": lambda n: 4 / 3 * math.pi * n[0] ** 3,
}

BY_TEXT: dict[str, Callable[[str], object]] = {
    "absolute_difference": lambda text: abs(
        int.__sub__(*map(int, re.search(r"\|(-?\d+)-(-?\d+)\|", text).groups()))
    ),
    "base_conversion": converted,
    "basic_trigonometry": trigonometric,
    "binary_2s_complement": lambda text: in_base(-int(bits(text), 2) % 2 ** len(bits(text)), 2),
    "binary_complement_1s": lambda text: flipped(bits(text)),
    "binary_to_decimal": lambda text: int(bits(text), 2),
    "binary_to_hex": lambda text: in_base(int(bits(text), 2), 16),
    "combine_like_terms": combined,
    "complementary_and_supplementary_angle": lambda text: (
        (180 if "supplementary" in text else 90) - int(re.search(r"\d+", text)[0])
    ),
    "decimal_to_binary": lambda text: in_base(int(re.search(r"\d+", text)[0]), 2),
    "decimal_to_hexadeci": lambda text: in_base(int(re.search(r"\d+", text)[0]), 16),
    "expanding": expanded,
    "factoring": factored,
    "intersection_of_two_lines": meeting,
    "linear_equations": equations,
    "multiply_complex_numbers": lambda text: math.prod(
        map(complex, re.search(r"\$\(?([^()*$]*)\)? \* \(?([^()*$]*)\)?\$", text).groups())
    ),
    "power_rule_differentiation": lambda text: " + ".join(f"{a * n}x^{n - 1}" for a, n in polynomial(text)),
    "stationary_points": stationary,
    "system_of_equations": equations,
}


def bits(text: str) -> str:
    return re.search(r"\$([01]+)\$", text)[1]


def recomputed(kind: str, question: str) -> str:
    if kind in BY_TEXT:
        return str(BY_TEXT[kind](question))
    # A sign before a number belongs to it, even where it is an operator.
    numbers = [Fraction(one) for one in re.findall(r"-?\d+(?:\.\d+)?", question)]
    return str(BY_NUMBERS[kind](numbers))


@pytest.fixture(scope="module")
def source():
    return Mathgenerator()


def test_no_kind_goes_unexamined():
    assert {*BY_NUMBERS, *BY_TEXT} == {kind for kinds in KINDS.values() for kind in kinds}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", sorted({*BY_NUMBERS, *BY_TEXT}))
def test_the_truth_is_what_the_question_gives(source, kind):
    drawn = [source.draw(kind, seed) for seed in range(DRAWS if kind != "stationary_points" else 2)]
    problems = [problem for problem in drawn if problem is not None]
    assert problems
    for problem in problems:
        check = CHECKS[problem.check.by]
        ours = recomputed(kind, problem.question)
        assert check(ours, problem.truth, **problem.check.arguments), (problem, ours)
