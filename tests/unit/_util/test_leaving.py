"""A process ends though a thread of it cannot be interrupted."""

import subprocess
import sys

SCRIPT = """
import asyncio, time
from logicnet._util.leaving import leave_within
async def main():
    task = asyncio.create_task(asyncio.to_thread(time.sleep, 600))
    await asyncio.sleep(0.1)
    print("stopped")
    leave_within(0.1, 130)
asyncio.run(main())
"""


def test_a_thread_that_still_works_keeps_no_process():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (130, "stopped\n")
