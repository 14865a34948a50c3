"""The gate: which candidates may be served, by paired rows."""

from collections.abc import Sequence

import pytest

from logicnet.evals.runs.run import Row
from logicnet.scoring.reward import reward_of
from logicnet.tuning.improve.proof import ALPHA, BASE, CANDIDATE, LEAST_OF_KIND, Proof, alpha_of, judge, worth


def row(
    target: str, number: int, right: bool, seconds: float = 5.0, kind: str = "sum", **changes: object
) -> Row:
    given: dict[str, object] = {
        "target": target,
        "id": f"{number:04}",
        "kind": kind,
        "question": f"question {number}",
        "ground_truth": "1",
        "process_time": seconds,
        "scored": True,
        "true": right,
        "correctness": 1.0 if right else -1.0,
        "reward": reward_of(1.0 if right else -1.0, 0.4, seconds),
    }
    return Row(**given | changes)  # type: ignore[arg-type]


def pairs(base: Sequence[bool], candidate: Sequence[bool], **changes: object) -> list[Row]:
    found = [row(BASE, number, right) for number, right in enumerate(base)]
    return found + [row(CANDIDATE, number, right, **changes) for number, right in enumerate(candidate)]  # type: ignore[arg-type]


HALF = [number % 2 == 0 for number in range(80)]
MORE = [number % 4 != 1 for number in range(80)]


def test_a_candidate_that_is_right_more_often_passes():
    proof = judge(pairs(HALF, MORE), look=0, tokens_per_s=(100.0, 95.0))
    assert proof.passed, proof.reasons
    assert proof.questions == 80
    assert proof.right is not None and proof.right.mean == pytest.approx(0.25)
    assert proof.accuracy == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("rows", "pace", "why"),
    [
        (pairs(HALF, HALF), None, "reward +0.000"),
        (pairs(HALF, HALF, seconds=4.0), None, "not above zero"),
        (pairs(MORE, HALF), None, "truly right answers fall"),
        (pairs(HALF[:8], [True] * 8), None, "only 8 questions"),
        (pairs(HALF, MORE, seconds=5.6), None, "95 % of its answers"),
        (pairs(HALF, MORE), (100.0, 90.0), "tokens/s"),
        ([], None, "only 0 questions"),
    ],
    ids=["the same", "only quicker", "worse", "too few", "slower", "less capacity", "no rows"],
)
def test_a_candidate_is_refused_with_the_reason(rows: list[Row], pace: tuple[float, float] | None, why: str):
    proof = judge(rows, look=0, tokens_per_s=pace)
    assert not proof.passed
    assert any(why in reason for reason in proof.reasons), proof.reasons


def test_a_gain_in_reward_does_not_excuse_fewer_right_answers():
    """Text that a validator likes better, and answers that are wrong more often."""
    base = [row(BASE, number, number % 2 == 0, reward=0.5) for number in range(60)]
    liked = [row(CANDIDATE, number, number % 3 == 0, reward=0.6 + number / 1000) for number in range(60)]
    proof = judge(base + liked, look=0)
    assert proof.reward is not None and proof.reward.low is not None and proof.reward.low > 0
    assert [reason for reason in proof.reasons if "truly right" in reason]


def test_a_kind_of_twenty_questions_may_not_lose():
    count = LEAST_OF_KIND
    base = [row(BASE, number, right=False) for number in range(100)]
    better = [row(CANDIDATE, number, right=True) for number in range(100)]
    lost = [row(BASE, 200 + number, right=True, kind="lcm") for number in range(count)]
    lost += [row(CANDIDATE, 200 + number, right=number % 2 == 0, kind="lcm") for number in range(count)]
    assert any("lcm loses 50" in reason for reason in judge(base + better + lost, look=0).reasons)
    fewer = [one for one in lost if one.id != "0200"]
    assert judge(base + better + fewer, look=0).passed


def test_silence_counts_and_an_interrupted_question_does_not():
    rows = pairs(HALF, MORE)
    silent = [row(CANDIDATE, number, right=False, reward=0.0, process_time=None) for number in range(10)]
    spoken = [row(BASE, number, right=True) for number in range(10)]
    kept = [one for one in rows if one.id >= "0010"]
    proof = judge([*kept, *silent, *spoken], look=0)
    assert proof.questions == 80
    assert any("95 % of its answers take up to 64.0 s" in reason for reason in proof.reasons)
    cut = [row(CANDIDATE, number, right=False, scored=False, reward=None) for number in range(10)]
    assert judge([*kept, *cut, *spoken], look=0).questions == 70


def test_an_undecided_reward_follows_the_truth_and_leaves_similarity_out():
    one = row(BASE, 1, right=True, correctness=None, reward=None, similarity=None)
    assert worth(one) == pytest.approx(reward_of(1.0, 0.0, 5.0))
    wrong = row(BASE, 1, right=False, correctness=None, reward=None, similarity=0.5)
    assert worth(wrong) == pytest.approx(reward_of(-1.0, 0.5, 5.0))


def test_alpha_halves_with_each_look_and_adds_up():
    assert [alpha_of(look) for look in range(3)] == [ALPHA, ALPHA / 2, ALPHA / 4]
    assert sum(alpha_of(look) / 2 for look in range(60)) == pytest.approx(ALPHA)
    wide, narrow = (judge(pairs(HALF, MORE), look=look).reward for look in (6, 0))
    assert wide is not None and narrow is not None and wide.low is not None and narrow.low is not None
    assert wide.low < narrow.low


def test_a_proof_is_the_same_after_it_was_stored():
    proof = judge(pairs(HALF, MORE), look=1, tokens_per_s=(10.0, 11.0), names=("base", "base-a1"))
    assert Proof.of_fields(proof.fields()) == proof
