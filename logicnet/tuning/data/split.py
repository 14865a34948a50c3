"""Validation rows by the text of their prompts: the order of a file and its repetitions do not matter."""

import re
from array import array
from hashlib import sha256

_WORD = re.compile(r"[^\W_\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]|[+*/=<>^%-]")
"""Chinese and Japanese are written without spaces: each sign counts as a word. So does one of arithmetic."""


def words_of(text: str) -> list[str]:
    """The words of a text, without case and punctuation."""
    return _WORD.findall(text.casefold())


def key_of(text: str) -> int:
    """64 bits of the sha256 of the text, without case and with single spaces."""
    return int.from_bytes(sha256(" ".join(text.casefold().split()).encode()).digest()[:8])


def validation_keys(keys: "array[int]", share: float) -> set[int]:
    """The keys whose rows are held out: about `share` of them, at least one, and never all.

    Rows of one key stay together. Needs two different keys.
    """
    limit = int(share * (1 << 64))
    chosen = {key for key in keys if key < limit}
    first = min(keys)
    return chosen if chosen and any(key >= limit for key in keys) else {first}


def test_keys(keys: "array[int]", share: float, most: int, secret: bytes) -> set[int]:
    """The keys of a test that is kept from others: `share` of the different ones, `most` at the most.

    By the text's hash with `secret`: who has the rows cannot tell which of them are in the test.
    """
    drawn = sorted(set(keys), key=lambda key: sha256(secret + key.to_bytes(8)).digest())
    return set(drawn[: min(most, round(share * len(drawn)))])
