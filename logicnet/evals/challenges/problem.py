"""A problem: a question, its truth, where both come from, and how an answer is checked."""

import decimal
import hashlib
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """How an answer is told from the truth: a function of `checks`, and JSON arguments for it."""

    by: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """One challenge as a validator has it. `check` None: text and mathematics are compared."""

    question: str  # raw, as its source words it
    truth: str
    source: str = ""
    kind: str = ""  # within the source
    topic: str = ""  # of the kind
    difficulty: int | None = None  # a level of its source, from 0
    check: AnswerCheck | None = None
    rephrased: str | None = None  # as a persona asks it
    worked: str = field(default="", compare=False, repr=False)
    """A solution in words, if its source has one. Files of challenges leave it out: nobody is to see it."""

    @property
    def id(self) -> str:
        """16 hexadecimal digits: the same for the same question on every machine, rephrased or not."""
        parts = (self.source, self.kind, self.question, self.truth)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def asked(self) -> str:
        """What a miner is sent."""
        return self.rephrased or self.question


def seed_of(*parts: str | int) -> int:
    """32 bits from words and numbers. Not `hash`, which differs from process to process."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:4], "big")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of random numbers, and restore them, for libraries that draw from them.

    The precision of decimals, too: some libraries change it. Not for two threads at once.
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
