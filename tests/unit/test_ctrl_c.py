"""What ends a command that runs until it is ended, and with which status: as real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logicnet._util.processes import free_port
from logicnet.operate.demo.stage import environment, hotkey, write_network

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

ROOT = Path(__file__).parents[2]
FAKE_VLLM = ROOT / "tests" / "harness" / "fake_vllm"
INT, TERM = signal.SIGINT, signal.SIGTERM

Words = Callable[[Path], list[str]]


def mine(folder: Path) -> list[str]:
    write_network(folder / "network.json", hotkey(folder / "wallets", "miner").ss58_address, {})
    wallet = ["--wallet.path", str(folder / "wallets"), "--wallet.name", "demo", "--wallet.hotkey", "miner"]
    axon = ["--axon.host", "127.0.0.1", "--axon.port", str(free_port()), "--miner.solver", "constant"]
    return ["mine", "--offline", "--chain.file", "network.json", *wallet, *axon]


def top(folder: Path) -> list[str]:
    return ["top"]


def console(folder: Path) -> list[str]:
    return ["console", "--console.port", str(free_port())]


def vllm(folder: Path) -> list[str]:
    python = ["--python", sys.executable, "--port", str(free_port())]
    return ["vllm", "--model", "a/b", *python, "--enforce-eager"]


def serve(folder: Path) -> list[str]:
    url = f"http://127.0.0.1:{free_port()}/v1"
    return ["serve", "--serve.port", str(free_port()), "--miner.llm_client.base_url", url]


def tune_serve(folder: Path) -> list[str]:
    python = ["--tuning.python", sys.executable, "--tuning.isolation", "process"]
    return ["tune", "serve", "--tuning.folder", "tuning", "--tuning.port", str(free_port()), *python]


@pytest.mark.parametrize(
    ("words", "ready", "number", "status"),
    [
        (mine, "Mining as", INT, 130),
        (mine, "Mining as", TERM, 0),
        (top, "no miner is running", INT, 130),
        (console, "The console is at", INT, 130),
        (vllm, "pids", INT, 130),
        (vllm, "pids", TERM, 0),
        (serve, "/v1", INT, 130),
        (serve, "/v1", TERM, 0),
        (tune_serve, "Training service on", INT, 130),
        (tune_serve, "Training service on", TERM, 0),
    ],
)
def test_it_ends_with_this_status_and_no_traceback(
    tmp_path: Path, words: Words, ready: str, number: signal.Signals, status: int
) -> None:
    argv = [sys.executable, "-m", "logicnet", *words(tmp_path)]
    env = environment() | {"PYTHONPATH": str(FAKE_VLLM), "FAKE_VLLM": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    env.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI reads it, and asks for a port for tests
    if words is top:  # in a pipe it ends by itself
        env["FORCE_COLOR"] = "1"
    out = tmp_path / "out"
    with (
        out.open("w") as file,
        subprocess.Popen(argv, cwd=tmp_path, env=env, stdout=file, stderr=file) as one,
    ):
        while ready not in out.read_text() and not (tmp_path / ready).exists():
            assert one.poll() is None, out.read_text()
            time.sleep(0.02)
        os.kill(one.pid, number)
        assert one.wait(120) == status, out.read_text()
    assert "Traceback" not in out.read_text()


@pytest.mark.parametrize("entry", [["-m", "logicnet"], ["neurons/miner/miner.py"], ["main.py"]], ids=str)
@pytest.mark.parametrize("imported", [5, 100, 250, 400])
def test_it_ends_quietly_while_it_still_imports(entry: list[str], imported: int) -> None:
    """`imported`: modules since the package itself, which Python names on stderr as they come."""
    argv = [sys.executable, "-X", "importtime", *entry, "--help"]
    with subprocess.Popen(
        argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as one:
        assert one.stderr is not None
        lines = iter(one.stderr.readline, "")
        assert any(line.endswith(" logicnet\n") for line in lines)
        assert all(next(lines).startswith("import time:") for _ in range(imported))
        one.send_signal(INT)
        said = [line for line in lines if not line.startswith("import time:")]
    assert (one.returncode, said) == (130, [])
