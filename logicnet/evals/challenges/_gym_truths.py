"""Truths of reasoning-gym 0.1.25 that are computed again, because some of its own are wrong.

Each function takes the dataset and its entry and returns the truth, empty where the question has none.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from logicnet.maths.numbers import value_of


def _exact_quotient(dataset: Any, entry: Mapping[str, Any]) -> str:
    """Its quotients are rounded down: 4/-(6*6 + 37) is -1 there."""
    del dataset
    value = value_of(entry["metadata"]["expression"])
    return str(value) if isinstance(value, Fraction) and value.denominator == 1 else ""


_BEFORE_MARCH = 59  # days of a year


def _dates_of_one_year(dataset: Any, entry: Mapping[str, Any]) -> str:
    """Its questions give both dates the first one's year: from November 1, 2022 to February 16, 2022.

    Of a year whose first weekday is given they do not say whether it is a leap year.
    """
    del dataset
    metadata = entry["metadata"]
    years = {metadata[name][:4] for name in ("start_date", "end_date") if name in metadata}
    open_year = "first_day" in metadata and metadata["delta_days"] >= _BEFORE_MARCH
    return "" if len(years) > 1 or open_year else str(entry["answer"])


def _relationship(dataset: Any, entry: Mapping[str, Any]) -> str:
    """Its children-in-law are parents-in-law, and its nieces have the gender of their uncle."""
    truth = str(entry["answer"])
    male = entry["metadata"]["person1"] in dataset.config.male_names
    if truth in ("niece", "nephew"):
        return "nephew" if male else "niece"
    if truth.endswith("-in-law"):
        return "son-in-law" if male else "daughter-in-law"
    return truth


def _three_places(dataset: Any, entry: Mapping[str, Any]) -> str:
    """It asks for three decimals, and holds angles with two."""
    del dataset
    angle = entry["metadata"].get("angle_ABC_degrees")
    return str(entry["answer"]) if angle is None else f"{angle:.3f}°"


def _last_call(dataset: Any, entry: Mapping[str, Any]) -> str:
    """It plans a result and deals a card for it, which may give a better one."""
    del dataset
    *before, last = entry["metadata"]["rounds"]
    if not before:
        return ""
    hand, new = before[-1]["cards"], last["add"]
    if hand.count(new) >= 2:
        return "Peng"
    runs = ({chr(ord(new) + first + one) for one in range(3)} - {new} for first in (-2, -1, 0))
    return "Chi" if any(run <= set(hand) for run in runs) else "Pass"


def _siblings(dataset: Any, entry: Mapping[str, Any]) -> str:
    """It asks for brothers of men of whom nothing is told, and of colleagues in two circles counts one."""
    del dataset
    question = entry["question"]
    name = question.split()[0]
    told = f"does {name}'s brother" in question or f"a male friend of {name}" in question
    return str(entry["answer"]) if told else ""


def _of_small_x(dataset: Any, entry: Mapping[str, Any]) -> str:
    """It writes dx whatever the unknown, and in half of its questions that is X."""
    del dataset
    return str(entry["answer"]) if entry["metadata"]["variable"] == "x" else ""


ROUNDED = frozenset((2, 3, 4, 40, 46, 49, 52, 60, 66, 75, 92, 99))
"""Templates of gsm_symbolic that cut off a fraction, round one down, or ask with one that was cut off."""


def _exact_story(dataset: Any, entry: Mapping[str, Any]) -> str:
    return "" if dataset.task_indices[0] in ROUNDED else str(entry["answer"])


TRUTHS: Mapping[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "advanced_geometry": _three_places,
    "aiw": _siblings,
    "basic_arithmetic": _exact_quotient,
    "calendar_arithmetic": _dates_of_one_year,
    "family_relationships": _relationship,
    "gsm_symbolic": _exact_story,
    "mahjong_puzzle": _last_call,
    "simple_integration": _of_small_x,
}
