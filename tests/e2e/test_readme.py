"""README's block "Mine", pasted into a shell in a fresh clone, as far as it goes without a GPU and a chain.

vLLM is left out of the install, and a scripted model answers in its place. pm2 is left to test_init.py.
"""

from __future__ import annotations

import asyncio
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

from logicnet.operate.demo.stage import environment
from tests.e2e.conftest import ROOT, START_S, Network
from tests.harness.scripted_model import ScriptedModel

AROUND = """set -euo pipefail
pip() { "$UV" pip "${@//vllm,/}"; }
npm() { echo "npm $*"; }
npx() { echo "npx $*"; }
"""
"""What stands in for a GPU, for Node.js and for pip, which takes minutes."""

FASTER = {
    "logicnet volume advise": "logicnet volume advise --minutes 0.1 || test $? = 1",
    "logicnet doctor": "logicnet doctor || true",
}
"""So short a test may find no volume safe, and a miner that does not run is an error to doctor."""


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
    script = commands()
    assert [line.split()[0] for line in script.splitlines()][:4] == ["python3.11", "pip", "npm", "logicnet"]
    async with ScriptedModel(text="The answer is 7.") as model:
        own = {
            "HOME": str(tmp_path / "home"),
            "UV": str(Path(sys.executable).with_name("uv")),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
        }
        shutil.copytree(network.wallets, tmp_path / "home" / ".bittensor" / "wallets")
        terminal, keyboard = pty.openpty()  # init asks only somebody at a terminal
        os.write(terminal, "\n".join(["demo", "miner", "finney", "8091", model.base_url, "", ""]).encode())
        pasted = await asyncio.create_subprocess_exec(
            *("bash", "-c", AROUND + script),
            cwd=tmp_path,
            env=environment() | own,
            stdin=keyboard,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(pasted.communicate(), START_S)
        os.close(terminal)
        os.close(keyboard)
    said = out.decode()
    assert pasted.returncode == 0, said
    told = [line for line in said.splitlines() if "Model 'scripted'" in line]
    assert any(line.endswith("profile 'chat'.") for line in told)  # the load test asked its questions
    assert said.splitlines()[-1] == "npx pm2 start sn35-miner"
    assert (tmp_path / ".env").exists()
    assert "Traceback" not in said
