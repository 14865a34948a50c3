"""What a newcomer is told of a subnet, by the real bittensor client on a chain in memory."""

import json

import pytest
from rich.console import Console

from logicnet.config import read
from logicnet.errors import ChainError
from logicnet.operate.subnet import run
from tests.harness.mini_substrate import MiniChain
from tests.unit.operate.doctor.healthy import VALIDATORS

MINERS = (
    "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
    "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
    "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y",
)


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch, tmp_path) -> MiniChain:
    monkeypatch.setenv("BTCLI_TOKEN_SYMBOLS_CACHE", str(tmp_path / "token_symbols.json"))
    chain = MiniChain()
    chain.immunity, chain.burn_rao, chain.pool_rao = 7200, 250_000_000, (3_000, 60_000)
    for validator in VALIDATORS:
        chain.add(validator, stake_rao=10**13, permit=True, active=True, last_update=995)
    for miner, incentive, emission in zip(MINERS, (40_000, 20_000, 0), (36.1, 18.05, 0.0), strict=True):
        chain.add(miner, incentive=incentive, emission_rao=int(emission * 1e9))
    return chain


def told(chain: MiniChain, *flags: str) -> dict:
    out = Console(width=100, record=True)
    settings = read([*flags, "--subtensor.network", "ws://127.0.0.1:9"], {}).settings
    status = run(settings, out, open_substrate=chain.open)
    return {"status": status, "text": out.export_text()}


def test_who_asks_and_what_a_rank_earns(chain: MiniChain, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(chain)
    assert found["status"] == 0
    assert "Subnet 35 LogicNet: 5 of 256 places taken; one alpha is 0.05000 TAO." in found["text"]
    assert "A place costs 0.25000 TAO and is safe for 1.0 days" in found["text"]
    assert "2 of 2 validators set weights recently" in found["text"]
    capsys.readouterr()
    settings = read(["--subtensor.network", "ws://127.0.0.1:9"], {}).settings
    run(settings, Console(), as_json=True, open_substrate=chain.open)
    first, second = json.loads(capsys.readouterr().out)["ranks"]
    # 36.1 alpha in an epoch of 361 blocks of 12 s: 720 a day, at 0.05 TAO each
    assert (first["rank"], second["rank"]) == (1, 2)
    assert first["alpha_a_day"] == pytest.approx(720)
    assert first["tao_a_day"] == pytest.approx(36)
    assert second["tao_a_day"] == pytest.approx(18)


def test_a_dead_subnet_is_said(chain: MiniChain) -> None:
    for neuron in chain.neurons:
        neuron.active = False
        neuron.incentive = 0
    found = told(chain)
    assert found["status"] == 3
    assert "0 of 2 validators set weights recently" in found["text"]
    assert "No miner earns anything here." in found["text"]


def test_a_chain_that_is_away_is_one_line(chain: MiniChain) -> None:
    chain.go_away()
    with pytest.raises(ChainError, match="could not connect"):
        told(chain)
