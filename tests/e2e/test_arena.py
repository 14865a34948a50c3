"""The arena on real parts: two miners, one with a real vLLM, both wires, a kill -9 in the middle."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from pathlib import Path

from logicnet._util.processes import Child
from logicnet.evals.arena.standings import Standings
from logicnet.evals.challenges.mathgenerator import easy_tasks
from logicnet.evals.challenges.sets import ChallengeSet, write
from logicnet.evals.runs.run import INTERRUPTED, Row, read_rows
from logicnet.ledger import LedgerReader
from logicnet.operate.demo.stage import environment
from tests.e2e.conftest import Miner, until

QUESTIONS = 6
LOOP_S = "15"  # of the arena, and the interval of the miners: a round, and a wait until the next


def arena(folder: Path, *words: str) -> Child:
    command = [sys.executable, "-m", "logicnet", "arena", "--out", "run", *words]
    log = folder / f"arena-{len(list(folder.glob('arena-*')))}.log"
    # Offline: the embedding model is the installed one, and nobody looks for another.
    env = environment() | {"HF_HUB_OFFLINE": "1"}
    return Child.start("the arena", command, log=log, env=env, cwd=folder)


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1]] if file.exists() else []


def asked(folder: Path) -> int:
    return sum("asked" in line for line in lines(folder / "run" / "journal.jsonl"))


def rows(folder: Path) -> list[Row]:
    return list(read_rows(folder / "run" / "rows.jsonl"))


def given(miner: Miner) -> list[tuple[str, str, str]]:
    """Task, question and wire of every challenge in the miner's own ledger."""
    miner.child.stop()  # what is in memory is written
    with LedgerReader.open(miner.ledger) as ledger:
        return [(row["task_uid"], row["question"], row["wire"]) for row in ledger.rows("challenges")]


async def killed_at_work(child: Child, folder: Path) -> None:
    """Killed by -9 when something is in the rows, and something asked is not yet."""

    def at_work() -> bool:
        begun = asked(folder)
        return 0 < len(rows(folder)) < begun

    while True:
        await until(at_work)
        child.process.send_signal(signal.SIGSTOP)  # so that it stays so
        if at_work():
            break
        child.process.send_signal(signal.SIGCONT)
    child.process.kill()
    await asyncio.to_thread(child.process.wait)


async def ended(child: Child) -> int:
    await until(lambda: child.process.poll() is not None)
    status = child.process.poll()
    assert status is not None
    return status


async def test_two_miners_are_ranked_and_a_killed_run_asks_nothing_twice(network, vllm, miner, tmp_path):
    interval = ("--miner.limit_interval", LOOP_S)
    direct = miner("--miner.solver", "direct", "--miner.llm_client.base_url", vllm.base_url, *interval)
    constant = miner("--miner.solver", "constant", *interval)
    problems = easy_tasks(QUESTIONS, seed=3)
    write(ChallengeSet(problems), tmp_path / "set.jsonl")
    key = ["--wallet.path", str(network.wallets), "--wallet.name", "demo", "--wallet.hotkey", "alice"]
    words = [*key, "--challenges", "set.jsonl", "--chain.file", str(network.file)]
    for name, one in (("direct", direct), ("constant", constant)):
        words += ["--label", name, "--target", f"127.0.0.1:{one.port}", "--hotkey", network.miner_ss58]
    words += [
        "--wire",
        "both",
        "--rounds",
        "2",
        "--loop-seconds",
        LOOP_S,
        "--stagger",
        "0.1",
        "--concurrency",
        "2",
    ]
    words += ["--judge-url", vllm.base_url, "--reference-url", vllm.base_url]

    with arena(tmp_path, *words) as first:
        await killed_at_work(first, tmp_path)
    kept = rows(tmp_path)
    assert 0 < len(kept) < 2 * QUESTIONS
    with arena(tmp_path, *key, "--resume") as second:
        assert await ended(second) == 0, second.log.read_text()
    said = second.log.read_text()

    found = rows(tmp_path)
    assert found[: len(kept)] == kept
    names = ("direct", "constant")
    assert Counter(row.key for row in found) == Counter(
        (name, problem.id) for name in names for problem in problems
    )
    interrupted = [row for row in found if row.error == INTERRUPTED]
    assert interrupted, "nothing was under way at the kill, so nothing was shown"
    for one in (direct, constant):
        challenges = given(one)
        assert len({task for task, _, _ in challenges}) == len(challenges), "a question was asked twice"
        assert {question for _, question, _ in challenges} <= {problem.asked for problem in problems}
        assert len(challenges) >= QUESTIONS - len(interrupted)
        assert {wire for _, _, wire in challenges} == {"classic", "btauth"}

    answered = [row for row in found if row.error != INTERRUPTED]
    for row in answered:
        assert row.answer is not None, row.error
        assert row.reward is not None, row.note  # a judge and a reference: all is decided
        assert row.similarity is not None and row.process_time is not None
        assert row.true is not None or "took longer" in row.note  # with a vLLM on all cores
    assert {row.correctness for row in answered if row.ground_truth == row.answer} <= {1.0}

    assert {row.round for row in found} == {1, 2}
    standings = Standings(names)
    for row in found:
        standings.add(row)
    for number in (1, 2):
        places = standings.of(number)
        assert sorted(place.best_rank for place in places) == [1, 2]
        assert all(place.mean.value is not None and place.incentive.value is not None for place in places)
    weights = standings.weights()
    assert abs(sum(weight.low for weight in weights.values()) - 1) < 1e-9
    for name in names:
        shown = [line.split() for line in said.splitlines() if line.split()[:1] == [name]][-1]
        assert shown[-1] == f"{weights[name].low:.3f}"
    assert "Round 2 of 2: direct takes 512, " in said
