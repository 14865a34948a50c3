"""Units: which word is which unit, and what an answer is in the unit that was asked for."""

from __future__ import annotations

import re
from fractions import Fraction

from logicnet.answers._asked import QuestionSpec

_Sizes = dict[str, Fraction]
_SECONDS: _Sizes = {
    "second": Fraction(1),
    "minute": Fraction(60),
    "hour": Fraction(3600),
    "day": Fraction(86_400),
    "week": Fraction(604_800),
}
_METERS: _Sizes = {
    "millimeter": Fraction(1, 1000),
    "centimeter": Fraction(1, 100),
    "meter": Fraction(1),
    "kilometer": Fraction(1000),
}
_FEET: _Sizes = {"inch": Fraction(1, 12), "foot": Fraction(1), "yard": Fraction(3), "mile": Fraction(5280)}
_GRAMS: _Sizes = {"milligram": Fraction(1, 1000), "gram": Fraction(1), "kilogram": Fraction(1000)}
_LITERS: _Sizes = {"milliliter": Fraction(1, 1000), "liter": Fraction(1)}
_DOLLARS: _Sizes = {"cent": Fraction(1, 100), "dollar": Fraction(1)}
_DIMENSIONS = (_SECONDS, _METERS, _FEET, _GRAMS, _LITERS, _DOLLARS)
_SHORT = {
    "s": "second", "sec": "second", "secs": "second", "min": "minute", "mins": "minute", "h": "hour",
    "hr": "hour", "hrs": "hour", "mm": "millimeter", "cm": "centimeter", "m": "meter", "km": "kilometer",
    "in": "inch", "inches": "inch", "ft": "foot", "feet": "foot", "yd": "yard", "mi": "mile",
    "mg": "milligram", "g": "gram", "kg": "kilogram", "ml": "milliliter", "l": "liter", "$": "dollar",
    "¢": "cent",
}  # fmt: skip
_COMPOUND = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\.?(?:\s*,?\s*(?:and\s+)?|$)")


def unit_of(unit: str) -> str:
    unit = _SHORT.get(unit, unit).replace("metre", "meter").replace("litre", "liter")
    return unit.removesuffix("s") if unit.endswith("s") and len(unit) > 3 else unit


def converted(value: Fraction | float, unit: str, question: QuestionSpec) -> Fraction | float:
    if unit and question.unit and unit != question.unit:
        for dimension in _DIMENSIONS:
            if unit in dimension and question.unit in dimension:
                return value * dimension[unit] / dimension[question.unit]
    return value


def compound(read: str, question: QuestionSpec) -> Fraction | None:
    """2 hours 30 minutes, where the question asks for one of the units."""
    if not question.unit:
        return None
    parts = _COMPOUND.findall(read.lower())
    if len(parts) < 2 or _COMPOUND.sub("", read.lower()):
        return None
    for dimension in _DIMENSIONS:
        units = [unit_of(unit) for _, unit in parts]
        if question.unit in dimension and all(unit in dimension for unit in units):
            total = sum(
                Fraction(number) * dimension[unit] for (number, _), unit in zip(parts, units, strict=True)
            )
            return Fraction(total) / dimension[question.unit]
    return None
