"""From nothing to a miner that pm2 keeps running: what `logicnet init` wrote, as it was written."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logicnet._util.processes import free_port
from logicnet.evals.arena.client import ValidatorClient
from logicnet.operate.demo.stage import environment
from logicnet.operate.init import writing as env_file
from tests.e2e.conftest import ROOT, START_S, Network, answers, kill_processes_of
from tests.harness.scripted_model import ScriptedModel

TRICKY = {
    "A": "plain",
    "B": "two words",
    "C": 'say "x"',
    "D": "it's # no comment",
    "E": "$HOME=1",
    "F": "",
    "G": "#",
}


@dataclass(frozen=True)
class Place:
    """A folder to mine from, with a pm2 of its own."""

    folder: Path
    pm2_program: Path

    @property
    def env(self) -> dict[str, str]:
        own = {name: value for name, value in environment().items() if not name.startswith("SN35_")}
        return own | {"PM2_HOME": str(self.folder / "pm2"), "HOME": str(self.folder)}

    async def run(self, *argv: str | Path, status: int = 0) -> str:
        done = await asyncio.create_subprocess_exec(
            *argv, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        out, _ = await asyncio.wait_for(done.communicate(), START_S)
        assert done.returncode == status, out.decode()
        return out.decode()

    async def logicnet(self, *words: str, status: int = 0) -> str:
        return await self.run(sys.executable, "-m", "logicnet", *words, status=status)

    async def pm2(self, *words: str) -> str:
        return await self.run(self.pm2_program, *words)


@asynccontextmanager
async def place(folder: Path, pm2_program: Path) -> AsyncIterator[Place]:
    here = Place(folder, pm2_program)
    try:
        yield here
    finally:
        try:
            await here.pm2("kill")
        finally:
            kill_processes_of(folder)  # only if the test failed: pm2 ends its own


async def test_init_then_pm2_then_doctor(pm2_program: Path, network: Network, tmp_path: Path) -> None:
    port = free_port()
    async with (
        ScriptedModel(text="one, two, three, " * 30) as model,
        place(tmp_path, pm2_program) as here,
    ):
        said = await here.logicnet(
            *("init", "--wallet.path", str(network.wallets), "--wallet.hotkey", "miner", "--yes"),
            *("--axon.port", str(port), "--miner.llm_client.base_url", model.base_url),
            *("--offline", "--chain.file", str(network.file), "--miner.category", "Logic and more"),
        )
        assert "pm2 start ecosystem.config.js" in said
        await here.pm2("start", "ecosystem.config.js")
        await answers(f"http://127.0.0.1:{port}/")
        (app,) = json.loads((await here.pm2("jlist")).splitlines()[-1])
        assert app["name"] == "sn35-miner"

        async with ValidatorClient(
            network.keys["alice"], miner_ss58=network.miner_ss58, base_url=f"http://127.0.0.1:{port}"
        ) as alice:
            reply = await alice.challenge("What is 7+5?", wire="classic", timeout_s=64)
        assert reply.success, reply.message

        found = await doctor(here)
        assert found["network"]["severity"] == found["models"]["severity"] == "ok", found
        assert found["limits"]["what"].startswith("The miner may have")
        assert "pm2 has not saved its app sn35-miner." in found["boot"]["what"]

        await here.pm2("stop", "sn35-miner")
        found = await doctor(here)
        assert "the miner does not run" in found["network"]["what"]
        assert "pm2 runs, but not its app sn35-miner" in found["boot"]["what"]


async def doctor(here: Place) -> dict[str, dict[str, Any]]:
    """Of each check what was found first; what is beyond this machine (time servers) is not looked at."""
    argv = [sys.executable, "-m", "logicnet", "doctor", "--json"]
    done = await asyncio.create_subprocess_exec(
        *argv, cwd=here.folder, env=here.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, error = await asyncio.wait_for(done.communicate(), START_S)
    assert done.returncode in {3, 4}, error.decode()
    told = json.loads(out)
    assert told["status"] == done.returncode
    first: dict[str, dict[str, Any]] = {}
    for finding in told["findings"]:
        first.setdefault(finding["check"], finding)
    return first


def test_ecosystem_reads_a_value_as_it_was_written(tmp_path: Path) -> None:
    """The same line, as JavaScript reads it; tests/unit/operate/init has python-dotenv's side."""
    tricky = {f"LOGICNET_{name}": value for name, value in TRICKY.items()}
    (tmp_path / ".env").write_text(env_file.text({"tricky": tricky}))
    config = json.dumps(str(ROOT / "ecosystem.config.js"))
    script = f"console.log(JSON.stringify(require({config}).apps.at(-1).env))"
    env = {**os.environ, "SN35_ENV_FILE": str(tmp_path / ".env")}
    shown = subprocess.run(
        ["node", "-e", script], env=env, capture_output=True, text=True, check=True, timeout=60
    )
    read = json.loads(shown.stdout)
    assert {name: read[name] for name in tricky} == tricky
