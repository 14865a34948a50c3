"""The miner's settings as pm2 gives them to it: what this says, ecosystem.config.js says too."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from logicnet.doctor.started import as_started
from logicnet.errors import SettingsError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("env", "url", "key"),
    [
        ({}, "http://127.0.0.1:8000/v1", None),
        ({"SN35_VLLM_PORT": "8123", "VLLM_API_KEY": "k"}, "http://127.0.0.1:8123/v1", "k"),
        ({"SN35_VLLM_HOST": "0.0.0.0"}, "http://127.0.0.1:8000/v1", None),
        ({"SN35_VLLM_HOST": "10.0.0.7", "SN35_VLLM_PORT": "1"}, "http://10.0.0.7:1/v1", None),
        (
            {"SN35_VLLM_PORT": "8123", "LOGICNET_MINER__LLM_CLIENT__BASE_URL": "http://x/v1"},
            "http://x/v1",
            None,
        ),
        (
            {"VLLM_API_KEY": "k", "LOGICNET_MINER__LLM_CLIENT__BASE_URL": "http://127.0.0.1:1/v1"},
            "http://127.0.0.1:1/v1",
            None,
        ),
        (
            {"VLLM_API_KEY": "k", "SN35_MINER_FLAGS": "--miner.llm_client.base_url http://127.0.0.1:1/v1"},
            "http://127.0.0.1:1/v1",
            None,
        ),
        (
            {"VLLM_API_KEY": "k", "SN35_MINER_FLAGS": "--miner.llm_client.base_url=http://127.0.0.1:1/v1"},
            "http://127.0.0.1:1/v1",
            None,
        ),
        ({"SN35_VLLM": "false", "SN35_VLLM_PORT": "8123"}, "http://127.0.0.1:8000/v1", None),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_the_vllm_beside_the_miner(
    tmp_path: Path, env: dict[str, str], url: str, key: str | None, in_file: bool
) -> None:
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in env.items()) if in_file else "")
    client = as_started([], {} if in_file else env, file).settings.miner.llm_client
    assert client.base_url == url
    assert (client.key.get_secret_value() if client.key else None) == key


@pytest.mark.parametrize(
    ("env", "key"),
    [
        ({}, "ours"),
        ({"SN35_MINER_FLAGS": "--axon.port 9000"}, "ours"),
        ({"SN35_MINER_FLAGS": "--miner.llm_client.base_url https://api.example.com/v1"}, None),
        ({"SN35_MINER_FLAGS": "--miner.llm_client.base_url=https://api.example.com/v1"}, None),
        ({"LOGICNET_MINER__LLM_CLIENT__BASE_URL": "https://api.example.com/v1"}, None),
        ({"LOGICNET_MINER__LLM_CLIENT__KEY": "theirs"}, "theirs"),
    ],
)
def test_pm2_shows_the_key_of_our_vllm_to_no_other_server(env: dict[str, str], key: str | None) -> None:
    script = "console.log(JSON.stringify(require('./ecosystem.config.js').apps[1].env))"
    known = {"PATH": os.environ["PATH"], "SN35_ENV_FILE": os.devnull, "VLLM_API_KEY": "ours", **env}
    said = subprocess.run(["node", "-e", script], cwd=ROOT, env=known, capture_output=True, check=True).stdout
    assert json.loads(said).get("LOGICNET_MINER__LLM_CLIENT__KEY") == key


def test_flags_of_pm2_come_before_those_typed(tmp_path: Path) -> None:
    environ = {"SN35_MINER_FLAGS": "--offline --axon.port 9000 --miner.category 'a b'"}
    settings = as_started(["--axon.port", "9001"], environ, tmp_path / ".env").settings
    assert (settings.offline, settings.axon.port, settings.miner.category) == (True, 9001, "a b")


def test_flags_that_cannot_be_taken_apart_are_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SN35_MINER_FLAGS"):
        as_started([], {"SN35_MINER_FLAGS": "'"}, tmp_path / ".env")


def test_a_server_that_is_named_now_does_not_get_the_key_of_our_own(tmp_path: Path) -> None:
    environ = {"SN35_VLLM_PORT": "8017", "VLLM_API_KEY": "sk-own"}
    for flags in (
        ["--miner.llm_client.base_url", "https://x.example/v1"],
        ["--miner.llm_client.base_url=https://x.example/v1"],
    ):
        client = as_started(flags, environ, tmp_path / ".env").settings.miner.llm_client
        assert client.key is None
    assert as_started([], environ, tmp_path / ".env").settings.miner.llm_client.key is not None
