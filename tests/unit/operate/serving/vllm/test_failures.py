"""Why a vLLM did not start: each known by real output, with a mend that says what to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from logicnet.operate.serving.vllm import recognise
from logicnet.operate.serving.vllm.failures import last_words

SAID = Path(__file__).with_name("said")

KNOWN = {
    "unknown_flag": (
        "unknown flag",
        "does not know the flag --precision. Give --dtype float16 instead",
        True,
    ),
    "bad_value": ("bad value", "this value of --max-model-len: invalid human_readable", True),
    "beyond_model": ("context beyond the model", "Give --max-model-len 8192 or less", True),
    "beyond_kv": ("context beyond the KV cache", "1.41 GiB of KV cache, and there are 1.0. give", True),
    "beyond_kv_before": ("context beyond the KV cache", "Give --max-model-len 81536 or less", True),
    "heads": ("heads not shared evenly", "9 attention heads cannot be shared by 2 cards", True),
    "memory": (
        "out of memory",
        "100.0 GiB of KV cache are asked for, and 5.96 GiB of memory are free",
        False,
    ),
    "card_full": ("out of memory", "2.50 GiB more were wanted of a card of 79.25 GiB", False),
    "card_in_use": ("out of memory", "45.01 GiB of a card that has 31.44 of 47.38 GiB free", False),
    "card_in_use_named": ("out of memory", "19.84 GiB of a card that has 19.77 of 22.05 GiB free", False),
    "missing_folder": ("missing model", "there is no folder .run/model/nowhere", True),
    "no_model": ("missing model", "the hub has no model nobody/nothing-1b", True),
    "no_repository": ("missing model", "the hub has no model ardent-figment/gone", True),
    "offline_hub": ("missing model", "HF_HUB_OFFLINE forbids to fetch it", True),
    "hub_unreachable": ("hub away", "huggingface.co cannot be reached", False),
    "no_more": ("model not served", "no vLLM after 0.23.0 serves models of the kind Baichuan", True),
    "unknown_architecture": ("model not served", "does not know models of the kind OddForCausalLM", True),
    "no_token": (
        "no token",
        "https://huggingface.co/meta-llama/Llama-3.2-1B-Instruct, and put a token",
        True,
    ),
    "no_access": ("no token", "does not let this account have it", True),
    "port_taken": ("port taken", "Give another --port", False),
    "no_vllm": ("no vLLM", "pip install 'logicnet[vllm]'", True),
    "engine_killed": ("engine died", "vLLM's engine died", False),
}


def test_every_recording_is_understood():
    assert {file.stem for file in SAID.glob("*.txt")} == set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_it_is_known_by_what_it_printed(name):
    kind, said, lasting = KNOWN[name]
    failure = recognise((SAID / f"{name}.txt").read_text())
    assert failure is not None
    assert failure.name == kind
    assert said.lower() in str(failure).lower()
    assert failure.lasting is lasting
    assert "\n" not in str(failure)


@pytest.mark.parametrize("name", KNOWN)
def test_the_last_words_are_one_line(name):
    assert "\n" not in last_words((SAID / f"{name}.txt").read_text())


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("--shard 2", "Give --tensor-parallel-size N instead"),
        ("--max-model-length 8192", "Give --max-model-len instead"),
        ("--gpu-memory-utilisation=0.9", "Give --gpu-memory-utilization instead"),
        ("--wholly-unheard-of", "Leave it out"),
    ],
)
def test_a_flag_is_put_right_from_vllms_own_list(flag, meant):
    text = (SAID / "unknown_flag.txt").read_text().replace("--precision", flag)
    assert meant in str(recognise(text))


def test_what_nobody_knows_is_shown_by_its_last_error():
    text = "INFO all is well\nValueError: the moon is in the wrong house\nINFO ending\n"
    assert recognise(text) is None
    assert last_words(text) == "ValueError: the moon is in the wrong house"
    assert last_words("INFO all is well\n") == "INFO all is well"
    assert last_words("") == "it printed nothing"


def test_a_start_that_went_well_is_no_failure():
    assert (
        recognise("INFO [cpu_worker.py:260] Explicitly set (1.0/12.84) GiB for KV cache on node 0.") is None
    )
