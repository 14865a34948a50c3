"""Two vLLMs with a part of the cores each against one with all of them: how many challenges does each keep?

    python benchmarks/replicas.py --seconds 120       # eight minutes, two cores

A real miner (`logicnet mine --offline`) asks what `logicnet vllm --cpu --replicas N` serves: the demo's model
on vLLM's CPU build. So many questions are always in flight, over the real wires, each allowed the validator's
64 s. Counted are the answers in a model's words and in time, by the second; the order of the legs alternates
with each round. One vLLM is bound to all cores, so that both have the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path

from _place import MOST_PER_VALIDATOR, ROOT, Place, place
from failover import Count, ask_on, summary

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError
from logicnet.evals.arena.client import ValidatorClient
from logicnet.operate.demo.stage import environment
from logicnet.operate.serving.vllm.room import is_free

_START_S = 300.0
_VARIABLES = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}


def ports(count: int) -> int:
    """The first of so many free ones in a row."""
    while True:
        first = free_port()
        if all(is_free("127.0.0.1", first + place) for place in range(1, count)):
            return first


async def load(here: Place, port: int, at_once: int, seconds: float) -> tuple[Count, float]:
    """What came of it, and the seconds until the last answer."""
    clients = [
        ValidatorClient(key, miner_ss58=here.miner_ss58, base_url=f"http://127.0.0.1:{port}")
        for key in here.validators
    ]
    count = Count()
    until_s = count.began_s + seconds
    try:
        await asyncio.gather(
            *(ask_on(clients[number % len(clients)], count, number, until_s) for number in range(at_once))
        )
    finally:
        for client in clients:
            await client.close()
    return count, time.monotonic() - count.began_s


def leg(here: Place, args: argparse.Namespace, replicas: int) -> float:
    """Challenges that were kept, a minute."""
    first, logs = ports(replicas), here.folder / f"{time.monotonic_ns()}"
    urls = [f"http://127.0.0.1:{first + place}/v1" for place in range(replicas)]
    command = [str(Path(sys.executable).with_name("logicnet")), "vllm", "--cpu", "--port", str(first)]
    command += ["--model", str(ROOT / ".run/model/smollm2"), "--enforce-eager"]
    command += ["--python", str(ROOT / ".venv-vllm/bin/python"), "--replicas", str(replicas)]
    env = environment() | _VARIABLES | {"VLLM_CACHE_ROOT": str(here.folder / "cache")}
    env["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(
        map(str, sorted(os.sched_getaffinity(0)))
    )  # replicas: their own
    vllm = Child.start("logicnet vllm", command, log=logs.with_suffix(".vllm"), cwd=here.folder, env=env)
    with vllm:
        for url in urls:
            vllm.wait_for(f"{url}/models", within_s=_START_S)
        port, log = free_port(), logs.with_suffix(".miner")
        flags = [word for url in urls for word in ("--miner.llm_client.base_url", url)]
        flags += ["--miner.solver", args.solver, "--miner.max_in_flight", str(args.at_once)]
        miner = Child.start(
            "logicnet", here.miner_command(port, *flags), log=log, cwd=here.folder, env=environment()
        )
        with miner:
            miner.wait_for(f"http://127.0.0.1:{port}/", within_s=60)
            count, took_s = asyncio.run(load(here, port, args.at_once, args.seconds))
    found = summary(count, log.read_text(errors="replace"))
    kept = int(str(found["a model's own word"]))
    print(
        json.dumps({"bench": "replicas", "replicas": replicas, "load": os.getloadavg()[0], **found}),
        flush=True,
    )
    return kept / took_s * 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--replicas", type=int, default=2, help="vLLMs against one (default 2)")
    parser.add_argument("--at-once", type=int, default=8, help="challenges in flight (default 8)")
    parser.add_argument("--seconds", type=float, default=120.0, help="of each leg (default 120)")
    parser.add_argument("--rounds", type=int, default=1, help="of both legs (default 1)")
    parser.add_argument("--solver", default="direct", help="default direct")
    args = parser.parse_args()
    asked = args.at_once * args.seconds  # no answer takes less than a second here
    kept: dict[int, list[float]] = {1: [], args.replicas: []}
    with place(validators=max(2, min(64, int(asked / MOST_PER_VALIDATOR) + 1))) as here:
        try:
            for number in range(args.rounds):
                for replicas in sorted(kept, reverse=bool(number % 2)):
                    kept[replicas].append(leg(here, args, replicas))
        except (LogicnetError, OSError) as error:
            sys.exit(str(error))
    one, several = (statistics.median(kept[replicas]) for replicas in (1, args.replicas))
    ratio = f"{several / one:.2f} x (must: 0.95)"
    print(f"kept a minute: {one:.1f} by one, {several:.1f} by {args.replicas}; {ratio}")


if __name__ == "__main__":
    main()
