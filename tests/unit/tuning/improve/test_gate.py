"""The gate on 1,000 resamplings of recorded pairs: how often it serves what is no better, or worse.

tests/golden/paired_rows.jsonl: SmolLM2-135M's answers to 64 questions of recipes/easy.toml, recorded on a
real vLLM with two prompts (the race's `reason` as base, its `program` as candidate), judged by the checkers.
"""

import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from logicnet.evals.runs.run import Row, read_rows
from logicnet.scoring.reward import reward_of
from logicnet.tuning.improve.proof import ALPHA, BASE, CANDIDATE, judge

RECORDED = Path(__file__).parents[3] / "golden/paired_rows.jsonl"
RESAMPLINGS = 1_000
QUESTIONS = 120

Pair = tuple[Row, Row]


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    by_id: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in read_rows(RECORDED):
        by_id[row.id][row.target] = row
    return [(one[BASE], one[CANDIDATE]) for one in by_id.values()]


def no_better(pair: Pair, luck: random.Random) -> Pair:
    """Which of the two was which is drawn, so on average nothing differs."""
    return pair if luck.random() < 0.5 else (pair[1], pair[0])


def worse(pair: Pair, luck: random.Random) -> Pair:
    """As `no_better`, and every other answer of the candidate is wrong."""
    base, candidate = no_better(pair, luck)
    if luck.random() < 0.5:
        reward = reward_of(-1.0, 0.0, candidate.process_time or 0.0)
        candidate = replace(candidate, true=False, correctness=-1.0, reward=reward)
    return base, candidate


def served(pairs: list[Pair], change: object, times: int) -> int:
    luck, count = random.Random(35), 0
    for _ in range(times):
        rows = []
        for number, pair in enumerate(luck.choices(pairs, k=QUESTIONS)):
            base, candidate = change(pair, luck)  # type: ignore[operator]
            name = f"{number:05}"
            rows += [replace(base, target=BASE, id=name), replace(candidate, target=CANDIDATE, id=name)]
        # The two prompts differ in length, and so in seconds: those do not count here.
        count += judge(rows, look=0, most_slower=float("inf")).passed
    return count


def upper(count: int, times: int) -> float:
    """The upper end of the 95 % interval of a share (Wilson)."""
    z, share = 1.96, count / times
    centre = share + z * z / (2 * times)
    spread = z * ((share * (1 - share) + z * z / (4 * times)) / times) ** 0.5
    return (centre + spread) / (1 + z * z / times)


@pytest.mark.thorough
def test_a_candidate_that_is_no_better_is_served_no_oftener_than_alpha(pairs: list[Pair]):
    count = served(pairs, no_better, RESAMPLINGS)
    assert upper(count, RESAMPLINGS) <= ALPHA, count


@pytest.mark.thorough
def test_a_worse_candidate_is_never_served(pairs: list[Pair]):
    assert served(pairs, worse, RESAMPLINGS) == 0


def test_the_recorded_gain_itself_is_found(pairs: list[Pair]):
    """The program prompt, which was right 14 times, against the reasoning prompt, which was right 5 times."""
    proof = judge([row for pair in pairs for row in pair], look=0, most_slower=float("inf"))
    assert proof.passed, proof.reasons
