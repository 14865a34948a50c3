"""A value that takes time to make, for readers that do not wait."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundValue(Generic[T]):
    """The last value of a function that may block, or hang: then the value stays as it is.

    Nothing is made unless `latest` is asked for. The function raises nothing.
    """

    def __init__(self, first: T, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._value = first
        self._every_s = every_s
        self._clock = clock
        self._began_s = float("-inf")
        self._making: threading.Thread | None = None

    def latest(self, make: Callable[[], T]) -> T:
        """The last value; begins to make the next if `every_s` are over. Call it on one thread at a time."""
        busy = self._making is not None and self._making.is_alive()
        if not busy and self._clock() - self._began_s >= self._every_s:
            self._began_s = self._clock()

            def run() -> None:
                self._value = make()

            self._making = threading.Thread(target=run, name="console", daemon=True)
            self._making.start()
        return self._value
