"""A problem: a question, its truth, where both come from, and how an answer is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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

    @property
    def id(self) -> str:
        """16 hexadecimal digits: the same for the same question on every machine, rephrased or not."""
        parts = (self.source, self.kind, self.question, self.truth)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def asked(self) -> str:
        """What a miner is sent."""
        return self.rephrased or self.question
