from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logicnet.operate.demo.stage import hotkey
from logicnet.operate.serving.gpus import NoGpu, gpus_of_size
from tests.harness.quiet import logging_put_back


@pytest.fixture(scope="session")
def wallets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One wallet, `demo`, with one hotkey, `miner`."""
    folder = tmp_path_factory.mktemp("wallets")
    hotkey(folder, "miner")
    return folder


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In an empty folder, on a machine without GPUs, with logging as it was before."""

    def none() -> object:
        raise NoGpu("no GPU can be seen")

    for module in ("logicnet.operate.init.machine", "logicnet.operate.serving.choose"):
        monkeypatch.setattr(f"{module}.detect", none)
    monkeypatch.chdir(tmp_path)
    with logging_put_back():
        yield


@pytest.fixture
def a_24_gb_card(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("logicnet.operate.init.machine", "logicnet.operate.serving.choose"):
        monkeypatch.setattr(f"{module}.detect", lambda: gpus_of_size(24, 1))
