"""Challenges in flight while the model servers under the miner die, hang and come back: all answered in time?

    python benchmarks/failover.py --scripted --at-once 200 --seconds 150  # two scripted servers
    python benchmarks/failover.py --router .run/router-venv/bin/vllm-router

A real miner (`logicnet mine --offline`) has two servers as `--miner.llm_client.base_url`. So many questions
are always in flight, over the real wires, each allowed the validator's 64 s. Meanwhile one server is stopped
(SIGSTOP, all of it: its port still accepts, and nothing comes) and goes on later, and the other is killed
(SIGKILL, with all it started) and started again; in turn, until the time is over. Never both at once. Counted
is what a validator sees: an answer in time, and whether it is a model's ("I do not know" is the miner's own
word when no model said anything). `--page FOLDER` takes pictures of `logicnet console` while all is well,
while each server is out, and when both are back. For the router: `pip install vllm-router`, in an environment
of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from _pictures import Take, no_picture, pictures
from _place import MOST_PER_VALIDATOR, QUESTION, ROOT, Place, place

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError
from logicnet.evals.arena.client import MinerReply, ValidatorClient
from logicnet.operate.demo.stage import Stage, dtype, environment
from logicnet.protocol import LOGIC_TIMEOUT_S, Wire

NO_WORD = "I do not know"
_PAUSE_S = 0.2  # of one asker, after a refusal
VLLM_START_S = 300.0
_REAL_FLAGS = ("--max-num-seqs", "16")


@dataclass
class Server:
    """One model server, and how it is started on its port."""

    name: str
    port: int
    start: Callable[[int], Child]
    child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        self.child = self.start(self.port)

    def ready(self, within_s: float) -> None:
        assert self.child is not None
        self.child.wait_for(f"{self.url}/v1/models", within_s=within_s)

    def kill(self) -> None:
        """SIGKILL to it and all it started."""
        if self.child is not None:
            self.child.signal(signal.SIGCONT)
            self.child.signal(signal.SIGKILL)
            self.child.stop()
            self.child = None

    def signal(self, number: signal.Signals) -> None:
        if self.child is not None:
            self.child.signal(number)


@dataclass
class Count:
    """What came of it."""

    replies: list[MinerReply] = field(default_factory=list)
    in_flight: int = 0
    most: int = 0
    events: list[tuple[float, str]] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        at_s = time.monotonic() - self.began_s
        self.events.append((round(at_s, 1), what))
        answered = sum(reply.success for reply in self.replies)
        print(f"{at_s:6.1f} s  {what:<34} {self.in_flight:4d} in flight, {answered} answered", flush=True)


async def ask_on(client: ValidatorClient, count: Count, number: int, until_s: float) -> None:
    """One question after the other."""
    wire: Wire = "btauth" if number % 2 else "classic"
    asked = 0
    while time.monotonic() < until_s:
        asked += 1
        question = f"{QUESTION} (Number {number}-{asked}.)"
        count.in_flight += 1
        count.most = max(count.most, count.in_flight)
        reply = await client.challenge(question, wire=wire, category="Logic", task_uid=f"{number}-{asked}")
        count.in_flight -= 1
        count.replies.append(reply)
        if not reply.success:
            await asyncio.sleep(_PAUSE_S)


async def trouble(servers: list[Server], count: Count, until_s: float, phase_s: float, take: Take) -> None:
    """One after the other: stopped, on again; killed, back."""
    killed, stopped = servers

    async def phase(moment: str) -> None:
        await asyncio.gather(asyncio.sleep(phase_s), take(moment))

    async def wait(name: str, moment: str) -> bool:
        left_s = until_s - time.monotonic()
        if left_s < 2 * phase_s:  # what is done must be undone before the end
            return False
        await phase(moment)
        count.say(name)
        return True

    while await wait(f"{stopped.name} is stopped", "back" if count.events else "well"):
        stopped.signal(signal.SIGSTOP)
        await phase("stopped")
        count.say(f"{stopped.name} goes on")
        stopped.signal(signal.SIGCONT)
        if not await wait(f"{killed.name} is killed", "well"):
            return
        await asyncio.to_thread(killed.kill)
        await phase("killed")
        count.say(f"{killed.name} is started again")
        killed.up()
        await asyncio.to_thread(killed.ready, VLLM_START_S)
        count.say(f"{killed.name} serves")


def scripted(here: Place, args: argparse.Namespace) -> Callable[[int], Child]:
    def start(port: int) -> Child:
        command = [sys.executable, str(ROOT / "benchmarks" / "_scripted_llm.py"), str(port)]
        command += [str(args.words_per_s), str(args.words)]
        return Child.start("scripted", command, log=here.folder / f"{port}.log", env=environment())

    return start


def real(here: Place, core: int) -> Callable[[int], Child]:
    """A vLLM on one core, so that the other has its own."""
    stage = Stage(vllm_python=ROOT / ".venv-vllm/bin/python", model=ROOT / ".run/model/smollm2")
    stage.check()

    def start(port: int) -> Child:
        argv = [str(stage.vllm_python), "-m", "vllm.entrypoints.openai.api_server"]
        argv += ["--model", str(stage.model), "--served-model-name", "smollm2", "--host", "127.0.0.1"]
        argv += ["--port", str(port), "--max-model-len", "2048", "--dtype", dtype(), "--enforce-eager"]
        env = environment() | {
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": str(core),
            "VLLM_CACHE_ROOT": str(here.folder / "cache"),
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
        }
        return Child.start("vLLM", [*argv, *_REAL_FLAGS], log=here.folder / f"{port}.log", env=env)

    return start


@contextlib.contextmanager
def running(servers: list[Server]) -> Iterator[None]:
    try:
        for server in servers:
            server.up()
        for server in servers:
            server.ready(VLLM_START_S)
        yield
    finally:
        for server in servers:
            server.kill()


@contextlib.contextmanager
def routed(here: Place, program: str | None, servers: list[Server]) -> Iterator[list[str]]:
    """What the miner is given: the servers, or a file that names the router before them."""
    if program is None:
        yield [word for server in servers for word in ("--miner.llm_client.base_url", f"{server.url}/v1")]
        return
    port = free_port()
    command = [program, "--host", "127.0.0.1", "--port", str(port), "--policy", "round_robin"]
    command += ["--prometheus-port", str(free_port()), "--worker-urls", *(server.url for server in servers)]
    command += ["--health-check-interval-secs", "5", "--health-check-timeout-secs", "3"]
    with Child.start("vllm-router", command, log=here.folder / "router.log", env=environment()) as router:
        router.wait_for(f"http://127.0.0.1:{port}/v1/models", within_s=60)
        file = here.folder / "endpoints.toml"
        file.write_text(f'[[endpoint]]\nurl = "http://127.0.0.1:{port}/v1"\nrouter = true\n')
        yield ["--miner.llm_client.base_url", str(file)]


async def load(here: Place, args: argparse.Namespace, servers: list[Server], port: int, take: Take) -> Count:
    clients = [
        ValidatorClient(key, miner_ss58=here.miner_ss58, base_url=f"http://127.0.0.1:{port}")
        for key in here.validators
    ]
    count = Count()
    until_s = count.began_s + args.seconds
    askers = [
        asyncio.create_task(ask_on(clients[number % len(clients)], count, number, until_s))
        for number in range(args.at_once)
    ]
    try:
        await trouble(servers, count, until_s, args.phase, take)
        await asyncio.gather(*askers)
    finally:
        for asker in askers:
            asker.cancel()
        for client in clients:
            await client.close()
    count.say("the end")
    return count


async def shown(here: Place, args: argparse.Namespace, servers: list[Server], port: int) -> Count:
    """The load, with pictures of it if they are wanted."""
    if args.page is None:
        return await load(here, args, servers, port, no_picture)
    async with pictures(here, args.page) as take:
        return await load(here, args, servers, port, take)


def summary(count: Count, log: str) -> dict[str, object]:
    """The figures."""
    in_time = [one for one in count.replies if one.success and one.answer and one.seconds < LOGIC_TIMEOUT_S]
    seconds = sorted(one.seconds for one in in_time) or [0.0]
    missed = Counter(one.message or "no answer" for one in count.replies if one not in in_time)
    return {
        "asked": len(count.replies),
        "answered in time": len(in_time),
        "a model's own word": sum(one.answer != NO_WORD for one in in_time),
        "at once, most": count.most,
        "median, s": round(statistics.median(seconds), 1),
        "slowest, s": round(seconds[-1], 1),
        "went out of use": log.count(" are left.") + log.count(" is left."),
        "came back": log.count("answers (again)."),
        "missed": dict(missed.most_common(5)),
    }


def leg(
    here: Place, args: argparse.Namespace, servers: list[Server], router: str | None
) -> dict[str, object]:
    """One miner over the servers, from its start to its end."""
    log = here.folder / "miner.log"
    with routed(here, router, servers) as flags:
        port = free_port()
        flags += ["--miner.solver", args.solver, "--miner.max_in_flight", str(args.at_once)]
        command = here.miner_command(port, *flags)
        with Child.start("logicnet", command, log=log, cwd=here.folder, env=environment()) as miner:
            miner.wait_for(f"http://127.0.0.1:{port}/", within_s=60)
            count = asyncio.run(shown(here, args, servers, port))
    said = log.read_text(errors="replace")
    if args.lines:
        print(*(line for line in said.splitlines() if "odel server" in line), sep="\n")
    result = summary(count, said)
    kind = "scripted" if args.scripted else "vLLM"
    for name, value in result.items():
        print(f"{name:<22}{value}")
    print(
        json.dumps(
            {
                "bench": "failover",
                "servers": kind,
                "router": bool(router),
                "load": os.getloadavg()[0],
                **result,
            }
        ),
        flush=True,
    )
    if result["answered in time"] != result["asked"]:
        kept = ROOT / ".run" / "failover-miner.log"
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(said)
        print(f"not all were answered in time; {kept} has what the miner said")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scripted", action="store_true", help="scripted servers instead of vLLMs")
    parser.add_argument("--router", help="a vllm-router to put before the servers, after a run without")
    parser.add_argument("--at-once", type=int, default=6, help="challenges in flight (default 6)")
    parser.add_argument("--seconds", type=float, default=75.0, help="as long as questions are asked (75)")
    parser.add_argument("--phase", type=float, default=15.0, help="seconds between two events (15)")
    parser.add_argument(
        "--solver", default="direct", help="default direct; race asks as often as there is time"
    )
    parser.add_argument("--words", type=int, default=40, help="of a scripted answer (40)")
    parser.add_argument("--words-per-s", type=float, default=4.0, help="of a scripted answer (4)")
    parser.add_argument("--lines", action="store_true", help="what the miner said of the servers too")
    parser.add_argument("--page", type=Path, help="a folder for pictures of the console's page")
    args = parser.parse_args()
    if args.page and (args.router or args.seconds < 7 * args.phase):
        parser.error("--page wants no --router, and --seconds of seven phases (105)")
    if args.scripted and args.router:
        parser.error("--router wants servers with a /health, which the scripted ones have not")
    most = args.at_once * args.seconds / 2 * (2 if args.router else 1)  # no answer takes less than 2 s here
    with place(validators=max(2, min(64, int(most / MOST_PER_VALIDATOR) + 1))) as here:
        start = [scripted(here, args)] * 2 if args.scripted else [real(here, core) for core in (0, 1)]
        servers = [Server(name, free_port(), how) for name, how in zip("AB", start, strict=True)]
        try:
            with running(servers):
                results = [leg(here, args, servers, None)]
                if args.router:
                    results.append(leg(here, args, servers, str(Path(args.router).absolute())))
        except (LogicnetError, OSError) as error:
            sys.exit(str(error))
    sys.exit(any(result["answered in time"] != result["asked"] for result in results))


if __name__ == "__main__":
    main()
