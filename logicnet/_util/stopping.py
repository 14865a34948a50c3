"""What a signal ends without a traceback: a uvicorn server, a block of code."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class StoppableServer(uvicorn.Server):
    """Remembers the signal that ended it, and does not raise it again."""

    stopped_by: int = signal.SIGTERM

    def handle_exit(self, sig: int, frame: object) -> None:
        self.stopped_by = sig
        self.should_exit = True


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP end us as Ctrl-C does; and so does Ctrl-C.

    A script that starts us in the background has SIGINT ignored, and Python then leaves it so.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, signal.default_int_handler) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
