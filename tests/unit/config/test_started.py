"""The miner's settings as pm2 gives them to it: what this says, ecosystem.config.js says too."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from logicnet.config.started import as_started
from logicnet.errors import SettingsError

ROOT = Path(__file__).parents[3]


def apps_of(env: dict[str, str]) -> list[dict[str, Any]]:
    """What ecosystem.config.js has pm2 start, in this environment."""
    script = "console.log(JSON.stringify(require('./ecosystem.config.js').apps))"
    known = {"PATH": os.environ["PATH"], **env}
    said = subprocess.run(["node", "-e", script], cwd=ROOT, env=known, capture_output=True, check=True).stdout
    apps: list[dict[str, Any]] = json.loads(said)
    return apps


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
    known = {"SN35_ENV_FILE": os.devnull, "VLLM_API_KEY": "ours", **env}
    assert apps_of(known)[1]["env"].get("LOGICNET_MINER__LLM_CLIENT__KEY") == key


@pytest.mark.parametrize("host", ["10.0.0.7", "gpu.local", "0.0.0.0", "::", "::1"])
def test_pm2_and_we_call_the_same_address(host: str, tmp_path: Path) -> None:
    env = {"SN35_ENV_FILE": os.devnull, "SN35_VLLM_HOST": host}
    url = as_started([], env, tmp_path / ".env").settings.miner.llm_client.base_url
    assert apps_of(env)[1]["env"]["LOGICNET_MINER__LLM_CLIENT__BASE_URL"] == url


def test_what_pm2_adds_is_said_to_come_from_there(tmp_path: Path) -> None:
    config = as_started([], {"SN35_VLLM_PORT": "8123", "VLLM_API_KEY": "k"}, tmp_path / ".env")
    came_from = {setting.name: config.source(setting) for setting in config.given}
    assert came_from == {
        "miner.llm_client.base_url": "pm2, from SN35_VLLM_PORT",
        "miner.llm_client.key": "pm2, from VLLM_API_KEY",
    }


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
