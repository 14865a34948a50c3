"""The command line of a vLLM: the plan's flags, and the operator's, which win."""

from __future__ import annotations

from pathlib import Path

import pytest

from logicnet.errors import SettingsError
from logicnet.operate.serving.catalogue import load
from logicnet.operate.serving.gpus import cpu, gpus_of_size
from logicnet.operate.serving.plan import ServingPlan, plan
from logicnet.operate.serving.vllm.launch import Adapters, Launch, launch
from logicnet.tuning.improve.adapters import Adapter, AdapterStore
from tests.harness.adapters import proven, trained
from tests.harness.said import listening

OURS = load()


def planned(name: str, vram: float = 24, gpus: int = 1) -> ServingPlan:
    found = plan(OURS.find(name), gpus_of_size(vram, gpus))
    assert isinstance(found, ServingPlan)
    return found


def flags(words: list[str], found: ServingPlan | None, environment: dict[str, str] | None = None) -> str:
    started = launch("py", "the/model", words, found, environment or {})
    return " ".join(started.argv[3:])


def test_a_plan_becomes_a_command_line():
    started = launch("py", "Qwen/Qwen2.5-14B-Instruct", [], planned("Qwen2.5-14B-Instruct"), {})
    assert " ".join(started.argv) == (
        "py -m vllm.entrypoints.openai.api_server --model Qwen/Qwen2.5-14B-Instruct-AWQ --host 127.0.0.1 "
        "--port 8000 --disable-uvicorn-access-log --dtype float16 --max-model-len 8192 --max-num-seqs 104 "
        "--gpu-memory-utilization 0.94 --quantization awq_marlin"
    )
    assert (started.url, started.utilisation, started.gpus) == ("http://127.0.0.1:8000", 0.94, 1)
    assert started.planned_tokens == planned("Qwen2.5-14B-Instruct").kv_tokens


@pytest.mark.parametrize(
    "words",
    [["--max-model-len", "4096"], ["--max-model-len=4096"], ["--max_model_len", "4096"]],
)
def test_the_operators_word_wins_however_it_is_written(words):
    said = flags(words, planned("Qwen2.5-7B-Instruct"))
    assert "8192" not in said
    assert said.endswith(" ".join(words))


def test_what_the_operator_says_of_the_chat_template_replaces_ours():
    found = planned("Qwen3-4B")
    assert "--default-chat-template-kwargs.enable_thinking false" in flags([], found)
    said = flags(["--default-chat-template-kwargs", '{"enable_thinking": true}'], found)
    assert said.count("--default-chat-template-kwargs") == 1


def test_another_quantisation_is_of_the_model_itself():
    said = flags(["--quantization", "bitsandbytes"], planned("Qwen2.5-14B-Instruct"))
    assert said.startswith("--model the/model ")
    assert "awq" not in said
    assert "--dtype" not in said


@pytest.mark.parametrize("words", [["--tensor-parallel-size", "2"], ["-tp", "2"], ["-pp=2"]])
def test_gpus_are_shared_as_the_operator_says(words):
    started = launch("py", "m", words, planned("Qwen2.5-7B-Instruct", gpus=2), {})
    assert "--data-parallel-size" not in started.argv
    assert started.gpus == 2
    assert started.planned_tokens is None


def test_copies_on_several_gpus_need_all_of_them():
    assert launch("py", "m", [], planned("Qwen2.5-7B-Instruct", gpus=2), {}).gpus == 2


def test_without_a_plan_only_the_operators_words_and_where_to_listen():
    words = ["--host", "::", "--port", "9000", "--enforce-eager"]
    started = launch("py", "m", words, None, {})
    assert list(started.argv[3:]) == ["--model", "m", "--disable-uvicorn-access-log", *words]
    assert started.url == "http://[::1]:9000"
    assert started.planned_tokens is None


def test_the_operators_environment_wins_too():
    found = plan(
        OURS.find("Phi-4-mini-instruct").model_copy(update={"layers": 2, "parameters_b": 0.2}), cpu(24, 8)
    )
    assert isinstance(found, ServingPlan)
    assert launch("py", "m", [], found, {}).environment == found.environment
    other = launch("py", "m", [], found, {"VLLM_CPU_KVCACHE_SPACE": "7"})
    assert other.environment == {}
    assert other.planned_tokens is None


