"""Who wins, who is suspected, who has no score: decisions on losses, without any model."""

import math
import random
from dataclasses import replace

import pytest

from logicnet.errors import TuningError
from logicnet.tuning.judging.rules import (
    DEFAULT_RULES,
    Fate,
    JudgedSubmission,
    JudgingRules,
    RowLosses,
    area_under,
    common_rows,
    judge,
    suspicion,
    winner_of,
)
from logicnet.tuning.verdict import WeightsVerdict

FINETUNE = WeightsVerdict("finetune", "loss 3 -> 1")
PICKLE = WeightsVerdict("not_loadable", "only a pickle")
IDENTICAL = WeightsVerdict("identical", "all tensors equal the original's")
DEADLINE_S = 1000.0
ROWS = 60


def losses(test: float, synthetic: float | None = None, *, seed: int = 0, noise: float = 0.05) -> RowLosses:
    """Around these means; a row is as hard for all models as its twin is, and noise is a model's own."""
    luck, own = random.Random(0), random.Random(f"{seed} {test} {synthetic}")
    hard = [1 + 0.3 * luck.uniform(-1, 1) for _ in range(ROWS)]
    synthetic = test if synthetic is None else synthetic
    rows = [tuple(mean * one + noise * own.uniform(-1, 1) for one in hard) for mean in (test, synthetic)]
    return RowLosses(*rows, *(math.fsum(part) / ROWS for part in rows))


ORIGINAL = losses(3.0)


def submitted(miner: str, its: RowLosses | None, at_s: float = 0.0, **other: object) -> JudgedSubmission:
    return JudgedSubmission(miner, at_s, **{"verdict": FINETUNE, "losses": its} | other)


def judged(*submissions: JudgedSubmission, rules: JudgingRules = DEFAULT_RULES, twins: bool = True):
    return judge(submissions, ORIGINAL, deadline_s=DEADLINE_S, twins=twins, rules=rules)


HONEST, LAZY = submitted("honest", losses(1.0, seed=1)), submitted("lazy", losses(2.5, seed=2))
CHEAT = submitted("cheat", losses(0.3, 1.1, seed=3))
OTHER = submitted("other", losses(1.5, seed=4))


@pytest.mark.parametrize("twins", [True, False])
def test_who_trained_on_the_test_is_suspected_and_neither_ranked_nor_first(twins):
    found = judged(HONEST, LAZY, CHEAT, OTHER, twins=twins)
    assert [(one.miner, one.fate) for one in found.results] == [
        ("honest", Fate.RANKED),
        ("other", Fate.RANKED),
        ("lazy", Fate.RANKED),
        ("cheat", Fate.SUSPECTED),
    ]
    figure = found.results[-1].suspicion
    assert figure is not None and figure.low < figure.excess < figure.high
    assert figure.excess == pytest.approx(0.8, abs=0.1)
    assert f"{figure.sds:.1f} sd" in found.results[-1].reason
    assert found.winner == "honest"


@pytest.mark.parametrize(
    ("mine", "others", "suspected"),
    [
        ((0.3, 1.1), [(1.0, 1.0), (2.5, 2.5)], True),  # against an honest and a lazy one
        ((0.3, 1.1), [(1.0, 1.0), (2.5, 2.5), (0.3, 1.1)], True),  # of two that peeked
        ((1.0, 1.0), [(0.3, 1.1), (2.5, 2.5)], False),  # honest, beside one that peeked
        ((1.0, 1.0), [(0.3, 1.1), (0.3, 1.1), (2.5, 2.5)], False),
        ((1.0, 1.3), [(1.1, 1.4), (1.2, 1.5)], False),  # the rewording is harder for all
        ((0.1, 4.9), [(1.0, 3.0), (1.0, 3.1), (1.1, 3.1)], False),  # far harder for all: gaps tell nothing
        ((2.9, 2.98), [(1.0, 1.0), (2.0, 2.0)], True),  # it learned nothing else
        ((1.0, 1.05), [(2.5, 2.5), (2.6, 2.6)], False),  # a little worse on reworded rows than the idle
    ],
)
def test_suspicion_is_about_the_gap_that_others_do_not_have(mine, others, suspected):
    found = suspicion(
        losses(*mine, seed=9, noise=0.01),
        [losses(*one, seed=number, noise=0.01) for number, one in enumerate(others)],
        ORIGINAL,
        twins=True,
        rules=DEFAULT_RULES,
    )
    assert found is not None
    assert found.suspected is suspected, found


def test_nobody_is_suspected_for_chance():
    """Of 400 groups of four honest miners: at 3 sd chance alone is rare."""
    called = 0
    for seed in range(400):
        luck = random.Random(seed)
        means = [luck.uniform(0.8, 1.2) for _ in range(4)]
        group = [submitted(str(n), losses(mean, mean, seed=10 * seed + n)) for n, mean in enumerate(means)]
        called += sum(one.fate is Fate.SUSPECTED for one in judged(*group).results)
    assert called <= 4


def test_with_one_other_miner_nothing_is_said_of_suspicion():
    assert suspicion(CHEAT.losses, [HONEST.losses], ORIGINAL, twins=True, rules=DEFAULT_RULES) is None
    assert {one.fate for one in judged(HONEST, CHEAT).results} == {Fate.RANKED}


