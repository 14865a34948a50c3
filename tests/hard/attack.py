"""Strangers who want to stop a miner: `python -m tests.hard.attack KIND PORT SECONDS WALLETS MUTATIONS`.

A process of their own, so that they do not slow the honest validator that is measured. They come from
127.0.0.2 and above. Loopback only, bounded in count and time. Prints a JSON object: the number of attempts,
how often each status was replied to mutations, and the task uids of what a validator truly asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from bittensor.sp_core import Keypair

from logicnet.evals.arena.signing import btauth_request, classic_request
from logicnet.protocol import SynapseName, Wire
from tests.hard.mutations import Draft, mutated

HERE = "127.0.0.1"
FILES = 2000
MUTATION_S = 0.5
"""For a reply to a mutation. Many mutations are half a request, which the miner never answers."""


class Attack:
    """The same thing on many connections, until the time is up."""

    def __init__(self, port: int, seconds: float, mutations: int) -> None:
        self.port = port
        self.ends_s = time.monotonic() + seconds
        self.mutations = mutations
        self.attempts = 0
        self.genuine: list[str] = []
        self.statuses: Counter[str] = Counter()

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.ends_s

    @contextlib.asynccontextmanager
    async def connected(self, stranger: int = 0):
        address = f"127.0.0.{2 + stranger % 200}", 0  # one alone has 28,000 ports in a minute
        reader, writer = await asyncio.open_connection(HERE, self.port, local_addr=address)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def by(self, count: int, one: Callable[[], Awaitable[None]]) -> None:
        async def again() -> None:
            while self.goes_on:
                self.attempts += 1
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    await one()
                await asyncio.sleep(0)

        await asyncio.gather(*(again() for _ in range(count)))

    async def left(self) -> None:
        await asyncio.sleep(max(0.0, self.ends_s - time.monotonic()))

    async def say(self, data: bytes) -> None:
        """On a connection of its own, and read what comes until it is closed or the time is up."""
        async with self.connected() as (reader, writer):
            writer.write(data)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self.ends_s - time.monotonic())):
                    while await reader.read(65536):
                        pass

    # Kinds.

    async def pipelining(self) -> None:
        data = (b"GET / HTTP/1.1\r\n\r\n" * 4000)[:65536]
        await self.by(200, lambda: self.say(data))

    async def flood(self) -> None:
        """Nothing but requests, each after the last reply."""
        await self.by(100, lambda: self.say(b"GET / HTTP/1.1\r\n\r\n"))

    async def churn(self) -> None:
        async def one() -> None:
            async with self.connected():
                await asyncio.sleep(0.05)

        await self.by(300, one)

    async def hold(self) -> None:
        """Far more connections than there are, with half a head on each."""

        async def one() -> None:
            await self.say(b"POST /LogicSynapse HTTP/1.1\r\nx: ")

        await self.by(1000, one)

    async def trickle(self) -> None:
        async def one() -> None:
            async with self.connected() as (_, writer):
                writer.write(b"POST /LogicSynapse HTTP/1.1\r\nx: ")
                while self.goes_on:
                    writer.write(b"y")
                    await asyncio.sleep(0.05)

        await self.by(300, one)

    async def headers(self) -> None:
        await self.by(50, lambda: self.say(b"POST / HTTP/1.1\r\n" + b"x: y\r\n" * 40_000))

    async def tiny_chunks(self) -> None:
        head, _ = self._forged(b"")
        head += b"transfer-encoding: chunked\r\n\r\n"
        await self.by(20, lambda: self.say(head + b"1\r\nx\r\n" * 100_000))

    async def half_bodies(self) -> None:
        """Bodies of the largest size that never end: a server that keeps them runs out of memory."""
        head, _ = self._forged(b"")
        head += b"content-length: 262144\r\n\r\n"
        await self.by(700, lambda: self.say(head + b" " * 262_000))

    async def forgeries(self) -> None:
        async def one() -> None:
            head, body = self._forged(json.dumps({"logic_question": "1+1?"}).encode())
            await self.say(head + b"content-length: %d\r\n\r\n" % len(body) + body)

        await self.by(50, one)

    async def greedy(self) -> None:
        """A permitted validator that keeps more connections than there are."""
        alice = _key("alice")

        async def one() -> None:
            headers, body = classic_request(alice, synapse="Information", miner_ss58=_miner(), fields={})
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            head = f"POST /Information HTTP/1.1\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
            await self.say(head.encode() + body)

        await self.by(900, one)

    async def mutations_classic(self) -> None:
        await self._mutations("classic")

    async def mutations_btauth(self) -> None:
        await self._mutations("btauth")

    async def _mutations(self, wire: Wire) -> None:
        """What was overheard, changed in all ways; fresh every second, as old requests are refused unread."""
        chance = random.Random(35)
        overheard: list[Draft] = []

        async def overhear() -> None:
            while True:
                uid = f"overheard-{len(self.genuine)}"
                self.genuine.append(uid)
                overheard[:] = drafts(wire, uid)
                async with self.connected() as (reader, writer):
                    writer.write(overheard[0].raw())
                    await reader.readline()
                await asyncio.sleep(1.0)

        async def send() -> None:
            while self.attempts < self.mutations:
                self.attempts += 1
                with contextlib.suppress(OSError, TimeoutError):
                    async with self.connected(self.attempts) as (reader, writer), asyncio.timeout(MUTATION_S):
                        writer.write(mutated(overheard, chance))
                        self.statuses[(await reader.read(65536))[9:12].decode("latin-1")] += 1

        overhearing = asyncio.create_task(overhear())
        while not self.genuine:
            await asyncio.sleep(0)
        await asyncio.gather(*(send() for _ in range(50)))
        overhearing.cancel()
        self.ends_s = 0.0

    def _forged(self, body: bytes) -> tuple[bytes, bytes]:
        """A request in a validator's name, signed by nobody."""
        headers, _ = btauth_request(
            Keypair.create_from_uri("//Nobody"),
            synapse="LogicSynapse",
            miner_ss58=_miner(),
            fields={"logic_question": "1+1?"},
        )
        headers |= {"X-Bittensor-Hotkey": _key("alice").ss58_address}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return b"POST /LogicSynapse HTTP/1.1\r\n" + lines.encode(), body


