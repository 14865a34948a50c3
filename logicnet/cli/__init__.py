"""The command line, `logicnet ...`. `main` imports everything, so that Ctrl-C counts from the start."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is `sys.argv[1:]` if not given. Returns the exit status."""
    try:
        import os  # noqa: PLC0415
        import signal  # noqa: PLC0415
        import threading  # noqa: PLC0415

        before = None  # in another thread, which takes no signals
        if threading.current_thread() is threading.main_thread():
            # Imports can swallow a KeyboardInterrupt, and leave nothing to clean up.
            before = signal.signal(signal.SIGINT, lambda *_: os._exit(130))
        try:
            from logicnet.cli.commands import run  # noqa: PLC0415
        finally:
            if before is not None:
                signal.signal(signal.SIGINT, before)
        return run(argv)
    except KeyboardInterrupt:
        return 130
