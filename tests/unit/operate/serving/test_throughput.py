"""How many challenges are answered at once: what it must never promise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logicnet.operate.serving.catalogue import load
from logicnet.operate.serving.memory import THINKING, Workload, estimate, weights_bytes

MODEL = load().find("Qwen2.5-7B-Instruct")
WEIGHTS = weights_bytes(MODEL, "full")
SPEED = (1008e9, 165e12)  # of an RTX 4090


@given(
    tokens=st.integers(0, 500_000),
    bytes_per_s=st.floats(1e10, 5e12),
    challenge=st.sampled_from([Workload(), THINKING, Workload(texts=1, written=100)]),
)
def test_what_is_promised_fits_and_is_in_time(tokens, bytes_per_s, challenge):
    found = estimate(MODEL, WEIGHTS, tokens, (bytes_per_s, 165e12), challenge)
    assert found.at_once * challenge.tokens <= tokens
    assert found.sequences == found.at_once * challenge.texts <= 256
    if found.at_once:
        assert challenge.written / found.tokens_per_s <= challenge.within_s * 1.001
        assert found.per_interval >= found.at_once * int(600 / challenge.within_s)


@given(tokens=st.integers(0, 200_000), more=st.integers(0, 200_000))
def test_more_cache_is_never_fewer_at_once(tokens, more):
    few, many = (estimate(MODEL, WEIGHTS, count, SPEED, Workload()) for count in (tokens, tokens + more))
    assert few.at_once <= many.at_once


def test_a_second_gpu_is_not_twice_as_fast():
    one = estimate(MODEL, WEIGHTS, 100_000, SPEED, Workload())
    two = estimate(MODEL, WEIGHTS // 2, 100_000, SPEED, Workload(), gpus=2)
    assert one.tokens_per_s < two.tokens_per_s < 2 * one.tokens_per_s


def test_a_mixture_reads_more_of_its_experts_the_more_texts_there_are():
    mixture = load().find("Mixtral")
    weights = weights_bytes(mixture, "fp8")
    single, batch = (
        estimate(mixture, weights, one.tokens, (3350e9, 989e12), one)
        for one in (Workload(texts=1), Workload(texts=8))
    )
    assert single.tokens_per_s > 2 * batch.tokens_per_s


def test_too_slow_is_none_at_once():
    assert estimate(MODEL, WEIGHTS, 100_000, (20e9, 1e12), Workload()).at_once == 0


def test_a_challenge_takes_its_prompt_once():
    assert Workload(texts=2, prompt=10, written=100).tokens == 210
    assert estimate(MODEL, WEIGHTS, 210, SPEED, Workload(texts=2, prompt=10, written=100)).at_once == 1
    assert estimate(MODEL, WEIGHTS, 209, SPEED, Workload(texts=2, prompt=10, written=100)).at_once == 0
