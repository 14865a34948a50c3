import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from bittensor.sp_core import Keypair
from huggingface_hub import constants

from logicnet.chain import CommitmentChain
from logicnet.protocol import Hotkey
from logicnet.tuning.compete.commitment import Committer
from logicnet.tuning.compete.competitions import competition
from logicnet.tuning.compete.journal import Journal
from tests.harness.hub import LoopbackHub, loopback_hub
from tests.harness.mini_substrate import MiniChain

MINER = Keypair.create_from_uri("//Miner")
RIVAL = Keypair.create_from_uri("//Rival")
HOTKEY = Hotkey(MINER.ss58_address)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    """A hub of our own for the real client, an empty cache, and no token."""
    with loopback_hub() as found:
        template = f"{found.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        hurried = SimpleNamespace(**{**vars(time), "sleep": lambda _: None})  # between its own retries
        monkeypatch.setattr("huggingface_hub.utils._http.time", hurried)
        yield found


@pytest.fixture
def mini(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MiniChain:
    """A chain with two miners on it."""
    monkeypatch.setenv("BTCLI_TOKEN_SYMBOLS_CACHE", str(tmp_path / "token_symbols.json"))
    found = MiniChain(netuid=6)
    found.add(MINER.ss58_address)
    found.add(RIVAL.ss58_address, incentive=40_000)
    return found


class Clock:
    """Unix seconds that pass with the chain's blocks: `sleep` makes them."""

    def __init__(self, mini: MiniChain) -> None:
        self.mini = mini
        self.slept: list[float] = []

    def __call__(self) -> float:
        return 1e9 + 12.0 * self.mini.block

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.mini.pass_blocks(-int(-seconds // 12))


@pytest.fixture
def clock(mini: MiniChain) -> Clock:
    return Clock(mini)


def chain_of(mini: MiniChain, signer: Keypair = MINER) -> CommitmentChain:
    return CommitmentChain(
        network="ws://127.0.0.1:9",
        netuid=mini.netuid,
        signer=signer,
        timeout_s=60.0,
        open_substrate=mini.open,
    )


def committer(
    mini: MiniChain,
    clock: Clock,
    path: Path,
    name: str = "m1",
    signer: Keypair = MINER,
    network: str = "test",
) -> Committer:
    hotkey = Hotkey(signer.ss58_address)
    journal = Journal(path / "commits.sqlite", network, mini.netuid, hotkey)
    return Committer(competition(name), chain_of(mini, signer), journal, hotkey, clock, clock.sleep)
