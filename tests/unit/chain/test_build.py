import asyncio
import json
from pathlib import Path

import pytest
from bittensor.sp_core import Keypair

from logicnet.chain import network_keeper
from logicnet.errors import SettingsError
from logicnet.settings import Axon, ChainFile, Settings, Subtensor
from tests.harness.broken_node import free_port
from tests.harness.manual_time import settle

MINER = Keypair.create_from_uri("//Miner")
VALIDATOR = Keypair.create_from_uri("//Validator").ss58_address


async def test_offline_the_network_is_that_of_the_file(tmp_path: Path, said: list[str]) -> None:
    path = tmp_path / "net.json"
    path.write_text(json.dumps({"neurons": [{"uid": 0, "hotkey": VALIDATOR, "stake": 5e4}]}))
    keeper = network_keeper(Settings(offline=True, chain=ChainFile(file=path)), MINER)
    keeper.start()
    try:
        async with asyncio.timeout(10):
            while (graph := keeper.current()) is None:
                await asyncio.sleep(0.01)
        assert list(graph.by_hotkey) == [VALIDATOR]
        # Our own hotkey is not in the file, and offline that is nothing to be told of.
        assert [line.split(":")[0] for line in said] == ["INFO The network is known"]
    finally:
        await keeper.stop()


async def test_offline_without_a_file_nobody_is_known_and_it_is_said_once(said: list[str]) -> None:
    keeper = network_keeper(Settings(offline=True), MINER)
    keeper.start()
    await settle()
    assert keeper.current() is None
    await keeper.stop()
    assert said == [
        "WARNING No metagraph yet, so nobody is admitted. Offline, and without --chain.file nobody is known: "
        "name a file of neurons. Asking again, with growing pauses."
    ]


def test_a_wrong_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--chain\.file .*/none: cannot be read"):
        network_keeper(Settings(offline=True, chain=ChainFile(file=tmp_path / "none")), MINER)


async def test_an_absent_chain_is_said_once_with_the_limit_of_the_settings(said: list[str]) -> None:
    settings = Settings(
        subtensor=Subtensor(network=f"ws://127.0.0.1:{free_port()}/KEY"),
        chain=ChainFile(timeout_s=10.0),
        axon=Axon(external_ip="1.2.3.4"),
    )
    keeper = network_keeper(settings, MINER)
    keeper.start()
    try:
        async with asyncio.timeout(20):
            while not said:
                await asyncio.sleep(0.01)
    finally:
        await keeper.stop()
    assert len(said) == 1 and said[0].startswith("WARNING No metagraph yet")
    assert "could not connect" in said[0] and "KEY" not in said[0]
