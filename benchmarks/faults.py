"""Challenges under many faults at once: how many are answered in time?

    python benchmarks/faults.py                       # 10,000 challenges; some minutes
    python benchmarks/faults.py --challenges 100000
    python benchmarks/faults.py --real                # 200 challenges, two real vLLMs with a core each

A real miner (`logicnet mine --offline`, solver `direct`) asks two model servers, scripted or real.
Validators always have `--at-once` challenges in flight, over both wires. Meanwhile, at random and
independently of each other: one server is stopped (SIGSTOP) and goes on, the other is killed (SIGKILL) and
started until it serves, the disk is full (no file of the miner may grow), and strangers attack in every way
of `tests/hard/attack.py`. Nobody reads the miner's log. A reply counts if its status is 200 and it comes
within the time that the validator allowed.

The miner itself is not killed: that breaks off what is in flight (`tests/hard` does it). The validators'
clocks are up to `--ahead-s` ahead. More than a second, and a challenge is refused while the disk is full:
its nonce would be good again after a restart, so it must be recorded first. `--ahead-s 50` counts such
refusals.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx2
import psutil
from _place import MOST_PER_VALIDATOR, QUESTION, ROOT, Place, place
from failover import NO_WORD, VLLM_START_S, Server, real, running, scripted

sys.path.insert(0, str(ROOT))
from logicnet._util.processes import Child, free_port
from logicnet.operate.demo.stage import environment, hotkey, write_network
from tests.hard.attack import KINDS
from tests.harness.validator import Asked, Validator

GONE_S = 5.0
"""For which a fault lasts, at most."""
STRANGERS = ("alice", "bob", "stranger")
"""The hotkeys that an attack uses. The first two are validators."""


@dataclass
class Count:
    asked: list[Asked] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    peak_mb: float = 0.0
    over: bool = False


async def at_random(
    count: Count, chance: random.Random, every_s: float, name: str, once: Callable[[float], Awaitable[None]]
) -> None:
    while not count.over:
        await asyncio.sleep(chance.uniform(0, every_s))
        if count.over:
            return
        count.faults[name] += 1
        await once(chance.uniform(0.5, GONE_S))


async def faults(
    here: Place, args: argparse.Namespace, miner: Child, port: int, servers: list[Server], count: Count
) -> None:
    stopped, killed = servers
    process = psutil.Process(miner.pid)

    async def stop(seconds: float) -> None:
        stopped.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        stopped.signal(signal.SIGCONT)

    async def kill(seconds: float) -> None:
        await asyncio.to_thread(killed.kill)
        await asyncio.sleep(seconds)
        killed.up()
        await asyncio.to_thread(killed.ready, VLLM_START_S)

    async def fill_disk(seconds: float) -> None:
        before = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (0, before[1]))
        await asyncio.sleep(seconds)
        process.rlimit(psutil.RLIMIT_FSIZE, before)

    async def attack(seconds: float) -> None:
        kind = chance.choice(KINDS)
        count.faults[kind] += 1
        command = [sys.executable, "-m", "tests.hard.attack", kind, str(port), f"{seconds:.1f}"]
        command += [str(here.wallets), "200"]
        null = asyncio.subprocess.DEVNULL
        done = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=null)
        await done.wait()

    async def measure() -> None:
        while not count.over:
            count.peak_mb = max(count.peak_mb, process.memory_info().rss / 1e6)
            await asyncio.sleep(0.2)

    chance = random.Random(args.seed)
    kinds = {
        "SIGSTOP": stop,
        "SIGKILL": kill,
        "disk full": fill_disk,
        "strangers": attack,
    }
    await asyncio.gather(
        measure(), *(at_random(count, chance, args.every_s, name, once) for name, once in kinds.items())
    )


async def ask(here: Place, args: argparse.Namespace, port: int, count: Count) -> None:
    chance = random.Random(args.seed)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", timeout=4 * args.allowed_s, trust_env=False, limits=limits
    ) as http:
        validators = [
            Validator(
                key, http, here.miner_ss58, number % 2 == 0, chance.uniform(0, args.ahead_s), args.allowed_s
            )
            for number, key in enumerate(here.validators)
        ]
        numbers = iter(range(args.challenges))
        ends_s = time.monotonic() + args.seconds

        async def again() -> None:
            for number in numbers:
                if time.monotonic() > ends_s:
                    return
                asked = await validators[number % len(validators)].ask(f"{QUESTION} (Number {number}.)")
                count.asked.append(asked)
                if len(count.asked) % max(1, args.challenges // 20) == 0:
                    print(
                        f"{len(count.asked)} asked, {len(missed(count, args))} missed",
                        file=sys.stderr,
                        flush=True,
                    )

        await asyncio.gather(*(again() for _ in range(args.at_once)))
    count.over = True


def missed(count: Count, args: argparse.Namespace) -> list[Asked]:
    return [one for one in count.asked if one.status != 200 or one.at_s - one.signed_s > args.allowed_s]


def log_without_reader(here: Place) -> tuple[int, str]:
    """A pipe that is full. Its end for reading, which stays open, and its path."""
    path = here.folder / "unread"
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(pipe, b"x" * 4096)
    except BlockingIOError:
        return pipe, str(path)


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--real", action="store_true", help="vLLMs with the demo's model (`make demo` sets up)"
    )
    parser.add_argument("--challenges", type=int, help="default 10,000; 200 of real servers")
    parser.add_argument("--seconds", type=float, default=1800.0, help="after which it ends, whatever is left")
    parser.add_argument("--at-once", type=int, help="default 48; 8 of real servers")
    parser.add_argument(
        "--allowed-s", type=float, help="the validators' timeout: default 20; 64 of real servers"
    )
    parser.add_argument("--ahead-s", type=float, default=0.9, help="of the validators' clocks, at most")
    parser.add_argument(
        "--every-s", type=float, help="between two faults of a kind, at most: default 5; 30 of real servers"
    )
    parser.add_argument("--seed", type=int, default=35)
    parser.add_argument("--words-per-s", type=float, default=200.0)
    parser.add_argument("--words", type=int, default=30)
    args = parser.parse_args()
    defaults = {
        "challenges": (10_000, 200),
        "at_once": (48, 8),
        "allowed_s": (20.0, 64.0),
        "every_s": (GONE_S, 30.0),
    }
    for name, values in defaults.items():
        if getattr(args, name) is None:
            setattr(args, name, values[args.real])
    count = Count()
    with place(-(-args.challenges // (MOST_PER_VALIDATOR - 10))) as here:
        stakes = {key.ss58_address: 50_000.0 for key in here.validators}
        keys = {name: hotkey(here.wallets, name).ss58_address for name in STRANGERS}
        write_network(
            here.network, here.miner_ss58, stakes | {keys["alice"]: 50_000.0, keys["bob"]: 50_000.0}
        )
        starts = [real(here, core) for core in (0, 1)] if args.real else [scripted(here, args)] * 2
        servers = [
            Server(name, free_port(), start) for name, start in zip(("one", "other"), starts, strict=True)
        ]
        port = free_port()
        pipe, log = log_without_reader(here)
        flags = ["--miner.solver", "direct", "--miner.limit_interval", "3600", "--miner.max_in_flight", "128"]
        for server in servers:
            flags += ["--miner.llm_client.base_url", f"{server.url}/v1"]
        with running(servers):
            command = here.miner_command(port, *flags)
            with Child.start("the miner", command, log=type(here.folder)(log), env=environment()) as miner:
                here.first_answer(miner, port)
                began_s = time.monotonic()
                async with asyncio.TaskGroup() as group:
                    group.create_task(faults(here, args, miner, port, servers, count))
                    await ask(here, args, port, count)
                    took_s = time.monotonic() - began_s
                ended = miner.stop(grace_s=90)
        os.close(pipe)
    waits_s = sorted(one.at_s - one.signed_s for one in count.asked)
    out = missed(count, args)
    result = {
        "asked": len(count.asked),
        "answered in time": len(count.asked) - len(out),
        "late": sum(one.status == 200 for one in out),
        "statuses": Counter(str(one.status) for one in count.asked),
        "by a model": sum(one.answer not in ("", NO_WORD) for one in count.asked),
        "median wait, s": round(statistics.median(waits_s), 2),
        "worst wait, s": round(waits_s[-1], 2),
        "peak, MB": round(count.peak_mb),
        "seconds": round(took_s),
        "exit status": ended,
        "faults": count.faults,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
