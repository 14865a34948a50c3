"""The arithmetic against what vLLMs have said when they started."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.operate.serving.catalogue import load
from logicnet.operate.serving.config_json import model_from
from logicnet.operate.serving.memory import (
    CPU_BLOCK_TOKENS,
    GIB,
    GRAPHS_BYTES,
    batched_tokens,
    kv_bytes_per_token,
    kv_tokens,
    overhead_bytes,
    weights_bytes,
)

SMOLLM2 = {
    "model_type": "llama",
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "num_hidden_layers": 30,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "vocab_size": 49152,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
}
"""SmolLM2-135M-Instruct, which the demo serves."""

models = load().models


@pytest.mark.parametrize(("space_gib", "said"), [(1, 46_592), (2, 93_184)])
def test_the_cache_of_a_vllm_on_the_cpu(tmp_path, space_gib, said):
    # vLLM 0.32 for the CPU: "CPU KV cache size: 93,184 tokens" with VLLM_CPU_KVCACHE_SPACE=2, half with 1.
    (tmp_path / "config.json").write_text(json.dumps(SMOLLM2))
    model = model_from(tmp_path)
    assert kv_tokens(model, space_gib * GIB, block=CPU_BLOCK_TOKENS) == said
    # And "1.41 GiB KV cache is needed" for one text of 65,536 tokens.
    assert 65_536 * kv_bytes_per_token(model) / GIB == pytest.approx(1.41, abs=0.005)


@pytest.mark.parametrize(
    ("gpu", "gib", "tokens"),
    [
        ("NVIDIA GeForce RTX 4090", 24, 2048),
        ("NVIDIA A100-SXM4-80GB", 80, 2048),
        ("NVIDIA H100 80GB HBM3", 80, 8192),
        ("NVIDIA H200", 141, 8192),
        ("NVIDIA B200", 179, 16_384),
    ],
)
def test_larger_gpus_are_given_longer_steps(gpu, gib, tokens):
    # vLLM 0.32, arg_utils.py, get_batch_defaults
    assert batched_tokens(gpu, gib * GIB) == tokens


def test_gpt_oss_20b_on_an_a100():
    # vLLM 0.19, --gpu-memory-utilization 0.65 of 79.25 GiB: "Available KV cache memory: 36.56 GiB".
    # Source: myoceane.fr/index.php/ai-vllm-a100-gemma-4. CUDA graphs were not counted then.
    model = load().find("gpt-oss-20b")
    overhead = overhead_bytes(model) - GRAPHS_BYTES
    left = 79.25 * GIB * 0.65 - weights_bytes(model, "mxfp4") - overhead
    assert left / GIB == pytest.approx(36.56, rel=0.01)


STARTS = [
    # Model, GPUs, weights in; as vLLM printed, in GiB of each GPU: weights, CUDA graphs (estimated), cache.
    ("Qwen2.5-7B-Instruct", 1, "full", 14.25, 0.61, 58.53),
    ("Qwen2.5-7B-Instruct", 2, "full", 7.12, 0.61, 63.84),
    ("Qwen2.5-7B-Instruct", 4, "full", 3.55, 0.69, 67.34),
    ("Qwen2.5-7B-Instruct", 1, "fp8", 8.14, 0.71, 64.64),
    ("Llama-3.1-8B-Instruct", 1, "full", 14.99, 0.84, 58.11),
    ("Llama-3.1-8B-Instruct", 1, "fp8", 8.49, 0.84, 64.61),
    ("Llama-3.1-8B-Instruct", 1, "gptq", 5.38, 0.84, 67.71),
    ("Llama-3.1-8B-Instruct", 2, "full", 7.51, 1.69, 63.76),
    ("Llama-3.1-8B-Instruct", 4, "full", 3.77, 0.57, 67.44),
    ("Llama-3.3-70B-Instruct", 2, "fp8", 33.88, 1.82, 37.28),
    ("Llama-3.3-70B-Instruct", 4, "fp8", 16.96, 1.70, 54.09),
    ("Qwen3-8B", 1, "full", 15.27, 0.84, 57.50),
    ("microsoft/phi-4", 1, "full", 27.39, 0.81, 46.08),
    ("gemma-3-4b-it", 1, "full", 8.58, 0.70, 62.51),
    ("gemma-3-12b-it", 1, "full", 23.31, 1.02, 47.72),
    ("gemma-3-27b-it", 1, "full", 51.45, 1.05, 19.53),
    ("Qwen/Qwen3-30B-A3B", 1, "full", 56.88, 1.24, 15.41),
    ("Mixtral-8x7B-Instruct-v0.1", 2, "full", 43.51, 0.82, 28.44),
    ("gpt-oss-20b", 1, "mxfp4", 13.64, 1.30, 58.47),
]
"""Starts of vLLM 0.19 on H100 of 79.19 GiB: --gpu-memory-utilization 0.95, steps of 8,192 tokens, at most
1,024 texts at once. Source: accuracy/results/v0.19.0/results_raw.csv of
github.com/llm-d-incubation/llm-d-planner/pull/205."""


@pytest.mark.parametrize(
    ("name", "gpus", "precision", "weights_gib", "graphs_gib", "cache_gib"),
    STARTS,
    ids=[f"{name}-{gpus}-{precision}" for name, gpus, precision, *_ in STARTS],
)
def test_memory_is_planned_as_a_vllm_on_an_h100_takes_it(
    name, gpus, precision, weights_gib, graphs_gib, cache_gib
):
    model = load().find(name)
    weights = weights_bytes(model, precision, gpus)
    assert weights / GIB == pytest.approx(weights_gib, rel=0.01)
    overhead = overhead_bytes(model, batched_tokens=8192, gpus=gpus, sequences=1024, capability=9.0)
    left = 79.19 * 0.95 - (weights + overhead - GRAPHS_BYTES) / GIB
    assert left == pytest.approx(cache_gib, rel=0.01)
    # vLLM 0.19 did not yet take CUDA graphs off the cache; 0.21 and later take off what they estimate.
    assert left - GRAPHS_BYTES / GIB == pytest.approx(cache_gib - graphs_gib, rel=0.035)


def test_links_between_gpus_take_more_on_hopper_and_b200():
    model = load().find("Qwen2.5-7B-Instruct")
    ada, hopper, b200, blackwell = (
        overhead_bytes(model, gpus=2, capability=capability) for capability in (8.9, 9.0, 10.0, 12.0)
    )
    assert hopper == b200 > ada == blackwell == overhead_bytes(model, gpus=2)


def test_a_14b_shared_by_two_4090s():
    # vLLM 0.7, two RTX 4090, 0.98: 13.9476 GiB of weights on each, 8.69 GiB left of 23.08, and on the
    # fuller GPU 81,536 tokens. Source: github.com/vllm-project/vllm/issues/13061.
    model = load().find("DeepSeek-R1-Distill-Qwen-14B")
    weights = weights_bytes(model, "full", 2)
    assert weights / GIB == pytest.approx(13.95, rel=0.02)
    overhead = overhead_bytes(model, gpus=2) - GRAPHS_BYTES
    tokens = kv_tokens(model, 23.08 * GIB - weights - overhead, gpus=2)
    assert tokens == pytest.approx(81_536, rel=0.05)


@pytest.mark.parametrize(("batched", "said_gib"), [(20_000, 3.81), (29_000, 2.89)])
def test_an_8b_on_a_3090_that_reads_long_texts_in_one_step(batched, said_gib):
    # vLLM 0.6, RTX 3090, 0.90 of 23.58 GiB: 14.9888 GiB of weights, and this much KV cache.
    # Source: github.com/vllm-project/vllm/issues/10517. We promise less than there was.
    model = load().find("Llama-3.1-8B-Instruct")
    weights = weights_bytes(model, "full")
    assert weights / GIB == pytest.approx(14.99, rel=0.01)
    overhead = overhead_bytes(model, batched_tokens=batched) - GRAPHS_BYTES
    left = (23.58 * GIB * 0.9 - weights - overhead) / GIB
    assert 0.95 * said_gib < left < said_gib


@given(
    model=st.sampled_from(models),
    free=st.floats(0, 200 * GIB),
    more=st.floats(0, 10 * GIB),
    gpus=st.sampled_from([1, 2, 4, 8]),
)
def test_more_memory_is_never_fewer_tokens_and_all_of_them_fit(model, free, more, gpus):
    tokens = kv_tokens(model, free, gpus=gpus)
    assert tokens * kv_bytes_per_token(model, gpus) <= free
    assert kv_tokens(model, free + more, gpus=gpus) >= tokens
    assert tokens % 16 == 0


@given(model=st.sampled_from(models), gpus=st.sampled_from([2, 4, 8]))
def test_sharing_takes_less_of_each_gpu(model, gpus):
    assert weights_bytes(model, "full", gpus) < weights_bytes(model, "full")
    assert kv_bytes_per_token(model, gpus) <= kv_bytes_per_token(model)


@pytest.mark.parametrize("model", models, ids=lambda model: model.name)
def test_fewer_bits_are_fewer_bytes(model):
    if model.stored == "full":
        assert weights_bytes(model, "full") > weights_bytes(model, "fp8") > weights_bytes(model, "awq")
