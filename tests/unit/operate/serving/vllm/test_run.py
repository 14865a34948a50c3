"""`logicnet vllm` as an operator types it: what is planned, what is said, what is started."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import huggingface_hub
import pynvml
import pytest

from logicnet._util.processes import free_port
from logicnet.cli import main
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving.options import VllmOptions
from logicnet.operate.serving.vllm.run import prepared, python_of
from tests.harness.quiet import logging_put_back
from tests.harness.said import listening
from tests.unit.operate.serving.test_memory import SMOLLM2
from tests.unit.operate.serving.vllm.test_supervisor import FAKE, SAID, alive


@pytest.fixture(autouse=True)
def exclusive(monkeypatch, tmp_path):
    """A folder of its own, no driver, no key, and logging as it was before."""

    def fails():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pynvml, "nvmlInit", fails)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    for name in ("VLLM_API_KEY", "VLLM_CPU_KVCACHE_SPACE"):
        monkeypatch.delenv(name, raising=False)
    with logging_put_back():
        yield


def options(*words: str, **machine: object) -> VllmOptions:
    return VllmOptions(python="py", words=words, **machine)  # type: ignore[arg-type]


def test_the_best_that_fits_is_started():
    assert "Qwen/Qwen2.5-7B-Instruct" in prepared(options(vram_gb=24)).argv
    assert "Qwen/Qwen2.5-7B-Instruct-AWQ" in prepared(options(card="L40S")).argv


def test_a_short_name_becomes_the_whole():
    assert "Qwen/Qwen2.5-7B-Instruct" in prepared(options(vram_gb=24, model="qwen2.5-7b-instruct")).argv


def test_the_model_may_be_the_first_word_as_vllm_serve_has_it():
    started = prepared(options("Qwen/Qwen2.5-7B-Instruct", "--enforce-eager", vram_gb=24))
    assert list(started.argv).count("Qwen/Qwen2.5-7B-Instruct") == 1
    assert started.argv[-1] == "--enforce-eager"


def test_a_folder_on_the_cpu(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(SMOLLM2))
    started = prepared(options(on_cpu=True, model=str(tmp_path)))
    assert started.environment == {"VLLM_CPU_KVCACHE_SPACE": "1"}
    assert started.planned_tokens == 46_592


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (options("--enforce-eager", model="x/y"), "No plan: no GPU can be seen"),
        (
            options(vram_gb=24, model="nobody/nothing"),
            "No plan: nothing is known of the model nobody/nothing",
        ),
        (
            options("--enforce-eager", vram_gb=24, model="falcon-40b"),
            "tiiuae/falcon-40b does not fit on 1 x GPU of 24 GB: ",
        ),
    ],
)
def test_without_a_plan_the_operators_words_must_do_and_it_is_said(asked, said):
    with listening() as lines:
        started = prepared(asked)
    assert started.planned_tokens is None
    assert "--max-model-len" not in started.argv
    (line,) = lines
    assert said in line


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        (options(), LogicnetError, "no GPU can be seen"),
        (options(vram_gb=24, model="nothing"), SettingsError, "nothing is known of the model nothing"),
        (options(vram_gb=24, model="falcon-40b"), SettingsError, "does not fit on 1 x GPU of 24 GB"),
        (options(vram_gb=2), LogicnetError, "no model of the catalogue fits"),
    ],
)
def test_what_cannot_be_planned_and_has_no_flags_is_refused(asked, kind, said):
    with pytest.raises(kind, match=said):
        prepared(asked)


def test_the_python_that_has_vllm_is_found(monkeypatch, tmp_path):
    assert python_of("given") == "given"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="there is no vLLM here"):
        python_of(None)
    beside = tmp_path / ".venv-vllm" / "bin" / "python"
    beside.parent.mkdir(parents=True)
    beside.touch()
    with pytest.raises(SettingsError, match="there is no vLLM here"):  # its set-up did not come to an end
        python_of(None)
    (tmp_path / ".venv-vllm" / "made-from").touch()
    assert python_of(None) == str(beside)
    (tmp_path / ".venv-gpu").mkdir()
    (tmp_path / ".venv-gpu" / "made-from").touch()
    assert python_of(None) == str(tmp_path / ".venv-gpu" / "bin" / "python")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert python_of(None) == sys.executable


def test_a_refused_start_is_one_line_and_status_2(monkeypatch, tmp_path, capfd):
    fake = Path(__file__).parents[4] / "harness" / "fake_vllm"
    (tmp_path / "says").write_text((SAID / "no_token.txt").read_text())
    monkeypatch.setenv("PYTHONPATH", str(fake))
    monkeypatch.setenv("FAKE_VLLM", str(tmp_path))
    assert main(["vllm", "--model", "a/b", "--python", sys.executable, "--port", "0"]) == 2
    assert "--port takes a number" in capfd.readouterr().err
    port = str(free_port())
    asked = ["vllm", "--model", "a/b", "--python", sys.executable, "--port", port, "--dtype", "float16"]
    assert main(asked) == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert "vLLM refused to start: the model meta-llama/Llama-3.2-1B-Instruct is gated" in last
    given = json.loads((tmp_path / "starts").read_text())
    assert given[-2:] == ["--dtype", "float16"]
    assert list(tmp_path.glob(".run/*.group")) == []


def test_the_token_of_dot_env_reaches_vllm_and_no_line_of_ours(monkeypatch, tmp_path, capfd):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (tmp_path / ".env").write_text("HF_TOKEN=hf-sample-token\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$HF_TOKEN" > seen\ncat {SAID / "no_token.txt"}\nexit 1\n')
    python.chmod(0o755)
    asked = ["vllm", "--model", "a/b", "--python", str(python), "--port", str(free_port()), "--enforce-eager"]
    assert main(asked) == 2
    assert (tmp_path / "seen").read_text() == "hf-sample-token\n"
    assert "hf-sample-token" not in "".join(capfd.readouterr())


def test_wrong_settings_are_said_before_vllm_is_started(monkeypatch, tmp_path, capfd):
    (tmp_path / ".env").write_text("LOGICNET_HF_TOKEN=two words\n")
    asked = ["vllm", "--model", "a/b", "--python", "none", "--enforce-eager"]
    assert main(asked) == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert "LOGICNET_HF_TOKEN (.env line 1) takes a key without spaces" in last


@pytest.mark.thorough
@pytest.mark.parametrize(("ignored", "goes_on"), [(False, False), (True, True)])
def test_the_end_of_its_terminal_ends_vllm_too_unless_nohup_was_asked(tmp_path, ignored, goes_on):
    port = str(free_port())
    asked = ["vllm", "--model", "a/b", "--python", sys.executable, "--port", port, "--enforce-eager"]
    set_to = "SIG_IGN" if ignored else "SIG_DFL"  # these tests may run under nohup themselves
    begin = f"import signal, sys; signal.signal(signal.SIGHUP, signal.{set_to}); "
    begin += f"from logicnet.cli import main; sys.exit(main({asked}))"
    env = {**os.environ, "PYTHONPATH": str(FAKE), "FAKE_VLLM": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", begin], cwd=tmp_path, env=env) as supervisor:
        while not (pids := (tmp_path / "pids")).exists() or len(pids.read_text().split()) < 2:
            assert supervisor.poll() is None
            time.sleep(0.02)
        supervisor.send_signal(signal.SIGHUP)
        if goes_on:
            with pytest.raises(subprocess.TimeoutExpired):
                supervisor.wait(1)
            supervisor.terminate()
        assert supervisor.wait(120) == 0
    assert alive([int(pid) for pid in pids.read_text().split()]) == []
