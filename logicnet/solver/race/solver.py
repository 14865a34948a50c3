"""RaceSolver: several lines of attack at once, and an end to it when going on costs more than it gains.

1. a closed expression is computed; where that works little else is needed
2. lanes start together, as many as this challenge's part of the server allows
3. each lane that ends is a vote; votes make a posterior over answers (votes.py)
4. after each: is waiting worth its price (stopping.py)? is another lane?
5. the likeliest answer goes out, with the reasoning closest to the others that reached it (reply.py)
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from loguru import logger

from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.llm import Insisting, Models
from logicnet.protocol import Answer, Challenge
from logicnet.solver._types import Setup
from logicnet.solver.answers import Form, question_kind
from logicnet.solver.race.exact import Exact
from logicnet.solver.race.lanes import LaneEnd, Lanes
from logicnet.solver.race.planning import LEAST_CALLS, Floor, Seat
from logicnet.solver.race.profiles import Profile, load_profiles, profile_for
from logicnet.solver.race.reply import Closest, reply
from logicnet.solver.race.sandbox import Sandbox
from logicnet.solver.race.stopping import (
    REPLY_RESERVE_S,
    VALIDATOR,
    Arrivals,
    Pending,
    Prices,
    decide,
    worth_starting,
)
from logicnet.solver.race.votes import Posterior, Trust, Vote, posterior
from logicnet.trail import LaneVote, Trail

EXACT_ALONE_S = 0.15
"""How long a calculation is waited for before models are asked: it takes milliseconds, and may save them."""

LANES = ("reason", "program")


class RaceSolver:
    """Reasoning, programs and exact computation at once; their answers vote. The default.

    One instance for all challenges; what it learns of lanes' arrivals, and who is in flight, it shares.
    """

    def __init__(self, setup: Setup | None = None) -> None:
        """Raises SettingsError if the operator's profiles are not understood."""
        setup = setup or Setup()
        self._profiles = load_profiles(setup.profiles)
        self._model = setup.model
        self._records = setup.lane_records
        self._sandbox = Sandbox()
        self._exact = Exact()
        self._closest = Closest()
        self._warming: asyncio.Task[None] | None = None
        self._prices = VALIDATOR
        self._floor = Floor(LEAST_CALLS, setup.costs)
        self._use(profile_for(setup.model, self._profiles))

    @classmethod
    def from_setup(cls, setup: Setup) -> Self:
        return cls(setup)

    def _use(self, profile: Profile) -> None:
        self._profile = profile
        self._trust = Trust(self._records, profile.trust_priors())
        self._arrivals = Arrivals(profile.usual())
        self._floor.calls = profile.calls

    def _meet(self, model: str) -> None:
        """Who is served, where the operator named nobody: told by the first completion."""
        if self._model is not None or not model:
            return
        self._model = model
        profile = profile_for(model, self._profiles)
        logger.info("The model is {!r}; it is asked as the profile {!r} says.", model, profile.name)
        if profile != self._profile:
            self._use(profile)

    async def __aenter__(self) -> Self:
        self._closest.start()
        self._warming = asyncio.create_task(self._exact.start())  # a second of importing, beside the rest
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._warming is not None:
            self._warming.cancel()
        await self._sandbox.aclose()
        await self._exact.aclose()
        await self._closest.close()

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        """Raises ModelError if no lane came to anything; the miner then sends what was written."""
        with self._floor.seat(challenge.stake) as seat:
            lanes = Lanes(
                challenge.question,
                self._profile,
                deadline.earlier(min(REPLY_RESERVE_S, deadline.total_s() / 10)),
                Insisting(models),
                self._sandbox,
                self._exact,
            )
            kind = question_kind(challenge.question)
            race = _Race(lanes, deadline, seat, self._trust, self._arrivals, kind, self._prices, self._meet)
            try:
                chosen = await race.run()
            finally:
                race.stop()
        if chosen is None:
            raise ModelError(race.trouble or "no line of attack came to an answer in time")
        answer = await reply(
            challenge.question,
            chosen,
            race.ends,
            self._closest,
            terse=lanes.profile.terse,
            within_s=deadline.remaining_s() / 2,
        )
        return replace(answer, trail=race.trail(chosen))


@dataclass(slots=True)
class _Running:
    lane: str
    started_s: float


