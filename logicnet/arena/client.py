"""Asks a running miner as a validator would, over either wire, and says what a validator would see."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2

from logicnet.arena.signing import Signer, btauth_request, classic_request
from logicnet.protocol import INFORMATION_TIMEOUT_S, LOGIC_TIMEOUT_S, SynapseName, Wire


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request.

    `success` is, on the classic wire, what a Dendrite's `is_success` says; on btauth, status 200 and
    a JSON object. `seconds` is the caller's wall clock, the one that is scored.
    """

    success: bool
    seconds: float
    status: int = 0  # HTTP; 0 if there was no reply
    fields: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""  # the miner's or the network's words when it is no success

    @property
    def answer(self) -> str:
        return str(self.fields.get("logic_answer") or "")

    @property
    def reasoning(self) -> str:
        return str(self.fields.get("logic_reasoning") or "")


class ValidatorClient:
    """One validator's hotkey, asking one miner. Close it, or use it as an async context manager.

    `base_url` is `http://ip:port` of the axon.
    """

    def __init__(self, signer: Signer, *, miner_ss58: str, base_url: str) -> None:
        self._signer = signer
        self._miner_ss58 = miner_ss58
        # No environment: a proxy for the outside world has no business on the loopback. No limit on
        # connections: a validator with 64 questions in flight has 64 of them.
        self._http = httpx2.AsyncClient(
            base_url=base_url,
            timeout=None,  # `ask` bounds the whole of it
            trust_env=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
        )

    async def challenge(
        self, question: str, *, wire: Wire, timeout_s: float = LOGIC_TIMEOUT_S, **fields: Any
    ) -> Reply:
        """Ask `question` and wait `timeout_s`; other fields of LogicSynapse by name."""
        fields["logic_question"] = question
        return await self.ask("LogicSynapse", fields, wire=wire, timeout_s=timeout_s)

    async def information(self, *, wire: Wire, timeout_s: float = INFORMATION_TIMEOUT_S) -> Reply:
        return await self.ask("Information", {}, wire=wire, timeout_s=timeout_s)

    async def ask(
        self, synapse: SynapseName, fields: Mapping[str, Any], *, wire: Wire, timeout_s: float
    ) -> Reply:
        """Send one signed request. Never raises for what the miner or the network does."""
        sign = classic_request if wire == "classic" else btauth_request
        headers, body = sign(
            self._signer, synapse=synapse, miner_ss58=self._miner_ss58, fields=fields, timeout_s=timeout_s
        )
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._http.post(f"/{synapse}", headers=headers, content=body)
        except TimeoutError:
            return Reply(False, time.monotonic() - started_s, message=f"no reply within {timeout_s:g} s")
        except httpx2.TransportError as error:
            message = str(error) or type(error).__name__
            return Reply(False, time.monotonic() - started_s, message=message)
        return _read(response, wire, time.monotonic() - started_s)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _read(response: httpx2.Response, wire: Wire, seconds: float) -> Reply:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Reply(False, seconds, response.status_code, message="the reply is not a JSON object")
    success = response.status_code == 200 and (wire == "btauth" or _axon_status(response, body) == "200")
    message = "" if success else str(body.get("message", ""))
    return Reply(success, seconds, response.status_code, body, message)


def _axon_status(response: httpx2.Response, body: dict[str, Any]) -> str:
    """The axon's own word, in a header or in the body: to a Dendrite, HTTP 200 alone is a failure."""
    axon = body.get("axon")
    told = axon.get("status_code") if isinstance(axon, dict) else None
    return str(response.headers.get("bt_header_axon_status_code") or told)
