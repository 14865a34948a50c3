import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bittensor
import pytest
from bittensor.sp_core import Keypair

from logicnet.chain import AxonAddress, AxonRefused, Neuron, SubtensorChain, Why
from logicnet.errors import ChainError
from logicnet.settings import NETWORKS
from tests.harness.mini_substrate import MiniChain

MINER = Keypair.create_from_uri("//Miner")
VALIDATOR = Keypair.create_from_uri("//Validator")


@pytest.fixture
def mini() -> MiniChain:
    mini = MiniChain(netuid=35)
    mini.add(VALIDATOR.ss58_address, stake_rao=50_000 * 10**9, permit=True)
    mini.add(MINER.ss58_address, incentive=32768)
    return mini


@asynccontextmanager
async def seen(mini: MiniChain, **options: Any) -> AsyncIterator[SubtensorChain]:
    defaults = {"network": "ws://127.0.0.1:9", "netuid": 35, "signer": MINER, "timeout_s": 60.0}
    chain = SubtensorChain(**{**defaults, "open_substrate": mini.open, **options})
    try:
        yield chain
    finally:
        await chain.close()


async def test_a_metagraph_has_every_neuron_as_the_chain_has_it(mini: MiniChain) -> None:
    mini.neurons[0].axon = {"block": 1, "ip": 0x01020304, "port": 8091, "ip_type": 4}
    mini.neurons[1].axon = {"block": 1, "ip": (0x2001 << 112) + 1, "port": 9, "ip_type": 6}
    async with seen(mini, clock=lambda: 77.0) as chain:
        graph = await chain.metagraph()
    assert (graph.block, graph.fetched_at_s) == (1000, 77.0)
    assert graph.neurons == (
        Neuron(0, VALIDATOR.ss58_address, 50_000.0, True, 0.0, AxonAddress("1.2.3.4", 8091)),
        Neuron(1, MINER.ss58_address, 0.0, False, 32768 / 65535, AxonAddress("2001::1", 9)),
    )


async def test_no_axon_is_none_and_a_withdrawn_one_too(mini: MiniChain) -> None:
    mini.neurons[1].axon = {"block": 5, "ip": 0, "port": 1, "ip_type": 4}  # bittensor's ResetAxon
    async with seen(mini) as chain:
        graph = await chain.metagraph()
    assert [neuron.axon for neuron in graph.neurons] == [None, None]


async def test_the_connection_is_kept_from_call_to_call(mini: MiniChain) -> None:
    async with seen(mini) as chain:
        assert mini.opened == []  # not before it is asked
        await asyncio.gather(chain.metagraph(), chain.metagraph())
        await chain.metagraph()
    assert len(mini.opened) == 1


