"""How long `logicnet mine` takes to its first answer, and how much memory it holds.

    python benchmarks/start.py [--tune]

Each run starts a fresh `logicnet mine --offline --miner.solver constant` and asks it signed challenges
until one is answered 200: that is the start, in seconds from the moment the process was created. Then 1,000
more challenges from 16 validators are asked, 8 at a time as a validator's batches are, and the process's
memory is read: resident now, and its peak (VmHWM in /proc). The yardstick is `python -c pass` in the same
environment. Every answer must be a 200 with the constant answer, or the run fails.

With --tune it is `logicnet tune serve` on an empty queue, until `GET /health` is answered; its CPU seconds
are given too, which say more on a machine that others use.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from _load import drive, raw_request, split_reply
from _place import ROOT, Place, place

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError
from logicnet.operate.demo.stage import environment

CONNECTIONS = 8


def python_s() -> float:
    """Seconds that an empty Python takes."""
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began_s


def requests(here: Place, count: int) -> list[list[bytes]]:
    queues: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
    for number in range(count):
        request = here.request(number % len(here.validators), str(number))
        queues[number % CONNECTIONS].append(raw_request("/LogicSynapse", *request))
    return queues


def one_run(count: int) -> dict[str, float]:
    with place(validators=16) as here:
        port = free_port()
        command = here.miner_command(port, "--miner.solver", "constant")
        began_s = time.perf_counter()
        with Child.start(
            "logicnet", command, log=here.folder / "log.txt", cwd=here.folder, env=environment()
        ) as child:
            first = json.loads(here.first_answer(child, port))
            start_s = time.perf_counter() - began_s
            miner = psutil.Process(child.pid)
            first_mb = miner.memory_info().rss / 1e6
            round_ = drive(port, requests(here, count), seconds=60.0, process=miner)
            answers = [split_reply(reply) for _, _, reply in round_.replies]
            right = sum(
                status == 200 and json.loads(body)["logic_answer"] == first["logic_answer"]
                for status, body in answers
            )
            if right != count:
                sys.exit(f"{right} of {count} answered; {round_.broken[:1]} {answers[-1:]}")
            status_file = Path(f"/proc/{child.pid}/status").read_text()
            peak = re.search(r"VmHWM:\s+(\d+) kB", status_file)
            assert peak is not None
            return {
                "first answer s": start_s,
                "RSS MB at the first answer": first_mb,
                f"RSS MB after {count} more": miner.memory_info().rss / 1e6,
                "peak RSS MB": int(peak[1]) * 1024 / 1e6,
            }


def one_tune_run() -> dict[str, float]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "logicnet", "tune", "serve", "--tuning.port", str(port)]
        command += ["--tuning.folder", f"{folder}/tuning", "--tuning.python", sys.executable]
        began_s = time.perf_counter()
        with Child.start(
            "tune serve", command, log=Path(folder) / "log.txt", cwd=ROOT, env=environment()
        ) as child:
            child.wait_for(f"http://127.0.0.1:{port}/health", within_s=60.0)
            start_s = time.perf_counter() - began_s
            service = psutil.Process(child.pid)
            used = service.cpu_times()
            loaded = [
                one for one in service.memory_maps() if "libtorch" in one.path or "bittensor" in one.path
            ]
            if loaded:
                sys.exit(f"the service has loaded {loaded[0].path}")
            return {
                "first answer s": start_s,
                "CPU s at the first answer": used.user + used.system,
                "RSS MB at the first answer": service.memory_info().rss / 1e6,
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--requests", type=int, default=1000, help="asked before memory is read (default 1000)"
    )
    parser.add_argument("--tune", action="store_true", help="logicnet tune serve in place of logicnet mine")
    args = parser.parse_args()
    if not 1 <= args.requests <= 1200:
        parser.error("--requests: 1 to 1200, because 16 validators have a quota of 80 each")
    runs = []
    for _ in range(args.runs):
        bare_s = python_s()
        try:
            run = one_tune_run() if args.tune else one_run(args.requests)
        except (LogicnetError, TimeoutError) as error:
            sys.exit(str(error))
        runs.append(
            run | {"python -c pass s": bare_s, "start / python -c pass": run["first answer s"] / bare_s}
        )
    table = {
        name: {
            "median": round(statistics.median(run[name] for run in runs), 3),
            "min": round(min(run[name] for run in runs), 3),
            "max": round(max(run[name] for run in runs), 3),
        }
        for name in runs[0]
    }
    for name, row in table.items():
        print(f"{name:<34}{row['median']:>10.3f}   ({row['min']:.3f} .. {row['max']:.3f})")
    print(
        json.dumps(
            {"bench": "start", "of": "tune serve" if args.tune else "mine", "runs": args.runs, **table}
        )
    )


if __name__ == "__main__":
    main()
