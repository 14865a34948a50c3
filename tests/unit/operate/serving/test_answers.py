"""How much is written and how much of it is right: what the expected reward is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.operate.serving.answers import (
    TEXTS_UNDER_LOAD,
    UNKNOWN,
    Workload,
    correctness,
    expected_reward,
    workload,
)
from logicnet.operate.serving.catalogue import Accuracy, load
from logicnet.scoring.reward import reward_of, with_volume
from logicnet.solver.race.profiles import load_profiles, profile_for

OURS = load()
LOADS = st.builds(Workload, tokens=st.integers(50, 20_000), thinks=st.booleans())
BUDGETS = st.floats(1, 100_000)


@given(LOADS, BUDGETS, st.floats(1, 10))
def test_more_tokens_finish_more_texts_and_keep_more_of_the_accuracy(load, budget, more):
    for few, many in (
        (load.finished(budget), load.finished(budget * more)),
        (load.kept(budget), load.kept(budget * more)),
    ):
        assert all(0 <= few[question] <= many[question] + 1e-9 <= 1 + 2e-9 for question in few)
    assert 0 < load.written(budget) <= load.written(budget * more) + 1e-6
    assert load.written(budget) <= budget + 1e-6


@pytest.mark.parametrize("thinks", [False, True])
def test_without_a_limit_texts_have_their_mean_length(thinks):
    load = Workload(tokens=1000, thinks=thinks)
    # 0.4 of GSM8K with 420 tokens, 0.4 of MATH with 1,000, 0.2 of logic with 1,500
    assert load.written(1e9) == pytest.approx(0.4 * 420 + 0.4 * 1000 + 0.2 * 1500)


def test_whole_texts_are_right_as_published():
    published = Accuracy(gsm8k=90.0, math=80.0, logic=20.0, source="a card")
    assert correctness(published, "full", Workload(), 1e9) == pytest.approx(0.4 * 0.9 + 0.4 * 0.8 + 0.2 * 0.2)
    assert correctness(published, "fp8", Workload(), 1e9) > correctness(published, "awq", Workload(), 1e9)


def test_the_reward_is_the_validators():
    assert expected_reward(0.8, 32.0, 512) == pytest.approx((0.3 * 0.7 + 0.7 * 0.8 - 0.05 / 2) / 2 + 0.5)
    assert expected_reward(0.8, 32.0, 0) == with_volume(reward_of(0.8, 0.7, 32.0), 0)


@pytest.mark.parametrize("model", OURS.models, ids=lambda model: model.name)
def test_the_plan_counts_the_texts_that_the_solver_asks_for(model):
    for thinks in model.modes:
        load = workload(model, thinks=thinks)
        profile = profile_for(model.name, load_profiles(), thinks)
        assert profile.thinking == load.thinks == thinks
        begun = profile.reason.samples + profile.program.samples
        assert load.texts == min(begun, TEXTS_UNDER_LOAD[thinks])
        assert load.cap == profile.reason.max_tokens


def test_nothing_is_claimed_of_a_model_that_nobody_has_measured():
    assert UNKNOWN.source == "none"
    assert workload(OURS.models[0].model_copy(update={"plain": None}), thinks=False).tokens == 700
