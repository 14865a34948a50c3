"""A miner that does what a test says: both wires over real HTTP, and the ways in which one can be wrong.

It checks signatures as its own axon would, answers `Information` and challenges, keeps what it was asked,
and counts quotas if told to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bittensor import http_auth, sp_core

from logicnet.chain import Signer
from logicnet.evals.arena.signing import NO_BODY_HASH
from tests.harness.loopback import Loopback

Json = dict[str, Any]

MEGABYTE = 2**20


class Mode(StrEnum):
    """What becomes of one challenge."""

    NORMAL = "normal"
    REFUSE = "429"
    HANG = "nothing, ever"
    CLOSE = "accept, then close"
    GARBAGE = "bytes that are not HTTP"
    HTML = "a page of HTML"
    EMPTY = "nothing in the body"
    CUT = "less than was announced"
    TRICKLE = "a byte now and then"
    ENDLESS = "a body that never ends"
    NESTED = "brackets a hundred thousand deep"
    BOMB = "a megabyte of zeros, packed"
    REDIRECT = "somewhere else"
    SHAPES = "an answer that is a list, a reasoning that is a number"
    NO_STATUS = "200 without the axon's word"
    OTHER_QUESTION = "echoes another question"
    OTHER_TASK = "echoes another task"
    LONG = "an answer of a megabyte"
    SURROGATE = "half a surrogate pair"


@dataclass
class ScriptedMiner(Loopback):
    """Use as `async with ScriptedMiner(signer) as miner`. Every field may be changed while it runs."""

    key: Signer
    answer: str | Callable[[str], str] = "4"  # to all questions, or by the question
    reasoning: str = "Two and two make four."
    mode: Mode | Callable[[int], Mode] = Mode.NORMAL  # of all challenges, or by their number from 0
    epoch_volume: Any = 512
    category: Any = "Logic"
    information: Mode = Mode.NORMAL
    pause_s: float = 0.0  # before each answer

    challenges: list[Json] = field(default_factory=list)  # bodies, in order of arrival
    wires: list[str] = field(default_factory=list)  # of those
    informed: int = 0
    running: int = 0
    most_running: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # set with each challenge
    goes_on: asyncio.Event | None = None  # if there is one, answers wait for it

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def questions(self) -> list[str]:
        return [body["logic_question"] for body in self.challenges]

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        path = lines[0].split()[1]
        wire = self._verified(path, headers, raw)
        body = json.loads(raw)
        if path == "/Information":
            self.informed += 1
            told = {"response_dict": {"epoch_volume": self.epoch_volume, "category": self.category}}
            return await self._reply(writer, self.information, body | told, body)
        self.challenges.append(body)
        self.wires.append(wire)
        mode = self.mode if isinstance(self.mode, Mode) else self.mode(len(self.challenges) - 1)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.arrived.set()
        try:
            if self.goes_on is not None:
                await self.goes_on.wait()
            await asyncio.sleep(self.pause_s)
            answer = self.answer if isinstance(self.answer, str) else self.answer(body["logic_question"])
            answered = body | {"logic_answer": answer, "logic_reasoning": self.reasoning}
            return await self._reply(writer, mode, answered, body)
        finally:
            self.running -= 1

    def _verified(self, path: str, headers: dict[str, str], raw: bytes) -> str:
        """The wire of a request that is signed for this miner; anything else fails the test."""
        if "x-bittensor-signature" in headers:
            http_auth.verify(headers, raw, method="POST", path=path, self_hotkey_ss58=self.key.ss58_address)
            return "btauth"
        prefix = "bt_header_dendrite_"
        nonce, uuid, hotkey = (headers[prefix + name] for name in ("nonce", "uuid", "hotkey"))
        message = f"{nonce}.{hotkey}.{self.key.ss58_address}.{uuid}.{NO_BODY_HASH}".encode()
        signature = bytes.fromhex(headers[prefix + "signature"][2:])
        assert sp_core.verify(message, signature, hotkey, sp_core.CRYPTO_SR25519)
        return "classic"

    async def _reply(self, writer: asyncio.StreamWriter, mode: Mode, good: Json, asked: Json) -> bool:
        ok = "bt_header_axon_status_code: 200"
        match mode:
            case Mode.NORMAL:
                return await _send(writer, 200, json.dumps(good).encode(), ok)
            case Mode.REFUSE:
                return await _send(writer, 429, b'{"message": "Your quota is used up."}')
            case Mode.HANG:
                await asyncio.sleep(3600)
            case Mode.GARBAGE:
                writer.write(b"\x00\x01\x02 no HTTP at all\r\n\r\n")
                await writer.drain()
                return False
            case Mode.HTML:
                return await _send(writer, 503, b"<html>Busy</html>")
            case Mode.EMPTY:
                return await _send(writer, 200, b"", ok)
            case Mode.CUT:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n" + ok.encode() + b"\r\n\r\n{")
                await writer.drain()
                return False
            case Mode.TRICKLE:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n")
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            case Mode.ENDLESS:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b'{"logic_answer": "')
                while True:
                    writer.write(b"x" * 65536)
                    await writer.drain()
            case Mode.NESTED:
                return await _send(writer, 200, b"[" * 100_000, ok)
            case Mode.BOMB:
                packed = bytes.fromhex("1f8b08000000000000ff")  # the head of gzip; nobody may unpack it
                return await _send(writer, 200, packed, ok, "content-encoding: gzip")
            case Mode.REDIRECT:
                return await _send(writer, 307, b"", f"location: http://{self.address}/elsewhere")
            case Mode.SHAPES:
                odd = good | {"logic_answer": ["4", {"x": None}], "logic_reasoning": 17}
                return await _send(writer, 200, json.dumps(odd).encode(), ok)
            case Mode.NO_STATUS:
                return await _send(writer, 200, json.dumps(good | {"axon": None}).encode())
            case Mode.OTHER_QUESTION:
                other = good | {"logic_question": "What is 1+1?"}
                return await _send(writer, 200, json.dumps(other).encode(), ok)
            case Mode.OTHER_TASK:
                return await _send(writer, 200, json.dumps(good | {"task_uid": "other"}).encode(), ok)
            case Mode.LONG:
                long = good | {"logic_answer": "(" * MEGABYTE}
                return await _send(writer, 200, json.dumps(long).encode(), ok)
            case Mode.SURROGATE:
                half = good | {"logic_answer": "\ud800", "logic_reasoning": "\udfff"}
                return await _send(writer, 200, json.dumps(half).encode(), ok)
        return False  # CLOSE


async def _send(writer: asyncio.StreamWriter, status: int, body: bytes, *headers: str) -> bool:
    lines = [f"HTTP/1.1 {status} Status", "content-type: application/json", f"content-length: {len(body)}"]
    writer.write("\r\n".join([*lines, *headers, "", ""]).encode() + body)
    await writer.drain()
    return True
