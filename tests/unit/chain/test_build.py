import asyncio
import json
from pathlib import Path

import pytest
from bittensor.sp_core import Keypair

from logicnet._util.processes import free_port
from logicnet.chain import metagraph_refresher
from logicnet.errors import SettingsError
from logicnet.settings import AxonSettings, ChainFileSettings, Settings, SubtensorSettings

MINER = Keypair.create_from_uri("//Miner")
VALIDATOR = Keypair.create_from_uri("//Validator").ss58_address


async def test_offline_the_network_is_that_of_the_file(tmp_path: Path, said: list[str]) -> None:
    path = tmp_path / "net.json"
    path.write_text(json.dumps({"neurons": [{"uid": 0, "hotkey": VALIDATOR, "stake": 5e4}]}))
    refresher = metagraph_refresher(Settings(offline=True, chain=ChainFileSettings(file=path)), MINER)
    refresher.start()
    try:
        async with asyncio.timeout(60):
            while (graph := refresher.current()) is None:
                await asyncio.sleep(0.01)
        assert list(graph.by_hotkey) == [VALIDATOR]
        # Our own hotkey is not in the file, and offline that is nothing to be told of.
        assert said == ["INFO Metagraph fetched: block 0, 1 neuron, 0 of them with a validator permit."]
    finally:
        await refresher.stop()


def test_offline_without_a_file_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^--offline takes the network from a file: .*--chain\.file"):
        metagraph_refresher(Settings(offline=True), MINER)


@pytest.mark.parametrize(
    ("neuron", "warned"),
    [({}, True), ({"stake": 9e3}, True), ({"stake": 1e4}, False), ({"validator_permit": True}, False)],
)
def test_a_file_without_anybody_who_may_ask_is_warned_of(
    tmp_path: Path, said: list[str], neuron: dict[str, object], warned: bool
) -> None:
    path = tmp_path / "net.json"
    path.write_text(json.dumps({"neurons": [{"uid": 0, "hotkey": VALIDATOR, **neuron}]}))
    metagraph_refresher(Settings(offline=True, chain=ChainFileSettings(file=path)), MINER)
    warning = (
        f"WARNING Nobody in --chain.file {path} may ask: give a neuron `validator_permit`, "
        "or a `stake` of 10000."
    )
    assert said == ([warning] if warned else [])


def test_a_wrong_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--chain\.file .*/none: cannot be read"):
        metagraph_refresher(Settings(offline=True, chain=ChainFileSettings(file=tmp_path / "none")), MINER)


async def test_an_address_that_old_validators_cannot_call_is_said(said: list[str]) -> None:
    for ip, warnings in (("1.2.3.4", 0), ("2606:4700::1", 1)):
        metagraph_refresher(Settings(axon=AxonSettings(external_ip=ip)), MINER)
        assert len(said) == warnings
    assert "IPv6" in said[0] and "--axon.external_ip" in said[0]


async def test_an_absent_chain_is_said_once_with_the_limit_of_the_settings(said: list[str]) -> None:
    settings = Settings(
        subtensor=SubtensorSettings(network=f"ws://127.0.0.1:{free_port()}/KEY"),
        chain=ChainFileSettings(timeout_s=10.0),
        axon=AxonSettings(external_ip="1.2.3.4"),
    )
    refresher = metagraph_refresher(settings, MINER)
    refresher.start()
    try:
        async with asyncio.timeout(60):
            while not said:
                await asyncio.sleep(0.01)
    finally:
        await refresher.stop()
    assert len(said) == 1 and said[0].startswith("WARNING No metagraph yet")
    assert "could not connect" in said[0] and "KEY" not in said[0]
