"""When to stop: policies that play scripted questions, and the play itself.

A play is exact in time: lanes that run at once slow each other as their number says, a lane that is
cancelled slows nobody any more, and nothing but the model takes time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from _seven_b import FIRST_TOKEN_S, RIGHT, Scripted, Trace

from logicnet.solver.race.stopping import LOOK_AHEAD, PLAN_AHEAD, Arrivals, Pending, decide, worth_starting
from logicnet.solver.race.votes import Trust, Vote, posterior

DEADLINE_S = 63.0
MOST_LANES = 16
SIMILARITY = 0.7  # of every reply, whatever the policy: assumed


def reward(right: bool, seconds: float) -> float:
    """The validator's formula (LogicNet 1.6)."""
    return (0.7 * right + 0.3 * SIMILARITY - 0.05 * min(seconds / 64.0, 1.0)) / 2 + 0.5


@dataclass(slots=True)
class Running:
    lane: str
    trace: Trace
    left: float  # tokens
    started_s: float


@dataclass(slots=True)
class Game:
    """One question being played. `ended` holds lanes with what they took, in order of arrival."""

    question: Scripted
    now_s: float = 0.0
    running: list[Running] = field(default_factory=list)
    ended: list[tuple[Pending, Trace]] = field(default_factory=list)
    started: Counter[str] = field(default_factory=Counter)

    @property
    def lanes(self) -> int:
        return sum(self.started.values())

    @property
    def pace(self) -> float:
        return self.question.family.speed.pace(len(self.running))

    def start(self, lane: str, many: int = 1) -> None:
        for _ in range(many):
            trace = self.question.traces[lane][self.started[lane]]
            self.started[lane] += 1
            ahead = FIRST_TOKEN_S * self.question.family.speed.tokens_per_s
            self.running.append(Running(lane, trace, trace.tokens + ahead, self.now_s))

    def advance(self, most_s: float = math.inf) -> bool:
        """To the next arrival, or by `most_s`. Whether a lane ended; not past the deadline."""
        most_s = min(most_s, DEADLINE_S - self.now_s)
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
        self.ended.append((Pending(first.lane, self.now_s - first.started_s), first.trace))
        return True

    def late(self) -> bool:
        return self.now_s >= DEADLINE_S - 1e-9

    def votes(self, confident: bool = False) -> list[Vote]:
        return [
            Vote(took.lane, trace.key, trace.confidence if confident else None) for took, trace in self.ended
        ]


@dataclass(frozen=True, slots=True)
class Played:
    right: bool
    seconds: float
    lanes: int

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


def _done(game: Game, answer: str) -> Played:
    return Played(answer == RIGHT, game.now_s, game.lanes)


