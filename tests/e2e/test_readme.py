"""README's block "Mine", pasted into a shell in a fresh clone, as far as it goes without a GPU and a chain.

Without an NVIDIA GPU no vLLM is installed: a scripted model answers, as a server elsewhere would.
"""

from __future__ import annotations

import asyncio
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

from logicnet._util.processes import free_port
from logicnet.operate.demo.stage import environment
from tests.e2e.conftest import ROOT, START_S, Network, kill_processes_of
from tests.harness.scripted_model import ScriptedModel

FASTER = {
    "logicnet volume advise": """\
logicnet volume advise --minutes 0.1 > advice.txt || test $? = 1
grep -E 'is safe:|Nothing was measured' advice.txt"""
}
"""So short a test may find no volume safe. It must say so: an error has the same exit status."""


def commands() -> str:
    """The indented lines of "Mine", up to the way without pm2."""
    part = (ROOT / "README.md").read_text().partition("## Mine\n")[2].partition("Without pm2")[0]
    lines = [line.partition("#")[0].strip() for line in part.splitlines() if line.startswith("    ")]
    return "\n".join(FASTER.get(line, line) for line in lines if line) + "\n"


def clone(into: Path) -> None:
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    for name in filter(None, map(bytes.decode, names)):
        if (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, into / name)


async def test_the_block_of_the_readme_can_be_pasted(network: Network, tmp_path: Path) -> None:
    clone(tmp_path)
    no_gpu = tmp_path / "bin" / "nvidia-smi"  # also on a machine that has one
    no_gpu.parent.mkdir()
    no_gpu.write_text("#!/bin/sh\nexit 9\n")
    no_gpu.chmod(0o755)
    script = commands()
    assert script.startswith("make mine\n")
    async with ScriptedModel(text="The answer is 7.") as model:
        own = {
            "HOME": str(tmp_path / "home"),
            "PATH": f"{no_gpu.parent}:{os.environ['PATH']}",
            "PM2_HOME": str(tmp_path / "pm2"),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            # A network that is not there, so that nobody else's is asked.
            "LOGICNET_CHAIN__TIMEOUT_S": "1",
        }
        shutil.copytree(network.wallets, tmp_path / "home" / ".bittensor" / "wallets")
        terminal, keyboard = pty.openpty()  # init asks only somebody at a terminal
        chain, port = f"ws://127.0.0.1:{free_port()}", str(free_port())
        os.write(terminal, "\n".join(["demo", "miner", chain, port, model.base_url, "", ""]).encode())
        try:
            pasted = await asyncio.create_subprocess_exec(
                *("bash", "-c", "set -euo pipefail\n" + script),
                cwd=tmp_path,
                env=environment() | own,
                stdin=keyboard,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            out, _ = await asyncio.wait_for(pasted.communicate(), 2 * START_S)
        finally:
            subprocess.run(
                [tmp_path / "node_modules" / ".bin" / "pm2", "kill"],
                cwd=tmp_path,
                env=environment() | own,
                capture_output=True,
                check=False,
            )
            kill_processes_of(tmp_path)
            os.close(terminal)
            os.close(keyboard)
    said = out.decode()
    assert pasted.returncode == 0, said
    told = [line for line in said.splitlines() if "Model 'scripted'" in line]
    assert any(line.endswith("profile 'chat'.") for line in told)  # the load test asked its questions
    states = re.findall(r"sn35-miner .*?(online|stopped)", said)  # of pm2's tables
    assert states == ["online", "stopped", "online"], said
    assert "sn35-vllm" not in said  # the model is served elsewhere
    assert "Mend the other errors, then: .venv/bin/logicnet doctor" in said  # the chain is not there
    assert (tmp_path / ".env").exists()
    assert "Traceback" not in said
