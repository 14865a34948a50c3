"""Numbers: the one number that an answer is, rounded as the question wants it, and how it is written down.

How a number is written decides what a validator's arithmetic sees: it takes `\\d+\\.\\d+|\\d+` for a number,
compares one with one by their relative error, and anything else as two expressions, unless one of them
is LaTeX or has words, and then a judge must decide. So:

    a whole number      digits, no commas
    3/4                 0.75, one number, which meets a truth of 0.75, 3/4 or "0.75 m"; but
                        3/4 where the question asks for a fraction or an exact value, because its truth is
                        one then, and two expressions are compared exactly; \\frac{3}{4} where the question
                        itself writes fractions so, because then the truth does, and equal text needs no judge
    1/3                 1/3, as no decimal equals it; 0.33 where two decimals are asked for
    1.2e-07             where the question asks for that notation, or the digits would be many
    sqrt(194)           as it was written: one number to a validator, as it is in a truth of \\sqrt{194}
"""

import re
from fractions import Fraction

from logicnet.answers._form import NormalForm, made
from logicnet.answers._units import amounts, converted, total_in, unit_of
from logicnet.answers.question import QuestionSpec
from logicnet.answers.spelled import from_words, in_digits
from logicnet.maths.numbers import Computed, computed

_DIGITS = 12
"""Significant digits of a number that is not whole, and at least 6 decimals: what floats of it share."""
_MOST_ZEROS = 25  # digits of a number that is written out; 1.5e+30 has more zeros than anybody reads
_MOST_MAGNITUDE = 997  # binary: 1e300
_MOST_BITS = 12_000  # of a whole number that is written out at all: Python writes no more than 14,000

_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])|(?<![\d.,_])\d{1,3}(?:_\d{3})+(?![\d_])")
_EUROPEAN = re.compile(r"([+-]?)(\d{1,3}(?:\.\d{3})+),(\d+)")
_MIXED = re.compile(r"([+-]?)\s*(\d{1,15})\s+(?:and\s+)?\(?(\d{1,9})\s*/\s*(\d{1,9})\)?")
_SCIENTIFIC = re.compile(r"(?<=\d)\s*+(?:\*|x)\s*+10\s*+(?:\^|\*\*)\s*+\(?\s*+([+-]?\s?\d{1,3})(?:\s*+\))?")
_PREFIX = re.compile(
    r"^(?:approximately|about|roughly|around|exactly|nearly|only|usd|eur|gbp|us|rs\.?|=|~)\s*(?=[\d$€£¥.+(-])",
    re.IGNORECASE,
)
_MIXED_WORDS = re.compile(r"\d{1,9}\s+and\s+[a-z]", re.IGNORECASE)
_CHANCE = re.compile(r"^(\d{1,9}) (?:in|out of|over) (?:every )?(\d{1,9})$")
_WORDED_PERCENT = re.compile(r"^-?\d+ ?(?:percent|per cent|%)$")
_CURRENCY = re.compile(r"([+-]?+)(?:(?<!\s)\s++)?[$€£¥₹₫₽₩]\s*+(?=[\d.+-])")
_UNIT = re.compile(
    r"(?<=[\d)!i])\s*+(?:(?P<percent>%|percent\b|per cent\b|pct\b)|(?P<currency>[$€£¥¢₹₫₽₩])"
    r"|(?P<unit>(?!(?:pi|sqrt)\b)(?:[^\W\d_]{2,40}+|[mgsLhNJWVAKCFl](?![^\W\d_])|[\u3040-\u9fff\uac00-\ud7af])[^\d=<>+*()\[\]{}"
    r"|:;,\"&\\^]{0,60}+(?:\^\(?-?[23]\)?)?+))"
    r"(?P<rest>[^\d=<>()\[\]{}|:;,\"&\\]{0,60}+)$"
)
_MOST_UNIT = 170  # characters that it matches, without spaces before them
_POWER_OF_UNIT = re.compile(
    r"(?<=[\d\s/])((?:[cdkm]?m|ft|in|yd|mi|s|sec|units?|(?:centi|kilo)?met(?:er|re)s?|feet|inch(?:es)?)\b)\s?\^\(?-?[1-4]\)?"
)
_TOKEN = re.compile(
    r"(?<![\dA-Za-z_À-ɏ.])(?:(?<![\d)]\s)(?<![\d)])[+-]\s?)?(?:\d{1,3}(?:,\d{3}){1,12}(?!\d)"
    r"|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?:\s?/\s?\d+)?"
    r"(?=(?:st|nd|rd|th)?(?![0-9A-Za-z_À-ɏ]))(?![.,]\d)|(?<![\w.])[+-]?\.\d+"
)
_BOUND = re.compile(
    r"\b(?:at (?:least|most)|more than|less than|fewer than|greater than|no (?:more|less|fewer)|between"
    r"|over|under|except)\b|[<>]"
)
_COMPARED = re.compile(
    r"\b(?:(?P<word>fewer|less|more|greater|larger|smaller|higher|lower) than|at (?P<end>least|most)|up to"
    r"|no (?:more|less|fewer) than|except(?: for)?|other than|an? (?P<side>loss|profit) of"
    r"|(?:not|never|cannot|[a-z]+n.t)(?: (?!only\b)[a-z]+){0,2})\s[-+$€£*(]{0,3}\d[\d.,]*"
    r"|(?<!\d)\d[\d.,]{0,30}+(?: [^\W\d_]++){0,2} (?:(?P<zero>below|above) zero"
    r"|or (?:more|less|fewer|greater|above|below|under|over|higher|lower|larger|smaller)\b)",
    re.IGNORECASE,
)
_OPPOSITE = {"loss": "profit", "profit": "loss", "below": "above", "above": "below"}
_THIRDS = re.compile(r"([+-]?\d*)\.(\d{0,2}?)(3{2,}|6{2,}|6+7)")


