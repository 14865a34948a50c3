"""When to stop: policies that play scripted questions, and the play itself.

A play is exact in time: samplers that run at once slow each other as their number says, a sampler that is
cancelled slows nobody any more, and nothing but the model takes time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from _seven_b import FIRST_TOKEN_S, IN_SHORT_TOKENS, RIGHT, Scripted, Trace, called

from logicnet.solver.race.arrivals import Arrivals, Pending
from logicnet.solver.race.pace import LEAST_CALLS, SLOWER
from logicnet.solver.race.profiles import Profile, SamplerProfile
from logicnet.solver.race.stopping import LOOK_AHEAD, REPLY_RESERVE_S, StoppingRule
from logicnet.solver.race.trust import Trust, Vote
from logicnet.solver.race.votes import posterior

DEADLINE_S = 63.0
MOST_SAMPLES = 16
SIMILARITY = 0.7  # of every reply, whatever the policy: assumed


def reward(right: bool, seconds: float) -> float:
    """The validator's formula (LogicNet 1.6)."""
    return (0.7 * right + 0.3 * SIMILARITY - 0.05 * min(seconds / 64.0, 1.0)) / 2 + 0.5


@dataclass(slots=True)
class Running:
    sampler: str
    trace: Trace
    left: float  # tokens
    started_s: float


@dataclass(slots=True)
class Game:
    """One question being played. `ended` holds samplers with what they took, in order of arrival."""

    question: Scripted
    now_s: float = 0.0
    running: list[Running] = field(default_factory=list)
    ended: list[tuple[Pending, Trace]] = field(default_factory=list)
    started: Counter[str] = field(default_factory=Counter)
    concluded: bool = False

    @property
    def samples(self) -> int:
        return sum(self.started.values())

    @property
    def pace(self) -> float:
        return self.question.family.speed.pace(len(self.running))

    def start(self, sampler: str, many: int = 1) -> None:
        for _ in range(many):
            trace = self.question.traces[sampler][self.started[sampler]]
            self.started[sampler] += 1
            ahead = FIRST_TOKEN_S * self.question.family.speed.tokens_per_s
            self.running.append(Running(sampler, trace, trace.tokens + ahead, self.now_s))

    def advance(self, most_s: float = math.inf) -> bool:
        """To the next arrival, or by `most_s`. Whether a sampler ended; not past the deadline.

        Thoughts are cut where just enough time is left to write a solution down, whatever the policy.
        """
        cut_s = math.inf if self.concluded or not self._thinks() else self._cut_s()
        if self.now_s >= cut_s - 1e-9:
            self._conclude()
            cut_s = math.inf
        most_s = min(most_s, DEADLINE_S - self.now_s, max(cut_s - self.now_s, 0.0))
        if not self.running:
            self.now_s += max(most_s, 0.0)
            return False
        speed = self.question.family.speed.of(len(self.running))
        first = min(self.running, key=lambda one: one.left)
        step_s = min(first.left / speed, most_s)
        self.now_s += step_s
        for one in self.running:
            one.left -= step_s * speed
        if first.left > 1e-6:
            return False
        self.running.remove(first)
        self.ended.append((Pending(first.sampler, self.now_s - first.started_s), first.trace))
        return True

    def _thinks(self) -> bool:
        return any(one.unthought is not None for one in self.question.family.samplers.values())

    def _cut_s(self) -> float:
        speed = self.question.family.speed.of(len(self.running))
        return DEADLINE_S - 2 * REPLY_RESERVE_S - IN_SHORT_TOKENS / speed

    def _conclude(self) -> None:
        self.concluded = True
        for one in self.running:
            if one.left > IN_SHORT_TOKENS:
                enough = 1.0 - one.left / one.trace.tokens >= one.trace.thought
                key = one.trace.key if enough else one.trace.cut_key
                one.trace = replace(one.trace, key=key)
                one.left = IN_SHORT_TOKENS

    def late(self) -> bool:
        return self.now_s >= DEADLINE_S - 1e-9

    def votes(self, confident: bool = False) -> list[Vote]:
        return [
            Vote(took.sampler, self.called(trace.key), trace.confidence if confident else None)
            for took, trace in self.ended
        ]

    def called(self, key: str) -> str:
        return str(called(self.question.name, key)) if key else ""


@dataclass(frozen=True, slots=True)
class Played:
    right: bool
    seconds: float
    samples: int

    @property
    def reward(self) -> float:
        return reward(self.right, self.seconds)


class Policy(Protocol):
    name: str

    def play(self, question: Scripted) -> Played: ...


