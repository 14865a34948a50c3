"""What pays: recorded races, replayed under policies that a profile can express (its `limits`).

A replay elects among the recorded votes that a policy would have had, by weights learned from the other half
of the questions, and rewards the answer as a validator would. It knows nothing of samples that were not asked
or not waited for: a policy without an answer counts as silent, none is quicker except where the race had
waited for all its samples, and no sample runs faster because fewer run. So a replay may propose, not prove.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from logicnet.evals.challenges.problem import seed_of
from logicnet.evals.report.estimate import FEWEST, Estimate, mean_in_doubt
from logicnet.evals.runs.run import Row
from logicnet.scoring.reward import AN_ANSWER, SILENCE, reward_of
from logicnet.solver.race.choosing import chosen
from logicnet.solver.race.profiles import ANY_KIND, Limits, Profile, SamplerName, SamplerProfile
from logicnet.solver.race.reply import TRACED
from logicnet.solver.race.trust import SamplerRecord, Trust, Vote
from logicnet.votelog import ALL_ENDED, SamplerVote, VoteLog

ALPHA = 0.05  # of all policies and kinds that are looked at together
_OPTIONAL = ("program", "formal", "check")  # samplers that the race leaves out where they do not pay


@dataclass(frozen=True, slots=True)
class Judged:
    """A scored answer with its votes. By key: whether it is truly right, and a validator's correctness."""

    row: Row
    votes: VoteLog
    right: Mapping[str, bool | None]
    correctness: Mapping[str, float]

    def earned(self) -> Mapping[str, float]:
        """By sampler, the share of its votes that were right; not of samplers that nobody can judge."""
        cast: dict[str, list[bool]] = defaultdict(list)
        for vote in self.votes.votes:
            if (right := self.right.get(vote.key)) is not None:
                cast[vote.sampler].append(right)
        return {sampler: sum(rights) / len(rights) for sampler, rights in cast.items()}


@dataclass(frozen=True, slots=True)
class Gain:
    """A policy on one kind of question, or on `ANY_KIND`. Per question, against the race without it.

    `limits` is None for the learned weights themselves, which are compared with the recorded answers.
    """

    kind: str
    limits: Limits | None
    reward: Estimate
    tokens: float  # fewer

    @property
    def policy(self) -> str:
        """In words."""
        if self.limits is None:
            return "the weights as learned"
        return ", ".join(
            f"{name} at most {most}" if most else f"no {name}" for name, most in self.limits.items()
        )

    @property
    def pays(self) -> bool:
        return self.limits is not None and self.reward.low is not None and self.reward.low > 0.0


def gains(judged: Sequence[Judged], profile: Profile) -> list[Gain]:
    """Every policy of `policies` on every kind of FEWEST questions and more, and on all kinds together.

    Each interval has the level that all together are wrong with a chance of ALPHA at most.
    """
    tried = [None, *policies(judged, profile)]
    halves = [weights((one for one in judged if _half(one) != half), profile) for half in (0, 1)]
    replays = [_Replay(one, halves[_half(one)], profile) for one in judged]
    of_kind: dict[str, list[_Replay]] = defaultdict(list)
    for replay in replays:
        of_kind[replay.judged.votes.kind].append(replay)
    groups = {kind: found for kind, found in sorted(of_kind.items()) if _questions(found) >= FEWEST}
    if len(of_kind) > 1 and _questions(replays) >= FEWEST:
        groups[ANY_KIND] = replays
    level = 1.0 - ALPHA / max(1, len(tried) * len(groups))
    return [_gain(kind, limits, found, level) for kind, found in groups.items() for limits in tried]


def policies(judged: Sequence[Judged], profile: Profile) -> list[Limits]:
    """Each sampler that voted left out or halved, reasoning alone, and a single sample of it."""
    seen = {_begun(vote) for one in judged for vote in one.votes.votes}
    names: Sequence[SamplerName] = get_args(SamplerName)
    found: list[Limits] = [{name: 0} for name in names if name in seen and name != "reason"]
    for name in ("reason", "program"):
        half = _samples(profile, name) // 2
        if name in seen and half >= 1:
            found.append({name: half})
    if "reason" in seen and profile.reason.samples // 2 > 1:
        found.append({"reason": 1})
    if len(alone := [name for name in names if name in seen.intersection(_OPTIONAL)]) > 1:
        found.append(dict.fromkeys(alone, 0))
    return found


