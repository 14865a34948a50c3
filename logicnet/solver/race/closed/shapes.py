"""Geometry and measures with a formula that everybody knows: a shape, its sizes, and what is asked of it."""

# ruff: noqa: RUF001  (the sign of multiplication is meant)

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy

from logicnet.maths.worked import bracketed, shown
from logicnet.solver.race.closed.answers import ComputedAnswer, concluded, written
from logicnet.solver.race.closed.wording import Wish

_N = r"(?:\d+(?:\.\d+)?)"
_SIGNED = r"(?:-?\d+(?:\.\d+)?)"
_METRES = r"mm|cm|m|km|(?:centi|milli|kilo)?met(?:er|re)s?"
_UNIT = rf"\s*(?:{_METRES}|in|ft|inch(?:es)?|feet|units?|degrees?)?(?![A-Za-z])"
_SIZE = rf"(?:\s*(?:of|is|=|:|,))*\s*({_N}){_UNIT}"
_AND = r"(?:\s*,?\s+and\s+|\s*,\s*)"
_IN = rf"(?:,?\s+in\s+(?:square|cubic)?\s*(?:{_METRES}|units?|degrees?))?"
_WITH = r"\s*,?\s*(?:with|of|having|whose|given|that\s+has)?\s*(?:an?\s+|the\s+)?"


