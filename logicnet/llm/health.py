"""Health and pace of one server, learned from its calls.

The time to the first token is kept by load, because a server with thirty calls is slow for other reasons than
one that has stopped. Patience is the mean plus four mean deviations, as in TCP's retransmission timer
(RFC 6298).
"""

from logicnet.errors import ModelAway, ModelError
from logicnet.llm._client import ModelRefused

_FAILURES = 3
"""Consecutive. One failure may be due to its request; the calls that failed moved on and cost little."""

_OF_THE_REQUEST = frozenset((400, 413, 422))
_FOR_GOOD = frozenset((401, 403, 404, 429, 503))  # the next call would fail alike


class Health:
    """A circuit breaker: failures open it, and one complete answer closes it. Open means out of use.

    `why` is one line for the operator.
    """

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


_GAIN = 0.125  # of the mean time to the first token, as in RFC 6298
_GAIN_OF_DEVIATION = 0.25
_KEPT = 0.9  # of the weight of earlier calls with each new one

_UNKNOWN_S = 5.0  # patience before the first answer of a server
_LEAST_S = 2.0  # a long prompt or a garbage collection is no reason to ask elsewhere
_UNSEEN_S = 10.0  # at most under a load not seen yet: the extrapolation is too high
MOST_S = 20.0  # a third of a challenge's time: then another server is asked in any case


class TokenRate:
    """Seconds to the first token by load, and tokens per second of one call."""

    def __init__(self) -> None:
        self._first: dict[int, tuple[float, float]] = {}  # mean and mean deviation, by bits of the load
        self._tokens = 0.0
        self._seconds = 0.0

    @property
    def tokens_per_s(self) -> float | None:
        """Of one call, its wait included; None before the first call."""
        return self._tokens / self._seconds if self._seconds and self._tokens else None

    def began(self, seconds: float, load: int) -> None:
        """Record a first token after `seconds`. `load`: calls in flight, this one included."""
        place = load.bit_length()
        if place not in self._first:
            self._first[place] = (seconds, seconds / 2)
            return
        mean, deviation = self._first[place]
        deviation += _GAIN_OF_DEVIATION * (abs(seconds - mean) - deviation)
        self._first[place] = (mean + _GAIN * (seconds - mean), deviation)

    def wrote(self, tokens: int, seconds: float) -> None:
        """Record the tokens of a call and its seconds."""
        self._tokens = _KEPT * self._tokens + tokens
        self._seconds = _KEPT * self._seconds + seconds

    def patience_s(self, load: int, most_s: float = MOST_S) -> float:
        """How long a call may be silent before another server is asked."""
        return min(most_s, max(_LEAST_S, self._usual_s(load.bit_length())))

    def _usual_s(self, place: int) -> float:
        """The longest usual wait, by the nearest load that was seen."""
        if not self._first:
            return min(_UNSEEN_S, _UNKNOWN_S * 2.0 ** max(0, place - 3))
        nearest = min(self._first, key=lambda seen: (abs(seen - place), seen))
        mean, deviation = self._first[nearest]
        usual_s = mean + 4 * deviation
        return max(usual_s, min(_UNSEEN_S, usual_s * 2.0 ** max(0, place - nearest)))
