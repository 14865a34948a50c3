"""When to stop: what waiting for more lanes is expected to gain, against the price of the seconds.

Both are in reward (docs/stopping.md derives them). The gain is what the next votes may change in the
choice, by the posterior's own forecast of them, looked ahead over several arrivals with leave to stop
after each. The price is the time until they are expected, by what lanes took before, by how long these
have been running, and by when others of this question came.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from logicnet.solver.race.votes import Ballots, Trust, Vote

REPLY_RESERVE_S = 1.0
"""Kept back from every wait: choosing the trace, writing and sending the reply. Never spent on a lane."""

LOOK_AHEAD = 3
"""Arrivals that are thought through while votes come in. Two rival votes can overturn a choice that one
cannot, and one step alone loses more than it saves; past three nothing changes (bench/stopping.py)."""

PLAN_AHEAD = 12
"""The same for an opening, when there are no votes yet: what a tenth lane is worth shows only so far ahead.
Some 50 ms for each kind of question the first time, so not for a decision while votes come in."""

TRACED = frozenset({"reason"})
"""Lanes whose vote comes with a trace that reads like an assistant's solution."""

LOST = 0.02
"""Share of lanes that never end: a hung stream, a model that loops until its tokens are spent."""

SAME_QUESTION = 0.6
"""Share of the variance of log durations that all lanes of one question have in common: long questions are
long for every sample. With it one early arrival says that the others are near."""

_FORGET = 0.98
"""Weight of what was known when a duration is added: some fifty count, so a server that slows is followed."""

_MEMORY = 1.0 / (1.0 - _FORGET)
_LEAST_DEVIATION = 0.08  # of log seconds; even a scripted lane is not more punctual
_UNLIKELY = 0.002  # votes less likely to come than this are not followed further
_GROUPS = 4  # answers (or groups of equally placed ones) that a next vote is thought to agree with


@dataclass(frozen=True, slots=True)
class Prices:
    """What counts, in reward (LogicNet 1.6; a test holds it against logicnet.scoring.reward):

        reward = (0.7 * correctness + 0.3 * similarity - 0.05 * seconds / 64) / 2 + 0.5

    `lane_second` is ours: what one running lane takes from others for a second, where others wait.
    """

    right: float = 0.35  # for a right answer instead of a wrong one
    similarity: float = 0.15  # for a cosine of 1 instead of 0
    second: float = 0.025 / 64.0
    lane_second: float = 0.0


VALIDATOR = Prices()


@dataclass(frozen=True, slots=True)
class Pending:
    """A lane that is running, and the seconds since it was started; or one that ended, and what it took."""

    lane: str
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Usual:
    """How long a lane takes: median seconds, and standard deviation of log seconds.

    `strength`: durations that this opinion is worth.
    """

    median_s: float
    deviation: float = 0.6
    strength: float = 3.0


USUAL: Mapping[str, Usual] = MappingProxyType(
    {
        "reason": Usual(5.0),  # 300 tokens at 60 a second
        "program": Usual(3.0),
        "exact": Usual(0.3, 0.9),
        "forced": Usual(1.0),
    }
)
"""Day one, on a GPU; a profile may know better. Two or three durations outweigh it."""

_UNKNOWN = Usual(5.0, 0.8)


