from typing import Any

import pytest
from bittensor import http_auth, sp_core
from bittensor.sp_core import Keypair

from logicnet.axon.btauth import BtauthWire
from logicnet.axon.nonces import NonceStore
from logicnet.axon.wire import Headers, collect
from logicnet.chain import Signer
from logicnet.errors import LogicnetError, Reason, Refusal
from logicnet.evals.arena.signing import btauth_request
from logicnet.protocol import LOGIC_TIMEOUT_S, Answer, Hotkey
from tests.harness.axon import MINER, VALIDATOR, Clock, pairs

S = 10**9
NOW = 1_795_226_147 * S
TARGET = "/LogicSynapse"


class Wire:
    """A btauth wire whose miner started a minute before NOW, which its clock shows."""

    def __init__(self, *, allow_unbound: bool = False, restored: dict[str, int] | None = None) -> None:
        self.clock = Clock(NOW - 60 * S)
        store = NonceStore(
            "btauth", lambda told: None, restored=restored, clock_ns=self.clock, monotonic_ns=self.clock
        )
        self.wire = BtauthWire(
            Hotkey(MINER.ss58_address), store, allow_unbound=allow_unbound, clock_ns=self.clock
        )
        self.clock.now_ns = NOW

    def authenticate(self, request: tuple[Headers, bytes], target: str = TARGET) -> Hotkey:
        headers, body = request
        claim = self.wire.claim(headers)
        self.wire.check(claim)
        self.wire.verify(claim, target, body)
        return claim.hotkey

    def refuses(self, request: tuple[Headers, bytes], target: str = TARGET) -> tuple[Reason, str]:
        with pytest.raises(Refusal) as refused:
            self.authenticate(request, target)
        return refused.value.reason, refused.value.message


def signed(
    *, keypair: Signer = VALIDATOR, miner_ss58: str | None = MINER.ss58_address, nonce_ns: int = NOW
) -> tuple[Headers, bytes]:
    headers, body = btauth_request(
        keypair,
        synapse="LogicSynapse",
        miner_ss58=miner_ss58,
        fields={"logic_question": "2+2?"},
        nonce_ns=nonce_ns,
    )
    return collect(pairs(headers)), body


def changed(name: str, value: bytes | None) -> tuple[Headers, bytes]:
    headers, body = signed()
    headers.pop(name.encode(), None)
    if value is not None:
        headers[name.encode()] = value
    return headers, body


def test_a_signed_request_is_good_once() -> None:
    wire = Wire()
    request = signed()
    assert wire.authenticate(request) == VALIDATOR.ss58_address
    assert wire.refuses(request)[0] is Reason.NOT_VERIFIED


def test_many_in_flight_may_arrive_in_any_order() -> None:
    wire = Wire()
    for i in range(64):
        wire.authenticate(signed(nonce_ns=NOW - i))


def test_body_target_and_receiver_are_signed() -> None:
    headers, body = signed()
    assert Wire().refuses((headers, body + b" "))[0] is Reason.NOT_VERIFIED
    assert Wire().refuses((headers, body), "/Information")[0] is Reason.NOT_VERIFIED
    assert Wire().refuses((headers, body), TARGET + "?x=1")[0] is Reason.NOT_VERIFIED
    other = Keypair.create_from_uri("//Other").ss58_address
    assert Wire().refuses(signed(miner_ss58=other))[0] is Reason.NOT_VERIFIED


def test_nobody_signs_for_another() -> None:
    headers, body = signed(keypair=Keypair.create_from_uri("//Rival"))
    headers[b"x-bittensor-hotkey"] = VALIDATOR.ss58_address.encode()
    assert Wire().refuses((headers, body))[0] is Reason.NOT_VERIFIED


@pytest.mark.parametrize(
    ("age_ns", "why"),
    [(10 * S + 1, "too old"), (-60 * S - 1, "future"), (3600 * S, "too old")],
)
def test_the_nonce_must_be_fresh(age_ns: int, why: str) -> None:
    reason, message = Wire().refuses(signed(nonce_ns=NOW - age_ns))
    assert reason is Reason.NOT_VERIFIED
    assert why in message


def test_the_nonce_must_be_from_after_our_start_and_after_what_the_last_one_saw() -> None:
    wire = Wire()
    wire.clock.now_ns = NOW - 55 * S
    assert "start" in wire.refuses(signed(nonce_ns=NOW - 61 * S))[1]
    restarted = Wire(restored={f"btauth:{VALIDATOR.ss58_address}:": NOW})
    assert "before this server's start" in restarted.refuses(signed(nonce_ns=NOW))[1]
    assert restarted.authenticate(signed(nonce_ns=NOW + 1))


def test_a_counter_is_no_nonce_here() -> None:
    assert "nanoseconds" in Wire().refuses(signed(nonce_ns=12_345))[1]


def test_an_unbound_request_is_taken_only_if_the_operator_says_so() -> None:
    assert "X-Bittensor-Receiver" in Wire().refuses(signed(miner_ss58=None))[1]
    assert Wire(allow_unbound=True).authenticate(signed(miner_ss58=None))
    assert Wire(allow_unbound=True).authenticate(signed())
    other = Keypair.create_from_uri("//Other").ss58_address
    assert Wire(allow_unbound=True).refuses(signed(miner_ss58=other))[0] is Reason.NOT_VERIFIED


def test_taking_away_the_receiver_does_not_unbind_a_request() -> None:
    request = changed("x-bittensor-receiver", None)
    assert Wire(allow_unbound=True).refuses(request)[0] is Reason.NOT_VERIFIED


