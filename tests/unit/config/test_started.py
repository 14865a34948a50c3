"""What pm2 starts, read once: for ecosystem.config.js, and as the settings that the miner then has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logicnet.config import read
from logicnet.config.started import apps, as_started, others_started
from logicnet.errors import SettingsError

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

ROOT = Path(__file__).parents[3]


def pm2_apps(env: dict[str, str]) -> list[dict[str, Any]]:
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
        (
            {"SN35_VLLM_FLAGS": "--replicas 2 -q fp8"},
            ",".join(f"http://127.0.0.1:800{n}/v1" for n in "01"),
            None,
        ),
        (
            {"SN35_VLLM_PORT": "9099", "SN35_VLLM_FLAGS": "--replicas=3"},
            "http://127.0.0.1:9099/v1,http://127.0.0.1:9100/v1,http://127.0.0.1:9101/v1",
            None,
        ),
        ({"SN35_VLLM_FLAGS": "--replicas many"}, "http://127.0.0.1:8000/v1", None),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_the_miner_asks_the_vllm_beside_it(
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
def test_pm2_sends_the_key_of_our_vllm_to_no_other_server(env: dict[str, str], key: str | None) -> None:
    known = {"SN35_ENV_FILE": os.devnull, "VLLM_API_KEY": "ours", **env}
    assert pm2_apps(known)[1]["env"].get("LOGICNET_MINER__LLM_CLIENT__KEY") == key


@pytest.mark.parametrize("host", ["10.0.0.7", "gpu.local", "0.0.0.0", "::", "::1"])
def test_pm2_and_we_call_the_same_address(host: str, tmp_path: Path) -> None:
    env = {"SN35_ENV_FILE": os.devnull, "SN35_VLLM_HOST": host}
    url = as_started([], env, tmp_path / ".env").settings.miner.llm_client.base_url
    assert pm2_apps(env)[1]["env"]["LOGICNET_MINER__LLM_CLIENT__BASE_URL"] == url


def test_the_source_of_a_setting_from_pm2_is_named(tmp_path: Path) -> None:
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


def test_flags_with_an_open_quote_are_refused(tmp_path: Path) -> None:
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


def test_flags_are_split_as_a_shell_does(tmp_path: Path) -> None:
    flags = """--logging.debug --miner.category 'a b' --wallet.name="c 'd'" it\\'s"""
    environ = {"SN35_ENV_FILE": os.devnull, "SN35_MINER_FLAGS": flags}
    words = ["--logging.debug", "--miner.category", "a b", "--wallet.name=c 'd'", "it's"]
    assert apps(environ)["sn35-miner"]["args"] == words


def test_the_arguments_of_vllm(tmp_path: Path) -> None:
    environ = {"SN35_ENV_FILE": os.devnull}
    default = ["--model", "Qwen/Qwen2.5-7B-Instruct", "--host", "127.0.0.1", "--port", "8000"]
    assert apps(environ)["sn35-vllm"]["args"] == default
    environ |= {"SN35_VLLM_MODEL": "a/b", "SN35_VLLM_PORT": "8123", "SN35_VLLM_FLAGS": "--max-model-len 4096"}
    environ["SN35_VLLM_PYTHON"] = ".venv-vllm/bin/python"
    python = str(Path.cwd() / ".venv-vllm/bin/python")
    assert apps(environ)["sn35-vllm"]["args"] == [
        *("--model", "a/b", "--host", "127.0.0.1", "--port", "8123"),
        *("--max-model-len", "4096", "--python", python),
    ]


def test_without_a_vllm_only_the_miner_is_started(tmp_path: Path) -> None:
    assert list(apps({"SN35_ENV_FILE": os.devnull, "SN35_VLLM": "false"})) == ["sn35-miner"]


SEVERAL = {
    "SN35_HOTKEYS": "a, b,c",
    "LOGICNET_WALLET__HOTKEY": "a",
    "LOGICNET_AXON__EXTERNAL_PORT": "41000",
    "LOGICNET_LEDGER__PATH": "/tmp/mine.sqlite",
}


