"""Who may call the training service."""

import asyncio
import json
import time
from typing import Any

import pytest
from bittensor import http_auth, sp_core

from logicnet.axon.admission import Admission
from logicnet.axon.btauth import BtauthWire
from logicnet.axon.nonces import NonceStore
from logicnet.chain import Metagraph, Neuron
from logicnet.errors import Reason, Refusal
from logicnet.protocol import Hotkey, Uid
from logicnet.tuning.callers import Callers, Loopback, TokenHolders, Validators
from logicnet.tuning.service import MOST_BYTES, Gate
from logicnet.volume.quota import VolumeBook

VALIDATOR = sp_core.Keypair.create_from_uri("//Validator")
RIVAL = sp_core.Keypair.create_from_uri("//Rival")
MINER = sp_core.Keypair.create_from_uri("//Miner")


async def replied(callers: Callers, body: bytes = b"{}", headers: Any = (), *, method: str = "POST") -> int:
    """The status with which the gate replies; 200 if it lets the call through, whole. All else is counted."""
    seen: list[Any] = []
    counted: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == body
        await send({"type": "http.response.start", "status": 200, "headers": []})

    half = len(body) // 2
    parts = [body[:half], body[half:]]

    async def receive() -> Any:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        seen.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": "/train/",
        "raw_path": b"/train/",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in dict(headers).items()],
    }
    await Gate(app, callers, counted.append)(scope, receive, send)
    assert counted == [json.loads(one["body"])["reason"] for one in seen[1:]]
    return int(seen[0]["status"])


async def test_programs_of_this_machine_may_and_pages_of_a_browser_may_not():
    assert await replied(Loopback(), headers={"Host": "127.0.0.1:7999"}) == 200
    assert await replied(Loopback(), headers={"Host": "localhost:7999"}) == 200
    assert await replied(Loopback(), headers={"Host": "[::1]:7999"}) == 200
    assert await replied(Loopback(), headers={"Host": "localhost"}) == 200
    for headers in ({"Host": "evil.example"}, {"Host": "127.0.0.1:7999", "Origin": "http://x"}, {}):
        assert await replied(Loopback(), headers=headers) == 401


async def test_holders_of_the_token_may():
    callers = TokenHolders("a-sample-token")
    assert await replied(callers, headers={"Authorization": "Bearer a-sample-token"}) == 200
    for word in ("Bearer a-sample-toke", "Bearer ", "a-sample-token", ""):
        assert await replied(callers, headers={"Authorization": word}) == 401
    assert await replied(callers) == 401


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read_further():
    assert await replied(Loopback(), body=b"x" * (2 * MOST_BYTES + 2), headers={"Host": "localhost"}) == 413


def validators(*, recorded: bool = True) -> Validators:
    network = Metagraph(
        (
            Neuron(Uid(1), Hotkey(VALIDATOR.ss58_address), 50_000.0, True),
            Neuron(Uid(2), Hotkey(RIVAL.ss58_address), 0.0, False),
        )
    )
    wire = BtauthWire(Hotkey(MINER.ss58_address), NonceStore("btauth", lambda _: None))
    return Validators(wire, Admission(lambda: network, VolumeBook(8, 1.0, 600.0), 10_000.0), lambda: recorded)


def signed(key: Any, body: bytes, **more: Any) -> dict[str, str]:
    given = {
        "method": "POST",
        "path": "/train/",
        "receiver_ss58": MINER.ss58_address,
        "nonce_ns": time.time_ns(),
    }
    return dict(http_auth.sign(key, body=body, **given | more))


async def test_a_validator_may_call_once_with_each_signature():
    callers, body = validators(), json.dumps({"model": "m"}).encode()
    headers = signed(VALIDATOR, body)
    assert await replied(callers, body, headers) == 200
    assert await replied(callers, body, headers) == 401  # replayed
    assert await replied(callers, body + b" ", signed(VALIDATOR, body)) == 401  # another body
    assert await replied(callers, body, signed(VALIDATOR, body, path="/evaluate/")) == 401
    assert await replied(callers, body, signed(VALIDATOR, body), method="GET") == 401
    assert await replied(callers, body, signed(VALIDATOR, body, method="GET"), method="GET") == 200
    assert await replied(callers, body, signed(RIVAL, body)) == Reason.NOT_PERMITTED.status
    assert await replied(callers, body, signed(sp_core.Keypair.create_from_uri("//New"), body)) == 403


async def test_a_nonce_that_cannot_be_recorded_is_refused():
    with pytest.raises(Refusal):
        await validators(recorded=False).check("POST", "/train/", lower(signed(VALIDATOR, b"")), b"")


def lower(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.lower().encode(): value.encode() for name, value in headers.items()}


async def test_a_body_that_never_comes_holds_no_connection(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("logicnet.tuning.service.BODY_S", 0.05)
    seen: list[Any] = []

    async def app(*_: Any) -> None:
        raise AssertionError

    async def receive() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        seen.append(message)

    counted: list[str] = []
    await Gate(app, Loopback(), counted.append)({"type": "http", "path": "/train/"}, receive, send)
    assert (seen[0]["status"], counted) == (408, ["too_slow"])
