"""When to stop: the expected gain of waiting for more samples against the price of the seconds.

Both are in units of reward (docs/stopping.md derives them). The gain is the expected improvement of the
choice by the next votes, which the posterior forecasts over several arrivals, with the option to stop after
each. The price is the expected time of these arrivals (arrivals.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from logicnet.scoring.reward import LOGICNET_PRICES, Prices
from logicnet.solver.race.arrivals import Arrivals, Pending, Waits
from logicnet.solver.race.trust import Trust, Vote
from logicnet.solver.race.votes import Ballots

REPLY_RESERVE_S = 1.0  # reserved after every wait, to choose the trace and to write and send the reply
LOOK_AHEAD = 3
"""Arrivals to look ahead. Two rival votes can overturn a choice that one cannot: a single step loses more
than it saves (benchmarks/stopping.py), and a fourth gained nothing."""

TRACED = frozenset({"reason"})  # samplers whose trace reads like an assistant's solution
_UNLIKELY = 0.002  # votes that are less likely are not followed
_GROUPS = 4  # answers, or groups of equally likely ones, that a next vote may name


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to wait; `gain` and `price` of the best waiting plan, in reward.

    `look_again_s`: decide again after so many seconds, or at the next arrival if that is sooner.
    """

    go_on: bool
    gain: float
    price: float
    look_again_s: float

    @property
    def worth(self) -> float:
        return self.gain - self.price