async def test_nothing_is_written_to_the_operators_home(
    mini: MiniChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with seen(mini) as chain:
        await chain.metagraph()
    assert list(tmp_path.iterdir()) == []


async def test_a_subnet_that_does_not_exist_or_is_empty_is_an_error_that_says_so(mini: MiniChain) -> None:
    async with seen(mini, netuid=36) as chain:
        with pytest.raises(ChainError, match="has no subnet 36: check --netuid"):
            await chain.metagraph()
    mini.neurons.clear()  # an empty answer must not replace the last good metagraph
    async with seen(mini) as chain:
        with pytest.raises(ChainError, match="without a single neuron"):
            await chain.metagraph()


@pytest.mark.parametrize(
    "error",
    [
        bittensor.RpcConnectionError("could not connect to any endpoint"),
        bittensor.ChainError("State discarded"),
        ConnectionResetError(104, "Connection reset by peer"),
        KeyError("tempo"),
        TypeError("'int' object is not iterable"),
        RecursionError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_the_library_raises_becomes_one_line_and_a_fresh_connection(
    mini: MiniChain, error: Exception
) -> None:
    async with seen(mini) as chain:
        await chain.metagraph()
        mini.go_away(error)
        with pytest.raises(ChainError, match=r"^The chain at ws://127\.0\.0\.1:9 failed: .+$"):
            await chain.metagraph()
        mini.come_back()
        await chain.metagraph()
    assert len(mini.opened) == 2


async def test_hostile_text_in_an_error_stays_one_short_printable_line(mini: MiniChain) -> None:
    mini.go_away(RuntimeError("bad\n\x1b[31mERROR all is lost\r" + "x" * 10_000))
    async with seen(mini) as chain:
        with pytest.raises(ChainError) as raised:
            await chain.metagraph()
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 400


async def test_a_key_in_the_endpoint_is_told_to_nobody(mini: MiniChain) -> None:
    secret = "wss://user:KEY1@node.example:443/KEY2?token=KEY3"
    mini.go_away(OSError(f"cannot reach {secret}"))
    async with seen(mini, network=secret) as chain:
        with pytest.raises(ChainError, match=r"wss://node\.example:443") as raised:
            await chain.metagraph()
    assert "KEY" not in str(raised.value)


async def test_a_call_that_hangs_is_bounded_and_the_next_gets_a_fresh_connection(mini: MiniChain) -> None:
    async with seen(mini) as chain:
        await chain.metagraph()  # the first call in a process imports the library
    async with seen(mini, timeout_s=0.05) as chain:
        await wait_until_good(chain)
        mini.hang()
        before = len(mini.opened)
        for _ in range(2):
            with pytest.raises(ChainError, match=r"did not answer within 0\.05 s"):
                await chain.metagraph()
        mini.come_back()
        await wait_until_good(chain)
        assert len(mini.opened) >= before + 2


async def wait_until_good(chain: SubtensorChain) -> None:
    """On a busy machine a call may take longer than these tests allow."""
    async with asyncio.timeout(60):
        while True:
            try:
                await chain.metagraph()
                return
            except ChainError:
                await asyncio.sleep(0.01)


async def hanging(mini: MiniChain) -> None:
    """Until a call is under way that will not return."""
    async with asyncio.timeout(60):
        while not mini.hanging:
            await asyncio.sleep(0.005)


async def test_what_was_under_way_on_a_dropped_connection_is_a_chain_error(mini: MiniChain) -> None:
    async with seen(mini, timeout_s=60.0) as chain:
        await chain.metagraph()
        mini.hang()
        pending = asyncio.create_task(chain.metagraph())
        await hanging(mini)
        await chain.close()
        with pytest.raises(ChainError, match="dropped"):
            await pending


async def test_closing_does_not_wait_for_a_call_that_hangs(mini: MiniChain) -> None:
    mini.hang()
    async with seen(mini, timeout_s=60.0) as chain:
        pending = asyncio.create_task(chain.metagraph())
        await hanging(mini)
        await asyncio.wait_for(chain.close(), 50.0)
        with pytest.raises(ChainError):
            await pending


async def test_a_dead_endpoint_is_not_asked_twice_in_a_row(mini: MiniChain) -> None:
    mini.go_away()
    async with seen(mini, network="finney") as chain:
        for _ in range(4):
            with pytest.raises(ChainError):
                await chain.metagraph()
    pool = list(mini.opened[0])
    assert len(pool) > 1 and len(set(pool)) == len(pool)
    assert [list(asked) for asked in mini.opened] == [pool[n:] + pool[:n] for n in (*range(len(pool)), 0)][:4]


async def test_an_address_of_ones_own_has_no_other_endpoints(mini: MiniChain) -> None:
    async with seen(mini) as chain:
        await chain.metagraph()
    assert mini.opened == [["ws://127.0.0.1:9"]]


async def test_an_axon_is_published_with_the_hotkey_alone(mini: MiniChain) -> None:
    async with seen(mini) as chain:
        await chain.serve_axon(AxonAddress("1.2.3.4", 8091))
        graph = await chain.metagraph()
    mine = graph.by_hotkey[MINER.ss58_address]
    assert mine.axon == AxonAddress("1.2.3.4", 8091)


def _too_soon(mini: MiniChain) -> None:
    mini.neurons[1].axon["block"] = mini.block - 49


def _deregistered(mini: MiniChain) -> None:
    mini.neurons.pop()


@pytest.mark.parametrize(
    ("ip", "prepare", "why"),
    [
        ("1.2.3.4", _too_soon, Why.TOO_SOON),
        ("1.2.3.4", _deregistered, Why.NOT_REGISTERED),
        ("127.0.0.1", lambda mini: None, Why.BAD_ADDRESS),
    ],
)
async def test_a_refused_axon_says_why_and_keeps_the_connection(
    mini: MiniChain, ip: str, prepare: Callable[[MiniChain], None], why: Why
) -> None:
    prepare(mini)
    async with seen(mini) as chain:
        with pytest.raises(AxonRefused) as refused:
            await chain.serve_axon(AxonAddress(ip, 8091))
        await chain.metagraph()
    assert refused.value.why is why
    assert len(mini.opened) == 1


def test_our_names_of_networks_are_the_librarys() -> None:
    assert set(NETWORKS) == set(bittensor.settings.NETWORKS)


def test_importing_the_room_does_not_import_the_library() -> None:
    code = "import sys, logicnet.chain; print({'bittensor', 'httpx2', 'websockets'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
