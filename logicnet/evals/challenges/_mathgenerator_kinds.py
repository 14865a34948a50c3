"""What is asked of each generator of mathgenerator 1.5, and which are left out and why.

mathgenerator's problems are often a bare expression, its texts are sometimes garbled, and its truths
sometimes wrong. Each of its 126 generators was read, and what it draws was computed again; where a
garbled text still holds the numbers, our words ask the question.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class GeneratorTask:
    """How a generator's problem becomes a question."""

    words: str
    """`{}` is its problem; `{0}`, `{1}` the numbers in that, as written; `{all}` every number."""

    check: str = "number_is"
    places: int | None = None  # decimals of the truth, and how close an answer must be
    arguments: Callable[[list[str]], dict[str, int | float]] = lambda _numbers: {}
    usable: Callable[[str, str, list[str]], bool] = lambda _problem, _truth, _numbers: True
    """Whether a draw (problem, truth, numbers) is a fair question with the right truth."""


_ROUND = " Round to two decimal places."
_PERCENT = " Give it in percent, rounded to two decimal places."
_DOWN = "What is the {}, in square metres, rounded down to a whole number?"
_DOWN_CUBIC = "What is the {}, in cubic metres, rounded down to a whole number?"


def _asks(words: str, places: int | None = None) -> GeneratorTask:
    return GeneratorTask(words, places=places)


def _base(base: int, words: str) -> GeneratorTask:
    return GeneratorTask(words, "numeral_is", arguments=lambda _numbers: {"base": base}, usable=_said)


def _said(_problem: str, truth: str, _numbers: list[str]) -> bool:
    return truth != ""


def _no_tie(value: Callable[[list[Fraction]], Fraction]) -> Callable[[str, str, list[str]], bool]:
    """No truth that ends in exactly half of the last place: Python rounds those unlike people do."""

    def usable(_problem: str, _truth: str, numbers: list[str]) -> bool:
        exact = value([Fraction(number) for number in numbers])
        return (exact * 200).denominator != 1 or (exact * 100).denominator == 1

    return usable


def _coefficient(equation: str, unknown: str) -> int:
    match = re.search(rf"([+-]?)\s*(\d*){unknown}", equation)
    if match is None:
        return 0
    return (-1 if match[1] == "-" else 1) * int(match[2] or 1)


def _one_solution(problem: str, _truth: str, _numbers: list[str]) -> bool:
    """Two lines that meet in one point, and no term without its number."""
    left = [equation.split("=")[0] for equation in re.findall(r"\$([^$]*=[^$]*)\$", problem)]
    (a, b), (c, d) = ([_coefficient(one, unknown) for unknown in "xy"] for one in left)
    return a * d != b * c and not any(re.search(r"[+-]\s*$", one) for one in left)


def _linear_is_right(_problem: str, truth: str, numbers: list[str]) -> bool:
    """The generator forgets to divide where a divides c - b."""
    a, b, c = map(int, numbers)
    return Fraction(truth) == Fraction(c - b, a)


def _expansion_is_right(problem: str, truth: str, _numbers: list[str]) -> bool:
    """The generator drops coefficients of 0 and 1, and then its text or truth is another one."""
    factors = re.fullmatch(r"\$\((-?\d*)x([+-]\d+)?\)\((-?\d*)x([+-]\d+)?\)\$", problem)
    if factors is None:
        return False
    a, b, c, d = (int({"": 1, "-": -1}.get(one or "", one or 1)) for one in factors.groups(default="+0"))
    return truth == f"{a * c if a * c != 1 else ''}x^2{a * d + b * c:+d}x{f'{b * d:+d}' if b * d else ''}"


def _whole_radius(_problem: str, _truth: str, numbers: list[str]) -> bool:
    """The other angles are rounded before their cosine, so that the point is not on the circle."""
    x, y, point_x, point_y = map(Fraction, numbers)
    square = (x - point_x) * (x - point_x) + (y - point_y) * (y - point_y)
    return square > 0 and math.isqrt(int(square)) ** 2 == square


def _is_fibonacci(_problem: str, truth: str, numbers: list[str]) -> bool:
    """Computed with floats, which are off from about the 71st."""
    one, following = 0, 1
    for _ in range(int(numbers[0])):
        one, following = following, one + following
    return one == int(truth)


