"""Why a vLLM did not start: each recognised in real output, with a mend to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from logicnet.operate.serving.vllm.failures import last_error, recognise

SAID = Path(__file__).with_name("said")

KNOWN = {
    "unknown_flag": (
        "does not know the flag --precision. Give --dtype float16 instead",
        True,
    ),
    "bad_value": ("this value of --max-model-len: invalid human_readable", True),
    "beyond_model": ("Give --max-model-len 8192 or less", True),
    "beyond_kv": ("1.41 GiB of KV cache, and there are 1.0. give", True),
    "beyond_kv_before": ("Give --max-model-len 81536 or less", True),
    "heads": ("9 attention heads cannot be divided among 2 GPUs", True),
    "memory": (
        "100.0 GiB of KV cache are asked for, and 5.96 GiB of memory are free",
        False,
    ),
    "gpu_full": ("2.50 GiB more were wanted of a GPU of 79.25 GiB", False),
    "gpu_in_use": ("45.01 GiB of a GPU that has 31.44 of 47.38 GiB free", False),
    "gpu_in_use_named": ("19.84 GiB of a GPU that has 19.77 of 22.05 GiB free", False),
    "missing_folder": ("there is no folder .run/model/nowhere", True),
    "no_model": ("the hub has no model nobody/nothing-1b", True),
    "no_repository": ("the hub has no model ardent-figment/gone", True),
    "offline_hub": ("HF_HUB_OFFLINE forbids to download it", True),
    "hub_unreachable": ("huggingface.co cannot be reached", False),
    "no_more": ("no vLLM after 0.23.0 serves models of the kind Baichuan", True),
    "unknown_architecture": ("does not know models of the kind OddForCausalLM", True),
    "no_token": (
        "https://huggingface.co/meta-llama/Llama-3.2-1B-Instruct, and put a token",
        True,
    ),
    "no_access": ("this account has no access to it. Ask for access", True),
    "port_taken": ("Give another --port", False),
    "no_vllm": ("pip install 'logicnet[vllm]'", True),
    "engine_killed": ("vLLM's engine died", False),
}


def test_every_recorded_output_is_recognised():
    assert {file.stem for file in SAID.glob("*.txt")} == set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_a_failure_is_recognised_by_its_output(name):
    said, permanent = KNOWN[name]
    failure = recognise((SAID / f"{name}.txt").read_text())
    assert failure is not None
    assert said.lower() in str(failure).lower()
    assert failure.permanent is permanent
    assert "\n" not in str(failure)


@pytest.mark.parametrize("name", KNOWN)
def test_the_last_error_are_one_line(name):
    assert "\n" not in last_error((SAID / f"{name}.txt").read_text())


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("--shard 2", "Give --tensor-parallel-size N instead"),
        ("--max-model-length 8192", "Give --max-model-len instead"),
        ("--gpu-memory-utilisation=0.9", "Give --gpu-memory-utilization instead"),
        ("--wholly-unheard-of", "Leave it out"),
    ],
)
def test_an_unknown_flag_is_corrected_from_vllms_own_list(flag, meant):
    text = (SAID / "unknown_flag.txt").read_text().replace("--precision", flag)
    assert meant in str(recognise(text))


def test_an_unknown_failure_is_shown_by_its_last_error():
    text = "INFO all is well\nValueError: the moon is in the wrong house\nINFO ending\n"
    assert recognise(text) is None
    assert last_error(text) == "ValueError: the moon is in the wrong house"
    assert last_error("INFO all is well\n") == "INFO all is well"
    assert last_error("") == "it printed nothing"


def test_a_successful_start_is_no_failure():
    assert (
        recognise("INFO [cpu_worker.py:260] Explicitly set (1.0/12.84) GiB for KV cache on node 0.") is None
    )
