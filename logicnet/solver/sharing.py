"""SharedSolve: a question that is asked again while it is being solved is solved once.

Solved apart, one question asked four times at once got four answers (33, 27, 35, -7).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from logicnet._util.tasks import retrieved
from logicnet.deadline import Deadline
from logicnet.protocol import Challenge
from logicnet.solver.answering import Solution

Solve = Callable[[Challenge, Deadline], Awaitable[Solution]]


@dataclass(slots=True)
class _SharedTask:
    task: asyncio.Task[Solution]
    deadline: Deadline
    callers: int = 0


class SharedSolve:
    """`solve` for several callers at once. The last one to hang up cancels it."""

    def __init__(self, solve: Solve) -> None:
        self._solve = solve
        self._running: dict[tuple[str, str], _SharedTask] = {}

    async def __call__(self, challenge: Challenge, deadline: Deadline) -> Solution:
        key = challenge.question, challenge.category
        running = self._running.get(key)
        if running is None or running.deadline.end_s > deadline.end_s:
            # Whoever must answer sooner cannot wait for the other's end.
            running = _SharedTask(asyncio.ensure_future(self._solve(challenge, deadline)), deadline)
            self._running[key] = running
        running.callers += 1
        try:
            return await asyncio.shield(running.task)
        finally:
            running.callers -= 1
            if running.task.done() or not running.callers:
                running.task.add_done_callback(retrieved)
                running.task.cancel()
                if self._running.get(key) is running:
                    del self._running[key]