def test_each_hotkey_has_a_miner_with_ports_and_a_ledger_of_its_own_and_all_share_the_model() -> None:
    started = pm2_apps({"SN35_ENV_FILE": os.devnull, "SN35_MINER_PYTHON": sys.executable, **SEVERAL})
    assert [one["name"] for one in started] == [
        *("sn35-vllm", "sn35-miner-a", "sn35-miner-b", "sn35-miner-c"),
    ]
    assert [one["kill_timeout"] for one in started] == [45000, 70000, 70000, 70000]
    assert len({one["out_file"] for one in started}) == 4
    miners = [one["env"] for one in started[1:]]
    assert [one["LOGICNET_WALLET__HOTKEY"] for one in miners] == ["a", "b", "c"]
    assert [one["LOGICNET_AXON__PORT"] for one in miners] == ["8091", "8092", "8093"]
    assert [one["LOGICNET_AXON__EXTERNAL_PORT"] for one in miners] == ["41000", "41001", "41002"]
    assert len({one["LOGICNET_LEDGER__PATH"] for one in miners}) == 3
    assert not any("LOGICNET_ADMIN__PORT" in one for one in miners)  # any free one, which the console finds


def test_the_settings_of_one_of_several_miners_are_those_that_pm2_gives_it(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in SEVERAL.items()))
    for name, port in zip("abc", (8091, 8092, 8093), strict=True):
        config = as_started([f"--wallet.hotkey={name}"], {}, env_file)
        started = apps({"SN35_ENV_FILE": str(env_file)})[f"sn35-miner-{name}"]["env"]
        ours = read([], started, Path(os.devnull)).settings
        assert config.settings.axon == ours.axon
        assert config.settings.ledger == ours.ledger
        assert config.settings.axon.port == port
    assert [one.settings.wallet.hotkey for one in others_started([], {}, env_file)] == ["b", "c"]
    assert others_started(["--wallet.hotkey", "b"], {}, env_file) == []
    sources = {setting.name: (one.source, one.name) for setting, one in config.given.items()}
    assert sources["axon.port"] == ("pm2, from", "SN35_HOTKEYS")
    alone = as_started([], {"LOGICNET_WALLET__HOTKEY": "other", "SN35_HOTKEYS": "a,b"}, tmp_path / "none")
    assert alone.settings.axon.port == 8091


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SN35_HOTKEYS": "a,b,a"}, "SN35_HOTKEYS names a twice"),
        ({"SN35_HOTKEYS": "a,b", "SN35_MINER_FLAGS": "--axon.port=9"}, "as LOGICNET_AXON__PORT"),
        ({"SN35_HOTKEYS": "a,b", "SN35_MINER_FLAGS": "--wallet.hotkey a"}, "gives --wallet.hotkey to all"),
    ],
)
def test_what_several_miners_cannot_share_is_refused(env: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        apps({"SN35_ENV_FILE": os.devnull, **env})


def test_the_environment_wins_over_the_file_and_values_stay_as_written(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("A=file\nLOGICNET_CONSOLE__PASSWORD=abc#def\nHF_TOKEN=hf\nE=\n")
    found = apps({"SN35_ENV_FILE": str(file), "A": "shell"})
    miners = {"A": "shell", "LOGICNET_CONSOLE__PASSWORD": "abc#def", "HF_TOKEN": "hf", "E": ""}
    assert miners.items() <= found["sn35-miner"]["env"].items()
    assert (miners | {"LOGICNET_CONSOLE__PASSWORD": ""}).items() <= found["sn35-vllm"]["env"].items()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SN35_VLLM_FLAGS": "'"}, "SN35_VLLM_FLAGS cannot be split into words"),
        ({"SN35_MINER_PYTHON": "no-such-python"}, "no-such-python cannot say what to start"),
    ],
)
def test_pm2_says_what_it_cannot_start(env: dict[str, str], said: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as error:
        pm2_apps({"SN35_ENV_FILE": os.devnull, **env})
    assert said in error.value.stderr.decode()


def test_an_old_node_is_told_which_one_is_needed() -> None:
    script = "delete require('util').parseEnv; require('./ecosystem.config.js')"
    done = subprocess.run(["node", "-e", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "needs Node.js 20.12 or newer; this is v" in done.stderr
