"""Shadow: a second solver on a share of the real challenges, on spare capacity, for comparison only.

Its answers are never sent. A shadow starts once its real reply is out and no real challenge was in flight
for `QUIET_S`. Only one runs at a time, none while calls cost money, and it ends when a real challenge is
admitted. So a real reply never shares the models with a shadow, and a miner that is never idle runs none.
Slow solvers are displaced more often: compare seconds together with the number of displaced shadows.

It runs in the miner's process: a solver that blocks the event loop blocks real replies too.
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from loguru import logger

from logicnet.deadline import Clock, Deadline
from logicnet.events import Admitted, Answered, Event, HungUp, Shadowed, Sink
from logicnet.llm import Models
from logicnet.maths.worker import Bounded
from logicnet.protocol import Challenge
from logicnet.solver._types import Solver, free
from logicnet.solver.answering import Solution, answer_in_time

QUIET_S = 1.0  # validators ask in batches; between two questions of a batch there is no spare capacity
MOST_WAITING = 16  # challenges that wait for a quiet moment; the oldest is dropped first
_LOST_AFTER_S = 30.0  # seconds after its deadline, a challenge without an end event counts as lost


def drawn(challenge: str, share: float) -> bool:
    """Whether the challenge with this id belongs to the share; deterministic by id."""
    digest = hashlib.blake2b(challenge.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


@dataclass(eq=False)
class Shadow:
    """A sink of `logicnet.events` that runs `solver` in quiet moments and sends the result to `sink`.

    For one event loop. A shadow has as much time as the real answer had. `close` ends it without waiting.
    """

    solver: Solver
    models: Models
    sink: Sink
    _: KW_ONLY
    name: str
    share: float
    costs: Callable[[], bool] = free
    workers: Bounded | None = None  # as `answer_in_time`
    quiet_s: float = QUIET_S
    clock: Clock = time.monotonic
    unix_s: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._real: dict[str, tuple[Admitted, float]] = {}  # in flight, with the time of the latest end
        self._waiting: deque[Admitted] = deque(maxlen=MOST_WAITING)
        self._quiet: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def __call__(self, event: Event) -> None:
        match event:
            case Admitted():
                self._real[event.challenge_id] = (event, self.clock() + event.allowed_s + _LOST_AFTER_S)
                self._stand_back()
            case Answered():
                admitted, _ = self._real.pop(event.challenge_id, (None, 0.0))
                if admitted is not None and drawn(event.challenge_id, self.share):
                    self._waiting.append(admitted)
                self._wait_for_quiet()
            case HungUp():
                self._real.pop(event.challenge_id, None)
                self._wait_for_quiet()

    def close(self) -> None:
        """Stop for good: a running shadow is cancelled and not recorded."""
        self._closed = True
        self._waiting.clear()
        self._stand_back()

    def _stand_back(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        if self._task is not None:
            self._task.cancel()

    def _wait_for_quiet(self) -> None:
        """Start in `quiet_s`, unless no challenge waits or a real one comes before."""
        if self._closed or self._task is not None or self._quiet is not None or not self._waiting:
            return
        now_s = self.clock()
        for challenge_id in [one for one, (_, lost_s) in self._real.items() if lost_s < now_s]:
            del self._real[challenge_id]
        if not self._real:
            self._quiet = asyncio.get_running_loop().call_later(self.quiet_s, self._begin)

    def _begin(self) -> None:
        self._quiet = None
        if self.costs():
            self._waiting.clear()
            return
        self._task = asyncio.create_task(self._run(self._waiting.popleft()))
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("The shadow {} broke: {}.", self.name, type(error).__name__)
        self._wait_for_quiet()

    async def _run(self, admitted: Admitted) -> None:
        challenge = Challenge(
            *(admitted.question, admitted.category, admitted.task_uid, admitted.stake), admitted.validator
        )
        deadline = Deadline.after(admitted.allowed_s, clock=self.clock)
        solution: Solution | None = None
        try:
            solution = await answer_in_time(self.solver, challenge, deadline, self.models, self.workers)
        finally:
            if not self._closed:
                self.sink(self._shadowed(admitted, solution, deadline.elapsed_s()))

    def _shadowed(self, admitted: Admitted, solution: Solution | None, seconds: float) -> Shadowed:
        return Shadowed(
            at_s=self.unix_s(),
            challenge_id=admitted.challenge_id,
            solver=self.name,
            outcome=solution.outcome if solution else "displaced",
            seconds=seconds,
            allowed_s=admitted.allowed_s,
            reasoning=solution.answer.reasoning if solution else "",
            answer=solution.answer.answer if solution else "",
            error=solution.error if solution else "a real challenge came",
            vote_log=solution.answer.vote_log if solution else None,
        )
