"""Rising load on the real solver and the real models: how many challenges at once are done in their time?

The load is doubled until it is not kept, then halved in between. Each load is held by as many askers, each
with one challenge under way, so it neither rises nor falls while it is measured.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, Unpack

from logicnet.deadline import TIMEOUT_CAP_S, Clock, Deadline, ReplyMargin
from logicnet.llm import Completion, How, Message, Models
from logicnet.protocol import Challenge
from logicnet.scoring.rhythm import LANES
from logicnet.solver import Solver
from logicnet.solver.answering import answer_in_time
from logicnet.volume.advice import SLACK, Level, is_broken

ROUNDS = 3
LEAST_ANSWERS = 6
"""Of each level: three answers of each asker, six at least."""

WITHIN_S = SLACK * (TIMEOUT_CAP_S - ReplyMargin().seconds(TIMEOUT_CAP_S))
"""What a challenge has here: a share of what it has in the miner."""

CATEGORY = "Logic"

_USED_UP = 0.9  # of its time: an answer that broke off later than this broke for want of it
_MOST_FAILED = 0.5  # of a level's answers; beyond it there is nothing to measure

Heard = Callable[[Level], None]


class NothingToMeasure(Exception):
    """Answers fail whatever the load. The message is the last one's reason, in one line."""


class Measuring:
    """Measures level after level. `levels` holds those that are done; `heard` is told of each.

    `most` is the highest load that is tried. Belongs to one event loop.
    """

    def __init__(
        self,
        solver: Solver,
        models: Models,
        questions: Sequence[str],
        heard: Heard,
        *,
        most: int,
        within_s: float = WITHIN_S,
        clock: Clock = time.monotonic,
    ) -> None:
        self.levels: list[Level] = []
        self._solver = solver
        self._models = models
        self._questions = itertools.cycle(questions)
        self._heard = heard
        self._most = most
        self._within_s = within_s
        self._clock = clock
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """What is under way is given up; what was measured stays."""
        self._stopping.set()

    async def run(self) -> None:
        """All levels, until the answer is known or `stop` is called. Raises NothingToMeasure."""
        while not self._stopping.is_set():
            at_once = next_load(self.levels, self._most)
            if at_once is None:
                return
            level = await self._level(at_once)
            # A level that was cut short says something only if it had broken already.
            if self._stopping.is_set() and level.kept:
                return
            if level.answers:
                self.levels.append(level)
                self._heard(level)

    async def _level(self, at_once: int) -> Level:
        lowest = min(self.levels, key=lambda level: level.at_once, default=None)
        usual_cut = 1.0 if lowest is None else lowest.cut / lowest.answers
        holding = _Holding(at_once, usual_cut)
        began_s = self._clock()
        askers = [asyncio.create_task(self._ask(holding)) for _ in range(at_once)]
        all_done = asyncio.gather(*askers)
        stopping = asyncio.create_task(self._stopping.wait())
        either: list[asyncio.Future[Any]] = [all_done, stopping]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if all_done.done():
                all_done.result()
        finally:
            for task in [*askers, stopping]:
                task.cancel()
            await asyncio.gather(all_done, stopping, *askers, return_exceptions=True)
        return holding.level(self._clock() - began_s)

    async def _ask(self, holding: _Holding) -> None:
        while holding.wants_more:
            holding.begun += 1
            challenge = Challenge(next(self._questions), CATEGORY)
            models = _Watched(self._models)
            deadline = Deadline.after(self._within_s, clock=self._clock)
            solution = await answer_in_time(self._solver, challenge, deadline, models)
            done = solution.outcome == "solved"
            holding.add(deadline, "" if done else solution.error, cut=done and models.cut)


class _Holding:
    """One level while it is held."""

    def __init__(self, at_once: int, usual_cut: float) -> None:
        self.begun = 0
        self._at_once = at_once
        self._usual_cut = usual_cut
        self._wanted = max(LEAST_ANSWERS, ROUNDS * at_once)
        self._seconds: list[float] = []
        self._late = self._cut = self._failed = 0

    @property
    def wants_more(self) -> bool:
        broken = is_broken(self._late, self._cut, self._wanted, self._usual_cut)
        return self.begun < self._wanted and not broken

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


class _Watched:
    """`models`, and whether the clock cut off something that they wrote."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self.cut = False

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        deadline: Deadline,
        on_text: Callable[[str], None] | None = None,
        **how: Unpack[How],
    ) -> Completion:
        done = await self._models.complete(messages, deadline=deadline, on_text=on_text, **how)
        self.cut = self.cut or done.finish == "deadline"
        return done


def next_load(levels: Sequence[Level], most: int) -> int | None:
    """What to try after `levels`; None if that would say nothing more.

    Beyond one validator's eight lanes only multiples of eight matter: bursts come in eights.
    """
    tried = {level.at_once for level in levels}
    broken = min((level.at_once for level in levels if not level.kept), default=None)
    kept = max((n for n in tried if broken is None or n < broken), default=0)
    if broken is None:
        following = max(1, 2 * kept)
        return min(following, most) if kept < most else None
    between = (kept + broken) // 2
    if kept >= LANES:
        between -= between % LANES
    return between if kept < between < broken else None
