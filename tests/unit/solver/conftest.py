"""An endpoint that has met its scripted `server`, which each module makes as it wants it."""

from collections.abc import AsyncIterator

import pytest

from logicnet.llm import Endpoint
from tests.harness.scripted_model import ScriptedModel


@pytest.fixture
async def models(server: ScriptedModel) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(server.base_url)
    await endpoint.probe()  # so that short deadlines are not spent on importing and asking for the model
    server.chats.clear()
    yield endpoint
    await endpoint.close()