_LENGTH = re.compile(
    rf"(?<![A-Za-z])(?:(?P<metres>{_METRES})|(?P<inches>inch(?:es)?)|(?P<feet>ft|feet))(?![A-Za-z])"
    r"|\d\s*(?P<in>in)(?![A-Za-z])(?!\s+(?:square|cubic|[cmk]?m\b|met|centi|milli|kilo|inch|feet|ft|units?))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Shape:
    """`value` of the sizes in the pattern's order; `rule` says it in words, {0} and so on being the sizes."""

    pattern: re.Pattern[str]
    value: Callable[..., Any]
    rule: str
    work: str
    holds: Callable[..., bool] = lambda *_sizes: True


def found(text: str, wish: Wish) -> ComputedAnswer | None:
    """A shape that is asked about; None if it is none that is known."""
    for shape in _SHAPES:
        if match := shape.pattern.fullmatch(text):
            sizes = _sizes(match)
            if not sizes or not shape.holds(*sizes) or len(_units(text)) > 1:
                return None
            value = shape.value(*sizes)
            answer = written(value, wish)
            if answer is None:
                return None
            said = [bracketed(size) for size in sizes]
            result = answer if value.is_Rational and not wish.rounded else shown(value)
            work = shape.work.format(*said, sum=" + ".join(said), result=result)
            return ComputedAnswer(answer, concluded(shape.rule, [work], value, answer, wish))
    return None


def _units(text: str) -> set[str]:
    """The units of length in a text; what is given in one and wanted in another is not converted here."""
    return {_unit(unit) for unit in _LENGTH.finditer(text)}


def _unit(found: re.Match[str]) -> str:
    if found["metres"]:
        word: str = found["metres"].lower()
        return re.sub(
            r"met(?:er|re)s?", "m", word.replace("centi", "c").replace("milli", "m").replace("kilo", "k")
        )
    return "ft" if found["feet"] else "in"


def _sizes(match: re.Match[str]) -> list[Any]:
    texts = [group for group in match.groups() if group]
    if len(texts) == 1 and "," in texts[0]:
        texts = re.findall(_N, texts[0])
    return [sympy.Rational(text) for text in texts]


def _shape(
    pattern: str, value: Callable[..., Any], rule: str, work: str, holds: Callable[..., bool] | None = None
) -> _Shape:
    compiled = re.compile(pattern + _IN, re.IGNORECASE)
    return _Shape(compiled, value, rule, work, holds or (lambda *_sizes: True))


def _polygon(*sides: Any) -> Any:
    return sum(sides[1:], sympy.Integer(0))


def _named(what: str, shape: str) -> str:
    return rf"(?:the\s+)?{what}\s+of\s+(?:an?\s+|the\s+)?{shape}{_WITH}"


_pi = sympy.pi
_RIGHT, _STRAIGHT, _FULL = sympy.Integer(90), sympy.Integer(180), sympy.Integer(360)
_CUBE = r"cube"
_SIDES = r"(?:side|edge)s?(?:\s+(?:of\s+)?lengths?)?"
_BOX = r"(?:cuboid|rectangular\s+(?:prism|box|solid))"
_THREE = rf"(?:sides|dimensions|edges)?(?:\s+of)?(?:\s+lengths?)?{_SIZE}{_AND}{_SIZE}{_AND}{_SIZE}"
_HEIGHT_RADIUS = rf"height{_SIZE}(?:\s*,)?\s*(?:and\s+)?(?:a\s+)?radius{_SIZE}"
_RADIUS_HEIGHT = rf"radius{_SIZE}(?:\s*,)?\s*(?:and\s+)?(?:a\s+)?height{_SIZE}"


def _less_than(limit: Any) -> Callable[..., bool]:
    return lambda *sizes: all(size > 0 for size in sizes) and sum(sizes) < limit


def _many_sides(*sizes: Any) -> bool:
    return len(sizes) >= 4 and sizes[0] == len(sizes) - 1


_SHAPES = (
    _shape(
        rf"(?:the\s+)?third\s+angle\s+of\s+(?:a\s+|the\s+)?triangle{_WITH}(?:other\s+)?(?:two\s+)?angles(?:\s+of)?"
        rf"{_SIZE}{_AND}{_SIZE}",
        lambda a, b: _STRAIGHT - a - b,
        "The three angles of a triangle add up to 180 degrees.",
        "The third one is therefore 180 - {0} - {1} = {result} degrees.",
        _less_than(180),
    ),
    _shape(
        rf"(?:the\s+)?fourth\s+angle\s+of\s+(?:a\s+|the\s+)?quadrilateral{_WITH}(?:other\s+)?(?:three\s+)?angles(?:\s+of)?"
        rf"{_SIZE}{_AND}{_SIZE}{_AND}{_SIZE}",
        lambda a, b, c: _FULL - a - b - c,
        "The four angles of a quadrilateral add up to 360 degrees.",
        "The fourth one is therefore 360 - {0} - {1} - {2} = {result} degrees.",
        _less_than(360),
    ),
    _shape(
        rf"(?:degrees\s+is\s+)?(?:the\s+)?complement(?:ary\s+angle)?\s+(?:of|to)\s+(?:an?\s+|the\s+)?(?:angle\s+(?:of\s+)?)?{_SIZE}",
        lambda a: _RIGHT - a,
        "Complementary angles add up to 90 degrees.",
        "The other angle is therefore 90 - {0} = {result} degrees.",
        _less_than(90),
    ),
    _shape(
        rf"(?:degrees\s+is\s+)?(?:the\s+)?supplement(?:ary\s+angle)?\s+(?:of|to)\s+(?:an?\s+|the\s+)?(?:angle\s+(?:of\s+)?)?{_SIZE}",
        lambda a: _STRAIGHT - a,
        "Supplementary angles add up to 180 degrees.",
        "The other angle is therefore 180 - {0} = {result} degrees.",
        _less_than(180),
    ),
    _shape(
        rf"(?:the\s+)?sum\s+of\s+(?:all\s+)?(?:the\s+)?interior\s+angles\s+(?:of|in)\s+(?:a\s+|the\s+)?(?:regular\s+)?polygon{_WITH}"
        r"(\d+)\s+sides",
        lambda n: (n - 2) * 180,
        "The interior angles of a polygon with n sides add up to (n - 2) × 180 degrees.",
        "With n = {0} this is ({0} - 2) × 180 = {result} degrees.",
        lambda n: n >= 3,
    ),
    _shape(
        r"(?:degrees\s+has\s+)?(?:each|an?|one|the)\s+interior\s+angle\s+of\s+a\s+regular\s+polygon\s+with\s+(\d+)\s+sides",
        lambda n: (n - 2) * 180 / n,
        "Each interior angle of a regular polygon with n sides is (n - 2) × 180 / n degrees.",
        "With n = {0} this is ({0} - 2) × 180 / {0} = {result} degrees.",
        lambda n: n >= 3,
    ),
    _shape(
        rf"(?:the\s+)?perimeter\s+of\s+a\s+(\d+)[\s-]sided\s+polygon\s+with\s+(?:side\s+)?lengths?(?:\s+of)?\s+"
        rf"({_N}){_UNIT}" + rf"(?:{_AND}({_N}){_UNIT})?" * 12,
        _polygon,
        "The perimeter of a polygon is the sum of the lengths of its sides.",
        "Adding them up gives {result}.",
        _many_sides,
    ),
    _shape(
        rf"(?:the\s+)?perimeter\s+of\s+a\s+square{_WITH}{_SIDES}{_SIZE}",
        lambda a: 4 * a,
        "A square has four sides of the same length.",
        "Its perimeter is 4 × {0} = {result}.",
    ),
    _shape(
        _named("area", "square") + rf"{_SIDES}{_SIZE}",
        lambda a: a**2,
        "The area of a square is its side squared.",
        "This is {0} × {0} = {result}.",
    ),
    _shape(
        _named("area", "rectangle")
        + rf"(?:length|width|sides){_SIZE}{_AND}(?:a\s+)?(?:length|width|height)?{_SIZE}",
        lambda a, b: a * b,
        "The area of a rectangle is its length times its width.",
        "This is {0} × {1} = {result}.",
    ),
    _shape(
        _named("perimeter", "rectangle")
        + rf"(?:length|width|sides){_SIZE}{_AND}(?:a\s+)?(?:length|width|height)?{_SIZE}",
        lambda a, b: 2 * (a + b),
        "The perimeter of a rectangle is twice the sum of its length and its width.",
        "This is 2 × ({0} + {1}) = {result}.",
    ),
    _shape(
        _named("area", "triangle") + rf"base{_SIZE}{_AND}(?:a\s+)?height{_SIZE}",
        lambda a, b: a * b / 2,
        "The area of a triangle is half its base times its height.",
        "This is {0} × {1} / 2 = {result}.",
    ),
    _shape(
        _named("(?:total\\s+)?surface\\s+area", _CUBE) + rf"{_SIDES}{_SIZE}",
        lambda a: 6 * a**2,
        "A cube has six faces, each of them a square.",
        "Its surface area is 6 × {0}^2 = {result}.",
    ),
    _shape(
        _named("volume", _CUBE) + rf"{_SIDES}{_SIZE}",
        lambda a: a**3,
        "The volume of a cube is its side cubed.",
        "This is {0}^3 = {result}.",
    ),
    _shape(
        _named("volume", _BOX) + _THREE,
        lambda a, b, c: a * b * c,
        "The volume of a cuboid is the product of its three sides.",
        "This is {0} × {1} × {2} = {result}.",
    ),
    _shape(
        _named("(?:total\\s+)?surface\\s+area", _BOX) + _THREE,
        lambda a, b, c: 2 * (a * b + b * c + a * c),
        "A cuboid has three pairs of equal faces.",
        "Its surface area is 2 × ({0} × {1} + {1} × {2} + {0} × {2}) = {result}.",
    ),
    _shape(
        _named("area", "circle") + rf"radius{_SIZE}",
        lambda r: _pi * r**2,
        "The area of a circle with radius r is pi × r^2.",
        "With r = {0} this is pi × {0}^2 = {result}.",
    ),
    _shape(
        _named("circumference", "circle") + rf"radius{_SIZE}",
        lambda r: 2 * _pi * r,
        "The circumference of a circle with radius r is 2 × pi × r.",
        "With r = {0} this is 2 × pi × {0} = {result}.",
    ),
    _shape(
        _named("volume", "sphere") + rf"radius{_SIZE}",
        lambda r: 4 * _pi * r**3 / 3,
        "The volume of a sphere with radius r is 4/3 × pi × r^3.",
        "With r = {0} this is 4/3 × pi × {0}^3 = {result}.",
    ),
    _shape(
        _named("surface\\s+area", "sphere") + rf"radius{_SIZE}",
        lambda r: 4 * _pi * r**2,
        "The surface area of a sphere with radius r is 4 × pi × r^2.",
        "With r = {0} this is 4 × pi × {0}^2 = {result}.",
    ),
    _shape(
        _named("volume", "cylinder") + _HEIGHT_RADIUS,
        lambda h, r: _pi * r**2 * h,
        "The volume of a cylinder is pi × r^2 × h.",
        "With r = {1} and h = {0} this is pi × {1}^2 × {0} = {result}.",
    ),
    _shape(
        _named("volume", "cylinder") + _RADIUS_HEIGHT,
        lambda r, h: _pi * r**2 * h,
        "The volume of a cylinder is pi × r^2 × h.",
        "With r = {0} and h = {1} this is pi × {0}^2 × {1} = {result}.",
    ),
    _shape(
        _named("volume", "cone") + _HEIGHT_RADIUS,
        lambda h, r: _pi * r**2 * h / 3,
        "The volume of a cone is pi × r^2 × h / 3.",
        "With r = {1} and h = {0} this is pi × {1}^2 × {0} / 3 = {result}.",
    ),
    _shape(
        rf"({_SIGNED})\s*degrees\s+celsius\s+(?:in|to|into)\s+(?:degrees\s+)?fahrenheit",
        lambda c: c * 9 / 5 + 32,
        "A temperature in degrees Celsius is multiplied by 9/5, and 32 is added.",
        "This gives {0} × 9/5 + 32 = {result} degrees Fahrenheit.",
    ),
    _shape(
        rf"({_SIGNED})\s*degrees\s+fahrenheit\s+(?:in|to|into)\s+(?:degrees\s+)?celsius",
        lambda f: (f - 32) * 5 / 9,
        "From a temperature in degrees Fahrenheit 32 is taken, and the rest is multiplied by 5/9.",
        "This gives ({0} - 32) × 5/9 = {result} degrees Celsius.",
    ),
)
