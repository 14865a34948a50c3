"""pm2 keeps vLLM and the miner running: `ecosystem.config.js` with the demo's model on this CPU."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from logicnet._util.processes import free_port
from logicnet.evals.arena.client import MinerReply, ValidatorClient
from logicnet.operate.demo.stage import environment
from tests.e2e.conftest import ROOT, START_S, Network, answers, kill_processes_of, needed, processes_of, until


@dataclass(frozen=True)
class Pm2:
    """A pm2 with a home of its own, and the addresses its two apps were given."""

    program: Path
    home: Path
    env: dict[str, str]
    vllm_url: str
    axon_url: str

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            [self.program, *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def apps(self) -> dict[str, dict[str, Any]]:
        return {app["name"]: app for app in json.loads(self("jlist").splitlines()[-1])}

    def pid(self, name: str) -> int:
        """0 while it is down."""
        return int(self.apps()[name]["pid"] or 0)

    def log(self, name: str) -> str:
        file = self.home / "logs-of-apps" / f"{name}.log"
        return file.read_text(errors="replace") if file.exists() else ""


@pytest.fixture
def pm2(pm2_program: Path, network: Network, tmp_path: Path) -> Iterator[Pm2]:
    home = tmp_path / "pm2"
    vllm_port, axon_port = str(free_port()), str(free_port())
    started = Pm2(
        pm2_program,
        home,
        environment()
        | {
            "PM2_HOME": str(home),
            "SN35_ENV_FILE": os.devnull,  # not the .env of a real miner
            "SN35_LOGS": str(home / "logs-of-apps"),
            "SN35_VLLM_PYTHON": str(needed(ROOT / ".venv-vllm" / "bin" / "python")),
            "SN35_VLLM_MODEL": str(needed(ROOT / ".run" / "model" / "smollm2")),
            "SN35_VLLM_PORT": vllm_port,
            "SN35_VLLM_FLAGS": "--max-model-len 2048 --dtype bfloat16 --enforce-eager",
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_API_KEY": "sesame",
            "HF_HUB_OFFLINE": "1",
            "SN35_MINER_FLAGS": "--offline --miner.category 'Logic and more'",
            "LOGICNET_CHAIN__FILE": str(network.file),
            "LOGICNET_AXON__PORT": axon_port,
            "LOGICNET_WALLET__PATH": str(network.wallets),
            "LOGICNET_WALLET__NAME": "demo",
            "LOGICNET_WALLET__HOTKEY": "miner",
            "LOGICNET_LEDGER__PATH": str(home / "ledger.sqlite"),
        },
        f"http://127.0.0.1:{vllm_port}",
        f"http://127.0.0.1:{axon_port}",
    )
    try:
        yield started
    finally:
        try:
            started("kill")
        finally:
            kill_processes_of(home)  # only if the test failed: pm2 ends its own


async def restarted(pm2: Pm2, name: str) -> None:
    """kill -9 the app and wait until pm2 has another one."""
    before = pm2.pid(name)
    os.kill(before, signal.SIGKILL)
    await until(lambda: pm2.pid(name) not in {0, before})


async def test_both_apps_run_and_come_back_after_kill_9(pm2, network):
    pm2.env["LOGICNET_CONSOLE__PASSWORD"] = "twelve-or-more"
    pm2("start", "ecosystem.config.js")
    await answers(pm2.axon_url)
    await answers(pm2.vllm_url)
    assert "twelve-or-more" in psutil.Process(pm2.pid("sn35-miner")).environ().values()
    supervisor = psutil.Process(pm2.pid("sn35-vllm"))
    vllm = supervisor.children(recursive=True)
    assert vllm
    assert not any("twelve-or-more" in one.environ().values() for one in (supervisor, *vllm))

    async def ask(timeout_s: float = 64) -> MinerReply:
        async with ValidatorClient(
            network.keys["alice"], miner_ss58=network.miner_ss58, base_url=pm2.axon_url
        ) as alice:
            return await alice.challenge("What is 7+5?", wire="classic", timeout_s=timeout_s)

    reply = await ask()
    assert reply.success, reply.message
    assert len(reply.reasoning.split()) > 3  # the model's words: it took the key from the environment

    await restarted(pm2, "sn35-miner")
    await answers(pm2.axon_url)
    reply = await ask()
    assert reply.success, reply.message
    assert reply.answer

    await restarted(pm2, "sn35-vllm")
    reply = await ask(timeout_s=8)  # meanwhile there is no model, but never silence
    assert reply.success, reply.message
    # Until the new supervisor ends it, the old server answers still.
    await until(lambda: "orphans of an earlier vLLM" in pm2.log("sn35-vllm"))
    await answers(pm2.vllm_url)
    reply = await ask()
    assert reply.success, reply.message
    assert len(reply.reasoning.split()) > 3

    apps = pm2.apps()
    assert {name: app["pm2_env"]["restart_time"] for name, app in apps.items()} == {
        "sn35-vllm": 1,
        "sn35-miner": 1,
    }
    assert {app["pm2_env"]["exp_backoff_restart_delay"] for app in apps.values()} == {200}
    for process in processes_of(pm2.home):
        assert "sesame" not in " ".join(process.info["cmdline"])
    assert "Mining as" in pm2.log("sn35-miner")

    pm2("delete", "all")
    assert pm2.apps() == {}
    pm2("kill")
    await until(lambda: not processes_of(pm2.home))


async def test_a_wrong_setting_is_said_once_and_not_tried_for_ever(pm2):
    pm2.env["LOGICNET_AXON__PORT"] = "many"
    pm2("start", "ecosystem.config.js", "--only", "sn35-miner")
    await until(lambda: "LOGICNET_AXON__PORT" in pm2.log("sn35-miner"))
    await until(lambda: pm2.pid("sn35-miner") == 0)  # it has ended
    await asyncio.sleep(5)  # the first restart would come after 0.2 s, the second after 0.3 s
    assert pm2.apps()["sn35-miner"]["pm2_env"]["restart_time"] == 0
    assert pm2.log("sn35-miner").count("\n") == 1


async def test_no_secret_that_is_not_vllms_reaches_it_nor_does_after_a_restart(pm2, tmp_path):
    stands_in = tmp_path / "python"  # for the supervisor, whose environment is its vLLM's
    says = f'[ "$1" = -m ] && exec {sys.executable} "$@"'  # what to start
    stands_in.write_text(f"#!/bin/sh\n{says}\nexec sleep 600\n")
    stands_in.chmod(0o700)
    secrets = {
        "LOGICNET_CONSOLE__PASSWORD": "not-vllms-1",
        "OPENAI_API_KEY": "not-vllms-2",
        "BT_PW__WALLETS_MINE_COLDKEY": "not-vllms-3",
        "SN35_MINER_FLAGS": "--miner.llm_client.key not-vllms-4",
    }
    file = tmp_path / "env"
    file.write_text("".join(f'{name}="{value}"\n' for name, value in secrets.items()))
    pm2.env["SN35_MINER_PYTHON"] = str(stands_in)
    pm2.env["SN35_ENV_FILE"] = str(file)
    del pm2.env["SN35_MINER_FLAGS"]

    def given(name: str) -> dict[str, str]:
        return psutil.Process(pm2.pid(name)).environ()

    pm2("start", "ecosystem.config.js")
    assert secrets.items() <= given("sn35-miner").items()
    for more in ({}, {"WANDB_API_KEY": "not-vllms-5"}):
        pm2.env.update(more)  # the shell's, which pm2 adds to what the file says
        pm2("restart", "ecosystem.config.js", "--update-env")
        assert "not-vllms" not in "".join(given("sn35-vllm").values())
        assert given("sn35-vllm")["VLLM_API_KEY"] == "sesame"


def test_env_file_and_flags_as_an_operator_writes_them(pm2_program, tmp_path):
    """`.env.example` as it is, read by ecosystem.config.js; the environment wins over it."""
    script = "console.log(JSON.stringify(require('./ecosystem.config.js').apps))"
    env = environment() | {
        "SN35_ENV_FILE": ".env.example",
        "SN35_VLLM_PORT": "8123",
        "SN35_MINER_FLAGS": """--logging.debug --miner.category 'a b' --wallet.name="c 'd'" it\\'s""",
    }
    shown = subprocess.run(
        ["node", "-e", script], cwd=ROOT, env=env, capture_output=True, text=True, check=True, timeout=60
    )
    vllm, miner = json.loads(shown.stdout)
    assert vllm["args"][:4] == ["--model", "Qwen/Qwen2.5-7B-Instruct", "--host", "127.0.0.1"]
    assert vllm["args"][4:] == [
        "--port",
        "8123",
        "--max-model-len",
        "8192",
        "--gpu-memory-utilization",
        "0.92",
    ]
    assert miner["args"] == ["--logging.debug", "--miner.category", "a b", "--wallet.name=c 'd'", "it's"]
    assert miner["env"]["LOGICNET_MINER__LLM_CLIENT__BASE_URL"] == "http://127.0.0.1:8123/v1"
    assert miner["env"]["LOGICNET_WALLET__NAME"] == "my_coldkey"
    assert (miner["interpreter"], miner["cwd"]) == (str(ROOT / ".venv/bin/python"), str(ROOT))


@pytest.mark.parametrize(
    ("base_url", "name", "key"),
    [
        ("", "LOGICNET_MINER__LLM_CLIENT__KEY", "vllm-key"),
        ("https://x/v1", "OPENAI_API_KEY", "openai-key"),
        ("https://x/v1", "OPENAI_API_KEY", None),
    ],
    ids=["our vLLM", "another server", "another server without a key"],
)
def test_our_vllm_gets_its_own_key_and_no_other_server_does(pm2_program, base_url, name, key):
    script = "console.log(JSON.stringify(require('./ecosystem.config.js').apps[1].env))"
    env = environment() | {
        "SN35_ENV_FILE": "nowhere",
        "VLLM_API_KEY": "vllm-key",
    }
    env |= {"OPENAI_API_KEY": "openai-key"} if key == "openai-key" else {}
    env |= {"LOGICNET_MINER__LLM_CLIENT__BASE_URL": base_url} if base_url else {}
    shown = subprocess.run(
        ["node", "-e", script], cwd=ROOT, env=env, capture_output=True, text=True, check=True, timeout=60
    )
    sent = json.loads(shown.stdout)
    assert sent.get(name) == key
    assert base_url == "" or "LOGICNET_MINER__LLM_CLIENT__KEY" not in sent
