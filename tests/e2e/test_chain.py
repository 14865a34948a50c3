"""The chain as operators meet it: absent, slow, half-open, broken, back again.

The client is the real one. On a chain in memory it is driven through a whole life; against real
sockets it meets nodes that fail in each way, each of which must be over within the call's own limit.
"""

import asyncio
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from bittensor.sp_core import Keypair

from logicnet._util.processes import free_port
from logicnet.chain import AxonAddress, AxonPublisher, MetagraphRefresher, SubtensorChain
from logicnet.chain.build import register_command
from logicnet.chain.registration import RegistrationMonitor
from logicnet.errors import ChainError
from logicnet.protocol import Hotkey
from logicnet.settings import Settings, SubtensorSettings, WalletSettings
from tests.e2e.conftest import START_S
from tests.harness.broken_node import Way, broken_node
from tests.harness.manual_time import ManualTime, settle
from tests.harness.mini_substrate import MiniChain
from tests.harness.said import listening

MINER = Keypair.create_from_uri("//Miner")
VALIDATOR = Keypair.create_from_uri("//Validator").ss58_address
HERE, THERE = AxonAddress("1.2.3.4", 8091), AxonAddress("9.9.9.9", 8091)
LIMIT_S = 1.0  # what each call may take where none succeeds, but has to reach the node
GOOD_S = 60.0  # and where some do, on a machine under load


@pytest.fixture(autouse=True)
def _no_file_in_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BTCLI_TOKEN_SYMBOLS_CACHE", str(tmp_path / "token_symbols.json"))


@pytest.fixture
def said() -> Iterator[list[str]]:
    with listening() as lines:
        yield lines


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(START_S):
        while not true():
            await asyncio.sleep(0.005)


class Chain(SubtensorChain):
    """The real one, of which it can be seen whether an address is being published now."""

    publishing = False

    async def serve_axon(self, address: AxonAddress) -> None:
        self.publishing = True
        try:
            await super().serve_axon(address)
        finally:
            self.publishing = False


class Miner:
    """The chain's side of a miner on `mini`, with time that passes by hand in all but the calls."""

    def __init__(self, mini: MiniChain) -> None:
        self.mini, self.time, self.address = mini, ManualTime(), HERE
        options: dict[str, Any] = {"clock": self.time.clock, "chance": lambda: 0.999999}
        self.chain = Chain(
            network="ws://127.0.0.1:9",
            netuid=35,
            signer=MINER,
            timeout_s=GOOD_S,
            open_substrate=mini.open,
            clock=self.time.clock,
        )
        hotkey = Hotkey(MINER.ss58_address)
        self.refresher = MetagraphRefresher(
            self.chain,
            refresh_s=60.0,
            registration=RegistrationMonitor(
                hotkey, netuid=35, register_with="btcli subnets register --netuid 35"
            ),
            publisher=AxonPublisher(self.chain, hotkey, self._find, **options),
            sleep=self.time.sleep,
            **options,
        )

    async def _find(self) -> AxonAddress:
        return self.address

    async def begin(self) -> None:
        self.refresher.start()
        self.refresher.publish()
        await self._at_rest(pauses=1)

    async def turn(self, times: int = 1) -> None:
        """Pass the pause that the refresher is in, and let all end that comes of it, `times` times over."""
        for _ in range(times):
            pauses = len(self.time.slept_s)
            self.mini.block += 5
            await self.time.advance(self.time.slept_s[-1])
            await self._at_rest(pauses + 1)

    async def _at_rest(self, pauses: int) -> None:
        """Until the refresher is in its pause of that number, and the publisher is done."""
        await until(lambda: len(self.time.slept_s) >= pauses)
        await settle()
        await until(lambda: not self.chain.publishing)


async def test_a_life_absent_at_the_start_comes_hangs_goes_and_returns(said: list[str]) -> None:
    mini = MiniChain(netuid=35)
    mini.add(VALIDATOR, stake_rao=50_000 * 10**9, permit=True)
    mine = mini.add(MINER.ss58_address, incentive=655)
    miner = Miner(mini)
    refresher = miner.refresher

    mini.go_away()
    await miner.begin()
    await miner.turn(5)
    assert refresher.current() is None  # so nobody is admitted
    assert len(said) == 1 and said[0].startswith("WARNING No metagraph yet, so no caller is admitted.")
    assert len(mini.opened) == 6  # a fresh connection each time

    mini.come_back()
    await miner.turn()
    first = refresher.current()
    assert first is not None and first.by_hotkey[Hotkey(VALIDATOR)].stake == 50_000
    assert len(mini.served) == 1
    assert said[1:] == [
        "INFO Metagraph fetched: block 1030, 2 neurons, 1 of them with a validator permit.",
        "INFO Registered on subnet 35 as uid 1.",
        "INFO Rank 1 of 2, incentive 0.00999.",
        "INFO Published our axon at 1.2.3.4:8091.",
    ]
    await miner.turn(20)
    assert mini.served == [("1.2.3.4", 8091)]  # and not again while the chain shows it

    said.clear()
    connections, last = len(mini.opened), refresher.current()
    mini.hang()
    miner.chain._timeout_s = LIMIT_S
    await miner.turn(2)
    miner.chain._timeout_s = GOOD_S
    assert refresher.current() is last and (refresher.age_s() or 0) > 60
    assert len(said) == 1
    assert f"did not answer within {LIMIT_S:g} s. The metagraph of" in said[0]

    mini.go_away()  # from half-open to gone
    mini.hung = False
    await miner.turn(3)
    assert refresher.current() is last and len(said) == 1

    mini.come_back()
    miner.address = THERE  # and meanwhile the line got another address
    mine.incentive = 6554
    await miner.turn()
    assert refresher.current() is not last and refresher.age_s() == 0
    assert len(mini.opened) > connections
    await miner.turn(10)
    assert mini.served[1:] == [("9.9.9.9", 8091)]
    assert [line.split()[1] for line in said[1:]] == ["The", "Rank", "Published"]

    said.clear()
    mini.neurons.remove(mine)
    await miner.turn(3)
    assert refresher.current() is not None
    assert len(said) == 1 and "was deregistered from subnet 35" in said[0]
    await asyncio.wait_for(refresher.stop(), 60.0)


