"""Units: which word is which unit, and amounts in the unit that is asked for."""

import re
from fractions import Fraction
from itertools import pairwise

_SIZES: dict[str, dict[str, int | Fraction]] = {
    "time": {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800},
    "length": {
        "millimeter": Fraction(1, 1000), "centimeter": Fraction(1, 100), "meter": 1, "kilometer": 1000,
    },
    "imperial length": {"inch": Fraction(1, 12), "foot": 1, "yard": 3, "mile": 5280},
    "mass": {"milligram": Fraction(1, 1000), "gram": 1, "kilogram": 1000},
    "imperial mass": {"ounce": Fraction(1, 16), "pound": 1},
    "volume": {"milliliter": Fraction(1, 1000), "liter": 1},
    "euro": {"centime": Fraction(1, 100), "euro": 1},
    "calendar": {"month": 1, "year": 12},
    "money": {"cent": Fraction(1, 100), "dollar": 1},
}  # fmt: skip
_NAMES = {
    "second": "s sec secs sekunde sekunden segundo segundos seconde secondes secondi giây сек секунд"
    " 秒 秒钟 秒間",
    "minute": "min mins minuten minuto minutos minuti phút мин минут минуты 分 分钟 分間 分鐘",
    "hour": "h hr hrs stunde stunden std hora horas heure heures ore giờ tiếng ч час часа часов"
    " 小时 小時 時間 个小时 個小時",
    "day": "d tag tage tagen día días dia dias jour jours giorni ngày день дня дней 天 日間",
    "week": "wk wks woche wochen semana semanas semaine semaines settimane tuần неделя недели недель"
    " 周 週間 星期",
    "centime": "centimos céntimos centesimi", "month": "mes meses mois monate tháng 个月",
    "year": "yr yrs jahr jahre años ans năm",
    "millimeter": "mm", "centimeter": "cm 厘米", "meter": "m 米", "kilometer": "km 公里 千米",
    "inch": "in inches", "foot": "ft feet", "yard": "yd yds", "mile": "mi",
    "milligram": "mg", "gram": "g 克", "kilogram": "kg kilo kilos 千克 公斤",
    "ounce": "oz", "pound": "lb lbs",
    "milliliter": "ml 毫升", "liter": "l 升", "dollar": "$", "cent": "¢",
}  # fmt: skip
_UNITS = {name: unit for unit, names in _NAMES.items() for name in names.split()}
_LONGEST = max(map(len, _UNITS))
_DIMENSIONS = {unit: dimension for dimension, sizes in _SIZES.items() for unit in sizes}


def unit_of(word: str) -> str:
    """The unit that a word means, in the singular: "hrs" is "hour", "apples" is "apple"."""
    word = word.lower()
    if (unit := _UNITS.get(word)) is not None:
        return unit
    word = word.replace("metre", "meter").replace("litre", "liter")
    return word.removesuffix("s") if word.endswith("s") and len(word) > 3 else word


def _named(word: str) -> str:
    """The same for a word that others follow without a space, as in Chinese and Japanese."""
    lengths = range(min(len(word), _LONGEST), 0, -1) if not word.isascii() else ()
    return next((_UNITS[word[:length]] for length in lengths if word[:length] in _UNITS), unit_of(word))


def is_measure(word: str) -> bool:
    """Whether a word is a unit of which there may be a half, such as a kilogram."""
    return unit_of(word) in _DIMENSIONS


def converted(value: Fraction | float, unit: str, wanted: str) -> Fraction | float:
    """`value` in the unit `wanted`; unchanged where the one does not measure what the other does."""
    dimension = _DIMENSIONS.get(unit, "")
    if unit == wanted or not dimension or _DIMENSIONS.get(wanted) != dimension:
        return value
    return value * _SIZES[dimension][unit] / _SIZES[dimension][wanted]


def smallest_time_unit(text: str) -> str:
    """The smallest unit of time that a question names; "the second friend" names none."""
    words = {word for word in re.findall(r"[^\W\d_]{2,}", text) if word != "second"}
    named = {unit_of(word) for word in words} | {
        unit for name, unit in _UNITS.items() if ord(name[0]) > 0x3000 and len(name) > 1 and name in text
    }
    return next((unit for unit in _SIZES["time"] if unit in named), "")


_AMOUNT = re.compile(
    r"(?P<number>\d{1,15}(?:\.\d{1,9})?(?:\s+(?:and\s+)?\d{1,5}/\d{1,5})?|\d{1,5}/\d{1,5})\s*"
    r"(?:(?P<dollar>\$)|(?P<unit>[^\W\d_]+))\.?\s*,?\s*(?:&|\b(?:and|und|y|et|e|và|и)\b|と)?\s*"
)
_AND_A_HALF = re.compile(r"^(\d{1,9})\s+([a-z]+)\s+and\s+(?:a\s+)?(half|quarter|[1-3]/[2-4])$")
_PARTS = {"half": "1/2", "quarter": "1/4"}
_CLOCK = re.compile(
    r"(\d{1,4})(?::|\s?(?:h|hours?|hrs?|heures?|horas?|giờ)\s?)([0-5]\d)(?::([0-5]\d))?(?:\s*(?:h|hrs?|hours?))?"
)


def amounts(read: str) -> list[tuple[Fraction, str]]:
    """The parts of an amount in units of one dimension, "3 h 20 min"; empty if it is something else."""
    read = read.lower()
    read = re.sub(r"(?<=\d)\s+(?:of\s+)?an?\s+|^an?\s+", lambda found: " " if found.start() else "1 ", read)
    read = _AND_A_HALF.sub(lambda found: f"{found[1]} {_PARTS.get(found[3], found[3])} {found[2]}", read)
    found: list[tuple[Fraction, str]] = []
    place = 0
    while place < len(read):
        match = _AMOUNT.match(read, place)
        if match is None or len(found) > 4:
            return []
        parts = re.findall(r"[\d./]+", match["number"])
        if any(part.endswith("/0") for part in parts):
            return []
        found.append((sum((Fraction(part) for part in parts), Fraction(0)), _named(match["unit"] or "$")))
        place = match.end()
    if any(_DIMENSIONS.get(unit) == "time" for _, unit in found):  # 3h 20m
        found = [(number, "minute" if unit == "meter" else unit) for number, unit in found]
    dimensions = {_DIMENSIONS.get(unit) for _, unit in found}
    sizes = [_SIZES[_DIMENSIONS[unit]][unit] for _, unit in found if unit in _DIMENSIONS]
    descending = all(one > other for one, other in pairwise(sizes))
    return found if len(dimensions) == 1 and None not in dimensions and descending else []


def total_in(parts: list[tuple[Fraction, str]], unit: str) -> Fraction | None:
    """The sum of the parts in `unit`; None if they measure something else."""
    if not parts or _DIMENSIONS.get(parts[0][1]) != _DIMENSIONS.get(unit, ""):
        return None
    return sum((Fraction(converted(number, one, unit)) for number, one in parts), Fraction(0))


def seconds(read: str) -> Fraction | None:
    """The length of a time, "3 hours and 20 minutes" or "3:20" (hours and minutes), in seconds."""
    if clock := _CLOCK.fullmatch(read.lower()):
        hours, minutes, rest = (int(part or 0) for part in clock.groups())
        return Fraction(3600 * hours + 60 * minutes + rest)
    return total_in(amounts(read), "second")