class Arrivals:
    """When lanes end: log-normal for each, learned online from durations, slowly forgetting.

    `pace` in its methods is how slow the server is now, 1.0 being what durations were learned at: they are
    divided by it when learned and multiplied by it when foretold. Leave it, and load is part of the noise.
    """

    def __init__(self, usual: Mapping[str, Usual] = USUAL) -> None:
        self._usual = dict(usual)
        self._seen: dict[str, tuple[float, float, float]] = {}  # weight, mean, sum of squares about it

    def observe(self, lane: str, seconds: float, *, pace: float = 1.0) -> None:
        """A lane ended after `seconds`. Lanes that were cut off say nothing here."""
        value = math.log(max(seconds / pace, 1e-3))
        weight, mean, squares = self._seen.get(lane, (0.0, 0.0, 0.0))
        weight, squares = weight * _FORGET, squares * _FORGET
        weight += 1.0
        step = value - mean
        mean += step / weight
        self._seen[lane] = (weight, mean, squares + step * (value - mean))

    def known(self, lane: str) -> Usual:
        """What is thought of a lane now: its prior and its durations, each by its weight."""
        usual = self._usual.get(lane, _UNKNOWN)
        weight, mean, squares = self._seen.get(lane, (0.0, 0.0, 0.0))
        prior, strength = math.log(usual.median_s), usual.strength
        middle = (prior * strength + mean * weight) / (strength + weight)
        squares += usual.deviation**2 * strength + (mean - prior) ** 2 * strength * weight / (
            strength + weight
        )
        deviation = max(math.sqrt(squares / (strength + weight)), _LEAST_DEVIATION)
        return Usual(math.exp(middle), deviation, min(strength + weight, strength + _MEMORY))

    def chance(self, lane: str, elapsed_s: float, within_s: float, *, pace: float = 1.0) -> float:
        """That a lane which has run for `elapsed_s` ends in the next `within_s`."""
        usual = self.known(lane)
        place = math.log(usual.median_s * pace)
        before = _surviving(elapsed_s, place, usual.deviation)
        after = _surviving(elapsed_s + within_s, place, usual.deviation)
        return (1.0 - LOST) * (before - after) / ((1.0 - LOST) * before + LOST)

    def hazard(self, lane: str, elapsed_s: float, *, pace: float = 1.0) -> float:
        """Chance per second that it ends now. Rises, then falls: a lane long overdue is likely lost."""
        step_s = 0.05
        return self.chance(lane, elapsed_s, step_s, pace=pace) / step_s


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to `go_on`; `gain` and `price` of the best plan of waiting, in reward.

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


def decide(
    votes: Sequence[Vote],
    trust: Trust,
    kind: str,
    pending: Sequence[Pending],
    arrivals: Arrivals,
    *,
    left_s: float,
    arrived: Sequence[Pending] = (),
    prices: Prices = VALIDATOR,
    similarity_gain: float = 0.0,
    traced: frozenset[str] = TRACED,
    forced: float = 0.0,
    reserve_s: float = REPLY_RESERVE_S,
    pace: float = 1.0,
    look_ahead: int = LOOK_AHEAD,
) -> Decision:
    """Is it worth waiting for any of `pending`?

    `left_s`: seconds until the reply must be there; the last `reserve_s` are never waited away.
    `arrived`: lanes of this question that ended, and what they took. `similarity_gain`: reward that a trace
    of the model's own adds to an answer that has none. `forced`: chance of being right without any vote.
    """
    horizon_s = left_s - reserve_s
    if not pending or horizon_s <= 0.0:
        return _STOP
    ballots = Ballots.counted(votes, trust, kind)
    own = frozenset(vote.key for vote in votes if vote.key and vote.lane in traced)
    most = min(look_ahead, len(pending))
    waits = _Waits(pending, arrived, arrivals, horizon_s=horizon_s, pace=pace, most=most)
    worth = _Worth(prices.right, similarity_gain, forced, traced)
    rate = prices.second + prices.lane_second * len(pending)
    # Thought through for more lanes than there are, of the last kind: so that a tree serves again.
    lanes = (*waits.lanes, *waits.lanes[-1:] * (look_ahead - most))
    plans = _plans(_tree(ballots, own, lanes, worth), waits, rate)
    gain, price, window_s = max(plans, key=lambda plan: plan[0] - plan[1])
    return Decision(gain > price, gain, price, window_s) if gain > price else _STOP


def worth_starting(
    votes: Sequence[Vote],
    trust: Trust,
    kind: str,
    pending: Sequence[Pending],
    arrivals: Arrivals,
    *,
    lane: str,
    left_s: float,
    arrived: Sequence[Pending] = (),
    prices: Prices = VALIDATOR,
    similarity_gain: float = 0.0,
    traced: frozenset[str] = TRACED,
    forced: float = 0.0,
    reserve_s: float = REPLY_RESERVE_S,
    pace: float = 1.0,
    slows: float = 0.0,
    tokens_price: float = 0.0,
    look_ahead: int = LOOK_AHEAD,
) -> Decision:
    """Is one more `lane` worth its time and load? As `decide`, of the best plan with it and without.

    `slows`: share by which it makes all running lanes slower. `tokens_price`: reward that its tokens cost,
    for whatever reason. `gain` is what the plan with it is worth more, `price` the `tokens_price`.
    """

    def best(running: Sequence[Pending], at_pace: float) -> Decision:
        return decide(
            votes,
            trust,
            kind,
            running,
            arrivals,
            left_s=left_s,
            arrived=arrived,
            prices=prices,
            similarity_gain=similarity_gain,
            traced=traced,
            forced=forced,
            reserve_s=reserve_s,
            pace=at_pace,
            look_ahead=look_ahead,
        )

    more = best([*pending, Pending(lane, 0.0)], pace * (1.0 + slows))
    gain = more.worth - best(pending, pace).worth
    return Decision(gain > tokens_price, max(gain, 0.0), tokens_price, more.look_again_s)


