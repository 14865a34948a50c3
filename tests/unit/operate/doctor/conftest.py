from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.operate.doctor.healthy import SetUp


@pytest.fixture
async def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SetUp]:
    """Nothing is wrong with it yet."""
    monkeypatch.setenv("BTCLI_TOKEN_SYMBOLS_CACHE", str(tmp_path / "token_symbols.json"))
    async with SetUp(tmp_path).running() as healthy:
        yield healthy