def proposal(found: Iterable[Gain]) -> Mapping[str, Limits]:
    """The limits by kind that earned most, of those that pay; empty if none does."""
    best: dict[str, Gain] = {}
    for gain in found:
        if gain.pays and (gain.kind not in best or gain.reward.mean > best[gain.kind].reward.mean):
            best[gain.kind] = gain
    everywhere = best.pop(ANY_KIND, None)
    apart = math.fsum(gain.reward.mean * gain.reward.count for gain in best.values())
    if everywhere is not None and everywhere.reward.mean * everywhere.reward.count >= apart:
        best = {ANY_KIND: everywhere}
    return {kind: gain.limits for kind, gain in best.items() if gain.limits is not None}


def weights(judged: Iterable[Judged], profile: Profile) -> Trust:
    """Trust in each sampler by these answers."""
    records = [
        SamplerRecord(one.votes.kind, sampler, share, 1.0 - share)
        for one in judged
        for sampler, share in one.earned().items()
    ]
    return Trust(records, profile.trust_priors())


class _Replay:
    """One recorded race. It begins with the votes of the samplers that pay by the weights."""

    def __init__(self, judged: Judged, trust: Trust, profile: Profile) -> None:
        kind = judged.votes.kind
        unpaid = {name for name in _OPTIONAL if not trust.pays(name, kind, ("reason", *_OPTIONAL))}
        self.judged, self._trust, self._profile = judged, trust, profile
        self._phase = seed_of("replay", judged.row.id) / 2**32
        self._votes = [vote for vote in judged.votes.votes if vote.sampler not in unpaid]
        self._votes = self._thinned(profile.limits_of(kind))  # of the present profile
        self._profile = profile.for_kind(kind)
        self._texts = {vote.key: vote.text for vote in reversed(judged.votes.votes) if vote.key}
        self.base = self._played(self._votes)

    def recorded(self) -> tuple[float, int]:
        """Reward and tokens as they were."""
        votes = self.judged.votes.votes
        return self._rewarded(self.judged.votes.chosen, votes), _tokens(votes)

    def under(self, limits: Limits) -> tuple[float, int]:
        """Reward and tokens."""
        return self._played(self._thinned(limits))

    def _thinned(self, limits: Limits) -> list[SamplerVote]:
        """Of a sampler with `most` samples of n every (n / most)th vote, as if no other had been asked."""
        seen: Counter[str] = Counter()
        kept = []
        for vote in self._votes:
            name = _begun(vote)
            most = next((most for sampler, most in limits.items() if sampler == name), None)
            share = 1.0 if most is None else min(1.0, most / _samples(self._profile, name))
            before = seen[name] * share + self._phase
            seen[name] += 1
            if math.floor(before + share) > math.floor(before):
                kept.append(vote)
        return kept

    def _played(self, votes: Sequence[SamplerVote]) -> tuple[float, int]:
        cast = [Vote(vote.sampler, vote.key, vote.confidence) for vote in votes]
        key = chosen(cast, self._texts, self._trust, self.judged.votes.kind)
        return self._rewarded(key, votes), _tokens(votes)

    def _rewarded(self, key: str, votes: Sequence[SamplerVote]) -> float:
        row, log = self.judged.row, self.judged.votes
        if not key:
            return SILENCE
        last_s = max(vote.seconds for vote in log.votes)
        seconds = last_s if row.process_time is None else row.process_time
        if log.note == ALL_ENDED:
            seconds += max(vote.seconds for vote in votes) - last_s
        return reward_of(self.judged.correctness.get(key, 0.0), row.similarity or 0.0, seconds, row.timeout)


def _gain(kind: str, limits: Limits | None, replays: Sequence[_Replay], level: float) -> Gain:
    """Repetitions of a question count as one."""
    by_question: dict[str, list[float]] = defaultdict(list)
    tokens = 0
    for one in replays:
        (after, cost), (before, cost_before) = (
            (one.base, one.recorded()) if limits is None else (one.under(limits), one.base)
        )
        by_question[one.judged.row.id].append(after - before)
        tokens += cost_before - cost
    differences = [math.fsum(values) / len(values) for values in by_question.values()]
    estimate = mean_in_doubt(differences, AN_ANSWER, level)
    assert estimate is not None
    return Gain(kind, limits, estimate, tokens / len(replays))


def _samples(profile: Profile, name: str) -> int:
    """Samples that a race starts with; of those that begin later, the most."""
    if name == "exact":
        return 1
    sampler: SamplerProfile = getattr(profile, name)
    return max(1, sampler.samples or sampler.most)


def _questions(replays: Sequence[_Replay]) -> int:
    return len({one.judged.row.id for one in replays})


def _half(one: Judged) -> int:
    return seed_of("half", one.row.id) % 2


def _begun(vote: SamplerVote) -> str:
    """The sampler that the race began: thoughts that are cut short are reasoning."""
    return "reason" if vote.sampler in TRACED else vote.sampler


def _tokens(votes: Iterable[SamplerVote]) -> int:
    return sum(vote.tokens for vote in votes)
