"""What a reply counts as, on bytes that a server might really send."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from bittensor.sp_core import Keypair

from logicnet._util.processes import free_port
from logicnet.evals.arena.client import MinerReply, ValidatorClient

VALIDATOR = Keypair.create_from_uri("//Validator")
MINER_SS58 = Keypair.create_from_uri("//Miner").ss58_address
ANSWERED = {"logic_answer": "4", "logic_reasoning": "2 and 2"}


class Server:
    """Sends the same bytes to everybody, and keeps what came in. None: says nothing at all."""

    def __init__(self, reply: bytes | None) -> None:
        self.reply = reply
        self.heads: list[str] = []
        self.handlers: list[asyncio.Task[None] | None] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.handlers.append(asyncio.current_task())
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if self.reply is None:
            await reader.read()
        else:
            writer.write(self.reply)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[ValidatorClient]:
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    client = ValidatorClient(VALIDATOR, miner_ss58=MINER_SS58, base_url=f"http://127.0.0.1:{port}")
    async with listener:
        async with client:
            yield client
        await asyncio.gather(*filter(None, server.handlers))


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "content-type: application/json", *headers]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body


def as_json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("wire", "reply", "success", "message"),
    [
        ("classic", http("200 OK", as_json(**ANSWERED), "bt_header_axon_status_code: 200"), True, ""),
        ("classic", http("200 OK", as_json(**ANSWERED, axon={"status_code": 200})), True, ""),
        ("classic", http("200 OK", as_json(**ANSWERED)), False, ""),  # to a Dendrite, that is a failure
        ("classic", http("200 OK", as_json(**ANSWERED, axon={"status_code": 503})), False, ""),
        ("btauth", http("200 OK", as_json(**ANSWERED)), True, ""),
        ("btauth", http("429 Too Many Requests", as_json(message="over quota")), False, "over quota"),
        ("classic", http("503 Unavailable", b"<html>"), False, "the reply is not a JSON object"),
        ("btauth", http("200 OK", b"[1]"), False, "the reply is not a JSON object"),
    ],
)
async def test_what_counts_as_success(wire, reply, success, message):
    async with serving(Server(reply)) as client:
        got = await client.challenge("2+2?", wire=wire, timeout_s=60)
    assert (got.success, got.message) == (success, message)
    assert got.status == int(reply.split()[1])
    assert (got.answer, got.reasoning) == (("4", "2 and 2") if b"logic_answer" in reply else ("", ""))


async def test_each_wire_is_asked_in_its_own_words():
    server = Server(http("200 OK", as_json(response_dict={"epoch_volume": 5})))
    async with serving(server) as client:
        await client.challenge("2+2?", wire="classic", timeout_s=60)
        reply = await client.information(wire="btauth", timeout_s=60)
    assert reply.fields["response_dict"] == {"epoch_volume": 5}
    classic, btauth = server.heads
    assert classic.startswith("POST /LogicSynapse ")
    assert f"bt_header_dendrite_hotkey: {VALIDATOR.ss58_address}" in classic
    assert btauth.startswith("POST /Information ")
    assert "x-bittensor-signature" in btauth.lower()


async def test_a_silent_miner_is_given_up():
    async with serving(Server(None)) as client:
        reply = await client.challenge("2+2?", wire="classic", timeout_s=0.1)
    assert not reply.success
    assert reply.message == "no reply within 0.1 s"
    assert reply.status == 0


async def test_a_miner_that_is_not_there():
    base_url = f"http://127.0.0.1:{free_port()}"
    async with ValidatorClient(VALIDATOR, miner_ss58=MINER_SS58, base_url=base_url) as client:
        reply = await client.challenge("2+2?", wire="btauth", timeout_s=60)
    assert not reply.success
    assert reply.message


def test_a_reply_without_an_answer_has_none():
    assert MinerReply(True, 1.0, fields={"logic_answer": None}).answer == ""