def majority(game: Game) -> str:
    """The commonest answer; of equals the one that came first."""
    counts = Counter(trace.key for _, trace in game.ended if trace.key)
    return max(counts, key=lambda key: counts[key], default="")


def _likeliest(game: Game, trust: Trust, *, confident: bool = True) -> str:
    best = posterior(game.votes(confident), trust, game.question.family.kind).best
    return next((trace.key for _, trace in game.ended if best and game.called(trace.key) == best), "")


def _done(game: Game, answer: str) -> Played:
    return Played(answer == RIGHT, game.now_s, game.samples)


@dataclass(frozen=True, slots=True)
class Fixed:
    """Start n, wait for all, take the majority: self-consistency (arXiv:2203.11171).

    With `trust`, our votes choose in place of the majority, so that only the stopping differs from ours.
    """

    n: int
    sampler: str = "reason"
    trust: Trust | None = None

    @property
    def name(self) -> str:
        return f"fixed {self.n}" + (", our votes" if self.trust else "")

    def play(self, question: Scripted) -> Played:
        game = Game(question)
        game.start(self.sampler, self.n)
        while game.running and not game.late():
            game.advance()
        return _done(game, majority(game) if self.trust is None else _likeliest(game, self.trust))


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Windows of samplers, one after the other, until a window is of one mind: ESC (arXiv:2401.10480)."""

    window: int = 4
    most: int = MOST_SAMPLES
    sampler: str = "reason"

    @property
    def name(self) -> str:
        return f"ESC, windows of {self.window}"

    def play(self, question: Scripted) -> Played:
        game = Game(question)
        while game.samples + self.window <= self.most and not game.late():
            before = len(game.ended)
            game.start(self.sampler, self.window)
            while game.running and not game.late():
                game.advance()
            window = {trace.key for _, trace in game.ended[before:]}
            if len(window) == 1 and window != {""}:
                break
        return _done(game, majority(game))


@dataclass(frozen=True, slots=True)
class BetaStopping:
    """n at once; stop when the first is surely ahead: adaptive consistency (arXiv:2305.11860)."""

    n: int
    sure: float = 0.95
    sampler: str = "reason"

    @property
    def name(self) -> str:
        return f"Beta {self.sure:.2f}, {self.n} at once"

    def play(self, question: Scripted) -> Played:
        game = Game(question)
        game.start(self.sampler, self.n)
        while game.running and not game.late():
            if game.advance():
                counts = Counter(trace.key for _, trace in game.ended if trace.key)
                first, second = ([many for _, many in counts.most_common(2)] + [0, 0])[:2]
                if ahead(first, second) > self.sure:
                    break
        return _done(game, majority(game))


def ahead(first: int, second: int) -> float:
    """Chance that the answer with `first` votes is the commoner one: Beta(first + 1, second + 1) over 1/2."""
    total = first + second + 1
    return sum(math.comb(total, many) for many in range(first + 1)) / 2**total


class Ours:
    """logicnet.solver.race, sampler by sampler as `RaceSolver` goes about it, with what its profile says.

    Some samplers are begun at once, more where one has ended and another is worth it; it stops when waiting
    is worth less than it costs. Arrivals are learned from question to question; trust is what it was given.
    """

    def __init__(
        self,
        trust: Trust,
        profile: Profile,
        *,
        name: str = "ours",
        confident: bool = True,
        look_ahead: int = LOOK_AHEAD,
        learns: bool = True,
    ) -> None:
        self.name = name
        self._learns = learns
        self.trust = trust
        self._profile = profile
        self._arrivals = Arrivals(profile.usual())
        self._confident = confident
        self._look_ahead = look_ahead

    def play(self, question: Scripted) -> Played:
        game = Game(question)
        for sampler in self.opening(question):
            game.start(sampler)
        while game.running and (left_s := DEADLINE_S - REPLY_RESERVE_S - game.now_s) > 0.0:
            more = self._rule(game).decide(self._pending(game), left_s)
            # Thoughts that were cut conclude together.
            if not (more.go_on or game.concluded) and any(trace.key for _, trace in game.ended):
                break
            if game.advance(min(left_s, max(more.look_again_s, 0.05)) if more.go_on else left_s):
                took, trace = game.ended[-1]
                if trace.key:
                    self._arrivals.observe(took.sampler, took.elapsed_s)
            self._begin_more(game, left_s)
        played = _done(game, _likeliest(game, self.trust, confident=self._confident))
        if self._learns:
            votes, kind = game.votes(self._confident), question.family.kind
            self.trust.learn(votes, posterior(votes, self.trust, kind).of, kind)
        return played

    def opening(self, question: Scripted) -> list[str]:
        """The samplers to begin with, the kinds in turn."""
        wanted = {
            sampler: min(self._of(sampler).samples, len(question.traces[sampler]))
            for sampler in question.traces
        }
        turns = range(max(wanted.values()))
        begun = [sampler for turn in turns for sampler in wanted if turn < wanted[sampler]]
        return begun[: max(LEAST_CALLS, int(1 + (SLOWER - 1.0) / max(question.family.speed.slows, 1e-9)))]

    def _begin_more(self, game: Game, left_s: float) -> None:
        """One more sampler as long as that is worth it: the more trusted kind first."""
        kind = game.question.family.kind
        while left := [
            sampler for sampler in game.question.traces if game.started[sampler] < self._most(game, sampler)
        ]:
            sampler = max(left, key=lambda one: self.trust.right(one, kind))
            slows = 1.0 / self._profile.calls
            worth = self._rule(game).start(sampler, self._pending(game), left_s, slows=slows)
            if not worth.go_on:
                return
            game.start(sampler)

    def _rule(self, game: Game) -> StoppingRule:
        return StoppingRule(
            game.votes(self._confident),
            self.trust,
            game.question.family.kind,
            self._arrivals,
            [took for took, _ in game.ended],
            similarity_gain=self._profile.trace_gain,
            look_ahead=self._look_ahead,
        )

    def _pending(self, game: Game) -> list[Pending]:
        return [Pending(one.sampler, game.now_s - one.started_s) for one in game.running]

    def _most(self, game: Game, sampler: str) -> int:
        return min(self._of(sampler).most, len(game.question.traces[sampler]))

    def _of(self, sampler: str) -> SamplerProfile:
        found = self._profile.program if sampler == "program" else self._profile.reason
        assert isinstance(found, SamplerProfile)
        return found


@dataclass(frozen=True, slots=True)
class All:
    """Waits for all that was recorded, and takes the majority."""

    name: str = "all, majority"

    def play(self, question: Scripted) -> Played:
        game = Game(question)
        for sampler, traces in question.traces.items():
            game.start(sampler, len(traces))
        while game.running and not game.late():
            game.advance()
        return _done(game, majority(game))


class AllThere(Ours):
    """As `ours`, on a recording: the samplers that were running are all there are."""

    def opening(self, question: Scripted) -> list[str]:
        return [sampler for sampler, traces in question.traces.items() for _ in traces]

    def _most(self, game: Game, sampler: str) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Hindsight:
    """Knows the truth and all arrivals: stops at the moment that earns most, the best of all `openings` too.

    It has our votes, with confidences, and sends what leads them then: all that it may choose is when.
    """

    trust: Trust
    openings: Callable[[Scripted], Sequence[Sequence[str]]]
    name: str = "hindsight"

    def play(self, question: Scripted) -> Played:
        found = [Played(False, DEADLINE_S, 0)]
        for opening in self.openings(question):
            found += [_done(game, answer) for game, answer in moments(question, opening, self.trust)]
        return max(found, key=lambda played: played.reward)


@dataclass(frozen=True, slots=True)
class Foresight:
    """Knows what all samplers will say and when, not what is true: stops once what leads at the end leads."""

    trust: Trust
    opening: Callable[[Scripted], Sequence[str]]
    name: str = "knows all votes, not the truth"

    def play(self, question: Scripted) -> Played:
        found = [
            (answer, _done(game, answer))
            for game, answer in moments(question, self.opening(question), self.trust)
        ]
        if not found:
            return Played(False, DEADLINE_S, 0)
        last = found[-1][0]
        return next(played for answer, played in found if answer == last)


def moments(question: Scripted, opening: Sequence[str], trust: Trust) -> Iterator[tuple[Game, str]]:
    """The game after each arrival, and what leads then. It is one game: look before the next."""
    game = Game(question)
    for sampler in opening:
        game.start(sampler)
    while game.running and not game.late():
        if game.advance():
            yield game, _likeliest(game, trust)


@dataclass(frozen=True, slots=True)
class Knowing:
    """Knows how often the model would give each answer, not which is true; sends the commonest once it came.

    Nobody who only counts votes of one sampler is right more often.
    """

    n: int
    sampler: str = "reason"

    @property
    def name(self) -> str:
        return "knows the mode"

    def play(self, question: Scripted) -> Played:
        shares = question.shares[self.sampler]
        commonest = max(shares, key=lambda key: shares[key])
        game = Game(question)
        game.start(self.sampler, self.n)
        while game.running and not game.late():
            if game.advance() and game.ended[-1][1].key == commonest:
                break
        return _done(game, commonest)
