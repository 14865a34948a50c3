"""What the miner adds to a direct call of the same model server.

    python benchmarks/overhead.py --base-url http://127.0.0.1:8000/v1  # a vLLM that is running
    python benchmarks/overhead.py --steady  # a scripted server, always equally fast

The same model call is made over three ways in turn, one at a time, the order changing with each turn:
straight to the server over a bare socket, straight to it with the `openai` package, and through the miner
(a signed classic challenge, the whole axon, admission and ledger; a solver that makes this one call). All
are the same streamed request of the same few tokens at temperature 0, over connections kept alive. What
counts is the difference within a turn: its median, and the interval in which that median lies with 95 %
confidence (from the order statistics, whatever the distribution). All three must give the same text.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import openai
import psutil
import uvloop
from _load import cpu_s, raw_request, split_reply
from _place import QUESTION, ROOT, Place, place

from logicnet._util.processes import Child, free_port
from logicnet.errors import LogicnetError
from logicnet.operate.demo.stage import environment

WAYS = ("bare socket", "openai package", "miner")
CPU = "miner, CPU per call"


class Wire:
    """One connection kept alive, and opened anew when the other side has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection(*self._address)
        return self._streams


class Bench:
    """The three ways. Each returns the text; `seconds` of the last call are what it took."""

    def __init__(self, here: Place, base_url: str, model: str, tokens: int, miner_port: int) -> None:
        url = urlsplit(base_url)
        self._here = here
        self._path = f"{url.path}/chat/completions"
        self._direct = Wire(url.hostname or "127.0.0.1", url.port or 80)
        self._miner = Wire("127.0.0.1", miner_port)
        self._openai = openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0)
        self._call = {
            "model": model,
            "messages": [{"role": "user", "content": QUESTION}],
            "max_tokens": tokens,
            "temperature": 0.0,
            "stream_options": {"include_usage": True},
            "stream": True,
        }
        self._asked = 0
        self.seconds = 0.0

    async def close(self) -> None:
        await self._openai.close()

    def ways(self) -> dict[str, Callable[[], Awaitable[str]]]:
        return dict(zip(WAYS, (self._over_socket, self._over_openai, self._over_miner), strict=True))

    async def _over_socket(self) -> str:
        request = raw_request(
            self._path, {"content-type": "application/json"}, json.dumps(self._call).encode()
        )
        reader, writer = await self._direct.open()
        began_s = time.perf_counter()
        writer.write(request)
        reply = await reader.readuntil(b"\r\n0\r\n\r\n")
        self.seconds = time.perf_counter() - began_s
        events = [line[6:] for line in reply.split(b"\n") if line.startswith(b"data: {")]
        choices = [choice for event in events for choice in json.loads(event)["choices"]]
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    async def _over_openai(self) -> str:
        began_s = time.perf_counter()
        text = ""
        async for event in await self._openai.chat.completions.create(**self._call):
            if event.choices:
                text += event.choices[0].delta.content or ""
        self.seconds = time.perf_counter() - began_s
        return text

    async def _over_miner(self) -> str:
        self._asked += 1
        headers, body = self._here.request(self._asked % len(self._here.validators), str(self._asked))
        request = raw_request("/LogicSynapse", headers, body)
        reader, writer = await self._miner.open()
        began_s = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        body = await reader.readexactly(length)
        self.seconds = time.perf_counter() - began_s
        status, _ = split_reply(head)
        if status != 200:
            sys.exit(f"the miner answered {status}: {body[:200]!r}")
        return str(json.loads(body)["logic_reasoning"])


