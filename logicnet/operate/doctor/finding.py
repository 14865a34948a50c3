"""Finding: one thing that was looked at, and what it came to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How much it matters. The larger, the worse."""

    OK = 0
    NOTE = 1  # good to know; nothing has to be done
    WARNING = 2  # costs something now and then, or will before long; or it could not be looked at
    ERROR = 3  # costs income now

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was found, `why` it costs money, and how to `mend` it; each a sentence or two.

    What could not be looked at is `checked=False`, and never OK.
    """

    severity: Severity
    what: str
    why: str = ""
    mend: str = ""
    checked: bool = True

    def __post_init__(self) -> None:
        if self.severity is Severity.OK and not self.checked:
            raise ValueError("what was not looked at is not known to be right")


def ok(what: str) -> Finding:
    return Finding(Severity.OK, what)


def note(what: str, why: str = "", mend: str = "") -> Finding:
    return Finding(Severity.NOTE, what, why, mend)


def warning(what: str, why: str, mend: str) -> Finding:
    return Finding(Severity.WARNING, what, why, mend)


def error(what: str, why: str, mend: str) -> Finding:
    return Finding(Severity.ERROR, what, why, mend)


def unmade(what: str, mend: str = "", severity: Severity = Severity.WARNING) -> Finding:
    """A look that could not be had; a NOTE where nobody would expect one."""
    return Finding(severity, what, mend=mend, checked=False)


def worst(findings: Iterable[Finding]) -> Severity:
    return max((finding.severity for finding in findings), default=Severity.OK)
