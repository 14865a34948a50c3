"""How many questions a second the arena asks from one process, and what of process_time is its own.

    python benchmarks/arena.py

The whole arena (signing, journal and rows on disk, scoring and truth beside the asking; no judge, no
reference) against one `logicnet mine` with the solver `constant`, each as one process pinned to one core.
A miner gives a validator at most 80 questions an interval, so both run with intervals far shorter than a
validator's 600 s; the eight lanes are staggered in the same proportion. Two paces: as fast as it goes, and
a steady one, at which process_time is compared with a bare socket's time for the same signed requests to
the same miner, sent one at a time and nothing else. The difference is what the arena adds: its client,
and its own other work at that pace. Rounds of the three take turns in one run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil
import uvloop
from _load import drive, raw_request
from _place import MOST_PER_VALIDATOR, Place, place

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError
from logicnet.evals.arena.arena import Arena
from logicnet.evals.arena.information import InformationReply
from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.arena.scorer import ReplyScorer
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.sets import ChallengeSet
from logicnet.evals.runs.folder import RunFolder
from logicnet.evals.runs.run import Row
from logicnet.operate.demo.stage import environment
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring.incentive import LANE_STAGGER_S, LOOP_S
from logicnet.scoring.reward import SPREAD, TIME_WEIGHT

FAST_S = 0.02  # a loop: no miner answers 80 questions sooner, so no loop waits for its end
REWARD_PER_S = TIME_WEIGHT / SPREAD / LOGIC_TIMEOUT_S
STEADY_S = 0.2  # 80 questions in each: 400 a second


@dataclass
class Watch:
    """Keeps when the rows came."""

    rows: list[Row] = field(default_factory=list)
    began_s: float = 0.0

    def round_began(self, number: int, told: Mapping[str, InformationReply], questions: int) -> None:
        self.began_s = self.began_s or time.monotonic()

    def row(self, row: Row) -> None:
        self.rows.append(row)

    def round_ended(self, number: int) -> None: ...

    def waiting(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Asked:
    """One run: questions a second, its own CPU for each, and the process_time of each."""

    per_s: float
    cpu_us: float
    seconds: list[float]


async def ask(here: Place, port: int, count: int, loop_s: float) -> Asked:
    validator = here.validators[0]
    plan = ArenaPlan(
        target=(f"127.0.0.1:{port}",),
        hotkey=(here.miner_ss58,),
        validator=validator.ss58_address,
        stakes={validator.ss58_address: 50_000.0},
        challenges="bench",
        rounds=-(-count // MOST_PER_VALIDATOR),
        per_round=MOST_PER_VALIDATOR,
        loop_s=loop_s,
        stagger_s=loop_s * LANE_STAGGER_S / LOOP_S,
        wire="both",
        truth=True,
    )
    problems = [Problem(f"What is {number} + {number}?", str(2 * number), "bench") for number in range(count)]
    watch = Watch()
    run = RunFolder.begin(here.folder / f"run-{time.monotonic_ns()}", plan, ChallengeSet(problems))
    with run:
        async with ReplyScorer(plan) as scorer:
            cpu_s = time.process_time()
            await Arena(run, validator, scorer, watch).run()
            ended_s = time.monotonic()
            cpu_s = time.process_time() - cpu_s
    wrong = [row for row in watch.rows if row.error or row.answer is None or not row.scored]
    if wrong or len(watch.rows) != count:
        raise LogicnetError(
            f"{len(watch.rows)} of {count} asked, {len(wrong)} wrong: {[row.error for row in wrong[:3]]}"
        )
    took_s = ended_s - watch.began_s
    return Asked(count / took_s, cpu_s / count * 1e6, sorted(row.process_time or 0.0 for row in watch.rows))


def bare(here: Place, port: int, process: psutil.Process) -> list[float]:
    """Seconds of questions sent one at a time over one bare socket."""
    time.sleep(FAST_S)  # the quota of before is over
    queue = [
        raw_request("/LogicSynapse", *here.request(1, f"bare-{number}"))
        for number in range(MOST_PER_VALIDATOR)
    ]
    return [ns / 1e9 for ns in drive(port, [queue], seconds=10.0, process=process).latencies_ns]


def miner(here: Place, port: int) -> Child:
    flags = ("--miner.solver", "constant", "--miner.limit_interval", str(FAST_S / 2))
    command = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *here.miner_command(port, *flags)]
    log = here.folder / "miner.log"
    return Child.start("the miner", command, log=log, cwd=here.folder, env=environment())


def spread(values: list[float], digits: int = 2) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


def quantile_ms(seconds: list[float], share: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))] * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each pace (default 5)")
    parser.add_argument("--questions", type=int, default=1600, help="of each round (default 1600)")
    args = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        parser.error("two cores are needed: one for the miner, one for the arena")
    if args.questions < 1:
        parser.error("--questions: at least 1")
    fast: list[Asked] = []
    steady: list[Asked] = []
    alone: list[list[float]] = []
    port = free_port()
    with place(validators=2) as here, miner(here, port) as child:
        os.sched_setaffinity(0, {cores[-1]})
        try:
            child.wait_for(f"http://127.0.0.1:{port}/", within_s=60)
            for _ in range(args.rounds):
                fast.append(uvloop.run(ask(here, port, args.questions, FAST_S)))
                alone.append(bare(here, port, psutil.Process(child.pid)))
                steady.append(uvloop.run(ask(here, port, args.questions, STEADY_S)))
        except LogicnetError as error:
            sys.exit(str(error))
    table = {
        "questions/s, as fast as it goes": spread([one.per_s for one in fast], 0),
        "CPU per question, us": spread([one.cpu_us for one in fast], 0),
        "questions/s, steady": spread([one.per_s for one in steady], 0),
    }
    for share, name in ((0.5, "p50"), (0.95, "p95")):
        ours = [quantile_ms(one.seconds, share) for one in steady]
        theirs = [quantile_ms(one, share) for one in alone]
        own = [one - other for one, other in zip(ours, theirs, strict=True)]
        table[f"process_time {name} at that pace, ms"] = spread(ours)
        table[f"bare socket {name}, one at a time, ms"] = spread(theirs)
        table[f"difference {name}: the arena's own, ms"] = spread(own)
        table[f"what that costs in reward, {name}"] = spread([ms / 1e3 * REWARD_PER_S for ms in own], 7)
    for label, row in table.items():
        print(f"{label:<44}{row['median']:>12.7g}   ({row['min']:.7g} .. {row['max']:.7g})")
    print(json.dumps({"bench": "arena", "questions": args.questions, "rounds": args.rounds, **table}))


if __name__ == "__main__":
    main()
