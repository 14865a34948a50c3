"""Tasks that are never awaited."""

import asyncio
from typing import Any


def retrieved(task: asyncio.Task[Any]) -> None:
    """A done callback that retrieves the error of a task, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()