def number_form(read: str, text: str, question: QuestionSpec) -> NormalForm | None:
    """The form of an answer (`read`, without markup) that is one number; None if it is something else.

    `text` is sent where the number is no plain one: a root, a multiple of pi, a complex number.
    """
    found = _read(read, question)
    if found is None or compared(read, question):
        return None
    value, plain = found
    if isinstance(value, complex):
        real, imaginary = normal(Fraction(value.real), question), normal(Fraction(value.imag), question)
        return made("number", f"{shown(real)}{'' if imaginary < 0 else '+'}{shown(imaginary)}i", text)
    exact = Fraction(value)
    if exact.numerator.bit_length() - exact.denominator.bit_length() > _MOST_MAGNITUDE:
        return None
    meant = _of_thirds(exact, question)
    said = normal(meant, question)
    sent = written(exact, question, as_decimal=meant != exact) if plain else text
    return made("number", shown(said), sent, said if said.denominator < 10**6 else float(said))


_BELOW = re.compile(r"(?<![-.\d])(\d[\d.]*+)((?: [^\W\d_]++){0,2}) (below|above) zero\b", re.IGNORECASE)
_LOSS = re.compile(r"\b(?:an? )?loss of [$€£]?(?=\d[\d.,]{0,30}+(?: [a-z]{1,20})?\W*$)", re.IGNORECASE)
_TIMES = re.compile(
    r"(?:(?<=[\d)])\s++(?:times|multiplied by)\s++(?=sqrt|pi\b|(?:the )?square root)"
    r"|(?<=pi)\s++(?:times|multiplied by)\s++(?=[\d(]))"
)
_ROOT_OF = re.compile(r"(?:the )?square root of (\d{1,30}(?:\.\d{1,30})?)(?=\W*$)")
_MODULO = re.compile(r"(?<![\d.])(\d{1,15})\s*+(?:\(\s*+)?mod \{?(\d{1,15})\}?\s*+\)?$")
_DASH = re.compile(r"- (?=\d)")


def signed(read: str, asked: str) -> str:
    """The text with signs for words: 5 below zero, 6 times the square root of 2, a loss for a profit.

    A dash before a count is no sign.
    """
    if "below" not in asked and re.search("temperature|degree", asked):
        read = _BELOW.sub(lambda found: f"{'-' * (found[3].lower() == 'below')}{found[1]}{found[2]}", read)
    if re.search(r"\bprofit|\bgain", asked) and "loss" not in asked:
        read = _LOSS.sub("-", read)
    elif re.search(r"\blos[et]\b", asked):
        read = _LOSS.sub("", read)
    if "how many" in asked:  # no count is negative
        read = read[2:] if _DASH.match(read) else read
    if re.search(r"\bmod|remainder", asked):
        read = _MODULO.sub(lambda found: found[1] if int(found[1]) < int(found[2]) else found[0], read)
    return _ROOT_OF.sub(r"sqrt(\1)", _TIMES.sub("*", read))


def normal(value: Fraction, question: QuestionSpec) -> Fraction:
    """The number as far as the question counts its digits, else without the noise of a float."""
    if question.format.down or question.format.up:
        value = _without_noise(value)
        return Fraction(value.__floor__() if question.format.down else value.__ceil__())
    if question.format.places is not None:
        return _rounded(value, question.format.places)
    if question.format.significant is not None:
        return _to_significant(value, question.format.significant)
    return _without_noise(value)


def shown(value: Fraction) -> str:
    """A number in a key: the same number, the same characters."""
    if value.denominator == 1 and value.numerator.bit_length() < _MOST_BITS:
        return str(value.numerator)
    if value.denominator == 1 or abs(value) < Fraction(1, 10**5):
        return _scientific(value, _DIGITS)
    return _decimal(value, _places(value))


