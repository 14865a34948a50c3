"""What pays: policies replayed on scripted races, in which it is known what each sampler is worth."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from logicnet.evals.policies import AN_ANSWER, Gain, Judged, gains, policies, proposal
from logicnet.solver.race.profiles import Profile, SamplerProfile
from logicnet.votelog import ALL_ENDED, SamplerVote, VoteLog
from tests.unit.evals.report.runs import row

pytestmark = pytest.mark.thorough

RIGHT = "right"


def sampler(samples: int) -> SamplerProfile:
    return SamplerProfile(samples=samples, most=4, temperature=0.5, max_tokens=100)


PROFILE = Profile(name="test", models=("*",), priors="chat", reason=sampler(4), program=sampler(1))


def race(
    number: int, *votes: tuple[str, str, float], kind: str = "story", note: str = "", **changed: Any
) -> Judged:
    """Votes are a sampler, its answer and its seconds; each of them took 100 tokens. Silence is ""."""
    log = VoteLog(
        kind,
        tuple(SamplerVote(name, key, key, seconds=seconds, tokens=100) for name, key, seconds in votes),
        votes[0][1],
        note,
    )
    keys = {key for _, key, _ in votes if key}
    return Judged(
        row("race", number, solver="race", **changed),
        log,
        {key: key == RIGHT for key in keys},
        {key: float(key == RIGHT) for key in keys},
    )


def drawn(seed: int, number: int, program: str, kind: str = "story") -> Judged:
    """Four of reasoning, each right in 65 % for itself; programs are of one mind. A wrong one wins a tie."""
    dice = Random(f"{seed} {number} {program}")

    def right(chance: float, wrong: str) -> str:
        return RIGHT if dice.random() < chance else wrong

    votes = [("reason", right(0.65, f"a wrong {place}"), 5.0 + place) for place in range(4)]
    says = {
        "harmful": right(0.66, "a trap"),  # about as often right as one of reasoning: its weight stays
        "good": right(0.97, "a trap"),
        "silent": "",
    }[program]
    return race(number, *votes, *(("program", says, 2.0) for _ in range(4)), kind=kind)


def of(found: list[Gain], policy: str, kind: str = "story") -> Gain:
    return next(one for one in found if (one.policy, one.kind) == (policy, kind))


def test_a_sampler_that_outvotes_a_better_one_is_proposed_to_be_left_out() -> None:
    found = gains([drawn(1, number, "harmful") for number in range(200)], PROFILE)
    without = of(found, "no program")
    assert without.pays
    assert without.reward.count == 200
    assert without.tokens == 400
    assert proposal(found) == {"story": {"program": 0}}


def test_what_the_profile_has_already_is_not_proposed_again() -> None:
    judged = [drawn(1, number, "harmful") for number in range(200)]
    found = gains(judged, PROFILE.model_copy(update={"limits": {"story": {"program": 0}}}))
    assert of(found, "no program").reward.mean == 0.0
    assert proposal(found) == {}


@pytest.mark.parametrize("program", ["good", "silent"])
def test_a_good_sampler_stays_and_a_silent_one_is_not_worth_a_change(program: str) -> None:
    found = gains([drawn(2, number, program) for number in range(200)], PROFILE)
    assert proposal(found) == {}
    without = of(found, "no program").reward
    assert without.high is not None
    assert (without.high < 0) == (program == "good")


def test_what_pays_on_one_kind_only_is_proposed_for_that_kind() -> None:
    judged = [drawn(3, number, "harmful", kind="choice") for number in range(250)]
    judged += [drawn(3, 1000 + number, "good") for number in range(150)]
    found = gains(judged, PROFILE)
    assert proposal(found) == {"choice": {"program": 0}}
    assert not of(found, "no program", "*").pays


def test_what_pays_everywhere_is_proposed_for_every_kind() -> None:
    kinds = ("choice", "story", "text")
    judged = [drawn(4, number, "harmful", kind=kinds[number % 3]) for number in range(300)]
    assert proposal(gains(judged, PROFILE)) == {"*": {"program": 0}}


def test_time_is_saved_only_where_all_samples_were_waited_for() -> None:
    votes = (("reason", RIGHT, 5.0), ("program", RIGHT, 20.0))
    ended = [race(number, *votes, note=ALL_ENDED, process_time=21.0) for number in range(20)]
    stopped = [race(number, *votes, note="waiting gains 0", process_time=21.0) for number in range(20)]
    saved = of(gains(ended, PROFILE), "no program").reward
    assert saved.mean == pytest.approx(15.0 * 0.05 / 64.0 / 2.0)
    assert saved.low is not None and saved.low < 0  # seconds do not show that no answer is ever lost
    assert of(gains(stopped, PROFILE), "no program").reward.mean == 0.0


def test_a_policy_without_an_answer_is_silent() -> None:
    only = [race(number, ("exact", "wrong", 0.1), ("reason", "", 9.0)) for number in range(20)]
    found = of(gains(only, PROFILE), "no exact").reward
    assert found.mean < -AN_ANSWER
    assert proposal(gains(only, PROFILE)) == {}


def test_half_of_the_samples_are_kept_on_average_and_the_same_ones_each_time() -> None:
    judged = [race(number, *(("reason", RIGHT, 1.0 + place) for place in range(4))) for number in range(300)]
    half = of(gains(judged, PROFILE), "reason at most 2")
    assert half.tokens == 200
    assert of(gains(judged, PROFILE), "reason at most 1").tokens == 300
    assert gains(judged, PROFILE) == gains(judged, PROFILE)


def test_thoughts_that_were_cut_short_count_as_reasoning() -> None:
    judged = [race(number, ("forced", RIGHT, 1.0), ("forced", RIGHT, 2.0)) for number in range(40)]
    assert policies(judged, PROFILE) == [{"reason": 2}, {"reason": 1}]


def test_nothing_is_said_of_few_questions_and_repetitions_count_once() -> None:
    assert gains([drawn(5, number, "harmful") for number in range(9)], PROFILE) == []
    again = [drawn(5, number % 9, "harmful") for number in range(900)]
    assert gains(again, PROFILE) == []


def test_weights_are_judged_on_questions_that_they_were_not_learned_from() -> None:
    """The recorded race trusted a sampler that is always wrong; without a majority the weights decide."""
    judged = [
        replace(one, votes=replace(one.votes, chosen="a trap"))
        for one in (
            race(number, ("program", "a trap", 1.0), ("reason", RIGHT, 2.0), correctness=0.0)
            for number in range(60)
        )
    ]
    learned = of(gains(judged, PROFILE), "the weights as learned")
    assert learned.reward.mean == pytest.approx(AN_ANSWER)
    assert not learned.pays  # weights are kept, not proposed


def no_better(seed: int, questions: int = 120) -> bool:
    """Whether something is proposed where two samplers are as good as each other, each for itself."""
    dice = Random(seed)
    judged = [
        race(
            number,
            ("reason", RIGHT if dice.random() < 0.6 else "one", 3.0),
            ("program", RIGHT if dice.random() < 0.6 else "two", 3.0),
            kind=("story", "choice")[number % 2],
        )
        for number in range(questions)
    ]
    return bool(proposal(gains(judged, PROFILE)))


def test_a_policy_that_is_no_better_is_proposed_no_oftener_than_alpha() -> None:
    """Of 50 at a true rate of 5 %, more than 7 come with a chance of 0.3 %."""
    assert sum(no_better(seed) for seed in range(50)) <= 7
