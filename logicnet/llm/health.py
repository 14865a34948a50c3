"""Health: a circuit breaker. Failures open it, and one complete answer closes it."""

from __future__ import annotations

from logicnet.errors import ModelAway, ModelError
from logicnet.llm._client import ModelRefused

_FAILURES = 3
"""Consecutive. One failure may be due to its request; the calls that failed moved on and cost little."""

_OF_THE_REQUEST = frozenset((400, 413, 422))
_FOR_GOOD = frozenset((401, 403, 404, 429, 503))  # the next call would fail alike


class Health:
    """Open means out of use. `why` is one line for the operator."""

    def __init__(self) -> None:
        self.why = ""
        self.opened_s = float("-inf")
        self._failures = 0

    @property
    def open(self) -> bool:
        return bool(self.why)

    def failed(self, error: ModelError, now_s: float) -> bool:
        """Record a failed call. Returns whether it opened the circuit."""
        status = error.status if isinstance(error, ModelRefused) else 0
        if status in _OF_THE_REQUEST:
            return False  # another server may accept it; this one is healthy
        self._failures += 1
        if isinstance(error, ModelAway) or status in _FOR_GOOD or self._failures >= _FAILURES:
            return self.trip(str(error), now_s)
        return False

    def trip(self, why: str, now_s: float) -> bool:
        """Open the circuit. Returns whether it was closed."""
        opened = not self.open
        if opened:
            self.opened_s = now_s
        self.why = why
        return opened

    def answered(self, begun_s: float) -> bool:
        """Record a complete answer to a call that began then. Returns whether it closed the circuit."""
        if begun_s < self.opened_s:
            return False  # it started before the outage
        closed = self.open
        self.why, self._failures = "", 0
        return closed
