"""Ending this process though threads of it still work."""

import os
import sys
import threading


def leave_within(seconds: float, status: int) -> threading.Timer:
    """End this process with `status` after so long, if it has not ended by itself, or cancelled the timer.

    For threads that nothing can interrupt, such as a download or a resolver: Python and uvloop wait for them.
    """

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    return timer
