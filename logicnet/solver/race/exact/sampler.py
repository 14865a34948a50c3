"""The sampler that computes closed questions: it asks no model, and its answer is nearly certain.

A worker process bounded in time and memory reads and computes, because strangers wrote the question. A
question that it does not surely understand is left to the other samplers.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Self

from logicnet.maths.worker import Bounded, BoundedError

TIMEOUT_S = 2.0  # for one question; the usual one takes a few milliseconds
MOST_WAITING = 32  # questions at a time: they queue for one worker, and only a fast answer is of use
LONGEST = 600  # characters of a question that is read

_MODULE = "logicnet.solver.race.exact.solve"  # by name only: it imports sympy
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class ExactSolution:
    """`answer` as it is sent; `steps` tell the calculation in two to six plain sentences."""

    answer: str
    steps: str


class Exact:
    """One worker, started by `start` or by the first question that may be closed; replaced if it dies.

    Belongs to one event loop; use as an async context manager, or call `aclose`.
    """

    def __init__(self) -> None:
        self._bounded = Bounded(_MODULE)
        self._calls: set[asyncio.Task[ExactSolution | None]] = set()
        self._closed = False

    async def start(self) -> None:
        """Start the worker now, which takes a second. Without a worker no question is answered."""
        await self.solve("What is 1 + 1?")

    async def solve(self, question: str) -> ExactSolution | None:
        """The solution, or None if the question is not surely a closed one. Never raises for a question."""
        if len(question) > LONGEST or not _DIGIT.search(question) or self._closed:
            return None
        if len(self._calls) >= MOST_WAITING:
            return None
        call = asyncio.create_task(self._solution(question))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        # A cancelled caller must not kill the worker: the next one would wait a second for another.
        return await asyncio.shield(call)

    async def _solution(self, question: str) -> ExactSolution | None:
        try:
            found = await self._bounded.call(f"{_MODULE}:solve", timeout_s=TIMEOUT_S, question=question)
        except (
            BoundedError,
            OSError,
            ValueError,
        ):  # the latter two: no process or pipe, or a reply that is not JSON
            return None
        return ExactSolution(**found) if found else None

    async def aclose(self) -> None:
        """End the worker and its computation. Calling it again is harmless."""
        self._closed = True
        for call in list(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._bounded.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
