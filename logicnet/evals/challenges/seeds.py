"""Chance that falls the same way on every machine."""

from __future__ import annotations

import decimal
import hashlib
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def seed_of(*parts: str | int) -> int:
    """32 bits from words and numbers. Not `hash`, which differs from process to process."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:4], "big")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Global generators of random numbers start from `seed`, and afterwards go on as if nothing had been.

    For libraries that draw from them; some also leave another precision of decimals behind, on which
    the next one's truth would depend. Not for two threads at once.
    """
    numpy = sys.modules.get("numpy")
    state = random.getstate()
    numpy_state = numpy.random.get_state() if numpy else None
    random.seed(seed)
    if numpy:
        numpy.random.seed(seed)
    try:
        with decimal.localcontext(decimal.Context(prec=28)):
            yield
    finally:
        random.setstate(state)
        if numpy:
            numpy.random.set_state(numpy_state)
