"""LoadTest: rising load on the real solver and models, to find how many challenges at once are sustained.

The load is doubled until it is not sustained, then bisected. Each load is held by as many clients, each with
one challenge under way, so it is constant while it is measured.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

from logicnet.deadline import TIMEOUT_CAP_S, Clock, Deadline, ReplyMargin
from logicnet.llm import Completion, How, Message, Models
from logicnet.protocol import Challenge
from logicnet.scoring.incentive import LANES
from logicnet.solver import Solver
from logicnet.solver.answering import answer_in_time
from logicnet.volume.advice import SLACK, Level, is_overload

ROUNDS = 3
LEAST_ANSWERS = 6
"""Of each level: three answers of each client, at least six."""

WITHIN_S = SLACK * (TIMEOUT_CAP_S - ReplyMargin().seconds(TIMEOUT_CAP_S))
"""Time of a challenge here: a share of its time in the miner."""

CATEGORY = "Logic"

_USED_UP = 0.9  # of its time: a later failure is a lack of time
_MOST_FAILED = 0.5  # of a level's answers; beyond it there is nothing to measure


class NothingToMeasure(Exception):
    """Answers fail at any load. The message is the reason of the last one, in one line."""


class _LevelRun:
    """One level while it is measured."""

    def __init__(self, at_once: int, usual_cut: float) -> None:
        self.begun = 0
        self._at_once = at_once
        self._usual_cut = usual_cut
        self._wanted = max(LEAST_ANSWERS, ROUNDS * at_once)
        self._seconds: list[float] = []
        self._late = self._cut = self._failed = 0

    @property
    def wants_more(self) -> bool:
        overload = is_overload(self._late, self._cut, self._wanted, self._usual_cut)
        return self.begun < self._wanted and not overload

    def add(self, deadline: Deadline, error: str, *, cut: bool) -> None:
        """Raises NothingToMeasure if too many have failed early."""
        seconds = deadline.elapsed_s()
        if error and seconds < _USED_UP * deadline.total_s():
            self._failed += 1
            if self._failed > _MOST_FAILED * self._wanted:
                raise NothingToMeasure(error)
            return
        self._seconds.append(seconds)
        self._late += bool(error)
        self._cut += cut

    def level(self, took_s: float) -> Level:
        seconds = tuple(sorted(self._seconds))
        return Level(self._at_once, seconds, self._late, self._cut, self._failed, took_s, self._usual_cut)


@dataclass
class LoadTest:
    """Measures level after level. `levels` holds those that are done; each is passed to `on_level`.

    `most` is the highest load to try. Belongs to one event loop.
    """

    solver: Solver
    models: Models
    questions: Sequence[str]
    on_level: Callable[[Level], None]
    most: int = field(kw_only=True)
    within_s: float = WITHIN_S
    clock: Clock = time.monotonic

    def __post_init__(self) -> None:
        self.levels: list[Level] = []
        self._questions = itertools.cycle(self.questions)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Abandon the present level; the measured ones stay."""
        self._stopping.set()

    async def run(self) -> None:
        """All levels, until the capacity is known or `stop` is called. Raises NothingToMeasure."""
        while not self._stopping.is_set():
            at_once = next_load(self.levels, self.most)
            if at_once is None:
                return
            level = await self._level(at_once)
            # A level that was cut short counts only if it was overloaded already.
            if self._stopping.is_set() and level.sustained:
                return
            if level.answers:
                self.levels.append(level)
                self.on_level(level)

    async def _level(self, at_once: int) -> Level:
        lowest = min(self.levels, key=lambda level: level.at_once, default=None)
        usual_cut = 1.0 if lowest is None else lowest.cut / lowest.answers
        run = _LevelRun(at_once, usual_cut)
        began_s = self.clock()
        clients = [asyncio.create_task(self._ask(run)) for _ in range(at_once)]
        all_done = asyncio.gather(*clients)
        stopping = asyncio.create_task(self._stopping.wait())
        either: list[asyncio.Future[Any]] = [all_done, stopping]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if all_done.done():
                all_done.result()
        finally:
            for task in [*clients, stopping]:
                task.cancel()
            await asyncio.gather(all_done, stopping, *clients, return_exceptions=True)
        return run.level(self.clock() - began_s)

    async def _ask(self, run: _LevelRun) -> None:
        while run.wants_more:
            run.begun += 1
            challenge = Challenge(next(self._questions), CATEGORY)
            models = _Watched(self.models)
            deadline = Deadline.after(self.within_s, clock=self.clock)
            solution = await answer_in_time(self.solver, challenge, deadline, models)
            done = solution.outcome == "solved"
            run.add(deadline, "" if done else solution.error, cut=done and models.cut)


class _Watched:
    """`models`, and whether the clock cut off a text of theirs."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self.cut = False

    async def complete(
        self, messages: Sequence[Message], *, deadline: Deadline, **how: Unpack[How]
    ) -> Completion:
        done = await self._models.complete(messages, deadline=deadline, **how)
        self.cut = self.cut or done.finish == "deadline"
        return done


def next_load(levels: Sequence[Level], most: int) -> int | None:
    """The load to try after `levels`; None if the capacity is known.

    Beyond one validator's eight lanes only multiples of eight matter: bursts come in eights.
    """
    tried = {level.at_once for level in levels}
    overload = min((level.at_once for level in levels if not level.sustained), default=None)
    sustained = max((n for n in tried if overload is None or n < overload), default=0)
    if overload is None:
        return min(max(1, 2 * sustained), most) if sustained < most else None
    between = (sustained + overload) // 2
    if sustained >= LANES:
        between -= between % LANES
    return between if sustained < between < overload else None
