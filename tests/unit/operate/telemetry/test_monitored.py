import asyncio
import sys

import pytest

from logicnet.llm import Endpoint, Message, Pool, Spec
from logicnet.operate.telemetry.monitored import MonitoredEndpoint, monitored
from tests.harness.manual_time import ManualTime
from tests.harness.own_time import after
from tests.harness.scripted_model import Mode, ScriptedModel

pytestmark = pytest.mark.own_time

ASK = [Message("user", "How many?")]


async def test_load_speed_and_trouble_of_one_server_are_seen_from_its_calls() -> None:
    async with ScriptedModel() as server:
        endpoint = Endpoint(server.base_url)
        models = monitored(endpoint)
        assert isinstance(models, MonitoredEndpoint)
        try:
            (before,) = models.status()
            assert (before.well, before.calls, before.tokens_per_s, before.paid) == (True, 0, None, False)
            await models.complete(ASK, deadline=after(30), max_tokens=50)
            (done,) = models.status()
            assert done.well and done.tokens_per_s is not None and done.tokens_per_s > 0

            server.mode = Mode.HANG_BEFORE_HEADERS
            call = asyncio.create_task(models.complete(ASK, deadline=after(60), max_tokens=50))
            while not server.running:
                await asyncio.sleep(0)
            assert models.status()[0].calls == 1
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert models.status()[0].calls == 0

            server.mode = Mode.ERROR_500
            await models.complete(ASK, deadline=after(30), max_tokens=50)
            (broken,) = models.status()
            assert not broken.well and broken.why
        finally:
            await endpoint.close()


async def test_since_when_it_is_out_is_told_until_it_answers_again() -> None:
    hands = ManualTime()
    async with ScriptedModel(mode=Mode.ERROR_500) as server:
        endpoint = Endpoint(server.base_url)
        models = MonitoredEndpoint(endpoint, hands.clock)
        try:
            told = []
            for mode in (Mode.ERROR_500, Mode.ERROR_500, Mode.NORMAL, Mode.ERROR_500):
                server.mode = mode
                await models.complete(ASK, deadline=after(30), max_tokens=50)
                await hands.advance(7.0)
                told.append(models.status()[0].out_s)
        finally:
            await endpoint.close()
    assert told == [7.0, 14.0, 0.0, 7.0]


@pytest.mark.thorough
async def test_a_server_that_is_silent_is_out_until_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["logicnet.operate.telemetry.monitored"]
    async with ScriptedModel(mode=Mode.HANG_AFTER_HEADERS) as server:
        endpoint = Endpoint(server.base_url)
        models = MonitoredEndpoint(endpoint)
        try:
            await endpoint.ready()
            monkeypatch.setattr(module, "_SILENCE_S", 1000.0)
            await models.complete(ASK, deadline=after(0.1), max_tokens=50)
            assert models.status()[0].well  # too short to say anything
            monkeypatch.setattr(module, "_SILENCE_S", 0.0)
            await models.complete(ASK, deadline=after(0.1), max_tokens=50)
            (silent,) = models.status()
            assert not silent.well and "wrote nothing for" in silent.why
            server.mode = Mode.HANG_IN_TEXT
            done = await models.complete(ASK, deadline=after(2.0), max_tokens=50)
            assert done.finish == "deadline" and done.text and models.status()[0].well
        finally:
            await endpoint.close()


async def until(models: MonitoredEndpoint, *, well: bool) -> None:
    async with asyncio.timeout(30):
        while models.status()[0].well is not well:
            await asyncio.sleep(0.005)


async def test_a_server_that_goes_and_returns_while_nobody_asks_is_seen() -> None:
    hands = ManualTime()
    async with ScriptedModel() as server:
        endpoint = Endpoint(server.base_url)
        models = MonitoredEndpoint(endpoint, hands.clock)
        watching = asyncio.create_task(models.watch(hands.sleep))
        try:
            await models.complete(ASK, deadline=after(30), max_tokens=50)
            await server.__aexit__(None, None, None)
            assert models.status()[0].well  # nobody knows yet
            await hands.advance(15.0)
            await until(models, well=False)
            assert "cannot be reached" in models.status()[0].why

            await server.__aenter__()
            await hands.advance(15.0)
            await until(models, well=True)
            await models.complete(ASK, deadline=after(30), max_tokens=50)

            server.mode = Mode.ERROR_500
            await models.complete(ASK, deadline=after(30), max_tokens=50)
            assert not models.status()[0].well
            server.mode = Mode.NORMAL
            await hands.advance(15.0)
            await until(models, well=True)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await endpoint.close()


async def test_a_server_is_not_probed_beside_calls_nor_soon_after_them() -> None:
    hands = ManualTime()
    async with ScriptedModel(mode=Mode.HANG_BEFORE_HEADERS) as server:
        endpoint = Endpoint(server.base_url)
        models = MonitoredEndpoint(endpoint, hands.clock)
        watching = asyncio.create_task(models.watch(hands.sleep))
        try:
            call = asyncio.create_task(models.complete(ASK, deadline=after(60), max_tokens=50))
            while not server.running:
                await asyncio.sleep(0)
            await hands.advance(40.0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            server.mode = Mode.NORMAL
            await models.complete(ASK, deadline=after(30), max_tokens=50)
            await hands.advance(10.0)
            assert len(server.chats) == 2 and len(hands.slept_s) == 4  # three looks, no probe
            await hands.advance(10.0)
            async with asyncio.timeout(30):
                while len(hands.slept_s) < 5:
                    await asyncio.sleep(0.005)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await endpoint.close()
        assert [chat["messages"][0]["content"] for chat in server.chats] == ["How many?"] * 2 + ["Hello"]


async def test_a_call_tells_more_than_a_probe_that_it_overtook() -> None:
    async with ScriptedModel(mode=lambda n: Mode.HANG_BEFORE_HEADERS if n == 0 else Mode.NORMAL) as server:
        endpoint = Endpoint(server.base_url)
        models = MonitoredEndpoint(endpoint)
        try:
            probing = asyncio.create_task(models.probe())
            while not server.running:
                await asyncio.sleep(0)
            await models.complete(ASK, deadline=after(30), max_tokens=50)
            await server.__aexit__(None, None, None)
            assert (await probing).error
            assert models.status()[0].well
            assert (await models.probe()).error
            assert not models.status()[0].well
        finally:
            await endpoint.close()


async def test_a_pool_knows_by_itself_how_it_stands() -> None:
    pool = Pool([Spec("http://127.0.0.1:1/v1", None, None), Spec("http://127.0.0.1:2/v1", None, None)])
    try:
        assert monitored(pool) is pool
        assert len(pool.status()) == 2
    finally:
        await pool.close()
