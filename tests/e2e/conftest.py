"""Real processes for the end-to-end tests: a vLLM, miners, an old client, pm2.

What a test needs is set up by `make test`; what is missing is an error that says so, never a skip.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx2
import psutil
import pytest

from logicnet._util.processes import Child, free_port
from logicnet.chain import Signer
from logicnet.evals.arena.client import MinerReply, ValidatorClient
from logicnet.operate.demo.stage import STAKES, Stage, environment, hotkey, write_network
from logicnet.protocol import SynapseName, Wire

ROOT = Path(__file__).parents[2]
START_S = 600.0  # generous: the machine may be busy with other things


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that must come to pass."""
    end_s = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < end_s, "it never came to pass"
        await asyncio.sleep(0.02)


async def answers(url: str) -> None:
    """Wait until somebody listens at `url`."""
    async with httpx2.AsyncClient(trust_env=False, timeout=5) as http, asyncio.timeout(START_S):
        while True:
            try:
                await http.get(url)
                return
            except httpx2.TransportError:
                await asyncio.sleep(0.1)


def needed(path: Path) -> Path:
    if not path.exists():
        pytest.fail(f"{path} is not there: `make test` sets it up", pytrace=False)
    return path


def processes_of(folder: Path) -> list[psutil.Process]:
    """Processes that were started for `folder`: it is in their command line, environment or open files.

    vLLM renames its engine and workers, which hides the first two; their log gives them away.
    Their `info` has `name` and `cmdline` as they were: one may end before it is asked for them.
    """
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        try:
            traces = [*(process.info["cmdline"] or ()), *process.environ().values()]
            traces += [file.path for file in process.open_files()]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if any(str(folder) in trace for trace in traces):
            found.append(process)
    return found


def kill_processes_of(folder: Path) -> None:
    for process in processes_of(folder):
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture(scope="session")
def dendrite_python() -> Path:
    """An interpreter that has bittensor 10.5.0, in an environment of its own."""
    return needed(ROOT / ".venv-bt10" / "bin" / "python")


@pytest.fixture(scope="session")
def pm2_program() -> Path:
    return needed(ROOT / "node_modules" / ".bin" / "pm2")


@dataclass(frozen=True)
class Network:
    """Wallets (all of the wallet `demo`) and the file that says who is registered.

    `keys` holds the hotkeys miner, alice, bob and charlie, and `stranger`, who is not registered.
    """

    wallets: Path
    file: Path
    keys: Mapping[str, Signer]

    @property
    def miner_ss58(self) -> str:
        return self.keys["miner"].ss58_address


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder = tmp_path_factory.mktemp("network")
    keys = {name: hotkey(folder / "wallets", name) for name in ("miner", *STAKES, "stranger")}
    stakes = {keys[name].ss58_address: stake for name, stake in STAKES.items()}
    write_network(folder / "network.json", keys["miner"].ss58_address, stakes)
    return Network(folder / "wallets", folder / "network.json", keys)


@dataclass(frozen=True)
class Vllm:
    """A running vLLM. `root` is `http://ip:port`, `base_url` what an OpenAI client is given."""

    root: str
    child: Child

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    async def metric(self, name: str) -> float:
        """The sum of one of its Prometheus metrics, `num_requests_running` say."""
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            text = (await http.get(f"{self.root}/metrics")).text
        values = re.findall(rf"^vllm:{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        assert values, f"vLLM has no metric {name}"
        return sum(float(value) for value in values)

    async def running(self) -> float:
        return await self.metric("num_requests_running") + await self.metric("num_requests_waiting")

    async def busy(self, asking: asyncio.Task[MinerReply]) -> None:
        """Wait until it is at work on what the miner is `asking`."""
        async with asyncio.timeout(START_S):
            while not await self.running():
                assert not asking.done(), f"the miner has replied without it: {asking.result()}"
                await asyncio.sleep(0.05)

    async def idle(self) -> None:
        """Wait until it has done, or stopped, all that it was asked."""
        async with asyncio.timeout(START_S):
            while await self.running():
                await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vllm]:
    """The real thing, on the CPU, with the demo's model. Started once; half a minute."""
    stage = Stage(
        vllm_python=needed(ROOT / ".venv-vllm" / "bin" / "python"),
        model=needed(ROOT / ".run" / "model" / "smollm2"),
        folder=tmp_path_factory.mktemp("vllm"),
    )
    port = free_port()
    with stage.start_vllm(port) as child:
        child.wait_for(f"http://127.0.0.1:{port}/v1/models", within_s=START_S)
        yield Vllm(f"http://127.0.0.1:{port}", child)


class Patient(ValidatorClient):
    """Waits for a reply longer than it tells the miner: that one's process may be starved, too."""

    async def ask(
        self, synapse: SynapseName, fields: Mapping[str, Any], *, wire: Wire, timeout_s: float
    ) -> MinerReply:
        self._told_s = timeout_s
        return await super().ask(synapse, fields, wire=wire, timeout_s=START_S)

    def _request(
        self, synapse: SynapseName, fields: Mapping[str, Any], wire: Wire, timeout_s: float
    ) -> tuple[dict[str, str], bytes]:
        return super()._request(synapse, fields, wire, self._told_s)  # the first that `ask` does


@dataclass(frozen=True)
class Miner:
    """A running miner. `url` is its axon, `said` what it has logged so far."""

    network: Network
    port: int
    child: Child
    ledger: Path = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return self.child.log.read_text(errors="replace")

    def asked_by(self, name: str) -> ValidatorClient:
        """A client that signs as `name`; use it as an async context manager."""
        return Patient(self.network.keys[name], miner_ss58=self.network.miner_ss58, base_url=self.url)


class StartMiner(Protocol):
    """Start a miner with more flags; it runs when this returns, and is ended after the test."""

    def __call__(
        self,
        *flags: str,
        env: Mapping[str, str] | None = None,
        ledger: Path | None = None,
        port: int | None = None,
        log: Path | None = None,
    ) -> Miner: ...


@pytest.fixture
def miner(network: Network, tmp_path: Path) -> Iterator[StartMiner]:
    """Starts `python neurons/miner/miner.py --offline ...`, as often as it is called."""
    with ExitStack() as stack:

        def start(
            *flags: str,
            env: Mapping[str, str] | None = None,
            ledger: Path | None = None,
            port: int | None = None,
            log: Path | None = None,
        ) -> Miner:
            port = port or free_port()
            ledger = ledger or tmp_path / f"ledger-{port}.sqlite"
            argv = [sys.executable, str(ROOT / "neurons" / "miner" / "miner.py"), "--offline"]
            argv += ["--chain.file", str(network.file), "--axon.port", str(port)]
            argv += ["--wallet.path", str(network.wallets), "--wallet.name", "demo"]
            argv += ["--wallet.hotkey", "miner", "--ledger.path", str(ledger), *flags]
            child = stack.enter_context(
                Child.start(
                    "the miner",
                    argv,
                    log=log or tmp_path / f"miner-{port}.log",
                    env=environment() | dict(env or {}),
                    cwd=tmp_path,
                )
            )
            child.wait_for(f"http://127.0.0.1:{port}/", within_s=START_S)
            return Miner(network, port, child, ledger)

        yield start
