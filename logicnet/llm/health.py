"""Health: whether a server is worth asking. A circuit that failures open, and one answer closes."""

from __future__ import annotations

from logicnet.errors import ModelAway, ModelError
from logicnet.llm._client import ModelRefused

_FAILURES = 3
"""In a row. One alone may be the request's own; the calls that met them were moved, and cost little."""

_OF_THE_REQUEST = frozenset((400, 413, 422))
_FOR_GOOD = frozenset((401, 403, 404, 429, 503))  # the next call would get the same


class Health:
    """Open means out of use. `why` is one line, for the operator."""

    def __init__(self) -> None:
        self.why = ""
        self.opened_s = float("-inf")
        self._failures = 0

    @property
    def open(self) -> bool:
        return bool(self.why)

    def failed(self, error: ModelError, now_s: float) -> bool:
        """A call failed. Whether that opened the circuit."""
        status = error.status if isinstance(error, ModelRefused) else 0
        if status in _OF_THE_REQUEST:
            return False  # another server may take it; this one is well
        self._failures += 1
        if isinstance(error, ModelAway) or status in _FOR_GOOD or self._failures >= _FAILURES:
            return self.trip(str(error), now_s)
        return False

    def trip(self, why: str, now_s: float) -> bool:
        """Open the circuit. Whether it was closed."""
        opened = not self.open
        if opened:
            self.opened_s = now_s
        self.why = why
        return opened

    def answered(self, begun_s: float) -> bool:
        """A call that began then was answered in full. Whether that closed the circuit."""
        if begun_s < self.opened_s:
            return False  # it was on its way before the trouble
        closed = self.open
        self.why, self._failures = "", 0
        return closed
