"""Numbers in words: twelve, minus three hundred and five, three quarters."""

from __future__ import annotations

import re
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
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "eighth": 8, "eighths": 8, "tenth": 10, "tenths": 10,
}  # fmt: skip


def from_words(read: str) -> str | None:
    """Digits for a number in words: twelve, minus three hundred and five, three quarters; else None."""
    words = re.split(r"[\s-]+", read.lower().strip())
    if not 1 <= len(words) <= 16 or not all(word.isascii() and word.isalpha() for word in words):
        return None
    negative = words[0] in ("minus", "negative")
    words = [word for word in words[negative:] if word != "and"]
    if not words:
        return None
    bottom = _PARTS.get(words[-1]) if len(words) > 1 or words[-1] == "half" else None
    if bottom:
        top = _whole([word for word in words[:-1] if word not in ("a", "an")]) if len(words) > 1 else 1
        if words[:-1] in (["a"], ["an"]):
            top = 1
        return None if top is None else f"{'-' * negative}{top}/{bottom}"
    whole = _whole(words)
    return None if whole is None else f"{'-' * negative}{whole}"


def _whole(words: list[str]) -> int | None:
    if not words:
        return None
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
