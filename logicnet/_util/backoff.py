"""Exponential backoff with jitter: it keeps a thousand miners from reconnecting to a chain in step."""

import random
from collections.abc import Callable

Chance = Callable[[], float]  # 0 <= x < 1


class Backoff:
    """`next_s()` after each failure, `reset()` after a success."""

    def __init__(self, first_s: float, most_s: float, *, chance: Chance = random.random) -> None:
        self._first_s = self._pause_s = min(first_s, most_s)
        self._most_s = most_s
        self._chance = chance

    def next_s(self) -> float:
        """Seconds to wait now: 50 to 100 % of a pause that doubles each time, up to `most_s`."""
        pause_s = self._pause_s
        self._pause_s = min(self._most_s, 2 * pause_s)
        return pause_s * (0.5 + 0.5 * self._chance())

    def reset(self) -> None:
        self._pause_s = self._first_s
