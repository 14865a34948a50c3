"""Judgement: is a vLLM that does not answer busy, or stuck? Told what was seen, and when; no clock, no I/O.

`/health` says nothing about it: it is answered while the engine hangs. What counts is progress: a probe
was answered, or the engine's counter of tokens has moved since the last look. A burst may keep a probe
waiting for a minute; then the counter runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProbeOutcome(StrEnum):
    """What became of a request for one token."""

    ANSWERED = "answered"
    LATE = "not answered in time"
    FAILED = "answered with a fault of the server"  # 5xx, or the connection broke
    REFUSED = "turned away"  # 4xx: it may not ask, which says nothing of the engine


@dataclass(frozen=True, slots=True)
class Look:
    """One look. `tokens` read and written since vLLM's start; None where its counters did not come."""

    at_s: float
    probe: ProbeOutcome
    tokens: float | None = None
    running: float = 0.0
    waiting: float = 0.0

    @property
    def loaded(self) -> bool:
        """Whether there is anything to do beside our probe; yes where that is not known."""
        return self.tokens is None or self.running + self.waiting > 1


class HealthVerdict(StrEnum):
    WELL = "well"
    BUSY = "busy"
    SILENT = "silent"
    STUCK = "stuck"
    DEAD = "dead"


_FAULTS = 3  # in a row are no accident


class Judgement:
    """Judges look after look. `idle_s` and `loaded_s`: how long it may be silent, without work and with."""

    def __init__(self, now_s: float, *, idle_s: float, loaded_s: float) -> None:
        self._idle_s = idle_s
        self._loaded_s = loaded_s
        self._moved_s = now_s
        self._tokens: float | None = None
        self._faults = 0
        self.moved = 0.0  # tokens between the last two looks

    def silent_s(self, now_s: float) -> float:
        """Seconds since anything moved."""
        return now_s - self._moved_s

    def hear(self, look: Look) -> HealthVerdict:
        self.moved = 0.0
        if look.tokens is not None:
            self.moved = abs(look.tokens - (look.tokens if self._tokens is None else self._tokens))
            self._tokens = look.tokens
        self._faults = self._faults + 1 if look.probe is ProbeOutcome.FAILED else 0
        if look.probe is ProbeOutcome.ANSWERED or (look.probe is ProbeOutcome.REFUSED and not look.loaded):
            self._moved_s = look.at_s
            return HealthVerdict.WELL
        if self.moved > 0:
            self._moved_s = look.at_s
            return HealthVerdict.BUSY
        if self._faults >= _FAULTS:
            return HealthVerdict.DEAD
        patience_s = self._loaded_s if look.loaded else self._idle_s
        return HealthVerdict.STUCK if self.silent_s(look.at_s) >= patience_s else HealthVerdict.SILENT
