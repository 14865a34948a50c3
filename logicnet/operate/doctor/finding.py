"""The result of a check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """The larger, the worse."""

    OK = 0
    NOTE = 1  # good to know; nothing has to be done
    WARNING = 2  # costs income now and then, or will before long; or could not be checked
    ERROR = 3  # costs income now

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was found, `why` it costs income, and what will `mend` it: each a sentence or two.

    A check that was not possible is `checked=False`, and never OK.
    """

    severity: Severity
    what: str
    why: str = ""
    mend: str = ""
    checked: bool = True

    def __post_init__(self) -> None:
        if self.severity is Severity.OK and not self.checked:
            raise ValueError("a finding that was not checked cannot be OK")


def ok(what: str) -> Finding:
    return Finding(Severity.OK, what)


def note(what: str, why: str = "", mend: str = "", *, checked: bool = True) -> Finding:
    return Finding(Severity.NOTE, what, why, mend, checked)


def warning(what: str, why: str, mend: str) -> Finding:
    return Finding(Severity.WARNING, what, why, mend)


def error(what: str, why: str, mend: str) -> Finding:
    return Finding(Severity.ERROR, what, why, mend)


def not_checked(what: str, mend: str) -> Finding:
    return Finding(Severity.WARNING, what, mend=mend, checked=False)


def worst(findings: Iterable[Finding]) -> Severity:
    return max((finding.severity for finding in findings), default=Severity.OK)
