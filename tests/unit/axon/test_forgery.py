"""Forged and mutated requests, drawn at random: none reaches a solver, each is refused as it should be.

Every example starts from an honest request that would be answered, makes it dishonest in one drawn
way, sends it through the real application, and then sends an honest one, so that a room that
refuses everything would fail too.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logicnet.errors import Reason
from logicnet.events import Admitted, Refused
from logicnet.protocol import Wire
from tests.harness.axon import (
    FIELDS,
    MINER,
    RIVAL,
    STRANGER,
    VALIDATOR,
    HeaderPairs,
    Room,
    btauth_headers,
    pairs,
)

EXAMPLES = 600
S = 10**9

DENDRITE = "bt_header_dendrite_"


@dataclass
class Request:
    headers: HeaderPairs
    body: bytes
    path: str = "/LogicSynapse"

    def header(self, name: str) -> str:
        (value,) = (value for key, value in self.headers if key == name.lower().encode())
        return value.decode()

    def set(self, name: str, value: bytes | str) -> None:
        value = value.encode() if isinstance(value, str) else value
        self.drop(name)
        self.headers.append((name.lower().encode(), value))

    def drop(self, name: str) -> None:
        self.headers = [pair for pair in self.headers if pair[0] != name.lower().encode()]


Draw = Callable[[st.SearchStrategy[Any]], Any]
Forge = Callable[[Draw, Room], tuple[Request, set[int]]]
"""Draws a dishonest request, and says with which statuses it may be refused."""


def honest(room: Room, wire: Wire = "classic", **changes: Any) -> Request:
    headers, body = room.request(wire, **changes)
    return Request(pairs(headers), body)


def names_of(wire: Wire) -> dict[str, str]:
    if wire == "classic":
        return {name: DENDRITE + name for name in ("signature", "nonce", "hotkey")}
    return {name: "x-bittensor-" + name for name in ("signature", "nonce", "hotkey")}


def spoiled_signature(wire: Wire) -> Forge:
    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        request = honest(room, wire)
        name = names_of(wire)["signature"]
        signature = bytearray(bytes.fromhex(request.header(name)[2:]))
        if draw(st.booleans()):
            signature[draw(st.integers(0, 63))] ^= draw(st.integers(1, 255))
        else:
            signature[:] = draw(st.binary(min_size=64, max_size=64))
        request.set(name, "0x" + signature.hex())
        return request, {401}

    return forge


def misshapen_signature(wire: Wire) -> Forge:
    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        request = honest(room, wire)
        name = names_of(wire)["signature"]
        value = request.header(name)
        request.set(
            name,
            draw(
                st.one_of(
                    st.just(b""),
                    st.integers(0, 129).map(lambda length: value[:length].encode()),
                    st.binary(min_size=1, max_size=64).map(lambda tail: value.encode() + tail),
                    st.binary(max_size=200).filter(lambda drawn: len(drawn) != 130),
                )
            ),
        )
        return request, {400}

    return forge


def changed_nonce(wire: Wire) -> Forge:
    """One nanosecond, or any other amount: signed as something else."""

    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        request = honest(room, wire)
        name = names_of(wire)["nonce"]
        by_ns = draw(st.one_of(st.sampled_from([1, -1]), st.integers(-(10**12), 10**12)).filter(bool))
        request.set(name, str(int(request.header(name)) + by_ns))
        return request, {401}

    return forge


def misshapen_nonce(wire: Wire) -> Forge:
    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        request = honest(room, wire)
        shapes = st.one_of(
            st.binary(max_size=30).filter(lambda drawn: not drawn.isdigit()),
            st.integers(max_value=-1).map(lambda number: str(number).encode()),
            st.integers(min_value=10**20).map(lambda number: str(number).encode()),
            st.floats().map(lambda number: repr(number).encode()),
        )
        request.set(names_of(wire)["nonce"], draw(shapes))
        return request, {400}

    return forge


def stale_or_early(wire: Wire) -> Forge:
    """Truly signed, but not now; whatever timeout and version are claimed."""

    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        oldest_s = 68 if wire == "classic" else 10
        age_ns = draw(
            st.one_of(
                st.integers(oldest_s * S + 10, 10**6 * S),  # the room's clock moves a little
                st.integers(60 * S + 10, 10**6 * S).map(lambda early_ns: -early_ns),
            )
        )
        request = honest(
            room, wire, nonce_ns=room.clock() - age_ns, timeout_s=draw(st.sampled_from([1, 64, 600, 600.0]))
        )
        if wire == "classic":
            request.set(DENDRITE + "version", str(draw(st.sampled_from([6_000_000, 7_001_000, 10_005_000]))))
        return request, {401}

    return forge


def someone_else(wire: Wire) -> Forge:
    """Signed by one hotkey, in the name of another."""

    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        signer = draw(st.sampled_from([RIVAL, STRANGER]))
        request = honest(room, wire, keypair=signer)
        name = draw(st.sampled_from([VALIDATOR.ss58_address, MINER.ss58_address]))
        request.set(names_of(wire)["hotkey"], name)
        return request, {401}

    return forge


def not_registered(wire: Wire) -> Forge:
    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        if draw(st.booleans()):
            return honest(room, wire, keypair=STRANGER), {403}
        request = honest(room, wire)
        address = st.text(
            "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", min_size=1, max_size=60
        )
        request.set(names_of(wire)["hotkey"], draw(address))
        return request, {403}

    return forge


def for_another_miner(wire: Wire) -> Forge:
    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        other = draw(st.sampled_from([RIVAL, STRANGER, VALIDATOR])).ss58_address
        request = honest(room, wire, miner_ss58=other)
        if draw(st.booleans()):
            name = {"classic": "bt_header_axon_hotkey", "btauth": "x-bittensor-receiver"}[wire]
            request.set(name, MINER.ss58_address)
        return request, {401}

    return forge


def replayed(wire: Wire) -> Forge:
    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        request = honest(room, wire)
        got = asyncio.get_event_loop().run_until_complete(room.send(request.headers, request.body))
        assert got.status == 200
        room.solved.clear()
        if wire == "classic":  # what is not signed can be changed, and must not help
            request.set("timeout", str(draw(st.integers(1, 600))))
            request.set(DENDRITE + "version", str(draw(st.integers(6_000_000, 20_000_000))))
        return request, {401}

    return forge


def header_lost(wire: Wire) -> Forge:
    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        request = honest(room, wire)
        if wire == "classic":
            names = [DENDRITE + name for name in ("version", "nonce", "uuid", "hotkey", "signature")]
            name = draw(st.sampled_from([*names, "timeout", "computed_body_hash"]))
        else:
            names = ["version", "hotkey", "receiver", "nonce", "signature"]
            name = "x-bittensor-" + draw(st.sampled_from(names))
        request.drop(name)
        return request, {401 if name.endswith(("signature", "receiver")) else 400}

    return forge


def header_doubled(wire: Wire) -> Forge:
    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        request = honest(room, wire)
        signed = ("timeout", "computed_body_hash", DENDRITE, "x-bittensor-", "bt_header_axon_hotkey")
        unread = (DENDRITE + "ip").encode()
        pair = draw(
            st.sampled_from(
                [
                    pair
                    for pair in request.headers
                    if pair[0].decode().startswith(signed) and pair[0] != unread
                ]
            )
        )
        value = draw(st.one_of(st.just(pair[1]), st.binary(max_size=40)))
        request.headers.insert(draw(st.integers(0, len(request.headers))), (pair[0], value))
        return request, {400}

    return forge


def header_not_text(wire: Wire) -> Forge:
    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        request = honest(room, wire)
        name = draw(st.sampled_from(list(names_of(wire).values())))
        value = bytearray(request.header(name).encode())
        not_text = st.one_of(st.integers(0, 31), st.integers(127, 255))
        value.insert(draw(st.integers(0, len(value))), draw(not_text))
        request.set(name, bytes(value))
        return request, {400}

    return forge


def contradicting_body(draw: Draw, room: Room) -> tuple[Request, set[int]]:
    request = honest(room)
    body = json.loads(request.body)
    field, value = draw(
        st.one_of(
            st.tuples(st.just("hotkey"), st.one_of(st.text(max_size=60), st.just(RIVAL.ss58_address))),
            st.tuples(st.just("nonce"), st.integers(-(2**70), 2**70)),
            st.tuples(st.just("uuid"), st.text(max_size=60)),
        ).filter(lambda drawn: drawn[1] != body["dendrite"][drawn[0]])
    )
    body["dendrite"][field] = value
    request.body = json.dumps(body).encode()
    return request, {422}


def other_uuid(draw: Draw, room: Room) -> tuple[Request, set[int]]:
    request = honest(room)
    request.set(DENDRITE + "uuid", draw(st.uuids().map(str)))
    return request, {401}


def other_body_hash(draw: Draw, room: Room) -> tuple[Request, set[int]]:
    request = honest(room)
    request.set("computed_body_hash", draw(st.binary(min_size=32, max_size=32).map(bytes.hex)))
    return request, {400}


def bad_timeout(draw: Draw, room: Room) -> tuple[Request, set[int]]:
    request = honest(room)
    number = st.one_of(st.floats(), st.integers()).filter(lambda number: not 0 < number <= 600)
    word = st.text("abcdefghijklmnopqrstuvwxyz _,;", min_size=1, max_size=20)
    request.set("timeout", draw(st.one_of(number.map(str), word)))
    return request, {400}


def counter_of_a_new_client(draw: Draw, room: Room) -> tuple[Request, set[int]]:
    request = honest(room, nonce_ns=draw(st.integers(0, 10**18 - 1)))
    request.set(DENDRITE + "version", str(draw(st.integers(7_002_000, 20_000_000))))
    return request, {401}


def bad_body(wire: Wire) -> Forge:
    """Truly signed, and still not a challenge."""

    def forge(draw: Draw, room: Room) -> tuple[Request, set[int]]:
        not_json = st.binary(max_size=60)
        wrong = st.one_of(
            st.none(), st.booleans(), st.integers(), st.lists(st.integers()), st.just(""), st.just(" ")
        )
        wrong_question = wrong.map(lambda value: json.dumps(FIELDS | {"logic_question": value}).encode())
        no_object = st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text())).map(
            lambda value: json.dumps(value).encode()
        )
        body = draw(st.one_of(not_json, wrong_question, no_object))
        if wire == "classic":
            request = honest(room)
            request.body = body
        else:
            headers = btauth_headers(
                VALIDATOR,
                synapse="LogicSynapse",
                miner_ss58=MINER.ss58_address,
                body=body,
                nonce_ns=room.clock() - draw(st.integers(0, 9 * S)),
            )
            request = Request(pairs(headers), body)
        return request, {422}

    return forge


def other_body(draw: Draw, room: Room) -> tuple[Request, set[int]]:
    """On btauth the body is signed, to the byte."""
    request = honest(room, "btauth")
    body = bytearray(request.body)
    where = draw(st.integers(0, len(body) - 1))
    match draw(st.sampled_from(["change", "insert", "remove"])):
        case "change":
            body[where] ^= draw(st.integers(1, 255))
        case "insert":
            body.insert(where, draw(st.integers(0, 255)))
        case "remove":
            del body[where]
    request.body = bytes(body)
    return request, {401}


def other_target(draw: Draw, room: Room) -> tuple[Request, set[int]]:
    request = honest(room, "btauth")
    request.path = "/Information"
    return request, {401}


def other_scheme(draw: Draw, room: Room) -> tuple[Request, set[int]]:
    request = honest(room, "btauth")
    request.set("x-bittensor-crypto", draw(st.sampled_from(["ed25519", "0", "1", "ecdsa", "SR25519"])))
    return request, {401}


def other_version(draw: Draw, room: Room) -> tuple[Request, set[int]]:
    request = honest(room, "btauth")
    request.set(
        "x-bittensor-version", draw(st.text("0123456789.", min_size=1).filter(lambda text: text != "1"))
    )
    return request, {400}


SHARED = (
    spoiled_signature,
    misshapen_signature,
    changed_nonce,
    misshapen_nonce,
    stale_or_early,
    someone_else,
    not_registered,
    for_another_miner,
    replayed,
    header_lost,
    header_doubled,
    header_not_text,
    bad_body,
)
FORGERIES: dict[Wire, list[Forge]] = {
    "classic": [
        *(make("classic") for make in SHARED),
        contradicting_body,
        other_uuid,
        other_body_hash,
        bad_timeout,
        counter_of_a_new_client,
    ],
    "btauth": [*(make("btauth") for make in SHARED), other_body, other_target, other_scheme, other_version],
}


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.thorough
@pytest.mark.parametrize("wire", ["classic", "btauth"])
def test_no_forgery_reaches_a_solver(wire: Wire, loop: asyncio.AbstractEventLoop) -> None:
    room = Room(epoch_volume=512)
    refused: dict[int, int] = {}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        room.clock.pass_s(601)  # a new epoch, so that the quota stays out of it
        room.solved.clear()
        room.events.clear()
        forge = data.draw(st.sampled_from(FORGERIES[wire]))
        request, statuses = forge(data.draw, room)
        admitted = len(room.happened(Admitted))

        got = loop.run_until_complete(room.send(request.headers, request.body, path=request.path))

        assert room.solved == []
        assert len(room.happened(Admitted)) == admitted
        assert got.status in statuses, got.body
        assert got.json["message"]
        assert got.json["reason"] in set(Reason)
        (event,) = room.happened(Refused)
        assert event.validator in (None, VALIDATOR.ss58_address)
        refused[got.status] = refused.get(got.status, 0) + 1

        answered = loop.run_until_complete(room.ask(wire))
        assert answered.status == 200

    check()
    assert sum(refused.values()) >= 500
    assert refused.keys() >= {400, 401, 403, 422}


@pytest.mark.thorough
@given(st.data())
@settings(max_examples=300, deadline=None, database=None)
def test_no_header_breaks_the_axon(loop: asyncio.AbstractEventLoop, data: st.DataObject) -> None:
    """Headers of any content: a refusal in the 400s, never a 500."""
    room = ROOMS.setdefault("room", Room())
    wire: Wire = data.draw(st.sampled_from(["classic", "btauth"]))
    request = honest(room, wire)
    for name in data.draw(
        st.lists(st.sampled_from([pair[0].decode() for pair in request.headers]), min_size=1)
    ):
        request.set(name, data.draw(st.binary(max_size=300)))
    got = loop.run_until_complete(room.send(request.headers, data.draw(st.binary(max_size=50))))
    assert 400 <= got.status < 500
    assert room.solved == []


ROOMS: dict[str, Room] = {}
