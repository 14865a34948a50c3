"""`logicnet models` and `logicnet plan` as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import huggingface_hub
import pynvml
import pytest

from logicnet._util.processes import free_port
from logicnet.cli import main
from logicnet.errors import LogicnetError
from logicnet.operate.serving.catalogue import OURS
from logicnet.operate.serving.choose import planned
from logicnet.operate.serving.options import PlanOptions
from logicnet.operate.serving.plan import ESTIMATE_MARGIN
from tests.harness.quiet import logging_put_back
from tests.unit.operate.serving.test_memory import SMOLLM2


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with logging_put_back():
        yield


@pytest.fixture
def no_driver(monkeypatch):
    """A machine without NVIDIA's driver, whatever is in this one."""

    def fails():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", fails)


@pytest.fixture
def smollm2(tmp_path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(SMOLLM2))
    return tmp_path


def test_models_lists_all_of_them_the_smallest_first(capsys):
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert said.index("Phi-4-mini") < said.index("Qwen2.5-7B") < said.index("Llama-70B")
    assert "vLLM until 0.23.0 only" in said


def test_models_as_json(capsys):
    assert main(["models", "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["Qwen/Qwen2-7B-Instruct"]["documented_vram_gb"] == 24
    assert found["Qwen/Qwen2-7B-Instruct"]["kv_bytes_per_token"] == 57_344


@pytest.mark.parametrize(
    ("gpus", "model", "said"),
    [
        (["--vram", "16"], "Qwen/Qwen2.5-7B-Instruct-AWQ", "--dtype float16"),
        (["--vram", "24"], "Qwen/Qwen2.5-7B-Instruct", "--quantization fp8"),
        (["--vram", "48"], "Qwen/Qwen2.5-7B-Instruct", "--dtype bfloat16"),
        (["--vram", "80"], "Qwen/Qwen3-4B", "--default-chat-template-kwargs.enable_thinking false"),
        (["--vram", "141"], "Qwen/Qwen3-4B-Instruct-2507", "--gpu-memory-utilization 0.95"),
        (["--card", "RTX 4090"], "Qwen/Qwen2.5-7B-Instruct", "--max-model-len 8192"),
        (["--vram", "24", "--gpus", "2"], "Qwen/Qwen2.5-7B-Instruct", "--data-parallel-size 2"),
        (
            ["--card", "L4", "--gpus", "4", "--model", "Qwen2.5-32B-Instruct"],
            "Qwen/Qwen2.5-32B-Instruct-AWQ",
            "--tensor-parallel-size 4",
        ),
    ],
)
def test_plan_ends_with_what_to_type(capsys, gpus, model, said):
    assert main(["plan", *gpus]) == 0
    command = capsys.readouterr().out.splitlines()[-1]
    assert command.startswith(f"vllm serve {model} ")
    assert said in command


def rows(capsys: pytest.CaptureFixture[str], *machine: str) -> dict[str, dict[str, Any]]:
    """The models that fit, the first first."""
    assert main(["plan", *machine, "--json"]) == 0
    return {one["model"]: one for one in json.loads(capsys.readouterr().out) if one["fits"]}


@pytest.mark.parametrize("vram", [16, 24, 48, 80, 141])
def test_the_first_is_expected_to_earn_most(capsys, vram):
    found = rows(capsys, "--vram", str(vram))
    ranks = [one["reward"] - ESTIMATE_MARGIN * one["estimated"] for one in found.values()]
    assert ranks == pytest.approx(sorted(ranks, reverse=True), abs=1e-4)
    first = next(iter(found.values()))
    assert first["at_once"] >= 8  # a validator asks so many at once
    order = list(found)
    assert order.index("Qwen/Qwen2.5-7B-Instruct") < order.index("Qwen/Qwen2-7B-Instruct")  # of equal shape


@pytest.mark.parametrize(
    "machine", [("--vram", "16"), ("--vram", "24"), ("--vram", "48"), ("--card", "L40S")]
)
def test_a_near_tie_goes_to_published_figures(capsys, machine):
    found = rows(capsys, *machine)
    first, best = next(iter(found.values())), max(found.values(), key=lambda one: one["reward"])
    assert not first["estimated"] and best["estimated"]
    assert 0 < best["reward"] - first["reward"] < ESTIMATE_MARGIN
    main(["plan", *machine])
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if best["model"] in line)
    assert "estimated" in row


def test_more_than_a_near_tie_goes_to_the_estimate(capsys):
    found = list(rows(capsys, "--vram", "80").values())
    published = next(one for one in found if not one["estimated"])
    assert found[0]["estimated"]
    assert found[0]["reward"] - published["reward"] > ESTIMATE_MARGIN


def test_size_alone_does_not_win(capsys):
    found = rows(capsys, "--vram", "80")
    small, large = found["Qwen/Qwen2.5-7B-Instruct"], found["Qwen/Qwen2.5-32B-Instruct"]
    assert large["right"] > small["right"]
    assert large["volume"] < small["volume"] / 2
    assert large["reward"] < small["reward"]


@pytest.mark.thorough
def test_more_memory_never_earns_less(capsys):
    sizes = (12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 141, 180)
    best = [max(one["reward"] for one in rows(capsys, "--vram", str(size)).values()) for size in sizes]
    assert best == sorted(best)


def test_a_larger_gpu_keeps_no_fewer_challenges(capsys):
    kept = [
        rows(capsys, "--vram", size)["openai/gpt-oss-20b"]["volume"] for size in ("24", "48", "80", "141")
    ]
    assert kept == sorted(kept)
    assert kept[0] > 100


def test_plan_says_why_not_the_others(capsys):
    main(["plan", "--vram", "24"])
    said = capsys.readouterr().out
    assert "tiiuae/falcon-40b: is not tuned to answer" in said
    why = {line.split()[1]: line for line in said.splitlines() if line.startswith("│ ")}
    assert "less right" in why["Qwen/Qwen2-7B-Instruct"]
    assert "less volume" in why["Qwen/Qwen3-14B"]
    assert "~0." in why["Qwen/Qwen3-14B"]  # its GSM8K is estimated
    assert "~" not in why["Qwen/Qwen2.5-14B-Instruct"]
    main(["plan", "--vram", "24", "--model", "gpt-oss-20b"])
    assert "(estimated: logic)" in capsys.readouterr().out


def test_plan_of_one_model_as_json(capsys):
    assert main(["plan", "--vram", "24", "--model", "Qwen3-8B", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fits"]
    assert (found["precision"], found["thinks"]) == ("awq", False)
    assert found["at_once"] >= 8
    assert 0.5 < found["right"] < found["reward"] < 1
    assert main(["plan", "--vram", "24", "--model", "falcon", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["fits"] is False


def test_plan_names_the_commands_of_replicas_and_who_asks_them(capsys):
    asked = ["plan", "--vram", "24", "--gpus", "4", "--replicas", "2", "--model", "Qwen3-4B"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    first, second = (line for line in said.splitlines() if " vllm serve " in line)
    assert "CUDA_VISIBLE_DEVICES=0,1 " in first and first.endswith("--port 8000")
    assert "CUDA_VISIBLE_DEVICES=2,3 " in second and second.endswith("--port 8001")
    both = "--miner.llm_client.base_url http://127.0.0.1:8000/v1 --miner.llm_client.base_url http://127.0.0.1:8001"
    assert both in said
    assert said.splitlines()[-1].startswith(
        "vllm-router --port 8002 --policy power_of_two --worker-urls http://"
    )


def test_plan_for_several_hosts_joins_them_only_where_one_is_too_small(capsys):
    asked = ["plan", "--card", "L4", "--gpus", "2", "--hosts", "2", "--model"]
    assert main([*asked, "Qwen3-4B"]) == 0
    said = capsys.readouterr().out
    assert "ray start" not in said
    assert "--miner.llm_client.base_url http://HOST2:8000/v1" in said
    assert main([*asked, "meta-llama/Llama-3.3-70B-Instruct"]) == 0
    said = capsys.readouterr().out
    assert "ray start --head --port 6379 --num-gpus 2" in said
    assert "ray start --address HEAD:6379 --num-gpus 2" in said
    assert "2 nodes and 4.0 GPU" in said
    assert said.splitlines()[-1].endswith("--pipeline-parallel-size 2 --distributed-executor-backend ray")


def test_a_ray_cluster_that_does_not_answer_is_one_line(capsys):
    asked = ["plan", "--vram", "24", "--model", "Qwen3-4B", "--ray", f"http://127.0.0.1:{free_port()}"]
    assert main(asked) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no Ray dashboard answers there" in line
    assert "port 8265" in line


def test_plan_for_a_folder_on_this_cpu(capsys, smollm2):
    assert main(["plan", "--cpu", "--model", str(smollm2)]) == 0
    command = capsys.readouterr().out.splitlines()[-1]
    assert command.startswith("VLLM_CPU_KVCACHE_SPACE=1 python -m vllm.entrypoints.openai.api_server --model")


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (
            ["plan"],
            1,
            "no GPU can be seen (NVML Shared Library Not Found); describe the machine: --card L40S",
        ),
        (["plan", "--gpus", "2"], 2, "give both, or neither"),
        (["vllm", "--gpus", "2"], 2, "give both, or neither"),
        (["plan", "--vram", "24", "--gpus", "0"], 2, "takes GB of one GPU and --gpus their number"),
        (["plan", "--vram", "24", "--cpu"], 2, "--cpu, --vram and --card exclude each other"),
        (["plan", "--vram", "24", "--card", "T4"], 2, "--cpu, --vram and --card exclude each other"),
        (["plan", "--vram", "24", "--replicas", "2"], 2, "this machine has 1; give --replicas 1 or less"),
        (["plan", "--vram", "24", "--replicas", "0"], 2, "--replicas"),
        (["plan", "--card", "Voodoo"], 2, "--card Voodoo is unknown, known are B200, GH200"),
        (["plan", "--vram", "24", "--model", "Qwen2.5-7B"], 2, "is a base model, not tuned to answer"),
        (["plan", "--vram", "24", "--model", "nobody/knows"], 2, "HF_HUB_OFFLINE forbids to ask the hub"),
        (["plan", "--vram", "24", "--model", "falcon"], 1, "tiiuae/falcon-40b does not fit on 1 x GPU"),
        (["plan", "--vram", "24", "--catalogue", "nowhere.toml"], 2, "nowhere.toml: cannot be read"),
        (["models", "--catalogue", "nowhere.toml"], 2, "nowhere.toml: cannot be read"),
    ],
)
def test_asked_wrongly_is_one_line(no_driver, capsys, argv, status, said):
    assert main(argv) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert said in line


def test_a_table_of_the_operators_own(capsys, tmp_path):
    text = OURS.read_text().replace("low_quality = []", 'low_quality = ["*Qwen2.5-Math-*", "*/Qwen2.5-7B-*"]')
    (tmp_path / "mine.toml").write_text(text)
    assert main(["plan", "--vram", "24", "--catalogue", str(tmp_path / "mine.toml")]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1].startswith("vllm serve Qwen/Qwen3-4B-AWQ ")
    assert next(line for line in said.splitlines() if "2.5-Math-7B" in line).count("counts as poor") == 1


def test_nothing_that_fits_is_said(capsys):
    assert main(["plan", "--vram", "2"]) == 1
    assert "before any KV cache" in capsys.readouterr().out
    with pytest.raises(LogicnetError, match="no model of the catalogue fits on 1 x GPU of 2 GB"):
        planned(PlanOptions(vram_gb=2))