_STOP = Decision(False, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """The state of one question, apart from the samples to wait for.

    `arrived`: samples that ended, with their durations. `similarity_gain`: reward that a model's trace adds
    to an answer without one.
    """

    votes: Sequence[Vote]
    trust: Trust
    kind: str
    arrivals: Arrivals
    arrived: Sequence[Pending] = ()
    prices: Prices = LOGICNET_PRICES
    similarity_gain: float = 0.0
    look_ahead: int = LOOK_AHEAD

    def decide(self, pending: Sequence[Pending], within_s: float, *, pace: float = 1.0) -> Decision:
        """The best plan of waiting for `pending` within some seconds, if all are `pace` times slower."""
        if not pending or within_s <= 0.0:
            return _STOP
        ballots = Ballots.counted(self.votes, self.trust, self.kind)
        own = frozenset(vote.key for vote in self.votes if vote.key and vote.sampler in TRACED)
        most = min(self.look_ahead, len(pending))
        waits = Waits(pending, self.arrived, self.arrivals, horizon_s=within_s, pace=pace, most=most)
        # Padded with the last sampler up to `look_ahead`, so that one tree serves more cases.
        samplers = (*waits.samplers, *waits.samplers[-1:] * (self.look_ahead - most))
        worth = _Worth(self.prices.right, self.similarity_gain)
        plans = _plans(_tree(ballots, own, samplers, worth), waits, self.prices.second)
        gain, price, window_s = max(plans, key=lambda plan: plan[0] - plan[1])
        return Decision(gain > price, gain, price, window_s) if gain > price else _STOP

    def start(
        self, sampler: str, pending: Sequence[Pending], within_s: float, *, slows: float = 0.0
    ) -> Decision:
        """Whether one more sample of `sampler`, which slows all others by a share, is worth its time.

        `gain`: of the best plan with it over the best one without.
        """
        more = self.decide([*pending, Pending(sampler, 0.0)], within_s, pace=1.0 + slows)
        gain = more.worth - self.decide(pending, within_s).worth
        return Decision(gain > 0.0, max(gain, 0.0), 0.0, more.look_again_s)


class _Worth(NamedTuple):
    """The value of an answer, in reward."""

    right: float
    similarity_gain: float

    def of(self, leader: str, joint: Mapping[str, float], own: frozenset[str]) -> float:
        """The value of sending the leader, times the probability of these votes."""
        if not leader:
            return 0.0
        traced = self.similarity_gain * sum(joint.values()) if leader in own else 0.0
        return self.right * joint[leader] + traced


class _Node(NamedTuple):
    """Votes after `depth` arrivals. `gain`: of choosing again after the next vote over keeping the choice.
    `later`: chance and index of each node that the next vote leads to."""

    depth: int
    gain: float
    later: tuple[tuple[float, int], ...]


_Tree = list[_Node]  # children before parents, the present votes last

_trees: WeakKeyDictionary[Trust, dict[object, _Tree]] = WeakKeyDictionary()
"""Trees by votes. They do not depend on time, and equal votes recur in other questions."""

_MOST_TREES = 512  # some ten megabytes at most


def _tree(ballots: Ballots, own: frozenset[str], samplers: tuple[str, ...], worth: _Worth) -> _Tree:
    """The tree of votes if `samplers` arrive in this order."""
    silent = tuple(ballots.trust.silent(sampler, ballots.kind) for sampler in samplers)
    place = (ballots.kind, silent, samplers, worth, _standing(ballots, own))
    trees = _trees.setdefault(ballots.trust, {})
    if (tree := trees.get(place)) is None:
        if len(trees) >= _MOST_TREES:
            trees.clear()
        tree = trees[place] = _grown(ballots, own, samplers, worth)
    return tree


def _standing(ballots: Ballots, own: frozenset[str]) -> object:
    """The votes without the names of the answers."""
    answers = (
        (one.odds, round(one.weight, 6), tuple(sorted(one.samplers.items())), key in own)
        for key, one in ballots.answers.items()
    )
    return ballots.wrong, tuple(sorted(answers))


@dataclass(slots=True)
class _VoteState:
    ballots: Ballots
    own: frozenset[str]
    likely: float = 0.0
    gain: float = 0.0
    later: list[tuple[float, object]] = field(default_factory=list)
    place: int = -1


def _grown(ballots: Ballots, own: frozenset[str], samplers: tuple[str, ...], worth: _Worth) -> _Tree:
    """Build a tree arrival by arrival: equivalent votes are one state, and unlikely states are dropped."""
    level: dict[object, _VoteState] = {None: _VoteState(ballots, own, 1.0)}
    levels = []
    for depth, sampler in enumerate(samplers):
        levels.append(level)
        following: dict[object, _VoteState] = {}
        for state in level.values():
            if state.likely >= _UNLIKELY:
                _branch(state, sampler, worth, depth, following)
        level = following
    tree: _Tree = []
    below: dict[object, _VoteState] = {}
    for depth in reversed(range(len(samplers))):
        for state in levels[depth].values():
            if state.likely >= _UNLIKELY:
                known = ((chance, below.get(standing)) for chance, standing in state.later)
                later = tuple((chance, then.place) for chance, then in known if then and then.place >= 0)
                tree.append(_Node(depth, state.gain, later))
                state.place = len(tree) - 1
        below = levels[depth]
    return tree


def _branch(
    state: _VoteState, sampler: str, worth: _Worth, depth: int, following: dict[object, _VoteState]
) -> None:
    """Add the states that a vote of `sampler` may lead to."""

    def follow(ballots: Ballots, own: frozenset[str], chance: float) -> None:
        standing = _standing(ballots, own)
        then = following.setdefault(standing, _VoteState(ballots, own))
        then.likely += state.likely * chance
        state.later.append((chance, standing))

    ballots, own = state.ballots, state.own
    joint, leader = ballots.joint(), ballots.leader()
    total = sum(joint.values())
    silent = ballots.trust.silent(sampler, ballots.kind)
    follow(ballots, own, silent)
    for key, many in _next_answers(joint, depth):
        after = ballots.plus(sampler, key)
        next_joint = after.joint()
        weight = (1.0 - silent) * many / total
        next_own = own | {key} if sampler in TRACED else own
        kept = worth.of(leader, next_joint, own)
        state.gain += weight * (worth.of(after.leader(), next_joint, next_own) - kept)
        follow(after, next_own, weight * sum(next_joint.values()))


def _plans(tree: _Tree, waits: Waits, rate: float) -> list[tuple[float, float, float]]:
    """Gain, price and seconds of the best plan for each window.

    Backward from the last votes to the present ones: stopping after an arrival gains and costs nothing.
    """
    plans = []
    for window_s, reach, seconds in zip(waits.windows_s, waits.reach, waits.seconds, strict=True):
        gains: list[float] = []
        prices: list[float] = []
        for depth, now, later in tree:
            gain, price = now, 0.0
            if depth < len(reach):  # more samples are pending
                for chance, child in later:
                    gain += chance * gains[child]
                    price += chance * prices[child]
                gain *= reach[depth]
                price = rate * seconds[depth] + reach[depth] * price
            worth_it = depth < len(reach) and gain > price
            gains.append(gain if worth_it else 0.0)
            prices.append(price if worth_it else 0.0)
        plans.append((gains[-1], prices[-1], window_s) if gains else (0.0, 0.0, window_s))
    return plans


def _next_answers(joint: Mapping[str, float], depth: int) -> list[tuple[str, int]]:
    """Answers that a next vote may name, each with the number of equally likely ones; an unseen one last."""
    groups: list[tuple[str, int, float]] = []
    for key in sorted((key for key in joint if key), key=lambda key: (-joint[key], key)):
        if len(groups) > 1 and joint[key] > 0.98 * groups[-1][2]:  # the leader is never grouped
            first, many, chance = groups[-1]
            groups[-1] = (first, many + 1, chance)
        elif len(groups) < _GROUPS:
            groups.append((key, 1, joint[key]))
        else:
            break
    return [(key, many) for key, many, _ in groups] + [(f"\uffff{depth}", 1)]
