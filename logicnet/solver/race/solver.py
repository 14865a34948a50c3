"""RaceSolver: several samples at once, stopped when waiting costs more than it gains.

1. the `exact` sampler computes a closed expression; if it succeeds, little else is needed
2. samples start together, as many as this challenge's slot of the server allows
3. each sample that ends is a vote; votes make a posterior over answers (votes.py)
4. after each vote: is waiting worth its price (stopping.py)? Is another sample?
5. the elected answer goes out (choosing.py), with the reasoning closest to the others that reached it
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

from loguru import logger

from logicnet._util.tasks import retrieved
from logicnet.answers import NormalForm, question_kind
from logicnet.deadline import Deadline
from logicnet.errors import LogicnetError, ModelError
from logicnet.llm import Models, Retrying
from logicnet.protocol import Answer, Challenge
from logicnet.scoring.reward import LOGICNET_PRICES, Prices
from logicnet.solver._types import Setup
from logicnet.solver.race.arrivals import Arrivals, Pending
from logicnet.solver.race.choosing import chosen
from logicnet.solver.race.exact import Exact
from logicnet.solver.race.pace import LEAST_CALLS, Pace
from logicnet.solver.race.profiles import Profile, load_profiles, profile_for
from logicnet.solver.race.reply import TRACED, Closest, reply
from logicnet.solver.race.samplers import Budget, Sample, Samplers
from logicnet.solver.race.stopping import REPLY_RESERVE_S, StoppingRule
from logicnet.solver.race.trust import Trust, Vote
from logicnet.solver.race.votes import posterior
from logicnet.solver.reader import Reader, reading_workers
from logicnet.solver.sandbox.sandbox import Sandbox
from logicnet.votelog import ALL_ENDED, SamplerVote, VoteLog

EXACT_ALONE_S = 0.15
"""How long to wait for `exact` before models are asked: it takes milliseconds and may save the calls."""

SAMPLERS = ("reason", "program", "formal", "check")
PROGRAMS = ("program", "check")  # samplers that need a sandbox
TRY_AGAIN = 16
"""A sampler that does not pay is begun once in so many challenges: the model or the questions may change."""

PAID_CALLS = 1
"""A paid server is the last resort, with a daily limit. More samples would earn 0.006 more
(docs/stopping.md, "fixed 1") and reach the limit several times sooner."""

_LONGEST = 3.0  # standard deviations of log tokens above the usual length, to which a text may grow

_STAKE_UNIT = 10_000.0  # alpha; the validator permit starts there (LogicNet 1.6)


@dataclass(slots=True, eq=False)
class SchedulerSlot:
    """The share of one challenge."""

    weight: float
    scheduler: Scheduler

    def calls(self) -> int:
        """How many calls it may have open now. Changes while other challenges come and go."""
        if self.scheduler.costs():
            return PAID_CALLS
        share = self.scheduler.room() * self.weight / self.scheduler.total_weight()
        return max(LEAST_CALLS, int(share))


@dataclass(slots=True)
class Scheduler:
    """How many model calls each challenge may have open, among all challenges in flight.

    A server answers some number of calls at once almost as fast as one; beyond that, each call slows all
    others. Challenges share these slots, weighted by the stake of their validator. No challenge has fewer
    than two slots; calls above the total wait in the server. While each call costs money, a challenge has
    one.

    `calls`: most of the server; `pace`: how many it takes, as measured; `costs`: whether a call costs money.
    """

    calls: int
    costs: Callable[[], bool]
    pace: Pace | None = None
    in_flight: int = 0
    _slots: set[SchedulerSlot] = field(default_factory=set)

    def room(self) -> int:
        """Calls that are worth having open at once."""
        return self.calls if self.pace is None else min(self.calls, self.pace.room())

    @contextmanager
    def slot(self, stake: float) -> Iterator[SchedulerSlot]:
        """A slot for one challenge during the block. `stake` of its validator, 0 if unknown."""
        slot = SchedulerSlot(1.0 + math.log2(1.0 + max(0.0, stake) / _STAKE_UNIT), self)
        self._slots.add(slot)
        try:
            yield slot
        finally:
            self._slots.discard(slot)

    def total_weight(self) -> float:
        return sum(slot.weight for slot in self._slots)


class RaceSolver:
    """Reasoning, programs and exact computation at once; their answers vote. The default.

    One instance serves all challenges: they share the learned durations and the scheduler.
    """

    def __init__(self, setup: Setup | None = None) -> None:
        """Raises SettingsError if the operator's profiles cannot be read."""
        setup = setup or Setup()
        self._profiles = load_profiles(setup.profiles)
        self._model = setup.model
        self._records = setup.sampler_records
        self._workers = setup.workers or reading_workers()
        self._sandbox = Sandbox()
        self._exact = Exact()
        self._closest = Closest()
        self._warming: asyncio.Task[None] | None = None
        self._cancelled: set[asyncio.Task[Sample]] = set()
        self._prices = setup.prices
        self._asked = 0
        self._scheduler = Scheduler(LEAST_CALLS, setup.costs)
        self._identified = profile_for(setup.model, self._profiles)
        self._use(self._identified)

    @classmethod
    def from_setup(cls, setup: Setup) -> Self:
        return cls(setup)

    def _use(self, profile: Profile) -> None:
        self._profile = profile
        self._trust = Trust(self._records, profile.trust_priors())
        self._arrivals = Arrivals(profile.usual())
        self._lengths = Arrivals(profile.lengths())
        self._scheduler.calls = profile.calls
        self._scheduler.pace = Pace(profile.tokens_per_s, profile.calls)

    def _budget(self, sampler: str, at_once: int) -> Budget:
        """For a call that begins now, when its challenge has `at_once` open."""
        assert self._scheduler.pace is not None
        pace_s = self._scheduler.pace.seconds_per_token(max(at_once, self._scheduler.in_flight))
        usual = self._lengths.known(sampler)
        return Budget(math.ceil(usual.median_s * math.exp(_LONGEST * usual.deviation)), pace_s)

    def _ended(self, begun: str, sample: Sample, at_once: float) -> None:
        """Learn from a sample how fast the server writes, how long texts are, and what the model is."""
        if sample.tokens and not sample.error:
            assert self._scheduler.pace is not None
            self._scheduler.pace.observe(sample.tokens, sample.seconds, at_once)
            # Of a text that its budget cut off, only a part is known.
            self._lengths.observe(begun, sample.tokens * (2.0 if sample.cut else 1.0))
        self._identify(sample)

    def _identify(self, sample: Sample) -> None:
        """Choose the profile by the model that is served, and by whether it thinks."""
        first = self._model is None and sample.model != ""
        if first:
            self._model = sample.model
        if sample.model != self._model or not sample.model:
            return  # a pool may serve other models beside the first
        profile = profile_for(self._model, self._profiles, sample.thinks)
        if first or profile != self._identified:
            why = {True: " thinks before it answers", False: " answers without thinking", None: ""}
            logger.info("Model {!r}{}: profile {!r}.", self._model, why[sample.thinks], profile.name)
        if profile != self._identified:
            self._identified = profile
            self._use(profile)

    async def __aenter__(self) -> Self:
        self._closest.start()
        self._warming = asyncio.create_task(self._start_workers())  # they import for a second
        return self

    async def _start_workers(self) -> None:
        await self._exact.start()
        await self._sandbox.start()
        with suppress(LogicnetError, OSError, ValueError):  # without them, only the ends of texts are read
            await self._workers.start()

    async def __aexit__(self, *_: object) -> None:
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        await asyncio.gather(*self._cancelled, return_exceptions=True)
        await self._sandbox.aclose()
        await self._exact.aclose()
        await self._closest.close()
        await self._workers.aclose()

    async def solve(self, challenge: Challenge, deadline: Deadline, models: Models) -> Answer:
        """Raises ModelError if no sample has an answer; the miner then sends the text written so far."""
        with self._scheduler.slot(challenge.stake) as slot:
            reader = Reader(self._workers, challenge.caller)
            kind = await reader(question_kind, question=challenge.question)
            self._asked += 1
            samplers = Samplers(
                challenge.question,
                self._profile.for_kind(kind),
                deadline.earlier(min(REPLY_RESERVE_S, deadline.total_s() / 10)),
                Retrying(models),
                self._sandbox,
                self._exact,
                challenge.caller,
                reader,
                self._budget,
            )
            race = _Race(
                samplers,
                deadline,
                slot,
                self._trust,
                self._arrivals,
                kind,
                self._prices,
                self._ended,
                self._cancelled,
            )
            race.tries_all = self._asked % TRY_AGAIN == 0
            try:
                answered = await race.run()
            finally:
                race.stop()
            votes = race.ballot()
            race.trust.learn(votes, posterior(votes, race.trust, kind).of, kind)
        if answered is None:
            raise ModelError(race.trouble or "no sample reached an answer in time")
        answer = await reply(
            challenge.question,
            answered,
            race.ends,
            self._closest,
            terse=samplers.profile.terse,
            within_s=deadline.remaining_s() / 2,
            reader=reader,
        )
        return replace(answer, vote_log=race.vote_log(answered))


