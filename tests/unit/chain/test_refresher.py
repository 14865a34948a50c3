import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from logicnet.chain import AxonAddress, AxonPublisher, Metagraph, MetagraphRefresher, Neuron
from logicnet.chain.registration import RegistrationMonitor
from logicnet.errors import ChainError
from logicnet.protocol import Hotkey, Uid
from tests.harness.manual_time import ManualTime, settle

ME = Hotkey("5Me")
HERE = AxonAddress("1.2.3.4", 8091)
REFRESH_S = 60.0
AWAY = ChainError("The chain at ws://x failed: connection refused.")


class ScriptedChain:
    """A chain whose every answer the test decides: `answer` is returned, raised, or awaited for ever."""

    def __init__(self, time: ManualTime) -> None:
        self.time = time
        self.answer: Callable[[], Metagraph] | ChainError | None = self.good
        self.axon: AxonAddress | None = HERE
        self.asked = 0
        self.closed = False
        self.serving: asyncio.Event | None = None

    def good(self) -> Metagraph:
        neurons = [Neuron(Uid(0), Hotkey("5Val"), 5e4, True), Neuron(Uid(1), ME, axon=self.axon)]
        return Metagraph(tuple(neurons), block=self.asked, fetched_at_s=self.time.clock())

    async def metagraph(self) -> Metagraph:
        self.asked += 1
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, ChainError):
            raise self.answer
        assert self.answer is not None
        return self.answer()

    async def serve_axon(self, address: AxonAddress) -> None:
        if self.serving is not None:
            await self.serving.wait()
        self.axon = address

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def chain(time: ManualTime) -> ScriptedChain:
    return ScriptedChain(time)


@asynccontextmanager
async def refreshing(chain: ScriptedChain, **more: Any) -> AsyncIterator[MetagraphRefresher]:
    time = chain.time
    refresher = MetagraphRefresher(
        chain, refresh_s=REFRESH_S, clock=time.clock, sleep=time.sleep, chance=lambda: 0.999999, **more
    )
    refresher.start()
    refresher.publish()
    await settle()
    try:
        yield refresher
    finally:
        await asyncio.wait_for(refresher.stop(), 60.0)


async def test_a_metagraph_is_fetched_at_once_and_renewed(chain: ScriptedChain, said: list[str]) -> None:
    async with refreshing(chain) as refresher:
        assert [graph.block for graph in [refresher.current()] if graph] == [1]
        await chain.time.advance(REFRESH_S - 1)
        assert chain.asked == 1 and refresher.age_s() == REFRESH_S - 1
        await chain.time.advance(1)
        assert chain.asked == 2 and refresher.age_s() == 0
    assert said == ["INFO Metagraph fetched: block 1, 2 neurons, 1 of them with a validator permit."]


async def test_nothing_is_known_until_a_chain_that_was_absent_comes(
    chain: ScriptedChain, said: list[str]
) -> None:
    chain.answer = AWAY
    async with refreshing(chain) as refresher:
        await chain.time.advance(1000)
        assert refresher.current() is None and refresher.age_s() is None
        assert said == [f"WARNING No metagraph yet, so no caller is admitted. {AWAY} Retrying with backoff."]
        chain.answer = chain.good
        await chain.time.advance(61)
        assert refresher.current() is not None
    assert [round(pause) for pause in chain.time.slept_s[:8]] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(said) == 2 and said[1].startswith("INFO Metagraph fetched")


async def test_a_chain_that_goes_leaves_the_last_metagraph_in_force_and_its_age_is_told(
    chain: ScriptedChain, said: list[str]
) -> None:
    async with refreshing(chain) as refresher:
        good = refresher.current()
        chain.answer = AWAY
        await chain.time.advance(6000)
        assert refresher.current() is good
        assert refresher.age_s() == 6000
        chain.answer = chain.good
        await chain.time.advance(60)
        assert refresher.current() is not good
    assert [line.removeprefix("WARNING ") for line in said[1:]] == [
        f"{AWAY} The metagraph of 60 s ago stays in force.",
        "The chain still does not answer. The metagraph in force is 10 min old.",
        "The chain still does not answer. The metagraph in force is 21 min old.",
        "The chain still does not answer. The metagraph in force is 43 min old.",
        "The chain still does not answer. The metagraph in force is 87 min old.",
        "INFO The chain answers again after 99 min.",
    ]


async def test_each_outage_is_said_anew(chain: ScriptedChain, said: list[str]) -> None:
    async with refreshing(chain):
        for _ in range(2):
            chain.answer = AWAY
            await chain.time.advance(200)
            chain.answer = chain.good
            await chain.time.advance(200)
    assert [line.split()[0] for line in said] == ["INFO", "WARNING", "INFO", "WARNING", "INFO"]
    assert [round(pause) for pause in chain.time.slept_s].count(1) == 2  # each begins with a short pause


async def test_stopping_does_not_wait_for_a_call_that_hangs(chain: ScriptedChain) -> None:
    chain.answer = None
    async with refreshing(chain) as refresher:
        assert refresher.current() is None
    assert chain.closed


async def test_stopping_does_not_wait_for_a_close_that_hangs(
    chain: ScriptedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(chain, "close", hang)
    async with refreshing(chain):
        pass


async def test_what_was_never_started_can_be_stopped(chain: ScriptedChain) -> None:
    await MetagraphRefresher(chain, refresh_s=REFRESH_S).stop()
    assert chain.closed


def publisher(chain: ScriptedChain) -> AxonPublisher:
    async def find() -> AxonAddress:
        return HERE

    return AxonPublisher(chain, ME, find, clock=chain.time.clock)


async def test_the_axon_is_published_once_the_network_is_known(chain: ScriptedChain) -> None:
    chain.axon, chain.answer = None, AWAY
    async with refreshing(chain, publisher=publisher(chain)):
        await chain.time.advance(100)
        assert chain.axon is None
        chain.answer = chain.good
        await chain.time.advance(60)
        assert chain.axon == HERE


async def test_a_publication_that_hangs_does_not_hold_up_the_metagraph(chain: ScriptedChain) -> None:
    chain.axon, chain.serving = None, asyncio.Event()
    async with refreshing(chain, publisher=publisher(chain)) as refresher:
        await chain.time.advance(10 * REFRESH_S)
        assert chain.asked == 11 and refresher.age_s() == 0
        assert chain.axon is None


async def test_our_registration_is_told_with_each_metagraph(chain: ScriptedChain, said: list[str]) -> None:
    registration = RegistrationMonitor(ME, netuid=35, register_with="x")
    async with refreshing(chain, registration=registration):
        await chain.time.advance(10 * REFRESH_S)
    assert said[1:] == ["INFO Registered on subnet 35 as uid 1.", "INFO Rank 1 of 2, incentive 0.00000."]


async def test_who_asked_for_it_hears_of_each_metagraph(chain: ScriptedChain) -> None:
    heard: list[int] = []
    refresher = MetagraphRefresher(chain, refresh_s=REFRESH_S, clock=chain.time.clock, sleep=chain.time.sleep)
    refresher.start(lambda graph: heard.append(graph.block))
    await settle()
    await chain.time.advance(REFRESH_S)
    await refresher.stop()
    assert heard == [1, 2]


async def test_a_bug_that_ends_the_watch_is_not_silent(chain: ScriptedChain, said: list[str]) -> None:
    def broken() -> Metagraph:
        raise ZeroDivisionError

    chain.answer = broken
    async with refreshing(chain):
        pass
    assert said == ["CRITICAL A bug stopped the metagraph refresh: restart the miner."]
