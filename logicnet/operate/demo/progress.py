"""Says that something long is going on: a line that counts on a terminal, now and then a line in a file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console

_EVERY_S = 10.0


class Tick(Protocol):
    """Called often while waiting, with how far things are."""

    def __call__(self, said: str = "") -> None: ...


@contextmanager
def step(console: Console, title: str) -> Iterator[Tick]:
    started_s = said_s = time.monotonic()

    def elapsed() -> str:
        return f"{time.monotonic() - started_s:.0f} s"

    if console.is_terminal:
        with console.status(title) as status:
            yield lambda said="": status.update(f"{title} ... {elapsed()}  {said}")
    else:
        console.print(title, highlight=False)

        def line(said: str = "") -> None:
            nonlocal said_s
            if time.monotonic() - said_s >= _EVERY_S:
                said_s = time.monotonic()
                console.print(f"    {elapsed()}  {said}", highlight=False)

        yield line
    console.print(f"{title}: done in {elapsed()}" if console.is_terminal else f"    done in {elapsed()}")
