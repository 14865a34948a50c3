"""Plans: flags that vLLM knows, of a size that fits; and why a model is not for a machine."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logicnet.operate.serving.catalogue import load
from logicnet.operate.serving.config_json import model_from
from logicnet.operate.serving.gpus import Device, Machine, cpu, gpus_named, gpus_of_size
from logicnet.operate.serving.memory import GIB, kv_bytes_per_token
from logicnet.operate.serving.plan import Layout, Misfit, ServingPlan, plan, utilisation
from logicnet.volume.advice import peak
from tests.unit.operate.serving.test_memory import SMOLLM2

OURS = load()
SHARING = Machine([Device("NVIDIA GeForce RTX 4090", 24 * GIB, free_bytes=10 * GIB, capability=8.9)])
OLD = Machine([Device("Tesla V100", 32 * GIB, capability=7.0)])
OLDEST = Machine([Device("Tesla P40", 24 * GIB, capability=6.1)])


def fits(name: str, machine: Machine) -> ServingPlan:
    found = plan(OURS.find(name), machine)
    assert isinstance(found, ServingPlan), found
    return found


def misfit(name: str, machine: Machine) -> str:
    found = plan(OURS.find(name), machine)
    assert isinstance(found, Misfit), found
    return found.reason


def test_a_7b_on_a_card():
    assert fits("Qwen2.5-7B-Instruct", gpus_named("H100 PCIe", 1)).flags() == [
        *("--dtype", "bfloat16", "--max-model-len", "8192", "--max-num-seqs", "200"),
        *("--gpu-memory-utilization", "0.95", "--quantization", "fp8"),
    ]


def test_an_old_card_is_asked_for_no_bfloat16():
    for card in ("T4", "V100 16GB"):
        found = fits("Qwen3-4B", gpus_named(card, 1))
        assert found.flags()[:2] == ["--dtype", "float16"]
        assert "needs bfloat16" in misfit("gemma-3-4b-it", gpus_named(card, 1))  # vLLM refuses it in float16
    assert fits("gemma-3-4b-it", gpus_named("A10", 1)).dtype == "bfloat16"


def test_a_model_thinks_where_there_is_time_for_it():
    quick = OURS.find("Qwen3-8B")
    assert quick.thinking
    quick = quick.model_copy(update={"thinking": quick.thinking.model_copy(update={"tokens": 1400})})
    slow, fast = (plan(quick, gpus_named(card, 1)) for card in ("L4", "H200"))
    assert isinstance(slow, ServingPlan) and isinstance(fast, ServingPlan)
    switch = "--default-chat-template-kwargs.enable_thinking"
    assert (slow.thinks, slow.flags()[slow.flags().index(switch) + 1]) == (False, "false")
    assert fast.thinks
    assert switch not in fast.flags()
    assert fast.right > slow.right
    assert fast.load.cap > slow.load.cap


def test_the_reward_of_a_model_without_accuracies_is_not_claimed():
    bare = OURS.find("Qwen2.5-7B-Instruct").model_copy(update={"plain": None})
    found, known = plan(bare, gpus_of_size(24, 1)), fits("Qwen2.5-7B-Instruct", gpus_of_size(24, 1))
    assert isinstance(found, ServingPlan)
    assert not found.known
    assert known.known
    assert found.at_once >= 8


def test_a_14b_on_24_gb_takes_the_makers_own_4_bits():
    found = fits("Qwen2.5-14B-Instruct", gpus_of_size(24, 1))
    assert (found.precision, found.checkpoint) == ("awq", "Qwen/Qwen2.5-14B-Instruct-AWQ")
    assert found.flags()[-2:] == ["--quantization", "awq_marlin"]
    assert found.dtype == "float16"


def test_without_a_4_bit_checkpoint_8_bits_are_made_while_loading():
    found = fits("microsoft/phi-4", gpus_of_size(24, 1))
    assert found.flags()[-2:] == ["--quantization", "fp8"]


def test_two_gpus_share_what_one_cannot_hold():
    found = fits("Qwen2.5-32B-Instruct", gpus_of_size(24, 2))
    assert (found.gpus, found.replicas) == (2, 1)
    assert found.flags()[-2:] == ["--tensor-parallel-size", "2"]


def test_two_gpus_serve_twice_what_one_can_hold():
    one, two = (fits("Qwen2.5-7B-Instruct", gpus_of_size(24, count)) for count in (1, 2))
    assert (two.gpus, two.replicas, two.at_once) == (1, 2, 2 * one.at_once)
    assert two.flags()[-2:] == ["--data-parallel-size", "2"]


def test_vllms_side_by_side_keep_what_each_keeps_alone():
    one, two = (
        plan(OURS.find("Qwen3-4B"), gpus_of_size(24, 2), layout) for layout in (Layout(data=2), Layout(2))
    )
    assert isinstance(one, ServingPlan) and isinstance(two, ServingPlan)
    assert (one.replicas, two.replicas, two.copies) == (2, 1, 2)
    assert (two.kv_tokens, two.at_once, two.volume) == (one.kv_tokens, one.at_once, one.volume)
    assert "--data-parallel-size" not in two.flags()


@pytest.mark.parametrize(
    ("layout", "flags"),
    [
        (Layout(tensor=4), "--tensor-parallel-size 4"),
        (Layout(tensor=2), "--tensor-parallel-size 2 --data-parallel-size 2"),
        (Layout(tensor=2, data=1), "--tensor-parallel-size 2"),
        (Layout(data=4), "--data-parallel-size 4"),
        (Layout(servers=2, data=2), "--data-parallel-size 2"),
    ],
)
def test_parallelism_as_it_is_asked_for(layout, flags):
    found = plan(OURS.find("Qwen2.5-7B-Instruct"), gpus_of_size(24, 4), layout)
    assert isinstance(found, ServingPlan)
    words = " ".join(found.flags())
    assert words[words.index("fp8") + 4 :] == flags


@pytest.mark.parametrize(
    ("layout", "machine", "said"),
    [
        (Layout(tensor=4), gpus_of_size(24, 2), "would take 4 GPUs for each vLLM, and there are 2"),
        (
            Layout(2, tensor=2, data=2),
            gpus_of_size(24, 4),
            "would take 4 GPUs for each vLLM, and there are 2",
        ),
        (Layout(tensor=3), gpus_of_size(24, 3), "28 heads cannot be divided among 3 GPUs"),
        (Layout(data=2), cpu(64, cores=8), "a CPU is shared out by --replicas"),
    ],
)
def test_parallelism_that_cannot_be_had(layout, machine, said):
    found = plan(OURS.find("Qwen2.5-7B-Instruct"), machine, layout)
    assert isinstance(found, Misfit)
    assert said in found.reason


def test_hosts_hold_together_what_none_holds_alone():
    model, host = OURS.find("Qwen2.5-32B-Instruct"), gpus_named("L4", 2)
    alone, two = (plan(model, host, Layout(hosts=hosts)) for hosts in (1, 2))
    four = plan(model, gpus_named("L4", 4))
    assert isinstance(two, ServingPlan) and isinstance(four, ServingPlan)
    assert (two.gpus, two.hosts, two.copies) == (2, 2, 1)
    assert two.flags()[-4:] == ["--pipeline-parallel-size", "2", "--distributed-executor-backend", "ray"]
    assert two.weights_bytes * 4 <= 2.01 * model.parameters
    # A token passes one host after the other, so four GPUs of one host are faster.
    assert two.throughput.tokens_per_s < four.throughput.tokens_per_s
    if isinstance(alone, ServingPlan):
        assert alone.kv_tokens < two.kv_tokens


def test_what_others_hold_of_a_gpu_is_left_to_them():
    assert utilisation(SHARING.devices[0]) == 0.40
    assert fits("Qwen3-4B", SHARING).utilisation == 0.40
    assert "before any KV cache" in misfit("Mistral-Small", SHARING)


def test_an_old_gpu_has_no_bfloat16_and_no_fp8():
    assert "float16" in fits("Qwen2.5-7B-Instruct", OLD).flags()
    assert "needs CUDA capability 7.5, this GPU has 7.0" in misfit("Qwen3-32B", OLD)
    assert "needs CUDA capability" in misfit("Qwen3-4B", OLDEST)


@pytest.mark.parametrize(
    ("name", "machine", "reason"),
    [
        ("Llama-2-13b", gpus_of_size(80, 1), "no chat template"),
        ("Qwen-7B-Chat", gpus_of_size(80, 1), "until 0.23.0"),
        ("Llama-70B", gpus_of_size(24, 1), "before any KV cache, and vLLM gets 21.1; no 4-bit checkpoint"),
        ("QwQ-32B", gpus_of_size(23.3, 1), "3,488 tokens of KV cache are left, and one challenge takes"),
        ("Magistral", gpus_of_size(48, 1), "too slow here"),
        ("Qwen2.5-7B-Instruct", cpu(16, cores=2), "half of this machine's memory is 8.0"),
        ("Qwen3-4B", cpu(64, cores=2), "too slow here"),
        ("gpt-oss-20b", cpu(64, cores=2), "mxfp4, which we do not plan for a CPU"),
    ],
)
def test_why_not(name, machine, reason):
    assert reason in misfit(name, machine)


def test_heads_that_cannot_be_shared():
    found = plan(
        OURS.find("Phi-4-mini-instruct").model_copy(update={"heads": 27, "kv_heads": 9}), gpus_of_size(6, 2)
    )
    assert isinstance(found, Misfit)
    assert "cannot be divided among 2 GPUs" in found.reason


@pytest.mark.parametrize(("vram", "gpus"), [(10, 4), (16, 4), (24, 4), (8, 8), (16, 8)])
def test_kv_heads_that_cannot_be_shared(vram, gpus):
    """vLLM asserts it while loading: github.com/vllm-project/vllm/issues/16021."""
    found = plan(OURS.find("microsoft/phi-4"), gpus_of_size(vram, gpus))  # 40 heads, 10 KV heads
    if isinstance(found, ServingPlan):
        assert found.gpus in (1, 2)
    else:
        assert f"its 10 KV heads cannot be divided among {gpus} GPUs" in found.reason


@pytest.mark.parametrize("memory_gb", [24, 64])
def test_a_cpu_gets_a_cache_in_whole_gib(tmp_path, memory_gb):
    (tmp_path / "config.json").write_text(json.dumps(SMOLLM2))
    found = plan(model_from(tmp_path), cpu(memory_gb, cores=2))
    assert isinstance(found, ServingPlan)
    assert found.environment == {"VLLM_CPU_KVCACHE_SPACE": "1"}
    assert found.kv_tokens == 46_592
    assert found.flags() == [
        *("--dtype", "bfloat16", "--max-model-len", "8192"),
        *("--max-num-seqs", "40"),
    ]


@given(
    model=st.sampled_from(OURS.models),
    vram=st.floats(4, 200),
    count=st.integers(1, 8),
    free=st.none() | st.floats(0, 1),
)
def test_a_plan_never_takes_more_than_there_is(model, vram, count, free):
    total = int(vram * GIB)
    gpu = Device("a gpu", total, None if free is None else int(total * free))
    found = plan(model, Machine([gpu] * count))
    if isinstance(found, Misfit):
        assert found.reason
        return
    cache = found.kv_tokens * kv_bytes_per_token(model, found.gpus)
    assert found.weights_bytes + found.overhead_bytes + cache <= total * found.utilisation
    assert gpu.free_bytes is None or total * found.utilisation <= gpu.free_bytes
    assert found.context <= found.kv_tokens
    assert found.gpus * found.replicas <= count
    assert model.heads % found.gpus == 0
    assert found.at_once >= 1


@pytest.mark.parametrize("name", ["Qwen2.5-7B-Instruct", "Qwen2.5-14B-Instruct"])
def test_no_more_is_promised_than_bursts_leave_safe(name):
    found = fits(name, gpus_of_size(24, 1))
    seconds = found.throughput.seconds
    assert found.at_once <= found.volume < found.per_interval
    assert peak(found.volume, seconds) <= found.at_once < peak(found.volume + 1, seconds)
