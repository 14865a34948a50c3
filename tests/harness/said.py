"""What the program told its operator: loguru's lines, at INFO and above."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger


@contextmanager
def listening(level: str = "INFO") -> Iterator[list[str]]:
    """A list that grows by one `LEVEL message` with each line that is logged."""
    lines: list[str] = []
    sink = logger.add(
        lambda line: lines.append(f"{line.record['level'].name} {line.record['message']}"),
        level=level,
        format="{message}",
    )
    try:
        yield lines
    finally:
        logger.remove(sink)
