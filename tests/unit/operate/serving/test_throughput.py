"""How many challenges are answered at once, and how fast: what a plan must never promise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.operate.serving.answers import Workload, workload
from logicnet.operate.serving.catalogue import Model, load
from logicnet.operate.serving.memory import kept_tokens, sustained_loads, throughput, weights_bytes
from logicnet.scoring.incentive import LANES

MODEL = load().find("Qwen2.5-7B-Instruct")
WEIGHTS = weights_bytes(MODEL, "full")
SPEED = (1008e9, 165e12)  # of an RTX 4090


def most(tokens: int, load: Workload | None = None) -> int:
    found = sustained_loads(MODEL, WEIGHTS, tokens, SPEED, load or Workload())
    return max((one.at_once for one in found), default=0)


@given(
    tokens=st.integers(0, 500_000),
    bytes_per_s=st.floats(1e10, 5e12),
    load=st.sampled_from([Workload(), Workload(4, 4500, 6144, thinks=True), Workload(texts=1, tokens=100)]),
)
def test_what_is_promised_fits_and_is_in_time(tokens, bytes_per_s, load):
    for found in sustained_loads(MODEL, WEIGHTS, tokens, (bytes_per_s, 165e12), load):
        assert found.at_once * kept_tokens(MODEL, load, found.written) <= tokens
        assert found.at_once * load.texts <= 256
        assert found.written <= found.budget + 1e-6 <= load.cap + 2e-6
        assert found.seconds <= load.within_s * 1.001
        assert load.whole(found.budget) >= 0.1


@given(tokens=st.integers(0, 200_000), more=st.integers(0, 200_000))
def test_more_cache_is_never_fewer_at_once(tokens, more):
    assert most(tokens) <= most(tokens + more)


def test_a_load_beyond_one_validators_burst_cuts_off_few_more_texts():
    load = workload(MODEL, thinks=False)
    *_, last = sustained_loads(MODEL, WEIGHTS, 10**7, SPEED, load)
    burst = throughput(MODEL, WEIGHTS, LANES, SPEED, load)
    assert last.at_once > LANES
    assert load.whole(burst.budget) - load.whole(last.budget) <= 0.15  # as `logicnet volume advise` has it


def test_a_second_gpu_is_not_twice_as_fast():
    one = throughput(MODEL, WEIGHTS, 8, SPEED, Workload())
    two = throughput(MODEL, WEIGHTS // 2, 8, SPEED, Workload(), gpus=2)
    assert one.tokens_per_s < two.tokens_per_s < 2 * one.tokens_per_s


@pytest.mark.parametrize("name", ["Mixtral", "gpt-oss-20b", "gpt-oss-120b", "Qwen/Qwen3-30B-A3B"])
def test_a_mixture_reads_its_active_experts_for_one_text_and_all_for_many(name):
    model = load().find(name)
    fast = (1e12, 1e18)

    def read_bytes(texts: int) -> float:
        """By the time of a step, without cache, and without the 4 ms that each step takes."""
        texts_alone = model.model_copy(update={"kv_heads": 1, "head_size": 1})
        asked = Workload(texts=texts, prompt=1, tokens=1)
        step_s = 1 / throughput(texts_alone, 10**11, 1, fast, asked).tokens_per_s
        return (step_s - 0.004) * 0.7e12

    assert read_bytes(1) == pytest.approx(1e11 * model.active_parameters / model.parameters, rel=0.02)
    assert read_bytes(250) == pytest.approx(1e11, rel=0.02)


def test_too_slow_is_none_at_once():
    assert not list(sustained_loads(MODEL, WEIGHTS, 100_000, (20e9, 1e12), Workload()))


def windowed(window: int, layers: int) -> Model:
    return MODEL.model_copy(update={"window": window, "window_layers": layers})


def test_a_challenge_keeps_its_prompt_once():
    assert kept_tokens(MODEL, Workload(texts=2, prompt=10), 100) == 210
    assert most(209, Workload(texts=2, prompt=10, tokens=100)) <= most(
        1000, Workload(texts=2, prompt=10, tokens=100)
    )


def test_layers_with_a_window_keep_the_window_of_each_text():
    load = Workload(texts=2, prompt=10)
    assert kept_tokens(windowed(50, 14), load, 100) == (210 + 2 * 50) / 2  # half of the 28 layers
    assert kept_tokens(windowed(5000, 14), load, 100) == 210  # longer than the text
    assert kept_tokens(windowed(50, 28), load, 100) == 100
    # of 28 layers 8 look back over all: three groups of 8 hold the other 20
    assert kept_tokens(windowed(50, 20), load, 100) == (8 * 210 + 24 * 100) / 28
