"""What rounds beside the miner cost a challenge: the same questions with a trainer at work, and with none.

    python benchmarks/unattended.py --pairs 60 --out .run/unattended

A real vLLM, a real miner, and a real training of the demo's model on one machine. Each question is put twice,
in an order drawn by chance: once while the trainer stands still all the time, once while it works and stands
aside as `--tuning.improve` has it. Between two challenges are some seconds, in which it works. Needs what
`make tune-demo` sets up. Every pair is kept, so that a run that was ended goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from logicnet._util.processes import Child, free_port
from logicnet.evals.arena.client import ValidatorClient
from logicnet.evals.challenges.recipe import changed, read_recipe
from logicnet.evals.challenges.sets import make
from logicnet.evals.report.estimate import mean_of
from logicnet.operate.demo.stage import Stage, environment
from logicnet.operate.telemetry.link import RunningMiner
from logicnet.tuning.demo_questions import demo_questions
from logicnet.tuning.improve.quiet import stand_aside, trainers

TIMEOUT_S = 60.0
PROFILE = """
[[profiles]]
name = "one text"
models = ["*"]
terse = true
exact = false
reason = { samples = 1, most = 1, temperature = 0, max_tokens = 400 }
program = { samples = 0, most = 0, temperature = 0, max_tokens = 96 }
"""
"""The most likely text alone: drawn samples differ in length by far more than a trainer may cost."""
ALLOWED = 0.05
"""Of the mean and of the 95th percentile."""


def training(stage: Stage, rows: Path) -> Child:
    """`logicnet tune run` on lessons for hours: it is ended when the last pair is asked."""
    lessons, _ = demo_questions(200, 1)
    asked = [{"instruction": one.text, "output": one.program} for one in lessons]
    rows.write_text("".join(json.dumps(one) + "\n" for one in asked))
    argv = [sys.executable, "-m", "logicnet", "tune", "run", "--model", str(stage.model.absolute())]
    argv += ["--dataset", str(rows.absolute()), "--epochs", "200", "--max-length", "160"]
    argv += ["--tuning.folder", str((stage.folder / "tuning").absolute())]
    argv += ["--tuning.python", str(Path(".venv-tune/bin/python").absolute())]
    return Child.start("the training", argv, log=stage.folder / "training.log", env=environment())


async def pairs(stage: Stage, count: int, done: dict[int, dict[str, float]], out: Path) -> None:
    """Ask what is not in `done` yet, and add it there and to the file `out`."""
    keys, port, vllm_port = stage.prepare_network(), free_port(), free_port()
    jobs = (stage.folder / "tuning" / "jobs").absolute()
    miner = RunningMiner((stage.folder / "ledger.sqlite").absolute())
    recipe = Path("recipes/sentences.toml")  # none of its questions is computed: all need the model
    questions = make(
        changed(read_recipe(recipe), recipe, count=count, split="test", seed=1135), recipe.parent
    )
    (profile := stage.folder.absolute() / "profiles.toml").write_text(PROFILE)
    flags = ("--miner.profiles", str(profile))
    with stage.start_vllm(vllm_port) as vllm, stage.start_miner(port, vllm_port, *flags) as running:
        await asyncio.to_thread(vllm.wait_for, f"http://127.0.0.1:{vllm_port}/v1/models", within_s=600)
        await asyncio.to_thread(running.wait_for, f"http://127.0.0.1:{port}/", within_s=600)
        alice = ValidatorClient(
            keys["alice"], miner_ss58=keys["miner"].ss58_address, base_url=f"http://127.0.0.1:{port}"
        )
        with training(stage, stage.folder / "lessons.jsonl"):
            while not any(one.status() == psutil.STATUS_RUNNING for one in trainers(jobs)):
                await asyncio.sleep(1.0)
            async with alice:
                for number, problem in enumerate(questions.problems):
                    if number in done:
                        continue
                    found = {}
                    for trains in random.Random(number).sample((True, False), 2):
                        found["with" if trains else "without"] = await _asked(
                            alice, problem.question, miner, jobs, trains=trains
                        )
                    done[number] = found
                    with out.open("a") as file:
                        file.write(json.dumps({"number": number, **found}) + "\n")
                    print(number, found, flush=True)


async def _asked(
    alice: ValidatorClient, question: str, miner: RunningMiner, jobs: Path, *, trains: bool
) -> float:
    """Seconds to the answer, infinite if there was none in time."""

    def busy() -> bool:
        if not trains:
            return True
        now = miner.look()
        return now is not None and any(now.in_flight.values())

    aside = asyncio.create_task(stand_aside(busy, lambda: trainers(jobs), time.monotonic))
    try:
        await asyncio.sleep(5.0)  # the trainer works meanwhile, or has come to a stand
        begun_s = time.monotonic()
        reply = await alice.challenge(question, wire="classic", timeout_s=TIMEOUT_S)
        return time.monotonic() - begun_s if reply.success else math.inf
    finally:
        aside.cancel()
        with suppress(asyncio.CancelledError):
            await aside


def report(done: Sequence[dict[str, float]]) -> int:
    """Print the figures; the exit status is 0 if both lie within `ALLOWED` and nothing was late."""
    with_s, without_s = ([one[name] for one in done] for name in ("with", "without"))
    late = sum(map(math.isinf, with_s)), sum(map(math.isinf, without_s))
    both = [(a, b) for a, b in zip(with_s, without_s, strict=True) if not math.isinf(a) and not math.isinf(b)]
    if not both:
        print("No pair was answered twice.")
        return 1
    mean, mean_without = (sum(column) / len(both) for column in zip(*both, strict=True))
    p95, p95_without = (sorted(column)[math.ceil(0.95 * len(both)) - 1] for column in zip(*both, strict=True))
    change = mean_of([a - b for a, b in both])
    print(f"{len(both)} pairs; late: {late[0]} with training, {late[1]} without")
    print(f"mean {mean:.2f} s with, {mean_without:.2f} s without: {mean / mean_without - 1:+.1%}")
    print(f"95 % {p95:.2f} s with, {p95_without:.2f} s without: {p95 / p95_without - 1:+.1%}")
    if change is not None and change.low is not None and change.high is not None:
        print(f"paired difference {change.mean:+.2f} s [{change.low:+.2f}, {change.high:+.2f}]")
    well = mean <= mean_without * (1 + ALLOWED) and p95 <= p95_without * (1 + ALLOWED)
    return 0 if well and not late[0] else 1


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--pairs", type=int, default=60)
    options.add_argument("--out", type=Path, default=Path(".run/unattended"))
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    kept = given.out / "pairs.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    done = {row.pop("number"): row for row in rows}
    if len(done) < given.pairs:
        asyncio.run(pairs(Stage(folder=given.out), given.pairs, done, kept))
    return report([done[number] for number in sorted(done)])


if __name__ == "__main__":
    sys.exit(main())