_Row = tuple[float, ...]

_STEPS = tuple((place / 20) ** 2.5 for place in range(1, 21))
"""Where time up to the horizon is looked at, as shares of it: densely near now."""

_WINDOWS = (4, 6, 8, 11, 15, 20)
"""Steps after which one may give up waiting."""

_LENGTHS = tuple((length, math.exp(-length * length / 2.0)) for length in (-2.0, -1.0, 0.0, 1.0, 2.0))
"""How long the question is, in standard deviations of what lanes have in common, and weights."""


class _Waits:
    """Arrivals to come: in what order, with what chances, after what seconds.

    `reach[w][j]`: chance that arrival j + 1 comes within window w, if j did. `seconds[w][j]`: seconds spent
    between them, if j came. `windows_s[w]`: when one would give up.
    """

    def __init__(
        self,
        pending: Sequence[Pending],
        arrived: Sequence[Pending],
        arrivals: Arrivals,
        *,
        horizon_s: float,
        pace: float,
        most: int,
    ) -> None:
        groups = Counter((one.lane, round(one.elapsed_s, 2)) for one in pending)
        known = {lane: arrivals.known(lane) for lane in {one.lane for one in (*pending, *arrived)}}
        places = {lane: math.log(usual.median_s * pace) for lane, usual in known.items()}
        steps_s = [horizon_s * share for share in _STEPS]
        counts = [[0.0] * (most + 1) for _ in steps_s]  # of arrivals, most or more in the last
        lengths = _lengths(groups, arrived, known, places)
        for length, weight in lengths:
            rows: list[list[tuple[int, float]]] = [[] for _ in steps_s]
            for (lane, elapsed_s), many in groups.items():
                deviation = known[lane].deviation
                place = places[lane] + length * deviation * math.sqrt(SAME_QUESTION)
                own = deviation * math.sqrt(1.0 - SAME_QUESTION)
                still = _surviving(elapsed_s, place, own)
                alive = 1.0 / (still + LOST / (1.0 - LOST))
                for row, step_s in zip(rows, steps_s, strict=True):
                    row.append((many, (still - _surviving(elapsed_s + step_s, place, own)) * alive))
            for count, row in zip(counts, rows, strict=True):
                for number, chance in enumerate(_counted(row, most)):
                    count[number] += weight * chance
        self.lanes = _order(groups, known, places, most)
        self.windows_s = [steps_s[window - 1] for window in _WINDOWS]
        self.reach: list[_Row] = []
        self.seconds: list[_Row] = []
        spent = [0.0] * (most + 1)
        last_s, last = 0.0, [1.0] + [0.0] * most
        for step, (step_s, count) in enumerate(zip(steps_s, counts, strict=True), 1):
            for number in range(most):
                spent[number] += (step_s - last_s) * (last[number] + count[number]) / 2.0
            last_s, last = step_s, count
            if step in _WINDOWS:
                came = [sum(count[number:]) for number in range(most + 1)]
                self.reach.append(tuple(came[n + 1] / max(came[n], 1e-12) for n in range(most)))
                self.seconds.append(tuple(spent[n] / max(came[n], 1e-12) for n in range(most)))


@dataclass(frozen=True, slots=True)
class _Worth:
    """What an answer is worth, in reward."""

    right: float
    similarity_gain: float
    forced: float
    traced: frozenset[str]

    def of(self, leader: str, joint: Mapping[str, float], own: frozenset[str]) -> float:
        """Of choosing the leader, times the probability of these votes."""
        total = sum(joint.values())
        if not leader:
            return self.right * self.forced * total
        return self.right * joint[leader] + (self.similarity_gain * total if leader in own else 0.0)