def written(value: Fraction, question: QuestionSpec, *, as_decimal: bool = False) -> str:
    """A number as it is sent. See the module."""
    if question.format.rounded:
        value = normal(value, question)
        ordinary = value == 0 or Fraction(1, 10**4) < abs(value) < 10**_MOST_ZEROS
        if question.format.significant is not None and (question.format.scientific or not ordinary):
            return _power_of_ten(value, question)
        return _decimal(value, _places(value))
    small = _is_small(value) or (question.format.fraction and _is_fraction(value))
    value = value if small else _without_noise(value)
    if (
        value.denominator == 1
        and not (question.format.scientific and abs(value) >= 10)
        and not _is_round(value)
    ):
        return str(value.numerator)
    if question.format.scientific or not Fraction(1, 10**9) < abs(value) < 10**_MOST_ZEROS:
        return _power_of_ten(value, question)
    if (
        small
        and not as_decimal
        and (question.format.fraction or question.latex_fraction or not _is_short(value))
    ):
        top, bottom = abs(value.numerator), value.denominator
        sign = "-" if value < 0 else ""
        return f"{sign}\\frac{{{top}}}{{{bottom}}}" if question.latex_fraction else f"{sign}{top}/{bottom}"
    return _decimal(value, _places(value))


def numbers_in(read: str) -> list[str]:
    """The numbers that stand in a text, as they are written; a/b is one."""
    return [found[0].strip() for found in _TOKEN.finditer(_POWER_OF_UNIT.sub(r"\1", read))]


def only_number(read: str, text: str, question: QuestionSpec) -> NormalForm | None:
    """The number of a short sentence that holds exactly one, as a validator reads it."""
    found = numbers_in(read)
    if len(found) != 1 or _BOUND.search(read) or compared(read, question):
        return None
    percent = "%" if re.search(re.escape(found[0]) + r"\s*(?:%|percent)", read) else ""
    return number_form(found[0] + percent, text, question)


def compared(read: str, question: QuestionSpec) -> list[tuple[int, int]]:
    """Where a number is denied, or bounds or measures the answer in words that the question does not have."""
    return [found.span() for found in _COMPARED.finditer(read) if not _asks_so(found, question.text)]


def _asks_so(found: re.Match[str], asked: str) -> bool:
    word = (found["word"] or found["end"] or found["side"] or found["zero"] or "").lower()
    if found["end"] and re.search("minim|maxim", asked):
        return True
    return word != "" and word in asked and _OPPOSITE.get(word, "\n\n") not in asked


def _read(read: str, question: QuestionSpec) -> tuple[Fraction | float | complex, bool] | None:
    """The value, and whether it is a plain number: digits, a fraction, a mixed number."""
    read = re.sub(r"^[\s,;?]++|^\.(?!\d)|(?<![\s.,;?])[\s.,;?]++$", "", read)
    if read.endswith("!") and not question.factorial:
        read = read.rstrip("! ")  # said with joy
    read = _PREFIX.sub("", re.sub(r"^(?:minus|negative)\s+(?=[\d$.])", "-", read, flags=re.IGNORECASE))
    read = _CURRENCY.sub(r"\1", read)
    read = _THOUSANDS.sub(lambda digits: digits[0].replace(",", "").replace("_", ""), read)
    read = re.sub(r"(?<=\d)(?:st|nd|rd|th)$", "", read)
    if question.chance or question.format.fraction:
        read = _CHANCE.sub(r"\1/\2", in_digits(read))
    if not question.letters:
        if not re.search(r"\d|pi\b|\be\b|\bi\b|oo", read):
            if (digits := from_words(read)) is not None:
                return Fraction(digits), True
            counted = in_digits(read)
            if not re.match(r"-?\d", counted) or not (
                question.quantity or question.duration or amounts(counted) or _WORDED_PERCENT.search(counted)
            ):
                return None
            read = counted
        elif _MIXED_WORDS.match(read):
            read = in_digits(read)
    if len(parts := amounts(read)) > 1:
        total = total_in(parts, question.unit or parts[0][1])
        return None if total is None else (total, True)
    bare, unit, percent = _without_unit(read)
    value, plain = _value(bare)
    if value is None or isinstance(value, complex):
        return None if value is None else (value if value.imag else value.real, False)
    if percent and not question.format.percent:
        value /= 100
        plain = plain and not question.mentions_percent
    return converted(value, unit, question.unit), plain


def _value(bare: str) -> tuple[Fraction | float | complex | None, bool]:
    if european := _EUROPEAN.fullmatch(bare):
        bare = european[1] + european[2].replace(".", "") + "." + european[3]
    bare = _SCIENTIFIC.sub(lambda power: f"e{power[1].replace(' ', '')}", bare)
    if mixed := _MIXED.fullmatch(bare):
        sign, whole, top, bottom = mixed.groups()
        if int(bottom) == 0:
            return None, False
        value = int(whole) + Fraction(int(top), int(bottom))
        return (-value if sign == "-" else value), True
    found = computed(bare)
    if found is None or found.unknowns:
        return None, False
    return found.value, isinstance(found.value, Fraction) and _is_plain(found, bare)


