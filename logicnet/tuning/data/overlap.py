"""Rows that repeat held-out ones in other words: by the share of their 13-grams."""

from collections.abc import Iterator
from zlib import crc32

from logicnet.tuning.data.split import words_of

GRAM = 13  # words; Brown et al. 2020, appendix C
MOST_SHARE = 0.5
BOILERPLATE = 10
"""A 13-gram of more training rows than this is a phrase of all of them, such as a shared instruction; it is
no evidence (Brown et al. 2020, appendix C)."""

MOST_GRAMS = 1_000_000
"""Of the held-out texts, kept in memory (about 100 MB); of more, an even sample is kept."""

_BASE, _PRIME = 1_000_003, (1 << 61) - 1
_LAST = pow(_BASE, GRAM - 1, _PRIME)


class Overlap:
    """First `add` the held-out texts, then `count` all training texts, then ask `repeats`.

    `expected`: about how many 13-grams will be added. Texts of fewer than 13 words never repeat.
    """

    def __init__(self, expected: int) -> None:
        self._every = 1 + expected // MOST_GRAMS
        self._seen: dict[int, int] = {}

    def add(self, text: str) -> None:
        for gram in self._grams(text):
            self._seen[gram] = 0

    def count(self, text: str) -> bool:
        """Whether the text might repeat: only then `repeats` needs to be asked."""
        found, total = 0, 0
        for gram in set(self._grams(text)):
            total += 1
            if gram in self._seen:
                found += 1
                self._seen[gram] += 1
        return bool(found) and found >= MOST_SHARE * total

    def repeats(self, text: str) -> bool:
        grams = set(self._grams(text))
        found = sum(0 < self._seen.get(gram, 0) <= BOILERPLATE for gram in grams)
        return bool(found) and found >= MOST_SHARE * len(grams)

    def _grams(self, text: str) -> Iterator[int]:
        """Hashes of all runs of 13 words, each from the one before it (Karp and Rabin)."""
        hashes = [crc32(word.encode()) for word in words_of(text)]
        rolling = 0
        for number, one in enumerate(hashes):
            if number >= GRAM:
                rolling -= hashes[number - GRAM] * _LAST
            rolling = (rolling * _BASE + one) % _PRIME
            if number >= GRAM - 1 and rolling % self._every == 0:
                yield rolling