@dataclass(slots=True)
class _Race:
    """One challenge's race."""

    lanes: Lanes
    deadline: Deadline
    seat: Seat
    trust: Trust
    arrivals: Arrivals
    kind: str
    prices: Prices
    meet: Callable[[str], None]
    ends: list[LaneEnd] = field(default_factory=list)
    note: str = ""
    trouble: str = ""
    _running: dict[asyncio.Task[LaneEnd], _Running] = field(default_factory=dict)
    _started: Counter[str] = field(default_factory=Counter)
    _arrived: list[Pending] = field(default_factory=list)
    _votes: list[LaneVote] = field(default_factory=list)

    async def run(self) -> Form | None:
        """The likeliest answer when going on is worth no more; None if there is none."""
        self._begin("exact", self.lanes.exact())
        await self._wait(min(EXACT_ALONE_S, self.deadline.total_s() / 10))
        self._begin_all()
        reserve_s = min(REPLY_RESERVE_S, self.deadline.total_s() / 10)
        while self._running:
            left_s = self.deadline.remaining_s() - reserve_s
            if self._computed():
                left_s = min(left_s, self._trace_s() - self.deadline.elapsed_s())
            if left_s <= 0.0:
                self.note = (
                    "computed, and a trace is not worth more" if self._computed() else "the time is up"
                )
                break
            more = decide(
                self._ballot(),
                self.trust,
                self.kind,
                self._pending(),
                self.arrivals,
                left_s=left_s,
                arrived=self._arrived,
                prices=self.prices,
                similarity_gain=self.lanes.profile.trace_gain,
                reserve_s=0.0,
            )
            if not more.go_on and self.ends_with_answer():
                self.note = f"waiting gains {more.gain:.4f} for {more.price:.4f}"
                break
            await self._wait(min(left_s, max(more.look_again_s, 0.05)) if more.go_on else left_s)
            self._begin_more(self.deadline.remaining_s() - reserve_s)
        else:
            self.note = "all lanes ended"
        return self._chosen()

    def stop(self) -> None:
        """Cancel what still runs; a server stops generating for it."""
        for task in self._running:
            task.cancel()
            task.add_done_callback(_look_at)

    def trail(self, chosen: Form) -> Trail:
        return Trail(self.kind, tuple(self._votes), chosen.key, self.note)

    def ends_with_answer(self) -> bool:
        return any(end.form is not None for end in self.ends)

    def _computed(self) -> bool:
        """Whether the answer is nearly certain, so that what is left to win is a trace to go with it."""
        return any(end.lane == "exact" and end.form is not None for end in self.ends)

    def _trace_s(self) -> float:
        """What a trace may take at most: more seconds cost more than it adds, even if it came for sure."""
        return self.lanes.profile.trace_gain / self.prices.second if self.prices.second else math.inf

    def _begin_all(self) -> None:
        """The lanes to start with, as far as there is room: the kinds in turn, so that few are mixed too."""
        wanted = {lane: getattr(self.lanes.profile, lane).lanes for lane in self._kinds()}
        if self._computed():
            traces = min(2, wanted["reason"]) if self.lanes.profile.trace_gain else 0
            wanted = {"reason": traces, "program": 0}
        room = self.seat.calls()
        for turn in range(max(wanted.values())):
            for lane in wanted:
                if turn < wanted[lane] and self._calls() < room:
                    self._begin_lane(lane)

    def _begin_more(self, left_s: float) -> None:
        """Another lane where one has ended, if it is worth its time; for money, if there is no answer yet."""
        if self._computed() or (self.seat.floor.costs() and self.ends_with_answer()):
            return
        while self._calls() < self.seat.calls():
            lane = self._next_lane()
            if lane is None:
                return
            worth = worth_starting(
                self._ballot(),
                self.trust,
                self.kind,
                self._pending(),
                self.arrivals,
                lane=lane,
                left_s=left_s,
                arrived=self._arrived,
                prices=self.prices,
                similarity_gain=self.lanes.profile.trace_gain,
                reserve_s=0.0,
                slows=1.0 / self.lanes.profile.calls,
            )
            if not worth.go_on:
                return
            self._begin_lane(lane)

    def _next_lane(self) -> str | None:
        """The more trusted kind of which not all were started."""
        left = [
            lane for lane in self._kinds() if self._started[lane] < getattr(self.lanes.profile, lane).most
        ]
        return max(left, key=lambda lane: self.trust.right(lane, self.kind), default=None)

    def _kinds(self) -> Sequence[str]:
        """Where a program is asked for, what one prints is no answer."""
        return LANES if self.kind != "code" else LANES[:1]

    def _begin_lane(self, lane: str) -> None:
        self._begin(lane, self.lanes.reason() if lane == "reason" else self.lanes.program())

    def _begin(self, lane: str, ending: Coroutine[Any, Any, LaneEnd]) -> None:
        self._running[asyncio.create_task(ending)] = _Running(lane, self.deadline.clock())
        self._started[lane] += 1

    def _calls(self) -> int:
        return sum(one.lane != "exact" for one in self._running.values())

    async def _wait(self, seconds: float) -> None:
        """Until a lane ends, or so many seconds have passed."""
        done, _ = await asyncio.wait(self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            running = self._running.pop(task)
            took_s = self.deadline.clock() - running.started_s
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is not None:  # a lane that fails is only a lane less
                self.trouble = f"the {running.lane} lane raised {type(error).__name__}"
                continue
            end = task.result()
            self.meet(end.model)
            self.trouble = end.error or self.trouble
            if end.form is not None:  # one that failed or was cut off tells nothing of how long they take
                self.arrivals.observe(running.lane, took_s)
                self._arrived.append(Pending(running.lane, took_s))
            self.ends.append(end)
            self._votes.append(
                LaneVote(
                    end.lane,
                    end.form.key if end.form else "",
                    end.form.text if end.form else "",
                    end.confidence,
                    self.deadline.elapsed_s(),
                    end.tokens,
                )
            )

    def _ballot(self) -> Sequence[Vote]:
        return [Vote(one.lane, one.key, one.confidence) for one in self._votes]

    def _pending(self) -> Sequence[Pending]:
        now_s = self.deadline.clock()
        return [Pending(one.lane, now_s - one.started_s) for one in self._running.values()]

    def _chosen(self) -> Form | None:
        found: Posterior = posterior(self._ballot(), self.trust, self.kind)
        return next((end.form for end in self.ends if end.form and end.form.key == found.best), None)


def _look_at(task: asyncio.Task[LaneEnd]) -> None:
    if not task.cancelled():
        task.exception()
