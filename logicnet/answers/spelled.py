"""Numbers in words: twelve, minus three hundred and five, two and three quarters."""

import re
from fractions import Fraction
from itertools import pairwise

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: number for number, word in enumerate(_ONES.split())} | {
    word: 10 * number for number, word in enumerate(_TENS.split(), start=2)
}
_LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
    "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10, "twelfth": 12, "twelfths": 12, "fifteenth": 15,
    "fifteenths": 15, "sixteenth": 16, "sixteenths": 16, "twentieth": 20, "twentieths": 20,
    "hundredth": 100, "hundredths": 100,
}  # fmt: skip


LARGE = r"(?:dozens?|thousand|million|billion|trillion|nghìn|ngàn|triệu|tỷ|tỉ)"
"""Words after digits that multiply them."""
_POWERS = {"dozen": 12, "dozens": 12,
           "nghìn": 1000, "ngàn": 1000, "triệu": 10**6, "tỷ": 10**9, "tỉ": 10**9, "万": 10**4, "萬": 10**4,
           "亿": 10**8, "億": 10**8}  # fmt: skip
_MULTIPLIED = re.compile(
    r"(?<![\d.,/(])(?<!\d )(\d{1,3}(?:,\d{3}){1,4}|\d{1,9}/[1-9]\d{0,8}|\d{1,15}(?:\.\d{1,15})?)"
    rf"\s?(?:\s({LARGE})\b|([万萬亿億]))",
    re.IGNORECASE,
)
"""Not in brackets, where the number before them is said again: 30 (2.5 dozen)."""


_DOZENS = re.compile(
    rf"(?<!ty[ -])(?<!hundred )(?<!a )(?<!and )(?<!\()\b(?:half an?|an? half|half"
    rf"|(an?|{'|'.join(_SMALL)})( and a half)?) dozens?\b( and a half\b)?",
    re.IGNORECASE,
)


def multiplied(text: str, question: str) -> str:
    """The text with "2.5 million" as 2500000, and a dozen as 12, unless the question counts so."""
    if "dozen" not in question:
        text = _DOZENS.sub(_counted, text)

    def product(found: re.Match[str]) -> str:
        word = (found[2] or found[3]).lower()
        value = Fraction(found[1].replace(",", "")) * (_LARGE.get(word) or _POWERS[word])
        return found[0] if word in question or value.denominator > 1 else str(value)

    return _MULTIPLIED.sub(product, text)


def _counted(dozens: re.Match[str]) -> str:
    whole = 12 * _SMALL.get(dozens[1].lower(), 1) if dozens[1] else 0
    return str(whole + 6 * any((not dozens[1], dozens[2], dozens[3])))


_FIRST = "|".join((*_SMALL, "half", "quarter", "minus", "negative"))
_NEXT = "|".join((*_SMALL, *_LARGE, *_PARTS))
_RUN = re.compile(
    rf"\b(?:(?:{_FIRST})|an?(?=\s(?:half|quarter)\b)|\d{{1,9}}(?=\s+and\s))\b(?:[\s-]{{1,3}}(?:and\s+)?(?:an?\s+)?(?:{_NEXT})\b){{0,12}}",
    re.IGNORECASE,
)


def in_digits(text: str) -> str:
    """The text with its numbers in words as digits: "two and a half hours" is 5/2 hours."""
    return _RUN.sub(lambda run: from_words(run[0]) or run[0], text)


def from_words(read: str) -> str | None:
    """Digits for a number in words: twelve, minus three hundred and five, two and a half; else None."""
    words = re.split(r"[\s-]+", read.lower().strip())
    if not 1 <= len(words) <= 16 or not all(word.isascii() and word.isalnum() for word in words):
        return None
    sign = "-" * (words[0] in ("minus", "negative"))
    words = words[len(sign) :]
    for place in range(len(words) - 1, 0, -1):  # two and a half
        if words[place] == "and" and (part := _part(words[place + 1 :])):
            whole = _whole([word for word in words[:place] if word != "and"])
            return None if whole is None else f"{sign}{whole * part[1] + part[0]}/{part[1]}"
    words = [word for word in words if word != "and"]
    if part := _part(words):
        return f"{sign}{part[0]}/{part[1]}"
    whole = _whole(words)
    return None if whole is None else f"{sign}{whole}"


def _part(words: list[str]) -> tuple[int, int] | None:
    """The top and the bottom of "half", "a third", "three quarters"."""
    bottom = _PARTS.get(words[-1]) if len(words) > 1 or words in (["half"], ["quarter"]) else None
    top = 1 if words[:-1] in ([], ["a"], ["an"]) else _whole(words[:-1])
    if bottom is None or top is None or (top not in range(20) and not words[-1].endswith("s")):
        return None  # twenty-fifth and one hundred fifth are places
    return top, bottom


def _whole(words: list[str]) -> int | None:
    if not words:
        return None
    if len(words) == 1 and words[0].isdecimal():
        return int(words[0])
    total = part = 0
    for word in words:
        if word in _SMALL:
            part += _SMALL[word]
        elif word == "a" and not part:
            part = 1
        elif word == "hundred" and 0 < part < 100:
            part *= 100
        elif word in _LARGE and part:
            total, part = total + part * _LARGE[word], 0
        else:
            return None
    said = total + part
    # seven three is no number, nor is twenty thirty
    spelled = sum(word in _SMALL for word in words) <= 2 * (1 + sum(word in _LARGE for word in words))
    return said if spelled and not _is_row(words) else None


def _is_row(words: list[str]) -> bool:
    return any(
        one in _SMALL and other in _SMALL and not (_SMALL[one] >= 20 and 0 < _SMALL[other] < 10)
        for one, other in pairwise(words)
    )
