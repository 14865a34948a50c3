"""Questions that are closed expressions, computed: no model is asked, and the answer is nearly certain.

What is asked is recognised and computed in a worker process that is bounded in time and memory, because
strangers wrote it; see `logicnet.solver.race.closed` for how. Whatever is not surely recognised is left to
the other samplers.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from logicnet.maths.worker import Bounded, BoundedError

TIMEOUT_S = 2.0
"""For one question; the usual one takes a few milliseconds."""

MOST_WAITING = 32
"""Questions at a time: they queue for one worker, and this sampler is only of use while it is fast."""

LONGEST = 600
"""Characters of a question that is looked at."""

_MODULE = "logicnet.solver.race.closed.kinds"  # by name only: it imports sympy
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Worked:
    """`answer` as it is sent; `steps` tell the calculation in two to six plain sentences."""

    answer: str
    steps: str


class Exact:
    """One worker, started with the first question that may be closed, or by `start`; replaced if it dies.

    Belongs to one event loop; use as an async context manager, or call `aclose`.
    """

    def __init__(self) -> None:
        self._bounded = Bounded(_MODULE)
        self._calls: set[asyncio.Task[Worked | None]] = set()
        self._closed = False

    async def start(self) -> None:
        """Start the worker now, which takes a second. If it cannot be started, no question is answered."""
        await self.solve("What is 1 + 1?")

    async def solve(self, question: str) -> Worked | None:
        """The answer, if the question is surely a closed one; else None. Never raises for a question."""
        if len(question) > LONGEST or not _DIGIT.search(question) or self._closed:
            return None
        if len(self._calls) >= MOST_WAITING:
            return None
        call = asyncio.create_task(self._worked(question))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        # A caller who leaves takes no worker along: the next one would wait a second for another.
        return await asyncio.shield(call)

    async def _worked(self, question: str) -> Worked | None:
        try:
            found = await self._bounded.call_named(f"{_MODULE}:solve", timeout_s=TIMEOUT_S, question=question)
        except (BoundedError, OSError, ValueError):  # no process or pipe to be had, a reply that is none
            return None
        return Worked(found["answer"], found["steps"]) if found else None

    async def aclose(self) -> None:
        """End the worker, and with it what it computes. Calling it again is harmless."""
        self._closed = True
        for call in list(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._bounded.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