def _roots_differ(_problem: str, _truth: str, numbers: list[str]) -> bool:
    """Equal ones may differ by the last bit of a float."""
    radicand, _, degree, other_radicand, _, other_degree = map(int, numbers)
    return bool(radicand**other_degree != other_radicand**degree)


KINDS: Mapping[str, Mapping[str, GeneratorTask]] = {
    "algebra": {
        "basic_algebra": GeneratorTask("Solve for $x$: {}", usable=_linear_is_right),
        "combine_like_terms": GeneratorTask(
            "Combine like terms: {}", "polynomial_is", arguments=lambda _numbers: {"combined": True}
        ),
        "compound_interest": _asks(
            "To how many dollars do ${0}$ dollars grow at ${1}$% compound interest a year in ${2}$ years?"
            + _ROUND,
            2,
        ),
        "distance_two_points": _asks("{} Give the exact value."),
        "expanding": GeneratorTask(
            "Expand {}.",
            "polynomial_is",
            arguments=lambda _numbers: {"combined": True},
            usable=_expansion_is_right,
        ),
        "factoring": GeneratorTask("Factor {}.", "factored_is"),
        "int_matrix_22_determinant": _asks("What is {}?"),
        "intersection_of_two_lines": GeneratorTask(
            "{}", "sequence_is", usable=lambda _problem, truth, _numbers: truth != "No Solution"
        ),
        "invert_matrix": GeneratorTask("What is the {}?", "sequence_is"),
        "linear_equations": GeneratorTask("{}", "unknowns_are", usable=_one_solution),
        "log": _asks("What is {}?"),
        "midpoint_of_two_points": GeneratorTask("What is the {}?", "sequence_is"),
        "multiply_complex_numbers": GeneratorTask(
            "What is {}, where $j$ is the imaginary unit?", "complex_is"
        ),
        "multiply_int_to_22_matrix": GeneratorTask("What is {}?", "sequence_is"),
        "quadratic_equation": GeneratorTask("{}" + _ROUND, "collection_is", 2),
        "simple_interest": _asks("What is the {}?", 2),
        "system_of_equations": GeneratorTask("{}", "unknowns_are", usable=_one_solution),
        "vector_cross": GeneratorTask("What is the cross product {}?", "sequence_is"),
        "vector_dot": _asks("What is the dot product {}?"),
    },
    "basic_math": {
        "absolute_difference": _asks("What is {}?"),
        "addition": _asks("What is {}?"),
        "compare_fractions": GeneratorTask("{} Answer with <, > or =.", "symbol_is"),
        "cube_root": _asks("What is the cube root of ${1}$, rounded to two decimal places?", 2),
        "divide_fractions": _asks("What is {}?"),
        "division": _asks("What is {}?"),
        "exponentiation": _asks("What is ${0}^{{{1}}}$?"),
        "factorial": _asks("What is {}?"),
        "fraction_multiplication": _asks("What is {}?"),
        "fraction_to_decimal": GeneratorTask(
            "What is {} as a decimal number, rounded to two places?",
            places=2,
            usable=_no_tie(lambda n: n[0] / n[1]),
        ),
        "greatest_common_divisor": _asks("What is {}?"),
        "is_composite": GeneratorTask("{}", "yes_or_no"),
        "is_prime": GeneratorTask("{}", "yes_or_no"),
        "multiplication": _asks("What is {}?"),
        "percentage": _asks("{}"),
        "percentage_difference": GeneratorTask(
            "{} Take it relative to their mean, in percent, rounded to two decimal places.",
            places=2,
            usable=_no_tie(lambda n: 200 * abs(n[0] - n[1]) / abs(n[0] + n[1])),
        ),
        "percentage_error": GeneratorTask(
            "{}" + _PERCENT, places=2, usable=_no_tie(lambda n: 100 * abs(n[0] - n[1]) / abs(n[1]))
        ),
        "power_of_powers": GeneratorTask(
            "Write $({0}^{{{1}}})^{{{2}}}$ as a single power of ${0}$.",
            "sequence_is",
            usable=lambda _problem, _truth, numbers: numbers[0] != "1",
        ),
        "square": _asks("What is {}?"),
        "square_root": _asks("What is {}?"),
        "subtraction": _asks("What is {}?"),
    },
    "calculus": {
        "definite_integral": _asks("What is the {}? Round to four decimal places.", 4),
        "power_rule_differentiation": GeneratorTask("Differentiate {} with respect to $x$.", "polynomial_is"),
        "stationary_points": GeneratorTask(
            "At which real $x$ is {} stationary? Give exact values.", "collection_is"
        ),
    },
    "computer_science": {
        "binary_2s_complement": _base(
            2, "What is the two's complement of the binary number ${1}$, with as many digits?"
        ),
        "binary_complement_1s": GeneratorTask(
            "What is the ones' complement of the binary number {}?", "symbol_is"
        ),
        "binary_to_decimal": _asks("What is the binary number {} in decimal?"),
        "binary_to_hex": _base(16, "What is the binary number {} in hexadecimal?"),
        "decimal_to_binary": _base(2, "What is the decimal number ${0}$ in binary?"),
        "decimal_to_hexadeci": _base(16, "What is the decimal number ${0}$ in hexadecimal?"),
        "modulo_division": GeneratorTask(
            "What is the remainder of ${0}$ divided by ${1}$?",
            usable=lambda _problem, _truth, numbers: numbers[1] != "0",
        ),
        "nth_fibonacci_number": GeneratorTask(
            "What is Fibonacci number ${0}$, where the first and the second are $1$?", usable=_is_fibonacci
        ),
    },
    "geometry": {
        "angle_btw_vectors": GeneratorTask(
            "What is the {}, in radians?" + _ROUND,
            places=2,
            usable=lambda _problem, truth, _numbers: "NaN" not in truth,
        ),
        "angle_regular_polygon": _asks(
            "How many degrees has each interior angle of a regular polygon with ${0}$ sides?" + _ROUND, 2
        ),
        "arc_length": _asks(
            "How long is the arc of a circle with radius ${0}$ and a central angle of ${1}$ degrees? "
            "Round to five decimal places.",
            5,
        ),
        "area_of_circle": _asks("What is the {}?" + _ROUND, 2),
        "area_of_circle_given_center_and_point": GeneratorTask(
            "What is the {}?" + _ROUND, places=2, usable=_whole_radius
        ),
        "area_of_triangle": _asks(
            "What is the area of a triangle with sides of ${0}$, ${1}$ and ${2}$?" + _ROUND, 2
        ),
        "basic_trigonometry": GeneratorTask(
            "What is {}, with the angle in degrees? Give the exact value.",
            usable=lambda _problem, truth, _numbers: truth != r"\infty",
        ),
        "circumference": _asks("What is the {}?" + _ROUND, 2),
        "complementary_and_supplementary_angle": _asks("How many degrees is {}?"),
        "curved_surface_area_cylinder": _asks("{}" + _ROUND, 2),
        "degree_to_rad": _asks("How many radians are ${0}$ degrees?" + _ROUND, 2),
        "fourth_angle_of_quadrilateral": _asks("What is the {}?"),
        "perimeter_of_polygons": _asks("What is the {}, in cm?"),
        "pythagorean_theorem": _asks("{}" + _ROUND, 2),
        "radian_to_deg": _asks("How many degrees are ${0}$ radians?" + _ROUND, 2),
        "sector_area": _asks("{}" + _ROUND, 2),
        "sum_of_polygon_angles": _asks("{} Answer in degrees."),
        "surface_area_cone": _asks(_DOWN),
        "surface_area_cube": _asks("What is the {}, in square metres?"),
        "surface_area_cuboid": _asks("What is the {}, in square metres?"),
        "surface_area_cylinder": _asks(_DOWN),
        "surface_area_sphere": _asks("What is the {}, in square metres?" + _ROUND, 2),
        "third_angle_of_triangle": _asks("What is the {}?"),
        "valid_triangle": GeneratorTask("{}", "yes_or_no"),
        "volume_cone": _asks(_DOWN_CUBIC),
        "volume_cube": _asks("What is the {}, in cubic metres?"),
        "volume_cuboid": _asks("What is the {}, in cubic metres?"),
        "volume_cylinder": _asks(_DOWN_CUBIC),
        "volume_hemisphere": _asks("What is the {}, in cubic metres? Round to three decimal places.", 3),
        "volume_pyramid": _asks("What is the {}, in cubic metres?" + _ROUND, 2),
        "volume_sphere": _asks("What is the {}, in cubic metres?" + _ROUND, 2),
    },
    "misc": {
        "arithmetic_progression_sum": _asks("{}"),
        "arithmetic_progression_term": _asks("{}"),
        "base_conversion": GeneratorTask(
            "{}", "numeral_is", arguments=lambda numbers: {"base": int(numbers[-1])}
        ),
        "binomial_distribution": _asks("{}" + _PERCENT, 2),
        "celsius_to_fahrenheit": _asks("What are ${0}$ degrees Celsius in degrees Fahrenheit?", 1),
        "common_factors": GeneratorTask("What are the common factors of ${0}$ and ${1}$?", "collection_is"),
        "complex_to_polar": GeneratorTask(
            "What is the argument, in radians between $-\\pi$ and $\\pi$, of the complex number with "
            "real part ${1}$ and imaginary part ${2}$?" + _ROUND,
            places=2,
            usable=lambda _problem, _truth, numbers: float(numbers[0]) > 0,
        ),
        "euclidian_norm": _asks("What is the {}?" + _ROUND, 2),
        "factors": GeneratorTask("What are all the positive factors of ${0}$?", "collection_is"),
        "gcd": _asks("What is the {}?"),
        "geometric_mean": _asks("What is the {}?" + _ROUND, 2),
        "hcf": _asks("What is the {}?"),
        "is_leap_year": GeneratorTask("{}", "yes_or_no"),
        "lcm": _asks("What is the {}?"),
        "minutes_to_hours": GeneratorTask("{}", "sequence_is"),
        "prime_factors": GeneratorTask(
            "What are the prime factors of ${0}$, each as often as it divides it?",
            "factors_are",
            usable=_said,
        ),
        "product_of_scientific_notations": GeneratorTask(
            "What is the {}, in scientific notation with two decimal places?",
            arguments=lambda _numbers: {"within": 0.005},
        ),
        "profit_loss_percent": GeneratorTask(
            "What is the {}?" + _ROUND, places=2, usable=_no_tie(lambda n: 100 * abs(n[0] - n[1]) / n[0])
        ),
        "quotient_of_power_same_base": GeneratorTask(
            "What is ${0}^{{{1}}} \\div {2}^{{{3}}}$?",
            usable=lambda _problem, _truth, numbers: int(numbers[1]) >= int(numbers[3]),
        ),
        "signum_function": _asks("What is the {}?"),
        "surds_comparison": GeneratorTask("{} with <, > or =.", "symbol_is", usable=_roots_differ),
    },
    "statistics": {
        "combinations": _asks("{}"),
        "conditional_probability": _asks("{}" + _PERCENT, 2),
        "dice_sum_probability": _asks(
            "If ${0}$ dice are rolled at the same time, what is the probability of a sum of ${1}$? "
            "Answer with a fraction."
        ),
        "mean_median": GeneratorTask(
            "What are the arithmetic mean and the median of ${all}$?", "sequence_is"
        ),
        "permutation": _asks("What is the {}?"),
    },
}
"""By topic, which is mathgenerator's own."""