@contextlib.contextmanager
def plug_in(folder: Path) -> Iterator[str]:
    """A PYTHONPATH on which the solver `one-call` is installed, as a package of somebody else's would be."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        info = Path(name) / "logicnet_bench-0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: logicnet-bench\nVersion: 0\n")
        (info / "entry_points.txt").write_text("[logicnet.solvers]\none-call = _one_call:OneCall\n")
        yield os.pathsep.join((name, str(ROOT / "benchmarks")))


async def turns(bench: Bench, count: int, warm_up: int, miner: psutil.Process) -> dict[str, list[float]]:
    """Milliseconds of each way in each turn; and of CPU, what the miner used for its call."""
    took_ms: dict[str, list[float]] = {name: [] for name in (*WAYS, CPU)}
    ways = bench.ways()
    texts: set[str] = set()
    began_s = 0.0
    for turn in range(-warm_up, count):
        if turn == 0:
            began_s = cpu_s(miner)
        for place_in_turn in range(len(WAYS)):
            name = WAYS[(turn + place_in_turn) % len(WAYS)]
            texts.add((await ways[name]()).strip())
            if turn >= 0:
                took_ms[name].append(bench.seconds * 1e3)
    if len(texts) != 1 or texts == {""}:
        sys.exit(f"the ways gave different texts, or none: {sorted(texts)}")
    # The kernel counts in hundredths of a second, so there is only the mean over all turns.
    took_ms[CPU] = [(cpu_s(miner) - began_s) / count * 1e3]
    return took_ms


def median_with_interval(values: list[float]) -> dict[str, float]:
    """The median, and the order statistics between which it lies with 95 % confidence."""
    ordered = sorted(values)
    reach = 0.98 * math.sqrt(len(ordered))
    low, high = math.floor(len(ordered) / 2 - reach), math.ceil(len(ordered) / 2 + reach)
    return {
        "median": round(statistics.median(ordered), 3),
        "low": round(ordered[max(0, low)], 3),
        "high": round(ordered[min(len(ordered) - 1, high)], 3),
    }


@contextlib.asynccontextmanager
async def model_server(here: Place, args: argparse.Namespace) -> AsyncIterator[tuple[str, str]]:
    """Base URL and model."""
    with contextlib.ExitStack() as stack:
        base_url = args.base_url
        if args.steady:
            port = free_port()
            base_url = f"http://127.0.0.1:{port}/v1"
            command = [sys.executable, str(ROOT / "benchmarks" / "_steady_llm.py"), str(port)]
            server = stack.enter_context(
                Child.start("steady", command, log=here.folder / "steady.log", env=environment())
            )
            await asyncio.to_thread(server.wait_for, f"{base_url}/models", within_s=20)
        async with openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
            model = (await client.models.list()).data[0].id
        yield base_url, model


async def measure(here: Place, args: argparse.Namespace) -> dict[str, list[float]]:
    async with model_server(here, args) as (base_url, model):
        with plug_in(here.folder) as path:
            port = free_port()
            command = here.miner_command(
                port, "--miner.solver", "one-call", "--miner.llm_client.base_url", base_url
            )
            env = environment() | {"PYTHONPATH": path, "BENCH_MAX_TOKENS": str(args.tokens)}
            log = here.folder / "miner.log"
            with Child.start("logicnet", command, log=log, cwd=here.folder, env=env) as child:
                await asyncio.to_thread(here.first_answer, child, port)
                bench = Bench(here, base_url, model, args.tokens, port)
                miner = psutil.Process(child.pid)
                try:
                    took_ms = await turns(bench, args.turns, args.warm_up, miner)
                finally:
                    await bench.close()
                return took_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--base-url", default="http://127.0.0.1:8000/v1", help="an OpenAI-compatible server")
    parser.add_argument("--steady", action="store_true", help="a scripted server instead")
    parser.add_argument("--turns", type=int, default=200, help="calls of each way (default 200)")
    parser.add_argument("--warm-up", type=int, default=5, help="turns before those (default 5)")
    parser.add_argument("--tokens", type=int, default=4, help="tokens of each call (default 4)")
    args = parser.parse_args()
    with place(validators=16) as here:
        if args.turns + args.warm_up > 16 * 79:
            parser.error("--turns: at most 1,200, because 16 validators have a quota of 80 each")
        try:
            took_ms = uvloop.run(measure(here, args))
        except (LogicnetError, OSError, openai.OpenAIError) as error:
            sys.exit(str(error))
    table = {f"{name}, ms": median_with_interval(values) for name, values in took_ms.items()}
    for name in WAYS[:2]:
        differences = [b - a for a, b in zip(took_ms[name], took_ms["miner"], strict=True)]
        table[f"miner - {name}, ms"] = median_with_interval(differences)
    for label, row in table.items():
        print(f"{label:<34}{row['median']:>10.3f}   (95 %: {row['low']:.3f} .. {row['high']:.3f})")
    server = "steady" if args.steady else "real"
    print(
        json.dumps(
            {"bench": "overhead", "server": server, "turns": args.turns, "tokens": args.tokens, **table}
        )
    )


if __name__ == "__main__":
    main()
