"""Somebody cuts the ledger's mapped index short while a miner runs: it answers, stops and keeps its rows."""

import asyncio
import os
from pathlib import Path

from logicnet.ledger import LedgerReader
from tests.e2e.conftest import START_S, StartMiner


async def test_a_miner_whose_index_is_cut_short_goes_on_and_stops_well(
    miner: StartMiner, tmp_path: Path
) -> None:
    path = tmp_path / "l.sqlite"
    running = miner("--miner.solver", "constant", ledger=path)
    async with running.asked_by("alice") as alice:
        for number in range(3):
            reply = await alice.challenge(f"What is {number}+5?", wire="classic")
            assert reply.success and reply.answer
            await asyncio.sleep(1.0)  # between two batches: what is cut in mid-write is beyond any check
            os.truncate(path.with_name("l.sqlite-shm"), 0)  # also before the stop
    assert running.child.stop(START_S) == 0
    assert "-shm was cut short" in running.said
    with LedgerReader.open(path) as reader:
        assert reader.count() == 3
