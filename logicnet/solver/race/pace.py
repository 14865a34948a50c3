"""Pace: how fast a server writes, and how much slower for each call more. Measured while running.

A server answers some number of calls at once almost as fast as one; beyond that, each call slows all others.
The seconds of a token are a straight line over the calls in flight, fitted with slow forgetting.
"""

from dataclasses import dataclass, field

LEAST_CALLS = 2
SLOWER = 2.0
"""A challenge alone fills the server until each call is so many times slower than one alone: samples that end
early then still come earlier than one alone would."""

_FORGET = 0.98  # weight of earlier calls with each new one
_PRIOR = 1.5  # weight of the slope that follows from the profile's figures
_LEAST_TOKENS = 8  # fewer say more about the first token than about the pace


@dataclass(slots=True)
class Pace:
    """`tokens_per_s` of one call alone and `calls` at once for which it is `SLOWER`: the guess at first."""

    tokens_per_s: float
    calls: int
    _sums: list[float] = field(default_factory=lambda: [0.0] * 5)  # weight, x, y, xx, xy; x: other calls

    def observe(self, tokens: int, seconds: float, at_once: float) -> None:
        """A call that wrote `tokens` in `seconds`, with `at_once` calls in flight on average, itself too."""
        if tokens < _LEAST_TOKENS or seconds <= 0.0:
            return
        x, y = max(0.0, at_once - 1.0), seconds / tokens
        seen = (1.0, x, y, x * x, x * y)
        self._sums = [_FORGET * old + new for old, new in zip(self._sums, seen, strict=True)]

    def seconds_per_token(self, at_once: float) -> float:
        """Of each of so many calls in flight."""
        alone, more = self._line()
        return alone + more * max(0.0, at_once - 1.0)

    def slows(self) -> float:
        """By what share one more call slows one that is alone."""
        alone, more = self._line()
        return more / alone

    def room(self) -> int:
        """Calls at once that are `SLOWER` than one alone; at least `LEAST_CALLS`."""
        return max(LEAST_CALLS, round(1.0 + (SLOWER - 1.0) / max(self.slows(), 1e-3)))

    def _line(self) -> tuple[float, float]:
        """Seconds of a token alone, and more with each other call. The guess counts as two points."""
        first, most = 1.0 / self.tokens_per_s, float(max(self.calls - 1, 1))
        weight, x, y, xx, xy = self._sums
        far = _PRIOR / most  # little weight for a point far away, which else would hold the line for long
        weight, x, y = weight + 1.0 + far, x + far * most, y + (1.0 + far * SLOWER) * first
        xx, xy = xx + far * most * most, xy + far * most * SLOWER * first
        spread = weight * xx - x * x
        more = max(0.0, (weight * xy - x * y) / spread) if spread > 0.0 else 0.0
        alone = (y - more * x) / weight
        return max(alone, 0.05 * y / weight), more