KINDS = (
    "flood",
    "pipelining",
    "churn",
    "hold",
    "trickle",
    "headers",
    "tiny_chunks",
    "half_bodies",
    "forgeries",
    "greedy",
    "mutations_classic",
    "mutations_btauth",
)


def drafts(wire: Wire, uid: str) -> list[Draft]:
    """What strangers can have. The first is a validator's, and used up before they send it; none is good."""
    names: tuple[tuple[str, str, SynapseName], ...] = (
        ("alice", "miner", "LogicSynapse"),
        ("alice", "bob", "LogicSynapse"),  # for another miner
        ("stranger", "miner", "LogicSynapse"),
        ("miner", "miner", "LogicSynapse"),  # registered, without a permit
        *((("alice", "miner", "Information"),) if wire == "btauth" else ()),  # which signs the path, too
    )
    sign = {"classic": classic_request, "btauth": btauth_request}[wire]
    fields = {"logic_question": "What is 1+1?", "task_uid": uid}
    return [
        Draft.of(
            *sign(
                _key(signer),
                synapse=synapse,
                miner_ss58=_key(receiver).ss58_address,
                fields=fields if synapse == "LogicSynapse" else {},
            )
        )
        for signer, receiver, synapse in names
    ]


@functools.cache
def _key(name: str) -> Keypair:
    secret = json.loads((Path(sys.argv[4]) / "demo" / "hotkeys" / name).read_text())["secretPhrase"]
    return Keypair.create_from_mnemonic(secret)


def _miner() -> str:
    return str(_key("miner").ss58_address)


async def main() -> None:
    kind, port, seconds, mutations = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[5])
    attack = Attack(port, seconds, mutations)
    await getattr(attack, kind)()
    await attack.left()
    print(json.dumps({name: getattr(attack, name) for name in ("attempts", "statuses", "genuine")}))


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))
    uvloop.run(main())
