"""Ending this process though threads of it still work."""

import os
import sys
import threading


def leave_within(seconds: float, status: int) -> None:
    """End this process with `status` after so long, if it has not ended by itself.

    For threads that nothing can interrupt, such as a download: Python waits for them at its end.
    """

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