LEFT_OUT: Mapping[str, str] = {
    "bcd_to_decimal": "its text shows the first digit in place of the number, and its truth is another one",
    "complex_quadratic": "its truth is a chain of two notations with brackets that do not match",
    "confidence_interval": "its truth takes the population's deviation for the sample's, upper bound first",
    "data_summary": "its truth calls the variance standard deviation and the reverse",
    "decimal_to_bcd": "its truth is no BCD: hexadecimal digits written in decimal, one after the other",
    "decimal_to_octal": "its text shows {x} in place of the number",
    "decimal_to_roman_numerals": "its text shows 0 in place of the number",
    "equation_of_line_from_two_points": "it asks for y = mx + b and its truth is such as 7y = 5x -73",
    "fibonacci_series": "its text shows {n} in place of the number",
    "geometric_progression": "it asks for three values, and its truth is a sentence with six numbers",
    "harmonic_mean": "its truth has the last number where the count of numbers belongs",
    "matrix_multiplication": "its truth is a matrix of up to 100 numbers, no short answer",
    "power_rule_integration": "its truth divides by the exponent in place of the exponent plus one",
    "quotient_of_power_same_power": "its text shows the way to the truth, which is unrounded",
    "set_operation": "it asks for five sets at once",
    "surface_area_pyramid": "its truth takes any side of a right triangle for the slant height",
    "trig_differentiation": "six problems in all, of functions without an argument",
    "volume_frustum": "its text shows the first radius twice",
}