@pytest.mark.parametrize(
    ("one", "fate", "words"),
    [
        (JudgedSubmission("x"), Fate.MISSING, "nothing"),
        (JudgedSubmission("x", refused="the queue is full"), Fate.MISSING, "the queue is full"),
        (submitted("x", losses(0.1), DEADLINE_S + 60), Fate.LATE, "60 s after"),
        (submitted("x", None, verdict=None), Fate.NOT_LOADABLE, "not measured"),
        (
            submitted("x", None, verdict=PICKLE),
            Fate.NOT_LOADABLE,
            "pickle",
        ),
        (
            submitted("x", None, verdict=WeightsVerdict("other_architecture", "two layers")),
            Fate.NO_FINETUNE,
            "other architecture: two layers",
        ),
        (
            submitted("x", losses(3.0), verdict=IDENTICAL),
            Fate.NO_FINETUNE,
            "identical",
        ),
        (submitted("x", losses(1.0, seed=1), copy_of="honest"), Fate.COPY, "honest"),
    ],
)
def test_what_has_no_score(one, fate, words):
    found = judged(HONEST, LAZY, OTHER, one)
    result = next(its for its in found.results if its.miner == "x")
    assert (result.fate, result.score, result.place) == (fate, None, 4)
    assert words in result.reason
    assert found.winner == "honest"


def test_a_copy_is_no_reference_for_suspicion():
    """Or two that share a cheat's weights would make it usual."""
    copies = [replace(CHEAT, miner=f"copy{n}", copy_of="cheat") for n in range(3)]
    assert judged(HONEST, LAZY, CHEAT, *copies).results[2].fate is Fate.SUSPECTED


def test_only_the_best_by_synthetic_loss_are_compared_on_the_test():
    good_on_test = submitted("d", losses(1.2, 2.6, seed=8))
    group = [submitted(name, losses(1.5, 1.5 + n / 10, seed=n)) for n, name in enumerate("abc")]
    found = judged(*group, good_on_test, rules=JudgingRules(sds=math.inf))
    assert found.results[-1].fate is Fate.BEHIND
    assert found.results[-1].miner == "d"
    assert found.results[-1].score is None


def test_a_score_is_four_fifths_of_the_test():
    rows = RowLosses((1.0,) * 20, (2.0,) * 20, 1.0, 2.0)
    found = judged(submitted("a", rows))
    assert found.results[0].score == pytest.approx(0.8 * 1.0 + 0.2 * 2.0)
    assert found.original_score == pytest.approx(0.8 * ORIGINAL.test_loss + 0.2 * ORIGINAL.synthetic_loss)


@pytest.mark.parametrize(
    ("scores", "winner", "words"),
    [
        ([("a", 1.0), ("b", 0.995)], "a", "b has a lower score, but came later"),
        ([("a", 1.0), ("b", 0.98)], "b", "lowest"),
        ([("a", 1.0), ("b", 0.995), ("c", 0.989)], "c", "lowest"),
        ([("a", 2.98)], None, "1% below the original"),
        ([("a", 2.9)], "a", "lowest"),
        ([], None, "nobody"),
    ],
)
def test_a_win_needs_one_per_cent(scores, winner, words):
    found, why = winner_of(scores, 3.0, DEFAULT_RULES)
    assert found == winner
    assert words in why


def test_curves_order_ties_only():
    same = losses(1.0, seed=1)
    slow = submitted("slow", same, area=2.0)
    fast = submitted("fast", same, at_s=5.0, area=1.0)
    better = submitted("better", losses(0.9, seed=1), at_s=9.0, area=9.0)
    unknown = submitted("unknown", same, at_s=1.0)
    found = judged(slow, fast, better, unknown, rules=JudgingRules(keep=1.0, sds=math.inf))
    assert [one.miner for one in found.results] == ["better", "fast", "slow", "unknown"]


@pytest.mark.parametrize(
    ("curve", "area"),
    [
        ([(0, 4.0), (10, 2.0)], 3.0),
        ([(10, 2.0), (0, 4.0), (5, 2.0)], 2.5),
        ([(0, 1.0), (1000, 1.0)], 1.0),
        ([(3, 1.0)], None),
        ([(3, 1.0), (3, 2.0)], None),
        ([], None),
    ],
)
def test_the_area_is_the_mean_height_of_a_curve(curve, area):
    assert area_under(curve) == area


def test_losses_are_of_the_rows_that_all_models_have():
    found = common_rows(
        {
            "a": [(2.0, 2), (9.0, 3), (4.0, 1), None],
            "b": [(4.0, 2), None, (8.0, 1), (1.0, 1)],
            "c": [(6.0, 2), (1.0, 1), (2.0, 1), (1.0, 1)],
        },
        tests=2,
    )
    assert found["a"] == RowLosses((1.0,), (4.0,), 1.0, 4.0)
    assert found["b"] == RowLosses((2.0,), (8.0,), 2.0, 8.0)


def test_no_common_row_is_an_error():
    with pytest.raises(TuningError, match="no row"):
        common_rows({"a": [(1.0, 1), None], "b": [None, (1.0, 1)]}, tests=1)