def _is_plain(found: Computed, bare: str) -> bool:
    return not re.search(r"[a-df-zA-DF-Z]", bare) or (
        not re.search(r"pi|\be\b", bare) and found.operations <= 3
    )


def _without_unit(read: str) -> tuple[str, str, bool]:
    """The bare number, the first word of its unit, and whether it is in percent."""
    read = _POWER_OF_UNIT.sub(r"\1", read)
    found = _UNIT.search(read, max(0, len(read.rstrip()) - _MOST_UNIT))
    if found is None:
        return read, "", False
    unit = (found["unit"] or found["currency"] or "").strip().lower()
    first = unit.split()[0].strip(".-/'") if unit else ""
    if first in ("pi", "e", "i", "x", "sqrt", "degrees", "degree"):
        return (read, "", False) if first not in ("degrees", "degree") else (read[: found.start()], "", False)
    return read[: found.start()].strip(), unit_of(first), bool(found["percent"])


def _of_thirds(value: Fraction, question: QuestionSpec) -> Fraction:
    """Thirds and sixths that were cut off: 0.33, 16.67. Not where decimals were given or asked for."""
    decimal = value.denominator > 1 and 10**24 % value.denominator == 0
    if question.format.rounded or question.shows_decimals or not decimal:
        return value
    text = _decimal(value, _places(value))
    found = _THIRDS.fullmatch(text)
    if found is None:
        return value
    decimals = len(found[2]) + len(found[3])
    nearest = Fraction(round(value * 3 * 10 ** len(found[2])), 3 * 10 ** len(found[2]))
    return nearest if abs(nearest - value) < Fraction(1, 10**decimals) else value


def _rounded(value: Fraction, places: int) -> Fraction:
    """Half away from zero, as people round."""
    scaled = abs(value) * Fraction(10) ** places
    near = _without_noise(scaled)
    whole = (near + Fraction(1, 2)).__floor__()
    return Fraction(whole if value >= 0 else -whole) / Fraction(10) ** places


def _to_significant(value: Fraction, digits: int) -> Fraction:
    return _rounded(value, digits - 1 - _magnitude(value)) if value else value


def _without_noise(value: Fraction) -> Fraction:
    if value.denominator == 1:
        return value
    scale = Fraction(10) ** _places(value)
    whole = (abs(value) * scale + Fraction(1, 2)).__floor__()
    return Fraction(whole if value >= 0 else -whole) / scale


def _is_small(value: Fraction) -> bool:
    """A fraction that somebody wrote, rather than a float."""
    return value.denominator < 10**4


def _is_round(value: Fraction) -> bool:
    size = abs(value.numerator)
    return size.bit_length() >= _MOST_BITS or (
        size >= 10**_MOST_ZEROS and size % 10 ** (_MOST_ZEROS - _DIGITS) == 0
    )


def _is_fraction(value: Fraction) -> bool:
    """No float, though its numbers are large."""
    return value.denominator < 10**9 and 10**9 % value.denominator != 0


def _is_short(value: Fraction) -> bool:
    return 10**4 % value.denominator == 0


def _magnitude(value: Fraction) -> int:
    """The power of ten of the first digit."""
    top, bottom = abs(value.numerator), value.denominator
    guess = int((top.bit_length() - bottom.bit_length()) * 0.30103)
    while Fraction(top, bottom) >= Fraction(10) ** (guess + 1):
        guess += 1
    while Fraction(top, bottom) < Fraction(10) ** guess:
        guess -= 1
    return guess


def _places(value: Fraction) -> int:
    return max(6, _DIGITS - 1 - _magnitude(value)) if value else 6


def _decimal(value: Fraction, places: int) -> str:
    whole = round(value * 10**places)
    digits = str(abs(whole)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".") if places else digits
    return f"-{text}" if whole < 0 else text


def _scientific(value: Fraction, digits: int) -> str:
    if not value:
        return "0"
    power = _magnitude(value)
    mantissa = _decimal(value / Fraction(10) ** power, digits - 1)
    if mantissa.lstrip("-").startswith("10"):
        mantissa, power = mantissa.replace("10", "1", 1), power + 1
    return f"{mantissa}e{power:+03d}"


def _power_of_ten(value: Fraction, question: QuestionSpec) -> str:
    if not value:
        return "0"
    digits = question.format.significant or _DIGITS
    mantissa, power = _scientific(value, digits).split("e")
    return f"{mantissa} \\times 10^{{{int(power)}}}" if question.latex_power else f"{mantissa}e{power}"
