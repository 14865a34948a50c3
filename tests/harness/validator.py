"""A validator that keeps a log of what it asked, and what the kill of a miner may lose of that."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from logicnet.chain import Signer
from logicnet.evals.arena.signing import btauth_request, classic_request
from logicnet.ledger._ledger import BATCH_S
from logicnet.protocol import SynapseName

Signed = tuple[dict[str, str], bytes]
"""Headers and body of a request."""

WINDOW_S = BATCH_S + 0.4
"""What a kill may lose: the batch, and a commit that shares two cores with everything else here. For how long
the miner got none of them comes on top."""


@dataclass(frozen=True)
class Asked:
    """One request as its sender saw it. `status` is 0 if no reply came."""

    task_uid: str
    status: int
    signed_s: float  # unix seconds
    at_s: float  # when the reply was there
    question: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Kill:
    """`at_s` is unix seconds, `starved_s` for how long that life of the miner waited for a processor."""

    at_s: float
    starved_s: float

    def age_s(self, asked: Asked) -> float:
        """Of a reply then; less than nothing if it was read afterwards."""
        return self.at_s - asked.at_s

    def may_lose(self, asked: Asked) -> bool:
        return self.age_s(asked) <= WINDOW_S + self.starved_s


@dataclass
class Validator:
    """Asks over one wire. `skew_s`: how far its clock is ahead; `allowed_s`: how long the miner may take."""

    key: Signer
    http: httpx2.AsyncClient
    miner_ss58: str
    classic: bool
    skew_s: float = 0.0
    allowed_s: float = 64.0
    log: list[Asked] = field(default_factory=list)
    last_answered: Signed | None = None
    promised_s: float = 0.0  # unix seconds

    @property
    def wire(self) -> str:
        return "classic" if self.classic else "btauth"

    def signed(self, synapse: SynapseName = "LogicSynapse", **fields: Any) -> Signed:
        sign = classic_request if self.classic else btauth_request
        return sign(
            self.key,
            synapse=synapse,
            miner_ss58=self.miner_ss58,
            fields=fields,
            timeout_s=self.allowed_s,
            nonce_ns=time.time_ns() + int(self.skew_s * 1e9),
        )

    async def ask(self, question: str = "What is 2+2?") -> Asked:
        number, signed_s = len(self.log), time.time()
        task_uid = f"{self.key.ss58_address}-{self.wire}{self.skew_s:+g}-{number}"
        self.log.append(Asked(task_uid, 0, signed_s, signed_s, question))
        request = self.signed(logic_question=question, task_uid=task_uid)
        reply = await self.send(request)
        answer = str(reply.json().get("logic_answer")) if reply and reply.status_code == 200 else ""
        self.log[number] = replace(
            self.log[number], status=reply.status_code if reply else 0, at_s=time.time(), answer=answer
        )
        if self.log[number].status == 200:
            self.last_answered = request
        return self.log[number]

    async def send(self, request: Signed, synapse: SynapseName = "LogicSynapse") -> httpx2.Response | None:
        """The reply; None if the connection broke before it."""
        try:
            return await self.http.post(f"/{synapse}", headers=request[0], content=request[1])
        except httpx2.TransportError:
            return None

    async def promise(self) -> bool:
        reply = await self.send(self.signed("Information"), "Information")
        if reply is None:
            return False
        self.promised_s = time.time()
        return reply.status_code == 200

    async def ask_for_ever(self) -> None:
        """Briskly until its quota is used up, now and then after that."""
        while True:
            asked = await self.ask()
            await asyncio.sleep(0.4 if asked.status == 429 else 0.025)

    def count(self, status: int) -> int:
        return sum(asked.status == status for asked in self.log)

    @property
    def used_up(self) -> bool:
        """Whether its quota is."""
        return bool(self.log) and self.log[-1].status == 429