class _Node(NamedTuple):
    """Votes as they may stand after `depth` arrivals. `gain`: what choosing anew after the next is worth
    more than keeping the choice; `later`: chance and place of what the next makes of them."""

    depth: int
    gain: float
    later: tuple[tuple[float, int], ...]


_Tree = list[_Node]  # children before parents, the votes of now at the end

_trees: WeakKeyDictionary[Trust, dict[object, _Tree]] = WeakKeyDictionary()
"""Trees by votes. They know nothing of time, and the votes of one question are often those of another."""

_MOST_TREES = 512  # some ten megabytes at most


def _tree(ballots: Ballots, own: frozenset[str], lanes: tuple[str, ...], worth: _Worth) -> _Tree:
    """What may come of these votes if `lanes` arrive in this order."""
    place = (ballots.kind, lanes, worth, _standing(ballots, own))
    trees = _trees.setdefault(ballots.trust, {})
    if (tree := trees.get(place)) is None:
        if len(trees) >= _MOST_TREES:
            trees.clear()
        tree = trees[place] = _grown(ballots, own, lanes, worth)
    return tree


def _standing(ballots: Ballots, own: frozenset[str]) -> object:
    """What votes say, whatever the answers are called."""
    answers = (
        (one.odds, tuple(sorted(one.lanes.items())), key in own) for key, one in ballots.answers.items()
    )
    return ballots.wrong, tuple(sorted(answers))


@dataclass(slots=True)
class _State:
    ballots: Ballots
    own: frozenset[str]
    likely: float = 0.0
    gain: float = 0.0
    later: list[tuple[float, object]] = field(default_factory=list)
    place: int = -1


def _grown(ballots: Ballots, own: frozenset[str], lanes: tuple[str, ...], worth: _Worth) -> _Tree:
    """Arrival by arrival; votes that stand alike are one state, and unlikely states are not followed."""
    level: dict[object, _State] = {None: _State(ballots, own, 1.0)}
    levels = []
    for depth, lane in enumerate(lanes):
        levels.append(level)
        following: dict[object, _State] = {}
        for state in level.values():
            if state.likely >= _UNLIKELY:
                _branch(state, lane, worth, depth, following)
        level = following
    tree: _Tree = []
    below: dict[object, _State] = {}
    for depth in reversed(range(len(lanes))):
        for state in levels[depth].values():
            if state.likely >= _UNLIKELY:
                known = ((chance, below.get(standing)) for chance, standing in state.later)
                later = tuple((chance, then.place) for chance, then in known if then and then.place >= 0)
                tree.append(_Node(depth, state.gain, later))
                state.place = len(tree) - 1
        below = levels[depth]
    return tree


def _branch(state: _State, lane: str, worth: _Worth, depth: int, following: dict[object, _State]) -> None:
    """What `lane` may say to these votes."""

    def follow(ballots: Ballots, own: frozenset[str], chance: float) -> None:
        standing = _standing(ballots, own)
        then = following.setdefault(standing, _State(ballots, own))
        then.likely += state.likely * chance
        state.later.append((chance, standing))

    ballots, own = state.ballots, state.own
    joint, leader = ballots.joint(), ballots.leader()
    total = sum(joint.values())
    silent = ballots.trust.silent(lane)
    follow(ballots, own, silent)
    for key, many in _next_answers(joint, depth):
        after = ballots.plus(lane, key)
        next_joint = after.joint()
        weight = (1.0 - silent) * many / total
        next_own = own | {key} if lane in worth.traced else own
        kept = worth.of(leader, next_joint, own)
        state.gain += weight * (worth.of(after.leader(), next_joint, next_own) - kept)
        follow(after, next_own, weight * sum(next_joint.values()))


def _plans(tree: _Tree, waits: _Waits, rate: float) -> list[tuple[float, float, float]]:
    """Gain, price and seconds of the best plan for each window in which one would give up waiting.

    From the last votes to those of now: after every arrival one may stop, which gains and costs nothing.
    """
    plans = []
    for window_s, reach, seconds in zip(waits.windows_s, waits.reach, waits.seconds, strict=True):
        gains: list[float] = []
        prices: list[float] = []
        for depth, now, later in tree:
            if depth >= len(reach):  # there are no more lanes than that
                gains.append(0.0)
                prices.append(0.0)
                continue
            gain, price = now, 0.0
            for chance, child in later:
                gain += chance * gains[child]
                price += chance * prices[child]
            gain *= reach[depth]
            price = rate * seconds[depth] + reach[depth] * price
            worth_it = gain > price
            gains.append(gain if worth_it else 0.0)
            prices.append(price if worth_it else 0.0)
        plans.append((gains[-1], prices[-1], window_s) if gains else (0.0, 0.0, window_s))
    return plans


