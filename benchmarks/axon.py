"""Our axon against bittensor 10.5.0's own Axon: requests per second, p50 and p99, and the ratios.

    python benchmarks/axon.py --old-python .venv-bt10/bin/python

Both answer a constant, each as one process pinned to one core; the load has the other core, 32 keep-alive
connections with one request in flight on each. Rounds alternate (old, ours, old, ours, ...) in one run, so
that whatever else the machine does falls on both; the ratios are medians over rounds. Requests are signed
just before each round, by 256 validators (a subnet's size) that have a connection's nonces in order, as
the old Axon needs. A quota gives a validator at most 80 challenges an interval: a round sends no more than
that for each, and our miner runs with an interval of one second, so that rounds do not share one.
The old Axon checks signature, nonce and a blacklist; ours checks the same, quota and capacity, and writes
its ledger. Every reply must be a 200 with the constant answer to its own question, or the run fails.
"CPU" is what the server's process used per request: it hardly depends on who else uses the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from _load import Round, drive, split_reply
from _place import MOST_PER_VALIDATOR, QUESTION, ROOT, Place, place, signed

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError
from logicnet.operate.demo.stage import environment

INTERVAL_S = 1.0


@dataclass
class Side:
    """One server and what its rounds gave."""

    name: str
    port: int
    process: psutil.Process
    rounds: list[Round] = field(default_factory=list)


def wrong_replies(round_: Round, expected: dict[str, str]) -> list[str]:
    """One line for each reply that is not the constant answer to its own question."""
    wrong = []
    for queue, turn, reply in round_.replies:
        status, body = split_reply(reply)
        wanted = expected | {"logic_question": QUESTION, "task_uid": f"{queue}-{turn}"}
        if status != 200:
            wrong.append(f"{status} {body[:160]!r}")
        elif (got := json.loads(body)) and any(got.get(key) != value for key, value in wanted.items()):
            wrong.append(f"200 with {body[:160]!r}")
    return wrong


def one_round(side: Side, queues: list[list[bytes]], seconds: float, expected: dict[str, str]) -> list[str]:
    """Drive one round; what failed in it."""
    round_ = drive(side.port, queues, seconds=seconds, process=side.process)
    side.rounds.append(round_)
    return round_.broken + wrong_replies(round_, expected)


def start(name: str, command: list[str], here: Place, core: int) -> Child:
    child = Child.start(name, command, log=here.folder / f"{name}.log", cwd=here.folder, env=environment())
    os.sched_setaffinity(child.pid, {core})  # long before it has a second thread
    return child


def measure_axons(here: Place, args: argparse.Namespace, core: int) -> tuple[Side, Side, list[str]]:
    """The old side, our side, and what failed."""
    our_port, old_port = free_port(), free_port()
    flags = ("--miner.solver", "constant", "--miner.limit_interval", str(INTERVAL_S))
    with start("logicnet", here.miner_command(our_port, *flags), here, core) as ours:
        answer = json.loads(here.first_answer(ours, our_port))
        expected = {name: answer[name] for name in ("logic_answer", "logic_reasoning")}
        command = [str(args.old_python), str(ROOT / "benchmarks" / "_old_axon.py"), "--port", str(old_port)]
        command += ["--wallets", str(here.wallets), "--network", str(here.network)]
        command += ["--answer", answer["logic_answer"], "--reasoning", answer["logic_reasoning"]]
        with start("old-axon", command, here, core) as old:
            here.first_answer(old, old_port)
            sides = (
                Side("bittensor 10.5.0 Axon", old_port, psutil.Process(old.pid)),
                Side("logicnet axon", our_port, psutil.Process(ours.pid)),
            )
            failures: list[str] = []
            # A first round of each warms it up and tells how many requests a round can use.
            for side in sides:
                failures += one_round(side, signed(here, args.connections, 4000), 1.0, expected)
            useful = {side.name: side.rounds.pop().per_s * args.seconds * 1.3 for side in sides}
            for side in sides * args.rounds:
                time.sleep(INTERVAL_S)
                queues = signed(here, args.connections, int(useful[side.name]) + 1000)
                failures += one_round(side, queues, args.seconds, expected)
    return *sides, failures


def measure_load(here: Place, args: argparse.Namespace, core: int, reply_bytes: int) -> Side:
    """The same load against a server that does nothing."""
    queues = signed(here, args.connections, MOST_PER_VALIDATOR * len(here.validators))
    length = len(queues[0][0])  # that server counts bytes: give all requests one length
    queues = [[request.ljust(length)[:length] for request in queue] for queue in queues]
    port = free_port()
    program = ROOT / "benchmarks" / "_ceiling.py"
    command = [sys.executable, str(program), str(port), str(length), str(reply_bytes)]
    with start("ceiling", command, here, core) as canned:
        time.sleep(1.0)
        side = Side("the load alone (canned reply)", port, psutil.Process(canned.pid))
        side.rounds.append(drive(port, queues, seconds=args.seconds, process=side.process))
    return side


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def report(old: Side, ours: Side, load: Side, failures: list[str]) -> None:
    pairs = list(zip(old.rounds, ours.rounds, strict=True))
    ratios = {
        "requests per second, ours / old": [b.per_s / a.per_s for a, b in pairs],
        "p99, ours / old": [b.p_ms(99) / a.p_ms(99) for a, b in pairs],
        "CPU per request, old / ours": [a.cpu_us / b.cpu_us for a, b in pairs],
    }
    table = {
        side.name: {
            "requests/s": spread([round_.per_s for round_ in side.rounds]),
            "p50 ms": spread([round_.p_ms(50) for round_ in side.rounds]),
            "p99 ms": spread([round_.p_ms(99) for round_ in side.rounds]),
            "CPU us": spread([round_.cpu_us for round_ in side.rounds]),
        }
        for side in (old, ours, load)
    }
    table["ratio"] = {name: spread(values) for name, values in ratios.items()}
    for name, rows in table.items():
        print(name)
        for label, row in rows.items():
            print(f"  {label:<34}{row['median']:>12.2f}   ({row['min']:.2f} .. {row['max']:.2f})")
    replies = {side.name: sum(len(round_.replies) for round_ in side.rounds) for side in (old, ours, load)}
    print(json.dumps({"bench": "axon", "replies": replies, "failures": len(failures), **table}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    default_python = ROOT / ".venv-bt10" / "bin" / "python"
    parser.add_argument("--old-python", type=Path, default=default_python, help="has bittensor 10.5.0")
    parser.add_argument("--rounds", type=int, default=5, help="of each server (default 5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="most seconds per round (default 3)")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections (default 32)")
    args = parser.parse_args()
    if not args.old_python.exists():
        parser.error(f"--old-python: there is no {args.old_python}")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        parser.error("two cores are needed: one for the server, one for the load")
    os.sched_setaffinity(0, {cores[1]})
    try:
        with place(validators=256) as here:
            old, ours, failures = measure_axons(here, args, cores[0])
            load = measure_load(here, args, cores[0], len(ours.rounds[0].replies[0][2]))
    except (LogicnetError, TimeoutError) as error:
        sys.exit(str(error))
    report(old, ours, load, failures)
    if failures:
        sys.exit(f"{len(failures)} failures, the first: {failures[0]}")


if __name__ == "__main__":
    main()
