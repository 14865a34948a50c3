"""A scripted server that does as it is told."""

from collections.abc import AsyncIterator

import pytest

from tests.harness.scripted_model import ScriptedModel
from tests.unit.solver.race.course import as_asked


@pytest.fixture
async def server() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(text=as_asked, context=65_536) as server:
        yield server