@dataclass(frozen=True, slots=True)
class Fixed:
    """Start n, wait for all, take the majority: self-consistency (arXiv:2203.11171)."""

    n: int
    lane: str = "reason"

    @property
    def name(self) -> str:
        return f"fixed {self.n}"

    def play(self, question: Scripted) -> Played:
        game = Game(question)
        game.start(self.lane, self.n)
        while game.running and not game.late():
            game.advance()
        return _done(game, majority(game))


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Windows of lanes, one after the other, until a window is of one mind: ESC (arXiv:2401.10480)."""

    window: int = 4
    most: int = MOST_LANES
    lane: str = "reason"

    @property
    def name(self) -> str:
        return f"ESC, windows of {self.window}"

    def play(self, question: Scripted) -> Played:
        game = Game(question)
        while game.lanes + self.window <= self.most and not game.late():
            before = len(game.ended)
            game.start(self.lane, self.window)
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
    lane: str = "reason"

    @property
    def name(self) -> str:
        return f"Beta {self.sure:.2f}, {self.n} at once"

    def play(self, question: Scripted) -> Played:
        game = Game(question)
        game.start(self.lane, self.n)
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
    """logicnet.solver.race: lanes started while one more is worth its load, stopped when waiting is not.

    Arrivals are learned from question to question; trust is what it was given.
    """

    def __init__(
        self,
        trust: Trust,
        *,
        name: str = "ours",
        arrivals: Arrivals | None = None,
        confident: bool = False,
        look_ahead: int = LOOK_AHEAD,
        most: int = MOST_LANES,
    ) -> None:
        self.name = name
        self.trust = trust
        self.arrivals = arrivals or Arrivals()
        self._confident = confident
        self._look_ahead = look_ahead
        self._most = most
        self._planned: dict[tuple[str, int], list[str]] = {}
        self._played = 0

    def play(self, question: Scripted) -> Played:
        game = Game(question)
        kind = question.family.kind
        for lane in self.opening(question):
            game.start(lane)
        wait_s = DEADLINE_S
        while not game.late():
            came = game.advance(wait_s)
            if came:
                took, _ = game.ended[-1]
                self.arrivals.observe(took.lane, took.elapsed_s, pace=self._pace(game))
            decision = decide(
                game.votes(self._confident),
                self.trust,
                kind,
                self._pending(game),
                self.arrivals,
                left_s=DEADLINE_S - game.now_s + 1.0,
                arrived=[took for took, _ in game.ended],
                pace=game.pace,
                look_ahead=self._look_ahead,
            )
            wait_s = decision.look_again_s
            if not decision.go_on:
                # What is not worth waiting for while it runs would not be so from its start either.
                lane = None if game.running else self._another(game)
                if lane is None:
                    break
                game.start(lane)
                wait_s = DEADLINE_S
        self._played += 1
        return _done(game, posterior(game.votes(self._confident), self.trust, kind).best)

    def _pace(self, game: Game) -> float:
        """Of the lane that just ended: about what it was when it ran."""
        return game.question.family.speed.pace(len(game.running) + 1)

    def _pending(self, game: Game) -> list[Pending]:
        return [Pending(one.lane, game.now_s - one.started_s) for one in game.running]

    def opening(self, question: Scripted) -> list[str]:
        """Lanes to start with: one more as long as that is worth what it slows. Planned anew now and then."""
        place = (question.family.name, self._played // 100)
        if place not in self._planned:
            trial = Game(question)
            while (lane := self._another(trial)) is not None:
                trial.start(lane)
            self._planned[place] = [one.lane for one in trial.running]
        return self._planned[place]

    def _another(self, game: Game) -> str | None:
        """The lane most worth starting now, if any is."""
        if game.lanes >= self._most:
            return None
        best, most = None, 0.0
        for lane, traces in game.question.traces.items():
            if game.started[lane] == len(traces):
                continue
            found = worth_starting(
                game.votes(self._confident),
                self.trust,
                game.question.family.kind,
                self._pending(game),
                self.arrivals,
                lane=lane,
                left_s=DEADLINE_S - game.now_s + 1.0,
                arrived=[took for took, _ in game.ended],
                pace=game.pace,
                slows=game.question.family.speed.slows / game.pace if game.running else 0.0,
                look_ahead=self._look_ahead if game.ended else PLAN_AHEAD,
            )
            if found.go_on and found.worth > most:
                best, most = lane, found.worth
        return best


class Hindsight:
    """Knows the truth and all arrivals: stops at the best moment, by our choice among the votes so far.

    `opening` says which lanes run; the choice is `Ours`' own.
    """

    def __init__(self, trust: Trust, opening: Callable[[Scripted], Sequence[str]], name: str) -> None:
        self.name = name
        self._trust = trust
        self._opening = opening

    def play(self, question: Scripted) -> Played:
        game = Game(question)
        for lane in self._opening(question):
            game.start(lane)
        moments = [Played(False, DEADLINE_S, game.lanes)]
        while game.running and not game.late():
            if game.advance():
                best = posterior(game.votes(), self._trust, question.family.kind).best
                moments.append(_done(game, best))
        return max(moments, key=lambda played: played.reward)


@dataclass(frozen=True, slots=True)
class Knowing:
    """Knows how often the model would give each answer, not which is true; sends the commonest once it came.

    Nobody who only counts votes of one lane is right more often.
    """

    n: int
    lane: str = "reason"

    @property
    def name(self) -> str:
        return "knows the model's mind"

    def play(self, question: Scripted) -> Played:
        shares = question.shares[self.lane]
        commonest = max(shares, key=lambda key: shares[key])
        game = Game(question)
        game.start(self.lane, self.n)
        while game.running and not game.late():
            if game.advance() and game.ended[-1][1].key == commonest:
                break
        return _done(game, commonest)