def _next_answers(joint: Mapping[str, float], depth: int) -> list[tuple[str, int]]:
    """Answers that a next vote may name, with how many others are placed alike; last, one not seen yet."""
    groups: list[tuple[str, int, float]] = []
    for key in sorted((key for key in joint if key), key=lambda key: (-joint[key], key)):
        if len(groups) > 1 and joint[key] > 0.98 * groups[-1][2]:  # the leader stands alone
            first, many, chance = groups[-1]
            groups[-1] = (first, many + 1, chance)
        elif len(groups) < _GROUPS:
            groups.append((key, 1, joint[key]))
        else:
            break
    return [(key, many) for key, many, _ in groups] + [(f"\uffff{depth}", 1)]


def _lengths(
    groups: Mapping[tuple[str, float], int],
    arrived: Sequence[Pending],
    known: Mapping[str, Usual],
    places: Mapping[str, float],
) -> list[tuple[float, float]]:
    """How long this question is, going by who has come and who has not."""
    shared, own = math.sqrt(SAME_QUESTION), math.sqrt(1.0 - SAME_QUESTION)
    weights = []
    for length, usual in _LENGTHS:
        weight = usual
        for one in arrived:
            deviation = known[one.lane].deviation
            off = (math.log(max(one.elapsed_s, 1e-3)) - places[one.lane]) / deviation - length * shared
            weight *= LOST + math.exp(-((off / own) ** 2) / 2.0)  # a surprise is no proof
        for (lane, elapsed_s), many in groups.items():
            deviation = known[lane].deviation
            still = _surviving(elapsed_s, places[lane] + length * deviation * shared, deviation * own)
            weight *= ((1.0 - LOST) * still + LOST) ** many
        weights.append((length, weight))
    total = sum(weight for _, weight in weights)
    return [(length, weight / total) for length, weight in weights]


def _order(
    groups: Mapping[tuple[str, float], int],
    known: Mapping[str, Usual],
    places: Mapping[str, float],
    most: int,
) -> list[str]:
    """Lanes in the order in which they are expected, by the median of what is left of each."""
    expected: list[tuple[float, str]] = []
    for (lane, elapsed_s), many in groups.items():
        deviation = known[lane].deviation
        still = _surviving(elapsed_s, places[lane], deviation)
        for number in range(many):
            # The n-th of so many alike comes at about this quantile of what is left.
            share = still * (1.0 - (number + 1) / (many + 1))
            expected.append((_reached(share, places[lane], deviation) - elapsed_s, lane))
    return [lane for _, lane in sorted(expected)[:most]]


def _counted(groups: Sequence[tuple[int, float]], most: int) -> list[float]:
    """Chances of 0, 1, ... arrivals, and at the end of `most` or more, of `many` lanes at `chance` each."""
    counts = [1.0] + [0.0] * most
    for many, chance in groups:
        one = [0.0] * (most + 1)
        odds = chance / max(1.0 - chance, 1e-12)
        term = (1.0 - chance) ** many
        for number in range(min(most, many + 1)):
            one[number] = term
            term *= odds * (many - number) / (number + 1)
        if counts[0] == 1.0:
            counts = one
        else:
            counts = [sum(counts[n - k] * one[k] for k in range(n + 1)) for n in range(most)] + [0.0]
        counts[most] = max(0.0, 1.0 - sum(counts[:most]))
    return counts


_ROOT_2 = math.sqrt(2.0)
_NORMAL = NormalDist()


def _surviving(seconds: float, place: float, deviation: float) -> float:
    """Chance that a log-normal duration is longer."""
    if seconds <= 0.0:
        return 1.0
    return 0.5 * math.erfc((math.log(seconds) - place) / (deviation * _ROOT_2))


def _reached(share: float, place: float, deviation: float) -> float:
    """Seconds that a share of log-normal durations is longer than."""
    share = min(max(share, 1e-9), 1.0 - 1e-9)
    return math.exp(place + deviation * _NORMAL.inv_cdf(1.0 - share))
