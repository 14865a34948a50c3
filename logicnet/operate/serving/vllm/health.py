"""HealthPolicy: is a vLLM that does not answer busy, or stuck? A pure state machine without clock or I/O.

vLLM's `/health` is answered while the engine hangs. What counts is progress: an answered probe, or an
engine whose token counter has moved since the last observation. A burst may delay a probe for a minute;
meanwhile the counter moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProbeOutcome(StrEnum):
    """How a request for one token ended."""

    ANSWERED = "answered"
    LATE = "not answered in time"
    FAILED = "answered with a fault of the server"  # 5xx, or the connection broke
    REFUSED = "refused"  # 4xx: the probe has no permission, which says nothing about the engine


@dataclass(frozen=True, slots=True)
class Observation:
    """`tokens` read and written since vLLM's start; None if /metrics did not answer."""

    at_s: float
    probe: ProbeOutcome
    tokens: float | None = None
    running: float = 0.0
    waiting: float = 0.0

    @property
    def loaded(self) -> bool:
        """Whether there is work beside our probe; True if that is unknown."""
        return self.tokens is None or self.running + self.waiting > 1


class HealthVerdict(StrEnum):
    WELL = "well"
    BUSY = "busy"
    SILENT = "silent"
    STUCK = "stuck"
    DEAD = "dead"


_FAULTS = 3  # in a row are no accident


class HealthPolicy:
    """`idle_s` and `loaded_s`: how long vLLM may make no progress, without and with work."""

    def __init__(self, now_s: float, *, idle_s: float, loaded_s: float) -> None:
        self._idle_s = idle_s
        self._loaded_s = loaded_s
        self._progress_at_s = now_s
        self._tokens: float | None = None
        self._faults = 0

    def silent_s(self, now_s: float) -> float:
        """Seconds since the last progress."""
        return now_s - self._progress_at_s

    def observe(self, seen: Observation) -> HealthVerdict:
        tokens_moved = None not in (seen.tokens, self._tokens) and seen.tokens != self._tokens
        self._tokens = self._tokens if seen.tokens is None else seen.tokens
        self._faults = self._faults + 1 if seen.probe is ProbeOutcome.FAILED else 0
        if seen.probe is ProbeOutcome.ANSWERED or (seen.probe is ProbeOutcome.REFUSED and not seen.loaded):
            self._progress_at_s = seen.at_s
            return HealthVerdict.WELL
        if tokens_moved:
            self._progress_at_s = seen.at_s
            return HealthVerdict.BUSY
        if self._faults >= _FAULTS:
            return HealthVerdict.DEAD
        patience_s = self._loaded_s if seen.loaded else self._idle_s
        return HealthVerdict.STUCK if self.silent_s(seen.at_s) >= patience_s else HealthVerdict.SILENT
