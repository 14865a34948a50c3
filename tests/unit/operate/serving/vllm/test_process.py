"""A server's output is read to its end, whatever becomes of those who are shown it."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import time

import pytest

from logicnet.operate.serving.vllm.process import VllmProcess

WITHIN_S = 120.0
LINES = 20_000  # more than a pipe holds


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        BrokenPipeError(),
        UnicodeEncodeError("ascii", "\N{FULL BLOCK}", 0, 1, "ordinal not in range(128)"),
    ],
)
async def test_a_vllm_does_not_stand_still_because_nobody_can_be_shown_what_it_prints(error):
    def show(_: str) -> None:
        raise error

    argv = [sys.executable, "-c", f"for n in range({LINES}): print('line', n)"]
    server = await VllmProcess.start(argv, os.environ, clock=time.monotonic, show=show)
    try:
        async with asyncio.timeout(WITHIN_S):
            assert await server.wait() == 0
    finally:
        await server.stop(0)
    assert server.output.endswith(f"line {LINES - 1}")
