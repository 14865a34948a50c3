"""Whatever strangers do, an honest validator hears an answer to all that it asks."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import StartMiner
from tests.hard.attack import KINDS
from tests.hard.conftest import Size
from tests.hard.watch import CONSTANT, watched


@pytest.mark.parametrize("kind", KINDS)
async def test_no_honest_request_is_lost(kind: str, miner: StartMiner, size: Size) -> None:
    async with watched(kind.replace("_", " "), miner, *CONSTANT) as watch:
        statuses = await watch.attack(kind, size)
        assert watch.attempts
    if "mutations" in kind:
        assert watch.genuine & watch.rows.keys(), "no request was overheard that was any good"
        assert statuses.keys() >= {"400", "401", "403", "404", "405"}
    assert "Traceback" not in watch.running.said
