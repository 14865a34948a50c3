"""Child processes that never outlive this one.

A `Child` has its own process group, so that a Ctrl-C reaches only this process, which stops its children in
order. `stop` ends the whole group; if this process is killed, a guard process does.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx2

from logicnet.errors import LogicnetError

# Waits until the kernel closes our end of its pipe, when this process ends; then ends the group.
_GUARD = 'read -r _; kill -s TERM -- "-$1" && sleep 10 && kill -s KILL -- "-$1"'


def free_port() -> int:
    """A free TCP port of the loopback, reserved for a minute.

    A connection in TIME_WAIT keeps the kernel from giving it to others; servers set SO_REUSEADDR.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        with socket.create_connection(address):
            near, _ = listening.accept()
            near.close()  # the end that closes first is in TIME_WAIT
        port: int = address[1]
        return port


@dataclass
class Child:
    """A running process. Use as a context manager, or call `stop`."""

    name: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)
    guard: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def start(
        cls,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Self:
        """Start `argv` with its output in `log`; `env` is its whole environment, ours if not given.

        Raises LogicnetError if it cannot be started.
        """
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as output:
                process = subprocess.Popen(  # noqa: S603  (our own command lines)
                    [str(word) for word in argv],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=env,
                    cwd=cwd,
                    start_new_session=True,
                )
        except OSError as error:
            raise LogicnetError(f"{name} cannot be started: {error}") from None
        guard = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _GUARD, "guard", str(process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return cls(name, log, process, guard)

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send `number` to the process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def stop(self, grace_s: float = 10.0) -> int:
        """SIGTERM, after `grace_s` SIGKILL to the group; returns the exit status. May be repeated."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(grace_s)
        self.signal(signal.SIGKILL)  # the rest of the group
        status = self.process.wait()
        self.guard.kill()
        if self.guard.stdin:
            self.guard.stdin.close()
        self.guard.wait()
        return status

    def end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-12:]
        return "\n".join([f"the end of {self.log} is", *("    " + line for line in lines)])

    def check_running(self) -> None:
        """Raise LogicnetError with the end of its log if it has ended."""
        status = self.process.poll()
        if status is not None:
            raise LogicnetError(f"{self.name} ended by itself (status {status}); {self.end_of_log()}")

    def wait_for(self, url: str, *, within_s: float, tick: Callable[[], None] = lambda: None) -> None:
        """Return when a GET of `url` is answered with anything below 500; `tick` is called meanwhile.

        Raises LogicnetError when the process ends first, or `within_s` pass.
        """

        def answers() -> bool:
            with suppress(httpx2.TransportError):
                return http.get(url).status_code < 500
            return False

        # trust_env off: no proxy for the loopback
        with httpx2.Client(timeout=2.0, trust_env=False) as http:
            self._wait(answers, within_s, tick)

    def wait_for_port(self, port: int, *, within_s: float, tick: Callable[[], None] = lambda: None) -> None:
        """As `wait_for`, until `port` accepts connections: for a server that counts requests."""

        def listens() -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2.0):
                return True
            return False

        self._wait(listens, within_s, tick)

    def _wait(self, ready: Callable[[], bool], within_s: float, tick: Callable[[], None]) -> None:
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            self.check_running()
            tick()
            if ready():
                return
            time.sleep(0.1)
        raise LogicnetError(f"{self.name} did not answer within {within_s:.0f} s; {self.end_of_log()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
