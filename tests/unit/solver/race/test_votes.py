"""Votes: the posterior behaves as a probability, and as one would want of a vote."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.solver.race.trust import (
    ALIKE,
    CHAT,
    SPREAD_OUT,
    WEAK,
    Prior,
    SamplerRecord,
    Scale,
    Scatter,
    Trust,
    Vote,
)
from logicnet.solver.race.votes import CONFIDENCE_WEIGHT, DOUBT, Ballots, posterior

KIND = "story"
SAMPLERS = ("reason", "program", "exact", "forced", "unheard of")

votes = st.lists(
    st.builds(
        Vote,
        sampler=st.sampled_from(SAMPLERS),
        key=st.sampled_from(["", "1", "2", "3", "4", "1/2", "yes"]),
        confidence=st.none() | st.floats(-5.0, 0.0) | st.just(-math.inf),
    ),
    max_size=24,
)
trusts = st.sampled_from([Trust(priors=WEAK), Trust(priors=CHAT), Trust(priors={"reason": Prior(0.5)})])
kinds = st.sampled_from([KIND, "yes-no", "choice"])


def agreed(sampler: str, times: int, key: str = "1") -> list[Vote]:
    return [Vote(sampler, key)] * times


@given(votes, trusts, kinds)
def test_is_a_probability_and_never_sure(cast: list[Vote], trust: Trust, kind: str) -> None:
    found = posterior(cast, trust, kind)
    assert sum(found.of.values()) + found.none == pytest.approx(1.0)
    assert set(found.of) == {vote.key for vote in cast} - {""}
    assert all(0.0 <= chance <= 1.0 - DOUBT for chance in found.of.values())
    assert found.none >= DOUBT
    assert found.of.get(found.best, 0.0) == found.chance
    assert bool(found.best) == bool(found.of)


@given(votes, trusts, kinds, st.randoms(use_true_random=False))
def test_order_does_not_matter(cast: list[Vote], trust: Trust, kind: str, shuffler: random.Random) -> None:
    one = posterior(cast, trust, kind)
    mixed = cast.copy()
    shuffler.shuffle(mixed)
    other = posterior(mixed, trust, kind)
    assert other.of == pytest.approx(one.of)
    assert other.chance == pytest.approx(one.chance)


@given(votes, trusts, kinds, st.sampled_from(SAMPLERS))
def test_foretold_votes_sum_to_one_and_keep_the_mean(
    cast: list[Vote], trust: Trust, kind: str, sampler: str
) -> None:
    """Exchangeable: what is believed now is the mean of what will be believed after the next vote."""
    now = Ballots.counted(cast, trust, kind)
    total = sum(now.joint().values())
    later = [now.plus(sampler, key).joint() for key in (*now.answers, "not seen yet")]
    assert sum(sum(joint.values()) for joint in later) == pytest.approx(total, rel=1e-6)
    for key in now.answers:
        assert sum(joint[key] for joint in later) == pytest.approx(now.joint()[key], rel=1e-6)


@given(votes, trusts, kinds)
def test_votes_added_one_by_one_are_the_votes_counted_at_once(
    cast: list[Vote], trust: Trust, kind: str
) -> None:
    plain = [Vote(vote.sampler, vote.key) for vote in cast if vote.key]
    ballots = Ballots.counted([], trust, kind)
    for vote in plain:
        before = dict(ballots.joint())
        more = ballots.plus(vote.sampler, vote.key)
        assert ballots.joint() == before  # it is not changed by what is thought about it
        ballots = more
    assert ballots.posterior().of == pytest.approx(posterior(plain, trust, kind).of)


@given(votes, trusts, kinds, st.permutations(["1", "2", "3", "4", "1/2", "yes"]))
def test_what_answers_are_called_does_not_matter(
    cast: list[Vote], trust: Trust, kind: str, names: list[str]
) -> None:
    called = dict(zip(["1", "2", "3", "4", "1/2", "yes"], names, strict=True)) | {"": ""}
    one = posterior(cast, trust, kind)
    other = posterior([Vote(v.sampler, called[v.key], v.confidence) for v in cast], trust, kind)
    assert other.of == pytest.approx({called[key]: chance for key, chance in one.of.items()})


@pytest.mark.parametrize("priors", [WEAK, CHAT])
@pytest.mark.parametrize("sampler", ["reason", "program", "exact", "forced"])
def test_one_vote_has_the_trust_of_its_sampler(priors: dict[str, Prior], sampler: str) -> None:
    trust = Trust(priors=priors)
    found = posterior([Vote(sampler, "1")], trust, KIND)
    assert found.chance == pytest.approx(trust.right(sampler, KIND), abs=0.006)


def said(text: str) -> list[Vote]:
    return [Vote("reason", letter) for letter in text]


def test_no_votes_say_nothing() -> None:
    assert posterior([], Trust(), KIND).none == 1.0
    assert posterior([Vote("reason", "")] * 3, Trust(), KIND).best == ""


@pytest.mark.parametrize("right", [0.02, 0.08, 0.2, 0.35, 0.5, 0.7, 0.9, 0.98])
@pytest.mark.parametrize("kind", [KIND, "yes-no", "choice"])
def test_two_samplers_that_agree_say_more_than_one_sampler_twice(right: float, kind: str) -> None:
    trust = Trust(priors={"reason": Prior(right), "program": Prior(right)})
    within = posterior(agreed("reason", 2), trust, kind)
    between = posterior([Vote("reason", "1"), Vote("program", "1")], trust, kind)
    assert between.chance > within.chance


@pytest.mark.parametrize("priors", [WEAK, CHAT])
def test_agreement_helps_and_contradiction_hurts(priors: dict[str, Prior]) -> None:
    trust = Trust(priors=priors)
    chances = [posterior(agreed("reason", times), trust, KIND).chance for times in range(1, 17)]
    assert chances == sorted(chances)
    alone = posterior(agreed("program", 2), trust, KIND).chance
    contradicted = posterior([*agreed("program", 2), Vote("reason", "2")], trust, KIND).of["1"]
    assert contradicted < alone


def test_wrong_answers_can_agree() -> None:
    """Eight equal answers of a sampler that is right once in seven: likely, far from certain."""
    found = posterior(agreed("reason", 8), Trust(priors=WEAK), KIND)
    assert 0.35 < found.chance < 0.9


def test_exact_computation_beats_many_weak_traces() -> None:
    found = posterior([*agreed("reason", 5), Vote("exact", "2")], Trust(priors=WEAK), "closed-expression")
    assert found.best == "2"
    assert found.chance > 0.9


def test_a_vote_between_two_answers_says_little() -> None:
    trust = Trust(priors=WEAK)
    twice = agreed("reason", 2)
    assert posterior(twice, trust, "yes-no").chance == pytest.approx(0.5, abs=0.05)
    assert posterior(agreed("reason", 1), trust, "yes-no").chance == pytest.approx(0.5, abs=0.01)


@given(st.floats(-4.0, 0.0), st.floats(-4.0, 0.0), trusts)
def test_more_confidence_is_never_worth_less(one: float, other: float, trust: Trust) -> None:
    scaled = Trust(priors=trust.priors, scales={"reason": Scale(-0.4, 0.3)})
    low, high = sorted((one, other))
    rest = [Vote("reason", "2", -0.4), Vote("program", "3")]
    doubtful = posterior([Vote("reason", "1", low), *rest], scaled, KIND)
    sure = posterior([Vote("reason", "1", high), *rest], scaled, KIND)
    assert sure.of["1"] >= doubtful.of["1"]


def test_confidence_is_mild_and_breaks_ties() -> None:
    cast = [Vote("reason", "1", -0.1), Vote("reason", "2", -0.6), Vote("reason", "3", -0.5)]
    found = posterior(cast, Trust(priors=CHAT), KIND)
    assert found.best == "1"
    more = [*cast, *[Vote("reason", "2", -0.6)] * 2]
    assert posterior(more, Trust(priors=CHAT), KIND).best == "2"  # votes say more than confidence


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=20), trusts, kinds)
def test_no_minority_is_elected_among_votes_of_one_sampler(keys: list[str], trust: Trust, kind: str) -> None:
    found = posterior([Vote("reason", key) for key in keys], trust, kind)
    assert keys.count(found.best) == max(map(keys.count, keys))


@pytest.mark.parametrize("split", [(6, 4, 2, 2, 1, 1), (8, 7, 1), (2, 1, 1, 1, 1, 1), (3, 2, 2), (5, 4)])
@pytest.mark.parametrize("priors", [WEAK, CHAT])
def test_the_answer_with_most_votes_wins(split: tuple[int, ...], priors: dict[str, Prior]) -> None:
    cast = [vote for place, times in enumerate(split) for vote in agreed("reason", times, str(9 - place))]
    assert posterior(cast, Trust(priors=priors), KIND).best == "9"


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(-3.0, -0.1).map(lambda one: round(one, 2))),
        min_size=3,
        max_size=16,
    )
)
def test_an_answer_that_wins_against_more_votes_has_the_confidence_for_it(
    cast: list[tuple[str, float]],
) -> None:
    trust = Trust(priors=CHAT, scales={"reason": Scale(-1.0, 0.5)})
    best = posterior([Vote("reason", *one) for one in cast], trust, KIND).best
    votes = {key: [sure for other, sure in cast if other == key] for key, _ in cast}
    most = max(votes, key=lambda key: len(votes[key]))
    if len(votes[best]) < len(votes[most]):
        # Its surest trace is surer than the others on average: -2 and less count alike, in steps of 0.05.
        counted = [max(-2.0, sure) for sure in votes[most]]
        assert max(votes[best]) + 0.05 > sum(counted) / len(counted)
        # Two deviations at most on either side: no vote weighs more than four others.
        assert len(votes[most]) <= len(votes[best]) * math.exp(4 * CONFIDENCE_WEIGHT)


def test_a_sampler_that_is_nearly_always_right_outweighs_others_and_a_poor_one_does_not() -> None:
    trust = Trust([SamplerRecord(KIND, "program", 98, 2), SamplerRecord(KIND, "reason", 10, 90)], CHAT)
    assert posterior([Vote("program", "1"), *agreed("reason", 5, "2")], trust, KIND).best == "1"
    assert posterior([Vote("reason", "1"), Vote("program", "2")], trust, KIND).best == "2"


def test_confidence_without_anything_to_compare_it_with_is_neutral() -> None:
    trust = Trust(priors=CHAT)
    assert posterior([Vote("reason", "1", -3.0)], trust, KIND) == posterior(agreed("reason", 1), trust, KIND)
    equal = [Vote("reason", key, -0.3) for key in ("1", "1", "2")]
    plain = [Vote("reason", key) for key in ("1", "1", "2")]
    assert posterior(equal, trust, KIND).of == pytest.approx(posterior(plain, trust, KIND).of)


def test_a_record_outweighs_the_prior_and_other_kinds_help() -> None:
    prior = Trust(priors=WEAK).right("program", KIND)
    elsewhere = Trust([SamplerRecord("logic", "program", 90, 10)], WEAK).right("program", KIND)
    here = Trust([SamplerRecord(KIND, "program", 90, 10)], WEAK).right("program", KIND)
    both = Trust([SamplerRecord(KIND, "program", 10, 90), SamplerRecord("logic", "program", 90, 10)], WEAK)
    assert prior == pytest.approx(0.33)
    assert prior < elsewhere < 0.9
    assert elsewhere < here < 0.9
    assert 0.1 < both.right("program", KIND) < 0.2
    assert both.right("reason", KIND) == Trust(priors=WEAK).right("reason", KIND)


def test_records_of_one_sampler_and_kind_add_up() -> None:
    split = Trust([SamplerRecord(KIND, "reason", 3, 1, 2), SamplerRecord(KIND, "reason", 4, 2, 1)])
    whole = Trust([SamplerRecord(KIND, "reason", 7, 3, 3)])
    assert split.right("reason", KIND) == whole.right("reason", KIND)
    assert split.silent("reason", KIND) == whole.silent("reason", KIND)


@given(st.floats(0, 1e6), st.floats(0, 1e6), kinds)
def test_trust_is_between_certainties_and_grows_with_right_answers(
    right: float, wrong: float, kind: str
) -> None:
    fewer = Trust([SamplerRecord(kind, "reason", right, wrong)]).right("reason", kind)
    more = Trust([SamplerRecord(kind, "reason", right + 1, wrong)]).right("reason", kind)
    assert 0.0 < fewer <= more < 1.0


def test_nobody_is_worse_than_guessing_until_a_record_says_so() -> None:
    assert Trust().right("reason", "yes-no") == pytest.approx(0.5)
    assert Trust([SamplerRecord("yes-no", "reason", 5, 95)]).right("reason", "yes-no") < 0.2


def test_silence_is_learned() -> None:
    assert Trust([SamplerRecord(KIND, "program", 5, 5, 90)]).silent("program", KIND) > 0.7
    assert Trust([SamplerRecord(KIND, "program", 50, 50)]).silent("program", KIND) < 0.05


def test_a_vote_that_agrees_says_more_where_errors_rarely_do() -> None:
    alike, scattered = Trust(priors=CHAT), Trust(priors=CHAT)
    alike._regimes, scattered._regimes = ((1.0, ALIKE),), ((1.0, SPREAD_OUT),)
    two = [Vote("reason", "1")] * 2
    assert posterior(two, scattered, KIND).chance > posterior(two, alike, KIND).chance
    mixed = posterior(two, Trust(priors=CHAT), KIND).chance
    assert posterior(two, alike, KIND).chance < mixed < posterior(two, scattered, KIND).chance


def learn(trust: Trust, votes: list[Vote]) -> None:
    trust.learn(votes, posterior(votes, trust, KIND).of, KIND)


def test_votes_that_nobody_scored_do_not_change_what_an_answer_is_worth() -> None:
    trust = Trust(priors=CHAT)
    for _ in range(30):
        learn(trust, said("abcdefgh"))
    assert trust.right("reason", KIND) == Trust(priors=CHAT).right("reason", KIND)


def test_a_sampler_whose_answers_nobody_shares_stops_paying() -> None:
    trust = Trust(priors=CHAT)
    for number in range(20):
        learn(trust, [*said("aaaa"), Vote("program", f"{number}")])
    assert not trust.pays("program", KIND, ["reason", "program"])
    assert trust.pays("reason", KIND, ["reason", "program"])


def test_a_sampler_that_ends_without_answers_stops_paying_after_a_few_questions() -> None:
    trust = Trust(priors=WEAK)
    assert trust.pays("program", KIND, ["reason", "program"])
    for _ in range(6):
        learn(trust, [*[Vote("program", "")] * 5, *said("abcd")])
    assert trust.silent("program", KIND) > 0.6
    assert not trust.pays("program", KIND, ["reason", "program"])
    asked_again = [*[Vote("program", "7")] * 5, *said("7712")]
    for _ in range(80):
        learn(trust, asked_again)
    assert trust.pays("program", KIND, ["reason", "program"])


@pytest.mark.parametrize("shown", ["reason", "forced"])
@pytest.mark.parametrize("key", ["1", "4"])
def test_a_check_votes_as_a_program_does(shown: str, key: str) -> None:
    trust = Trust(priors=CHAT)
    rest = [Vote(shown, "1"), Vote("reason", "2"), Vote("reason", "3")]
    by_check, by_program = (
        posterior([*rest, Vote(sampler, key)], trust, KIND).of[key] for sampler in ("check", "program")
    )
    assert by_check == pytest.approx(by_program)
    assert by_check > posterior(rest, trust, KIND).of.get(key, 0.0)


def test_a_scatter_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="between < within"):
        Scatter(within=0.1, between=0.2)


@pytest.mark.parametrize("samplers", [("reason",), ("exact",), ("exact", "reason", "program")])
@pytest.mark.parametrize("answers", [1, 2, 40, 1000])
def test_many_votes_do_not_underflow(samplers: tuple[str, ...], answers: int) -> None:
    cast = [Vote(samplers[number % len(samplers)], str(number % answers)) for number in range(200)]
    for priors in (WEAK, CHAT):
        found = posterior(cast, Trust(priors=priors), KIND)
        assert sum(found.of.values()) + found.none == pytest.approx(1.0)
