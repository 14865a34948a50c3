import asyncio

import pytest

from logicnet.llm import Endpoint, Message, Retrying
from tests.harness.own_time import after
from tests.harness.scripted_model import STEPS, Mode, ScriptedModel

pytestmark = pytest.mark.own_time

QUESTION = [Message("user", "How many?")]


async def test_a_server_that_comes_back_is_asked_again() -> None:
    server = ScriptedModel()
    async with server:
        pass
    endpoint = Endpoint(server.base_url)
    call = asyncio.create_task(Retrying(endpoint).complete(QUESTION, deadline=after(10), max_tokens=50))
    await asyncio.sleep(0.3)
    async with server:
        done = await call
    await endpoint.close()
    assert (done.text, done.finish) == (STEPS, "stop")


async def test_errors_are_repeated_until_one_is_not() -> None:
    async with ScriptedModel(lambda n: Mode.NORMAL if n == 2 else Mode.ERROR_500) as server:
        endpoint = Endpoint(server.base_url)
        done = await Retrying(endpoint).complete(QUESTION, deadline=after(10), max_tokens=50)
        await endpoint.close()
    assert (done.text, len(server.chats)) == (STEPS, 3)


async def test_text_that_has_arrived_is_not_asked_for_again() -> None:
    async with ScriptedModel(Mode.DROP) as server:
        endpoint = Endpoint(server.base_url)
        done = await Retrying(endpoint).complete(QUESTION, deadline=after(10), max_tokens=50)
        await endpoint.close()
    assert (done.text, done.finish, len(server.chats)) == ("Half of ", "failed", 1)


async def test_it_ends_before_the_deadline_and_says_what_was_wrong() -> None:
    async with ScriptedModel() as server:
        endpoint = Endpoint(server.base_url)
        await endpoint.probe()
        server.chats.clear()
        server.mode = lambda n: Mode.ERROR_500 if n == 0 else Mode.HANG_BEFORE_HEADERS
        done = await Retrying(endpoint).complete(QUESTION, deadline=after(1.0), max_tokens=50)
        await endpoint.close()
    assert done.finish == "failed" and "answered 500" in done.error
    assert len(server.chats) == 2
