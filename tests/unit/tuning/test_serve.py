"""Who may call a service that other machines reach, as `tune serve` sets it up."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from bittensor import http_auth, sp_core

from logicnet.errors import SettingsError
from logicnet.operate.demo.stage import hotkey, write_network
from logicnet.settings import Settings
from logicnet.tuning import serve
from logicnet.tuning.callers import Loopback, TokenHolders, Validators
from tests.unit.tuning.test_callers import replied

VALIDATOR = sp_core.Keypair.create_from_uri("//Validator")
STRANGER = sp_core.Keypair.create_from_uri("//Stranger")


def settings(folder: Path, host: str, **tuning: Any) -> Settings:
    return Settings.model_validate(
        {
            "tuning": {"folder": folder / "tuning", "host": host, **tuning},
            "wallet": {"path": folder / "wallets", "name": "demo", "hotkey": "miner"},
            "chain": {"file": folder / "network.json"},
            "offline": True,
        }
    )


@pytest.fixture
def miner(tmp_path: Path) -> str:
    """The address of a hotkey that is there, in a network with one validator."""
    (tmp_path / "tuning").mkdir()
    ss58 = hotkey(tmp_path / "wallets", "miner").ss58_address
    write_network(tmp_path / "network.json", ss58, {VALIDATOR.ss58_address: 50_000.0})
    return ss58


def signed(key: Any, receiver: str, body: bytes) -> dict[str, str]:
    given = {"method": "POST", "path": "/train/", "receiver_ss58": receiver, "nonce_ns": time.time_ns()}
    return dict(http_auth.sign(key, body=body, **given))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_without_token_and_hotkey_a_service_for_others_does_not_start(tmp_path, host):
    async def start() -> None:
        async with serve._callers(settings(tmp_path, host)):
            raise AssertionError

    with pytest.raises(SettingsError, match=r"--tuning\.host .*hotkey.*--tuning\.token") as error:
        asyncio.run(start())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
async def test_without_token_only_the_signature_of_a_validator_passes(tmp_path, miner, host):
    async with serve._callers(settings(tmp_path, host)) as callers:
        assert isinstance(callers, Validators) and callers.local is False
        async with asyncio.timeout(60):
            while callers._admission._network() is None:  # the network is read in the background
                await asyncio.sleep(0.02)
        assert await replied(callers, headers={"Host": "127.0.0.1:7999"}) == 400  # nothing is signed
        assert await replied(callers, headers={"Authorization": "Bearer guess"}) == 400
        body = b'{"model": "m"}'
        headers = signed(VALIDATOR, miner, body)
        assert await replied(callers, body, headers) == 200
        assert await replied(callers, body, headers) == 401
        assert await replied(callers, body, signed(STRANGER, miner, body)) == 403
        assert await replied(callers, body, signed(VALIDATOR, VALIDATOR.ss58_address, body)) == 401
    async with serve._callers(settings(tmp_path, host)) as again:  # the nonce is on disk
        async with asyncio.timeout(60):
            while again._admission._network() is None:
                await asyncio.sleep(0.02)
        assert await replied(again, body, headers) == 401


async def test_with_a_token_its_holders_may_call_and_nobody_else(tmp_path, miner):
    async with serve._callers(settings(tmp_path, "0.0.0.0", token="a-sample-token")) as callers:
        assert isinstance(callers, TokenHolders)
        body = b"{}"
        assert await replied(callers, body, {"Authorization": "Bearer a-sample-token"}) == 200
        assert await replied(callers, body, signed(VALIDATOR, miner, body)) == 401
        assert await replied(callers, body, {"Host": "127.0.0.1:7999"}) == 401


async def test_on_the_loopback_nothing_is_asked(tmp_path):
    async with serve._callers(settings(tmp_path, "127.0.0.1")) as callers:
        assert isinstance(callers, Loopback)
