"""Asks a miner as a validator would, over either wire; with aiohttp, as a Dendrite, whose time is scored."""

import asyncio
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from logicnet.chain.keys import Signer
from logicnet.evals.arena.signing import btauth_request, classic_request
from logicnet.protocol import INFORMATION_TIMEOUT_S, LOGIC_TIMEOUT_S, SynapseName, Wire

LONGEST_REPLY_BYTES = 4 * 2**20
"""A reply holds a reasoning of some thousand characters. What is longer is not read to its end."""

_KEEP_ALIVE_S = 2.0
"""Shorter than any server's own (uvicorn: 5 s), so that no question meets a connection that is closing."""

_LONGEST_MESSAGE = 300  # characters of what a miner says when it refuses


@dataclass(frozen=True, slots=True)
class MinerReply:
    """The reply to one request. `seconds` is the caller's wall clock around signing, HTTP and parsing.

    `success`: on the classic wire a Dendrite's `is_success`; on btauth, status 200 and a JSON object.
    """

    success: bool
    seconds: float
    status: int = 0  # HTTP; 0 if there was no reply
    fields: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""  # the miner's or the network's words when it is no success

    @property
    def answer(self) -> str:
        return _text(self.fields.get("logic_answer"))

    @property
    def reasoning(self) -> str:
        return _text(self.fields.get("logic_reasoning"))


class ValidatorClient:
    """One validator's hotkey, asking the miner at `base_url` (`http://ip:port`). An async context manager."""

    def __init__(self, signer: Signer, *, miner_ss58: str, base_url: str) -> None:
        self._signer = signer
        self._miner_ss58 = miner_ss58
        self._base_url = base_url
        self._address = urlsplit(base_url)
        self._session: aiohttp.ClientSession | None = None  # created on the loop that asks

    async def challenge(
        self, question: str, *, wire: Wire, timeout_s: float = LOGIC_TIMEOUT_S, **fields: Any
    ) -> MinerReply:
        """Ask `question` and wait `timeout_s`; other fields of LogicSynapse by name."""
        fields["logic_question"] = question
        return await self.ask("LogicSynapse", fields, wire=wire, timeout_s=timeout_s)

    async def information(self, *, wire: Wire, timeout_s: float = INFORMATION_TIMEOUT_S) -> MinerReply:
        return await self.ask("Information", {}, wire=wire, timeout_s=timeout_s)

    async def ask(
        self, synapse: SynapseName, fields: Mapping[str, Any], *, wire: Wire, timeout_s: float
    ) -> MinerReply:
        """Send one signed request. Never raises for what the miner or the network does."""
        started_s = time.monotonic()
        headers, body = self._request(synapse, fields, wire, timeout_s)
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._http().post(
                    f"{self._base_url}/{synapse}", headers=headers, data=body, allow_redirects=False
                ) as response,
            ):
                content = await _read(response)
        except TimeoutError:
            return MinerReply(False, time.monotonic() - started_s, message=f"no reply within {timeout_s:g} s")
        except (aiohttp.ClientError, ValueError) as error:
            # ValueError: a header that aiohttp's own parser let through and its own code did not
            return MinerReply(False, time.monotonic() - started_s, message=_in_words(error))
        parsed = _parsed(content)
        return _judged(response, parsed, wire, time.monotonic() - started_s)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def _request(
        self, synapse: SynapseName, fields: Mapping[str, Any], wire: Wire, timeout_s: float
    ) -> tuple[dict[str, str], bytes]:
        if wire == "btauth":
            return btauth_request(
                self._signer, synapse=synapse, miner_ss58=self._miner_ss58, fields=fields, timeout_s=timeout_s
            )
        return classic_request(
            self._signer,
            synapse=synapse,
            fields=fields,
            miner_ss58=self._miner_ss58,
            timeout_s=timeout_s,
            ip=self._address.hostname or "",
            port=self._address.port or 80,
        )

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No environment: a proxy for the outside world has no business on the loopback. No limit on
            # connections: a validator with 64 questions in flight has 64 of them. Nothing is decompressed:
            # a few bytes can be made to hold gigabytes.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
                timeout=aiohttp.ClientTimeout(total=None),  # `ask` bounds the whole of it
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"accept-encoding": "identity"},
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The body; None if it is longer than what is read."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > LONGEST_REPLY_BYTES:
            response.close()
            return None
    return b"".join(parts)


def _parsed(content: bytes | None) -> dict[str, Any] | str:
    """A JSON object, or what is wrong."""
    if content is None:
        return f"the reply is longer than {LONGEST_REPLY_BYTES} bytes"
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    return body if isinstance(body, dict) else "the reply is not a JSON object"


def _judged(
    response: aiohttp.ClientResponse, parsed: dict[str, Any] | str, wire: Wire, seconds: float
) -> MinerReply:
    if isinstance(parsed, str):
        return MinerReply(False, seconds, response.status, message=parsed)
    success = response.status == 200 and (wire == "btauth" or _axon_status(response, parsed) == "200")
    message = "" if success else _text(parsed.get("message", ""))[:_LONGEST_MESSAGE]
    return MinerReply(success, seconds, response.status, parsed, message)


def _axon_status(response: aiohttp.ClientResponse, body: dict[str, Any]) -> str:
    """The axon's own word, in a header or in the body: to a Dendrite, HTTP 200 alone is a failure."""
    axon = body.get("axon")
    told = axon.get("status_code") if isinstance(axon, dict) else None
    return str(response.headers.get("bt_header_axon_status_code") or told)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return "" if value is None else str(value)
    except (RecursionError, ValueError):  # nested too deep; a number of too many digits
        return ""


def _in_words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno or 0
        why = os.strerror(number) if number > 0 else error.os_error.strerror  # below 0: looking up the name
        return f"cannot connect: {why or 'no reason is known'}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the miner closed the connection without a reply"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the reply broke off"
    if isinstance(error, aiohttp.ClientResponseError):  # what it sent is no HTTP; its words would quote that
        return "the reply is not HTTP"
    return (str(error).splitlines() or [""])[0][:_LONGEST_MESSAGE] or type(error).__name__
