from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "miner.sqlite"


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Every line that was logged at warning or above."""
    lines: list[str] = []
    handler = logger.add(lambda line: lines.append(line.rstrip("\n")), level="WARNING", format="{message}")
    yield lines
    logger.remove(handler)