@pytest.mark.parametrize(
    "words",
    [
        ["--hf-token", "sesame", "--api_key=sesame"],
        ["--api-key", "open", "sesame"],
        ["--api_key", "sesame", "--hf_token=sesame", "--enforce-eager"],
    ],
)
def test_no_secret_is_said_however_it_is_written(words):
    found = launch("python", "m", words, None, {})
    assert "sesame" not in str(found)
    assert list(found.argv[-len(words) :]) == words


@pytest.mark.parametrize("words", [["--api-key", "sesame"], ["--api-key=sesame"]])
def test_a_key_is_used_and_not_shown(words):
    started = launch("py", "m", words, None, {})
    assert started.key == "sesame"
    assert "sesame" not in str(started)
    assert "sesame" not in repr(started.key and Launch([], "h", 1, started.key))
    assert launch("py", "m", [], None, {"VLLM_API_KEY": "sesame"}).key == "sesame"


@pytest.mark.parametrize("port", ["many", "0", "65536", "-1"])
def test_a_port_that_is_none_is_one_line(port):
    with pytest.raises(SettingsError, match="--port takes a number"):
        launch("py", "m", [f"--port={port}"], None, {})


@pytest.mark.parametrize("words", [["--ssl-certfile", "c.pem"], ["--uds=/tmp/vllm.sock"]])
def test_what_could_not_be_probed_is_refused(words):
    with pytest.raises(SettingsError, match=f"{words[0].partition('=')[0]} prevents our probes"):
        launch("py", "m", words, None, {})


def test_a_number_that_is_none_is_left_to_vllm():
    assert launch("py", "m", ["--gpu-memory-utilization", "much"], None, {}).utilisation == 0.9


def known(tmp_path: Path, *, rank: int = 16, base: str = "the/model") -> tuple[Adapter, Adapter]:
    """One that serves, and the one before it."""
    store = AdapterStore(tmp_path / "tuning")
    for number in (1, 2):
        made = trained(tmp_path / f"{rank}-{base.replace('/', '-')}-{number}", rank=rank)
        store.serve(proven(store, made, base).name, (), float(number))
    serving, previous = store.serving(), store.previous()
    assert serving is not None
    assert previous is not None
    return serving, previous


def lora(words: list[str], adapters: Adapters, environment: dict[str, str] | None = None) -> Launch:
    return launch("py", "the/model", words, None, environment or {}, adapters=adapters)


def test_a_model_without_adapters_is_started_without_lora():
    assert "lora" not in str(lora([], Adapters()))


def test_a_start_brings_the_serving_adapter_and_the_one_before_it(tmp_path):
    serving, previous = known(tmp_path)
    started = lora([], Adapters([serving, previous]))
    assert (
        f"--enable-lora --max-loras 4 --max-cpu-loras 4 --max-lora-rank 16 --lora-modules "
        f"{serving.name}={serving.folder} {previous.name}={previous.folder}"
    ) in str(started)
    assert started.environment == {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}


def test_the_largest_rank_is_allowed(tmp_path):
    assert "--max-lora-rank 64" in str(lora([], Adapters(known(tmp_path, rank=48))))


@pytest.mark.parametrize("words", [["--served-model-name", "a", "b"], ["--served-model-name=b"]])
def test_an_adapter_belongs_to_the_name_that_the_model_is_served_by(tmp_path, words):
    found = known(tmp_path, base="b")
    assert "--lora-modules" in str(lora(words, Adapters(found)))
    assert "lora" not in str(lora([], Adapters(found)))  # it is another model's


def test_rounds_that_will_bring_adapters_start_with_lora():
    said = str(lora(["--max-lora-rank", "128"], Adapters(wanted=True)))
    assert said.count("--max-lora-rank") == 1
    assert "--enable-lora" in said
    assert "--lora-modules" not in said


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.9"])
def test_only_on_the_loopback_adapters_are_loaded_while_it_runs(host):
    with listening() as said:
        started = lora(["--enable-lora", "--host", host], Adapters())
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" not in started.environment
    assert any("a swap needs --host 127.0.0.1" in line for line in said)


def test_what_the_operator_said_of_updating_stays():
    started = lora(["--enable-lora"], Adapters(), {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "False"})
    assert started.environment == {}
