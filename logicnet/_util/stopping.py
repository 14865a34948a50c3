"""A uvicorn server that a signal ends without ending the process."""

import signal

import uvicorn


class StoppableServer(uvicorn.Server):
    """Remembers the signal that ended it, and does not raise it again."""

    stopped_by: int = signal.SIGTERM

    def handle_exit(self, sig: int, frame: object) -> None:
        self.stopped_by = sig
        self.should_exit = True