@dataclass(frozen=True, slots=True)
class _StartedSample:
    """A sample that runs. `at_once`: calls in flight when it began, itself too."""

    sampler: str
    at_s: float
    at_once: int


@dataclass(slots=True)
class _Race:
    """The samples of one challenge."""

    samplers: Samplers
    deadline: Deadline
    slot: SchedulerSlot
    trust: Trust
    arrivals: Arrivals
    kind: str
    prices: Prices
    ended: Callable[[str, Sample, float], None]  # sampler, what it ended with, calls meanwhile
    cancelled: set[asyncio.Task[Sample]]  # of all challenges: they close their connections
    ends: list[Sample] = field(default_factory=list)
    note: str = ""
    trouble: str = ""
    tries_all: bool = False  # also the samplers that do not pay
    _running: dict[asyncio.Task[Sample], _StartedSample] = field(default_factory=dict)
    _started: Counter[str] = field(default_factory=Counter)
    _arrived: list[Pending] = field(default_factory=list)
    _checked: set[str] = field(default_factory=set)  # keys of solutions that a program was asked to check
    _votes: list[SamplerVote] = field(default_factory=list)

    async def run(self) -> NormalForm | None:
        """The answer to send once waiting is not worth its price; None if no sample has one."""
        if self.samplers.profile.exact:
            self._start("exact")
            await self._wait(min(EXACT_ALONE_S, self.deadline.total_s() / 10))
        await self._begin_all()
        reserve_s = min(REPLY_RESERVE_S, self.deadline.total_s() / 10)
        while self._running:
            left_s = self.deadline.remaining_s() - reserve_s
            if self._computed() and self.prices.second:  # longer costs more than even a certain trace adds
                trace_s = self._trace_gain() / self.prices.second
                left_s = min(left_s, trace_s - self.deadline.elapsed_s())
            if left_s <= 0.0:
                self.note = "time is up" if not self._computed() else "computed, and a trace costs too much"
                break
            more = self._rule().decide(self._pending(), left_s)
            if not more.go_on and self.ends_with_answer() and not self.samplers.concluding():
                self.note = f"waiting gains {more.gain:.4f} for {more.price:.4f}"
                break
            await self._wait(min(left_s, max(more.look_again_s, 0.05)) if more.go_on else left_s)
            await self._begin_more(self.deadline.remaining_s() - reserve_s)
        else:
            self.note = ALL_ENDED
        texts = {end.form.key: end.form.text for end in reversed(self.ends) if end.form}
        best = chosen(self.ballot(), texts, self.trust, self.kind)
        return next((end.form for end in self.ends if end.form and end.form.key == best), None)

    def stop(self) -> None:
        """Cancel the running samples; a server stops generating for them."""
        for task, begun in self._running.items():
            task.cancel()
            self._count(begun.sampler, -1)
            self.cancelled.add(task)
            task.add_done_callback(self.cancelled.discard)
            task.add_done_callback(retrieved)
        self._running.clear()

    def vote_log(self, chosen: NormalForm) -> VoteLog:
        return VoteLog(self.kind, tuple(self._votes), chosen.key, self.note)

    def ends_with_answer(self) -> bool:
        return any(end.form is not None for end in self.ends)

    def _computed(self) -> bool:
        """Whether `exact` has the answer, so that only a trace to go with it remains to be won."""
        return any(end.sampler == "exact" and end.form is not None for end in self.ends)

    async def _begin_all(self) -> None:
        """Start as many samples as there is room for, the samplers in turn, so that few are mixed too."""
        wanted = {sampler: getattr(self.samplers.profile, sampler).samples for sampler in self._kinds()}
        if self._computed():
            traces = min(2, wanted["reason"]) if self._trace_gain() else 0
            wanted = {"reason": traces}
        room = self.slot.calls()
        for turn in range(max(wanted.values())):
            for sampler in wanted:
                if turn < wanted[sampler] and self._calls() < room:
                    self._start(sampler)
                    await asyncio.sleep(0)  # a request takes a millisecond to make: one in each turn

    async def _begin_more(self, left_s: float) -> None:
        """Start another sample if it is worth its time; for money, only if there is no answer yet."""
        if self._computed() or (self.slot.scheduler.costs() and self.ends_with_answer()):
            return
        while self._calls() < self.slot.calls():
            profile = self.samplers.profile
            left = [one for one in self._kinds() if self._started[one] < getattr(profile, one).most]
            if not left:
                return
            first = "check" if self._doubtful() else ""  # then the most trusted
            sampler = max(left, key=lambda one: (one == first, self.trust.right(one, self.kind)))
            slows = self._slows()
            worth = self._rule().start(sampler, self._pending(), left_s, slows=slows)
            if not worth.go_on:
                return
            self._start(sampler)
            await asyncio.sleep(0)  # to decide takes a millisecond or two

    def _kinds(self) -> Sequence[str]:
        """The samplers that pay and whose programs, if any, run here.

        Where the question asks for a program, the output of one is not an answer. Reasoning is always begun:
        it alone gives a trace. `check` waits for one.
        """
        able = [one for one in SAMPLERS if one not in PROGRAMS or not self.samplers.sandbox.refused]
        kinds = able[1:] if self.kind != "code" else ()
        others = [one for one in kinds if one != "check" or self._unchecked() is not None]
        begun = [one for one in able if getattr(self.samplers.profile, one).most]
        pays = (one for one in others if self.tries_all or self.trust.pays(one, self.kind, begun))
        return (SAMPLERS[0], *pays)

    def _unchecked(self) -> Sample | None:
        """A solution that no program has been asked to check: of the leading answer, else of most votes."""
        leader, keys = self._leader(), Counter(end.form.key for end in self.ends if end.form)
        left = [
            (end.form.key == leader, keys[end.form.key], end)
            for end in self.ends
            if end.form and end.trace and end.sampler in TRACED and end.form.key not in self._checked
        ]
        return max(left, key=lambda one: one[:2])[2] if left else None

    def _doubtful(self) -> bool:
        """Whether the leading answer has only been reasoned, and a program can check it."""
        solution, computed = self._unchecked(), [end for end in self.ends if end.sampler not in TRACED]
        leads = solution is not None and solution.form is not None and solution.form.key == self._leader()
        return leads and all(end.form is None or end.form.key != self._leader() for end in computed)

    def _leader(self) -> str:
        return posterior(self.ballot(), self.trust, self.kind).best

    def _start(self, sampler: str) -> None:
        draw: Callable[[], Coroutine[Any, Any, Sample]] = getattr(self.samplers, sampler)
        if sampler == "check":
            solution = self._unchecked()
            assert solution is not None
            assert solution.form is not None
            self._checked.add(solution.form.key)
            draw = partial(self.samplers.check, solution)
        self._count(sampler, 1)
        begun = _StartedSample(sampler, self.deadline.clock(), self.slot.scheduler.in_flight)
        self._running[asyncio.create_task(draw())] = begun
        self._started[sampler] += 1

    def _count(self, sampler: str, more: int) -> None:
        """Of the calls in flight, by which the pace is measured; `exact` asks no model."""
        self.slot.scheduler.in_flight += more if sampler != "exact" else 0

    def _slows(self) -> float:
        """By what share one more call slows those that run."""
        pace = self.slot.scheduler.pace
        one = 1.0 / self.samplers.profile.calls if pace is None else pace.slows()
        return one / (1.0 + one * max(self.slot.scheduler.in_flight - 1, 0))

    def _calls(self) -> int:
        return sum(begun.sampler != "exact" for begun in self._running.values())

    async def _wait(self, seconds: float) -> None:
        """Until a sample ends, at most so many seconds."""
        done, _ = await asyncio.wait(self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            begun = self._running.pop(task)
            sampler, took_s = begun.sampler, self.deadline.clock() - begun.at_s
            at_once = (begun.at_once + self.slot.scheduler.in_flight) / 2.0
            self._count(sampler, -1)
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is not None:  # a failed sample does not fail the question
                self.trouble = f"the {sampler} sampler raised {type(error).__name__}"
                continue
            end = task.result()
            self.ended(sampler, end, at_once)
            self.trouble = end.error or self.trouble
            if end.form is not None:  # a failed or cut-off sample says nothing about durations
                self.arrivals.observe(sampler, took_s)
                self._arrived.append(Pending(sampler, took_s))
            self.ends.append(end)
            key, text = (end.form.key, end.form.text) if end.form else ("", "")
            after_s = self.deadline.elapsed_s()
            self._votes.append(SamplerVote(end.sampler, key, text, end.confidence, after_s, end.tokens))

    def _rule(self) -> StoppingRule:
        votes, gain = self.ballot(), self._trace_gain()
        return StoppingRule(votes, self.trust, self.kind, self.arrivals, self._arrived, self.prices, gain)

    def _trace_gain(self) -> float:
        """Profiles name it at LogicNet's price of similarity."""
        return self.samplers.profile.trace_gain * self.prices.similarity / LOGICNET_PRICES.similarity

    def ballot(self) -> Sequence[Vote]:
        return [Vote(one.sampler, one.key, one.confidence) for one in self._votes]

    def _pending(self) -> Sequence[Pending]:
        now_s = self.deadline.clock()
        return [Pending(begun.sampler, now_s - begun.at_s) for begun in self._running.values()]
