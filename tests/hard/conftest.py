"""The attacks use the real processes of the end-to-end tests, and print one table at the end."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import miner, network

__all__ = ["miner", "network"]

TABLE: list[tuple[object, ...]] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not TABLE:
        return
    heads = ("attack", "attempts", "admitted", "honest", "lost", "worst wait, s", "peak, MB")
    terminalreporter.write_line("".join(f"{head:>15}" for head in heads))
    for row in TABLE:
        terminalreporter.write_line("".join(f"{value:>15}" for value in row))
