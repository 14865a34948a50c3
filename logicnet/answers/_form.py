"""NormalForm: what an answer says, so that answers that say the same are one vote."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

Kind = Literal[
    "number", "list", "unknowns", "formula", "interval", "numeral", "yes-no", "choice", "time", "duration",
    "words", "code",
]  # fmt: skip
"""`unknowns`: x = 1, y = 2, or Ann is a knave, Bob a knight. `numeral`: digits in another base than ten.
`time`: of day, or a date."""

MOST_KEY = 120
"""Characters; a longer key is replaced by its digest."""


@dataclass(frozen=True, slots=True)
class NormalForm:
    """Equal forms are one vote. Only `key` is compared: the same value may be written in several ways.

    `text` is one way that can be sent: plain, on one line unless it is code; under 20 words unless what
    is asked for is itself longer (a list, a deciphered sentence, a program).
    """

    key: str
    text: str = field(compare=False)
    kind: Kind = field(compare=False)
    value: Fraction | float | None = field(default=None, compare=False)


def made(kind: Kind, said: str, text: str, value: Fraction | float | None = None) -> NormalForm:
    """A form whose key is its kind and what it says, bounded."""
    key = f"{kind}:{said}"
    if len(key) > MOST_KEY:
        key = f"{kind}#{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:40]}"
    return NormalForm(key, text, kind, value)