@pytest.mark.parametrize("scheme", [b"ed25519", b"0", b"1", b"SR25519", b"ecdsa"])
def test_only_sr25519_is_taken(scheme: bytes) -> None:
    assert Wire().refuses(changed("x-bittensor-crypto", scheme))[0] is Reason.NOT_VERIFIED
    assert Wire().authenticate(changed("x-bittensor-crypto", b"sr25519"))


def test_an_ed25519_key_is_not_taken() -> None:
    ed25519 = Keypair.create_from_mnemonic(Keypair.generate_mnemonic(), crypto_type=sp_core.CRYPTO_ED25519)
    assert Wire().refuses(signed(keypair=ed25519))[0] is Reason.NOT_VERIFIED


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("x-bittensor-version", None, "X-Bittensor-Version"),
        ("x-bittensor-version", b"2", "X-Bittensor-Version"),
        ("x-bittensor-hotkey", None, "x-bittensor-hotkey"),
        ("x-bittensor-nonce", None, "x-bittensor-nonce"),
        ("x-bittensor-nonce", b"1_0", "whole number"),
        ("x-bittensor-nonce", b"+1795226147000000000", "whole number"),
        ("x-bittensor-signature", b"", "x-bittensor-signature"),
        ("x-bittensor-signature", b"0x12", "128 hexadecimal"),
        ("x-bittensor-signature", b"\xff" * 130, "not plain ASCII"),
        ("x-bittensor-hotkey", "5Ünlaut".encode(), "not plain ASCII"),
        ("x-bittensor-hotkey", b"5NotAnAddress", "invalid hotkey address"),
    ],
)
def test_a_header_of_the_wrong_shape_is_explained(name: str, value: bytes | None, why: str) -> None:
    reason, message = Wire().refuses(changed(name, value))
    assert reason is Reason.MALFORMED
    assert why in message


@pytest.mark.parametrize(
    ("timeout", "expected"), [(b"", LOGIC_TIMEOUT_S), (b', "timeout": 12', 12), (b', "timeout": 0.5', 0.5)]
)
def test_the_signed_body_says_how_long_the_caller_waits(timeout: bytes, expected: float) -> None:
    wire = Wire().wire
    synapse, timeout_s = wire.challenge(
        wire.claim(signed()[0]), b'{"logic_question": "2+2?"' + timeout + b"}"
    )
    assert synapse.logic_question == "2+2?"
    assert timeout_s == expected


@pytest.mark.parametrize("timeout", [b"0", b"-1", b"NaN", b"Infinity", b"1e9", b"601"])
def test_a_timeout_that_cannot_be_meant_is_refused(timeout: bytes) -> None:
    wire = Wire().wire
    claim = wire.claim(signed()[0])
    body = b'{"logic_question": "2+2?", "timeout": ' + timeout + b"}"
    for read in (wire.challenge, wire.information):
        with pytest.raises(Refusal) as refused:
            read(claim, body)
        assert refused.value.reason is Reason.BAD_TIMEOUT


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"logic_question": "x", "timeout": "64"}', b"{}"])
def test_a_body_that_is_wrong_is_refused(body: bytes) -> None:
    wire = Wire().wire
    with pytest.raises(Refusal) as refused:
        wire.challenge(wire.claim(signed()[0]), body)
    assert refused.value.reason is Reason.BAD_BODY


def test_a_success_is_the_synapses_own_fields() -> None:
    wire = Wire().wire
    claim = wire.claim(signed()[0])
    synapse, _ = wire.challenge(claim, b'{"logic_question": "2+2?"}')
    fields = synapse.reply_fields(Answer("2 and 2.", "four"))
    reply = wire.success(claim, "LogicSynapse", fields, 1.5)
    assert reply.status == 200
    assert b'"logic_answer":"four"' in reply.body
    assert b"dendrite" not in reply.body


def test_a_bittensor_that_wants_to_be_told_the_scheme_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 11.3.2 on `verify` refuses everybody unless told; this is 11.3.0, so it is dressed up."""
    real = http_auth.verify
    told: list[object] = []

    def verify(*arguments: Any, expected_crypto_type: int | None = None, **named: Any) -> http_auth.Caller:
        told.append(expected_crypto_type)
        if expected_crypto_type is None:
            raise http_auth.BadSignature("no scheme expected")
        named.pop("expected_crypto_type", None)
        return real(*arguments, **named)

    monkeypatch.setattr(http_auth, "verify", verify)
    assert Wire().authenticate(signed())
    assert set(told) == {sp_core.CRYPTO_SR25519}


def test_a_bittensor_that_cannot_verify_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **named: Any) -> http_auth.Caller:
        raise RuntimeError

    monkeypatch.setattr(http_auth, "verify", broken)
    with pytest.raises(LogicnetError, match="cannot be verified with the installed bittensor"):
        Wire()

    def gullible(*arguments: Any, **named: Any) -> http_auth.Caller:
        return http_auth.Caller("5Anybody", NOW, sp_core.CRYPTO_SR25519)

    monkeypatch.setattr(http_auth, "verify", gullible)
    with pytest.raises(LogicnetError, match="accepts forged"):
        Wire()


def test_a_store_that_forgets_too_soon_stops_the_start() -> None:
    class Short(NonceStore):
        retention = 11.9

    with pytest.raises(ValueError, match="kept for"):
        BtauthWire(Hotkey(MINER.ss58_address), Short("btauth", lambda told: None))
