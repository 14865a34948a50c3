"""A scripted server that does as it is told, and an endpoint that has met it."""

from collections.abc import AsyncIterator

import pytest

from logicnet.llm import Endpoint
from tests.harness.scripted_model import ScriptedModel
from tests.unit.solver.race.course import as_asked


@pytest.fixture
async def server() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(text=as_asked, context=65_536) as server:
        yield server


@pytest.fixture
async def models(server: ScriptedModel) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(server.base_url)
    await endpoint.probe()  # so that short deadlines are not spent on importing and asking for the model
    server.chats.clear()
    yield endpoint
    await endpoint.close()
