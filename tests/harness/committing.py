"""A process that commits on a chain kept in a file, and is killed.

`python -m tests.harness.committing FOLDER COMPETITION NUMBER [before|after|wait]`: `before` the chain takes
the commitment or `after` it did, the process ends by SIGKILL; with `wait` it waits until it may commit, and
logs that it waits, so that a test knows when to kill it. Prints what became of the commitment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from bittensor.sp_core import Keypair

from logicnet.chain import CommitmentChain
from logicnet.protocol import Hotkey
from logicnet.tuning.compete.commitment import Committed, Committer
from logicnet.tuning.compete.competitions import Submission, competition
from logicnet.tuning.compete.journal import Journal
from tests.harness.mini_substrate import MiniChain

MINER = Keypair.create_from_uri("//Miner")
_STATE = ("block", "last_epoch", "space", "used", "committed", "committed_at", "commits")


class KeptChain(MiniChain):
    """A chain that survives the processes that talk to it."""

    def __init__(self, file: Path, kill: str = "") -> None:
        super().__init__(netuid=6)
        self.add(MINER.ss58_address)
        self._file, self._kill = file, kill
        if file.exists():
            vars(self).update(json.loads(file.read_text()))

    def keep(self) -> None:
        held = {name: getattr(self, name) for name in _STATE}
        self._file.write_text(json.dumps(held, default=lambda one: "0x" + one.hex()))

    def set_commitment(self, signer: str, params: dict[str, object]) -> str | None:
        if self._kill == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        refused = super().set_commitment(signer, params)
        self.keep()
        if self._kill == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return refused


async def main(folder: Path, name: str, number: int, kill: str) -> None:
    kept = KeptChain(folder / "chain.json", kill)
    chain = CommitmentChain(
        network="ws://127.0.0.1:9", netuid=6, signer=MINER, timeout_s=60, open_substrate=kept.open
    )
    hotkey = Hotkey(MINER.ss58_address)
    journal = Journal(folder / "commits.sqlite", "test", 6, hotkey)
    one = Committer(competition(name), chain, journal, hotkey, clock=lambda: 1e9 + 12.0 * kept.block)
    send = one.commit if kill == "wait" else one.commit_now
    found = await send(Submission("maker/model", f"{number:040x}", "A" * 43 + "="))
    await chain.close()
    print("committed" if isinstance(found, Committed) else found.why)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), "".join(sys.argv[4:])))
