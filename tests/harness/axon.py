"""An axon in one process: the real application, admission and limiter; time and the solver scripted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from bittensor import http_auth
from bittensor.sp_core import Keypair

from logicnet.axon import Admission, Axon, ConcurrencyLimiter
from logicnet.chain import Metagraph, Neuron, Signer
from logicnet.deadline import Deadline, ReplyMargin
from logicnet.evals.arena.signing import btauth_request, classic_request
from logicnet.events import Event
from logicnet.protocol import Answer, Challenge, Hotkey, SynapseName, Uid, Wire
from logicnet.solver.answering import Solution
from logicnet.volume.quota import VolumeBook

MINER: Signer = Keypair.create_from_uri("//Miner")
VALIDATOR: Signer = Keypair.create_from_uri("//Validator")
RIVAL: Signer = Keypair.create_from_uri("//Rival")
"""Registered, with neither a permit nor stake."""
STRANGER: Signer = Keypair.create_from_uri("//Stranger")
"""Not registered."""

FIELDS = {
    "logic_question": "A farmer has 17 sheep and all but 9 run away. How many are left?",
    "category": "Logic",
    "task_uid": "t1",
}
SOLUTION = Solution(Answer("All but 9 run away, so 9 are left.", "9"), "solved")

HeaderPairs = list[tuple[bytes, bytes]]


def btauth_headers(
    keypair: Signer, *, synapse: SynapseName, miner_ss58: str, body: bytes, nonce_ns: int | None = None
) -> dict[str, str]:
    """The `X-Bittensor-*` headers over any `body`, also one that is no synapse."""
    return http_auth.sign(
        keypair, method="POST", path=f"/{synapse}", body=body, receiver_ss58=miner_ss58, nonce_ns=nonce_ns
    )


class Clock:
    """Unix nanoseconds that stand still until told otherwise."""

    def __init__(self, now_ns: int | None = None) -> None:
        self.now_ns = time.time_ns() if now_ns is None else now_ns

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["message"])


async def constant(challenge: Challenge, deadline: Deadline) -> Solution:
    return SOLUTION


class Room:
    """One axon of `MINER`, the network it knows, and what it was asked."""

    def __init__(
        self,
        *,
        solve: Callable[[Challenge, Deadline], Awaitable[Solution]] = constant,
        epoch_volume: int = 512,
        places: int = 64,
        waiting: int = 256,
        network: Callable[[], Metagraph | None] | None = None,
        clock_ns: Callable[[], int] | None = None,
        **axon: Any,
    ) -> None:
        self.events: list[Event] = []
        self.solved: list[tuple[Challenge, Deadline]] = []
        self.margin = ReplyMargin()
        self.clock = Clock()
        self._solve = solve
        metagraph = Metagraph(
            (
                Neuron(Uid(0), Hotkey(MINER.ss58_address)),
                Neuron(Uid(1), Hotkey(VALIDATOR.ss58_address), stake=50_000.0, validator_permit=True),
                Neuron(Uid(2), Hotkey(RIVAL.ss58_address)),
            )
        )
        book = VolumeBook(epoch_volume, 10_000.0, 600.0)
        arguments: dict[str, Any] = {
            "hotkey": MINER.ss58_address,
            "admission": Admission(network or (lambda: metagraph), book, 10_000.0),
            "limiter": ConcurrencyLimiter(places, waiting),
            "solve": self._record,
            "sink": self.events.append,
            "solver": "scripted",
            "epoch_volume": epoch_volume,
            "category": "Logic",
            "margin": self.margin,
            "clock_ns": clock_ns or self.clock,
            "monotonic_ns": clock_ns or self.clock,
        }
        self.app = Axon(**(arguments | axon))
        if clock_ns is None:
            self.clock.pass_s(600)  # so that nothing asked now is older than the start

    async def _record(self, challenge: Challenge, deadline: Deadline) -> Solution:
        self.solved.append((challenge, deadline))
        return await self._solve(challenge, deadline)

    async def solving(self) -> None:
        """Until a challenge is being solved."""
        async with asyncio.timeout(60):
            while not self.solved:
                await asyncio.sleep(0)

    def request(
        self,
        wire: Wire = "classic",
        *,
        synapse: SynapseName = "LogicSynapse",
        keypair: Signer = VALIDATOR,
        fields: Mapping[str, Any] | None = None,
        miner_ss58: str = MINER.ss58_address,
        timeout_s: float = 64,
        nonce_ns: int | None = None,
        uuid: str | None = None,
    ) -> tuple[dict[str, str], bytes]:
        """A request signed at this room's time; each with a nonce of its own."""
        if nonce_ns is None:
            self.clock.now_ns += 1
            nonce_ns = self.clock.now_ns
        if fields is None:
            fields = FIELDS if synapse == "LogicSynapse" else {}
        common: dict[str, Any] = {"fields": fields, "timeout_s": timeout_s, "nonce_ns": nonce_ns}
        if wire == "classic":
            return classic_request(keypair, synapse=synapse, miner_ss58=miner_ss58, uuid=uuid, **common)
        return btauth_request(keypair, synapse=synapse, miner_ss58=miner_ss58, **common)

    async def ask(self, wire: Wire = "classic", **request: Any) -> Got:
        """Sign and send one request; arguments of `request`."""
        headers, body = self.request(wire, **request)
        return await self.send(headers, body, path=f"/{request.get('synapse', 'LogicSynapse')}")

    async def send(
        self,
        headers: Mapping[str, str] | HeaderPairs,
        body: bytes | Iterable[bytes] = b"",
        *,
        path: str = "/LogicSynapse",
        method: str = "POST",
        query: bytes = b"",
        hang_up: asyncio.Event | None = None,
    ) -> Got:
        """Call the application as a server would. `body` may come in pieces.

        Status 0 if it replied nothing, because the caller hung up: `hang_up` says when.
        """
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": pairs(headers),
        }
        pieces = [body] if isinstance(body, bytes) else list(body)
        hang_up = hang_up or asyncio.Event()

        async def receive() -> dict[str, Any]:
            if pieces:
                piece = pieces.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
            await hang_up.wait()
            return {"type": "http.disconnect"}

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        if not sent:
            return Got(0, {}, b"")
        start, *parts = sent
        return Got(
            start["status"],
            {name.decode(): value.decode() for name, value in start["headers"]},
            b"".join(part["body"] for part in parts),
        )

    def happened(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def pairs(headers: Mapping[str, str] | HeaderPairs) -> HeaderPairs:
    """Headers as ASGI has them."""
    if isinstance(headers, list):
        return headers
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
