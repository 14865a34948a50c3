"""The sampler that computes closed questions: it asks no model, and its answer is nearly certain.

A worker process bounded in time and memory reads and computes, because strangers wrote the question. A
question that it does not surely understand is left to the other samplers.
"""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from logicnet.maths.worker import Bounded, BoundedError

TIMEOUT_S = 2.0  # for one question; the usual one takes a few milliseconds
MOST_WAITING = 32  # questions of one caller at a time: they queue, and only a fast answer is of use
PROCESSES = 2  # so that one hostile question does not hold up the honest ones of other callers
LONGEST = 600  # characters of a question that is read

_SOLVE = "logicnet.solver.race.exact.solve:solve"  # by name only: they import sympy
_COMPUTE = "logicnet.solver.race.exact.compute:compute"
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class ExactSolution:
    """`answer` as it is sent; `steps` tell the calculation in two to six plain sentences."""

    answer: str
    steps: str


class Exact:
    """Up to two workers, started by `start` and by questions that may be closed; replaced if they die.

    Belongs to one event loop; use as an async context manager, or call `aclose`.
    """

    def __init__(self) -> None:
        self._bounded = Bounded(*(one.partition(":")[0] for one in (_SOLVE, _COMPUTE)), processes=PROCESSES)
        self._calls: dict[asyncio.Task[ExactSolution | None], str] = {}  # by caller
        self._closed = False

    async def start(self) -> None:
        """Start a worker now, which takes a second; the other one, of 65 MB, starts when both are needed."""
        with suppress(BoundedError, OSError, ValueError):
            await self._bounded.start(1)

    async def solve(self, question: str, caller: str = "") -> ExactSolution | None:
        """The solution, or None if the question is not surely a closed one. Never raises for a question.

        The questions of several callers are solved in turn.
        """
        if len(question) > LONGEST or not _DIGIT.search(question) or self._closed:
            return None
        if list(self._calls.values()).count(caller) >= MOST_WAITING:
            return None
        call = asyncio.create_task(self._solution(question, caller))
        self._calls[call] = caller
        call.add_done_callback(self._calls.pop)
        # A cancelled caller must not kill the worker: the next one would wait a second for another.
        return await asyncio.shield(call)

    async def compute(self, formula: str, question: str, caller: str = "") -> ExactSolution | None:
        """The value of a formula, or the unknown of an equation, as the question wants it, if readable."""
        if self._closed:
            return None
        return await self._called(_COMPUTE, caller, formula=formula, question=question[-LONGEST:])

    async def _solution(self, question: str, caller: str) -> ExactSolution | None:
        return await self._called(_SOLVE, caller, question=question)

    async def _called(self, function: str, caller: str, **texts: str) -> ExactSolution | None:
        try:
            found = await self._bounded.call(function, timeout_s=TIMEOUT_S, caller=caller, **texts)
        except (BoundedError, OSError, ValueError):  # the latter two: no process or pipe, or no JSON
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
