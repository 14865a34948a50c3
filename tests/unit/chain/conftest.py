from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.manual_time import ManualTime
from tests.harness.said import listening


@pytest.fixture(autouse=True)
def _no_file_in_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BTCLI_TOKEN_SYMBOLS_CACHE", str(tmp_path / "token_symbols.json"))


@pytest.fixture
def said() -> Iterator[list[str]]:
    with listening() as lines:
        yield lines


@pytest.fixture
def time() -> ManualTime:
    return ManualTime()
