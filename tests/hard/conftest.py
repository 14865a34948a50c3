"""The attacks use the real processes of the end-to-end tests, and print one table at the end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from logicnet._util.processes import Child, free_port
from logicnet.operate.demo.stage import environment
from tests.e2e.conftest import ROOT, START_S, miner, network

__all__ = ["miner", "network"]

TABLE: list[tuple[object, ...]] = []
HEADS = (
    *("attack", "attempts", "admitted", "honest", "lost"),
    *("worst wait, s", "peak, MB", "rows lost"),
)


@dataclass(frozen=True)
class Size:
    """How much of each attack: in seconds, in mutations of each wire, in rounds of what is done again."""

    seconds: float
    mutations: int
    rounds: int
    fuzz_s: int


SHORT = Size(2.0, 3_000, 2, 5)
FULL = Size(10.0, 100_000, 12, 60)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="the attacks in full: a quarter of an hour")


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> Size:
    return FULL if request.config.getoption("--full") else SHORT


@dataclass(frozen=True)
class Model:
    """A scripted model server as a process, which says that the answer is 9."""

    child: Child
    url: str

    @property
    def flags(self) -> tuple[str, str]:
        return "--miner.llm_client.base_url", self.url


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    command = [sys.executable, str(ROOT / "benchmarks" / "_scripted_llm.py"), str(port), "200", "40"]
    with Child.start("the model", command, log=tmp_path / "model.log", env=environment()) as child:
        child.wait_for(f"{url}/models", within_s=START_S)
        try:
            yield Model(child, url)
        finally:
            child.signal(signal.SIGCONT)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not TABLE:
        return
    widest = max(len(str(row[0])) for row in TABLE)
    for name, *cells in (HEADS, *TABLE):
        terminalreporter.write_line(f"{name:<{widest}}" + "".join(f"{cell:>15}" for cell in cells))
