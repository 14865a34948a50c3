"""Stop a long run: the first Ctrl-C asks it to end, the second one cancels it."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any


async def until_stopped(work: Coroutine[Any, Any, None], stop: Callable[[], None]) -> bool:
    """Run `work`; the first Ctrl-C or SIGTERM calls `stop`, the next cancels it. Whether one came.

    Outside the main thread there are no signals.
    """
    told = False
    working = asyncio.ensure_future(work)

    def on_signal() -> None:
        nonlocal told
        if told:
            working.cancel()
        else:
            told = True
            stop()

    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
    try:
        await working
    except asyncio.CancelledError:
        if not told:
            raise
    return told
