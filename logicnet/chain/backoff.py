"""Backoff: pauses that double, up to a limit, each shortened by chance.

Chance keeps a thousand miners from knocking in step when a chain comes back.
"""

from __future__ import annotations

import random
from collections.abc import Callable

Chance = Callable[[], float]  # 0 <= x < 1


class Backoff:
    """`next_s()` after each failure, `reset()` after a success."""

    def __init__(self, first_s: float, most_s: float, *, chance: Chance = random.random) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._chance = chance
        self._pause_s = first_s

    def next_s(self) -> float:
        """Seconds to wait now: between a half and the whole of a pause that doubles each time."""
        pause_s = self._pause_s
        self._pause_s = min(self._most_s, 2 * pause_s)
        return pause_s * (0.5 + 0.5 * self._chance())

    def reset(self) -> None:
        self._pause_s = self._first_s
