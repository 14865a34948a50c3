import json
from pathlib import Path

import pytest

from logicnet.errors import LogicnetError
from logicnet.operate.demo.stage import STAKES, Stage, dtype, environment


def test_the_network_holds_the_miner_and_the_validators(tmp_path):
    stage = Stage(folder=tmp_path)
    keys = stage.prepare_network()
    neurons = json.loads((tmp_path / "network.json").read_text())["neurons"]
    assert [neuron["hotkey"] for neuron in neurons] == [key.ss58_address for key in keys.values()]
    assert [neuron["stake"] for neuron in neurons[1:]] == list(STAKES.values())
    assert [neuron["validator_permit"] for neuron in neurons] == [False, True, True, True]


def test_wallets_are_reused_and_the_ledger_is_not(tmp_path):
    stage = Stage(folder=tmp_path)
    first = stage.prepare_network()
    (tmp_path / "ledger.sqlite").write_text("old")
    (tmp_path / "ledger.sqlite-wal").write_text("old")
    again = stage.prepare_network()
    assert {n: k.ss58_address for n, k in first.items()} == {n: k.ss58_address for n, k in again.items()}
    assert not list(tmp_path.glob("ledger*"))


def test_what_is_missing_is_named_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(LogicnetError, match=r"vLLM is not at .*make demo"):
        Stage(vllm_python=tmp_path / "python").check()
    (tmp_path / "python").touch()
    with pytest.raises(LogicnetError, match=r"the model is not at .*make demo"):
        Stage(vllm_python=tmp_path / "python", model=Path("/no/model")).check()


def test_a_wheel_says_what_works_without_the_repository(tmp_path, monkeypatch):
    monkeypatch.setattr("logicnet.operate.demo.stage._SETUP", tmp_path / "scripts" / "setup")
    with pytest.raises(LogicnetError, match=r"a copy of the repository.*`logicnet mine --offline") as caught:
        Stage(vllm_python=tmp_path / "python").check()
    assert "scripts/setup" not in str(caught.value)


def test_settings_of_another_miner_stay_outside(monkeypatch):
    monkeypatch.setenv("LOGICNET_AXON__PORT", "1")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("KEPT", "yes")
    assert environment()["KEPT"] == "yes"
    assert not {"LOGICNET_AXON__PORT", "OPENAI_API_KEY"} & set(environment())


def test_vllm_computes_in_what_this_cpu_has_instructions_for(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    assert dtype(cpuinfo) == "float32"  # another system than Linux
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu sse2 avx avx2 f16c\n\n")
    assert dtype(cpuinfo) == "float32"
    for flags in (
        "flags\t\t: avx512f avx512_bf16",
        "flags\t\t: amx_bf16 amx_tile",
        "Features\t: fp asimd bf16 sve",
    ):
        cpuinfo.write_text(f"processor\t: 0\n{flags}\n")
        assert dtype(cpuinfo) == "bfloat16"