async def test_a_miner_on_a_chain_that_limits_and_refuses_addresses(said: list[str]) -> None:
    mini = MiniChain(netuid=35)
    mine = mini.add(MINER.ss58_address)
    mine.axon = {
        "ip": 0x05060708,
        "port": 8091,
        "ip_type": 4,
        "block": mini.block,
    }  # just now, by a former run
    miner = Miner(mini)
    await miner.begin()
    assert len(mini.served) == 1
    said.clear()
    await miner.turn(9)
    assert len(mini.served) == 1 and said == []  # refused as too soon, quietly, and let be
    await miner.turn(15)
    assert len(mini.served) == 2
    assert said == ["INFO Published our axon at 1.2.3.4:8091."]

    said.clear()
    miner.address = AxonAddress("127.0.0.1", 8091)
    await miner.turn(120)
    assert len(mini.served) < 10
    assert len(said) == 1 and "--axon.external_ip" in said[0]
    await miner.refresher.stop()


def on(url: str, timeout_s: float = LIMIT_S) -> SubtensorChain:
    return SubtensorChain(network=url, netuid=35, signer=MINER, timeout_s=timeout_s)


@pytest.mark.parametrize("way", get_args(Way))
async def test_a_broken_node_is_an_error_in_time_and_leaves_nothing_open(way: Way, tmp_path: Path) -> None:
    async with broken_node(way) as node:
        chain = on(node.url)
        for call in (chain.metagraph, lambda: chain.serve_axon(HERE), chain.metagraph):
            # Generous, for a machine under load; the library's own limit is five times 60 s.
            with pytest.raises(ChainError) as error:
                await asyncio.wait_for(call(), 60.0)
            assert str(error.value).isprintable() and node.url in str(error.value)
        async with asyncio.timeout(START_S):
            while node.connections < 3:  # none of them is used again; a call of a slow machine may make none
                with pytest.raises(ChainError):
                    await chain.metagraph()
        await until(lambda: node.open_now == 0)
        await chain.close()


async def test_nobody_listening_is_an_error_in_time() -> None:
    chain = on(f"ws://127.0.0.1:{free_port()}")
    for call in (chain.metagraph, lambda: chain.serve_axon(HERE)):
        with pytest.raises(
            ChainError, match=r"^The chain at ws://127\.0\.0\.1:\d+ .*(could not connect|not answer)"
        ):
            await asyncio.wait_for(call(), 60.0)
    await chain.close()


async def test_an_endpoint_that_refuses_and_then_only_half_opens_is_retried_and_said_once(
    said: list[str],
) -> None:
    port = free_port()
    time = ManualTime()
    chain = on(f"ws://127.0.0.1:{port}", 4.0)  # in which it surely reaches the node
    refresher = MetagraphRefresher(
        chain, refresh_s=60, clock=time.clock, sleep=time.sleep, chance=lambda: 0.999999
    )
    refresher.start()

    async def turn() -> None:
        pauses = len(time.slept_s)
        await time.advance(time.slept_s[-1])
        await until(lambda: len(time.slept_s) > pauses)

    await until(lambda: time.slept_s)
    for _ in range(3):
        await turn()
    async with broken_node("silence", port=port) as node:
        for _ in range(3):
            await turn()
        assert node.connections == node.requests == 3
        assert refresher.current() is None
        assert [round(pause) for pause in time.slept_s] == [1, 2, 4, 8, 16, 32, 60]
        assert len(said) == 1 and said[0].startswith("WARNING No metagraph yet, so no caller is admitted.")

        await time.advance(60.0)
        await until(lambda: node.requests == 4)  # it hangs in a call now
        await asyncio.wait_for(refresher.stop(), 60.0)
        await until(lambda: node.open_now == 0)


async def test_a_chain_that_hangs_takes_nothing_from_the_miners_own_loop(said: list[str]) -> None:
    async with broken_node("silence") as node:
        refresher = MetagraphRefresher(on(node.url), refresh_s=60)
        refresher.start()
        await until(lambda: node.requests)
        turns = 0
        while turns < 1000:  # the loop goes on turning
            await asyncio.sleep(0)
            turns += 1
        assert refresher.current() is None
        await asyncio.wait_for(refresher.stop(), 60.0)


def test_the_command_that_registers_is_one_that_btcli_takes() -> None:
    settings = Settings(
        netuid=36,
        wallet=WalletSettings(name="my cold", hotkey="hot", path=Path("/keys")),
        subtensor=SubtensorSettings(network="wss://node.example/KEY"),
    )
    command = register_command(settings)
    assert command == (
        "btcli subnets register --netuid 36 -n wss://node.example -w 'my cold' -H hot --wallet-path /keys"
    )
    btcli = Path(sys.executable).with_name("btcli")
    # It reads the whole line before it helps; a flag that it does not have is an error.
    for more, status in (["--help"], 0), (["--no-such-flag", "--help"], 2):
        asked = [btcli, *shlex.split(command)[1:], *more]
        assert subprocess.run(asked, capture_output=True, check=False).returncode == status
