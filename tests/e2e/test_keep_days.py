"""A miner with an old ledger: what is too old goes while it answers, and a script reads what is left."""

import json
import subprocess
import sys
import time
from pathlib import Path

from logicnet.ledger import Ledger, LedgerReader
from logicnet.operate.demo.stage import environment
from tests.e2e.conftest import StartMiner, until
from tests.unit.ledger.facts import admitted, answered, epoch

DAY_S = 86_400.0


async def test_old_challenges_go_while_new_ones_are_answered(miner: StartMiner, tmp_path: Path) -> None:
    path, now_s = tmp_path / "l.sqlite", time.time()
    with Ledger.open(path) as ledger:
        for number in range(1000):
            at_s = now_s - 3 * DAY_S + number
            ledger.record(admitted(f"old{number}", epoch(1, began=at_s), at_s=at_s, question="Why? " * 800))
            ledger.record(answered(f"old{number}"))
        ledger.record(admitted("recent", epoch(1, began=now_s - 3600), at_s=now_s - 3600))

    def left() -> int:
        with LedgerReader.open(path) as reader:
            return reader.count()

    running = miner("--miner.solver", "constant", "--ledger.keep_days", "1", ledger=path)
    async with running.asked_by("alice") as alice:
        for number in range(10):
            reply = await alice.challenge(f"What is {number}+5?", wire="classic")
            assert reply.success and reply.answer
        await until(lambda: left() == 11)
    command = [sys.executable, "-m", "logicnet", "ledger", "--path", str(path), "--json"]
    done = subprocess.run(
        command, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=True, timeout=100
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["question"] for row in rows[1:]] == [f"What is {number}+5?" for number in range(10)]
    assert rows[0]["challenge_id"] == "recent"
    running.child.stop()
    assert "WARNING" not in running.said and "ERROR" not in running.said
