import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bittensor import sp_core
from bittensor.sp_core import Keypair

from logicnet.axon.classic import NO_BODY_HASH, ClassicWire
from logicnet.axon.nonces import NonceStore
from logicnet.axon.wire import Headers, collect
from logicnet.errors import LogicnetError, Reason, Refusal
from logicnet.evals.arena.signing import classic_headers
from logicnet.protocol import Answer, Hotkey
from tests.harness.axon import MINER, VALIDATOR, Clock, pairs

GOLDEN: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "golden" / "dendrite-10.5.0.json").read_text()
)
S = 10**9
NOW = 1_795_226_147 * S


class Wire:
    """A classic wire whose miner started 70 s before the time that its clock shows."""

    def __init__(self, now_ns: int = NOW, own: str = MINER.ss58_address, *, counters: bool = False) -> None:
        self.clock = Clock(now_ns - 70 * S)
        store = NonceStore("classic", lambda told: None, clock_ns=self.clock, monotonic_ns=self.clock)
        self.wire = ClassicWire(Hotkey(own), store, allow_counters=counters)
        self.clock.now_ns = now_ns

    def authenticate(self, headers: Headers) -> Hotkey:
        claim = self.wire.claim(headers)
        self.wire.check(claim)
        self.wire.verify(claim, "/LogicSynapse", b"")
        return claim.hotkey

    def refuses(self, headers: Headers) -> tuple[Reason, str]:
        with pytest.raises(Refusal) as refused:
            self.authenticate(headers)
        return refused.value.reason, refused.value.message


def signed(**changes: Any) -> Headers:
    arguments: dict[str, Any] = {
        "synapse": "LogicSynapse",
        "miner_ss58": MINER.ss58_address,
        "timeout_s": 64,
        "nonce_ns": NOW,
    }
    return collect(pairs(classic_headers(VALIDATOR, **(arguments | changes))))


def golden_headers(golden: dict[str, Any], **changes: str) -> Headers:
    return collect(pairs(golden["headers"] | changes))


@pytest.fixture(params=GOLDEN, ids=lambda golden: golden["case"])
def golden(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


class TestGolden:
    """Requests of a real bittensor 10.5.0 Dendrite."""

    def test_verifies_when_it_was_received_and_only_once(self, golden: dict[str, Any]) -> None:
        wire = Wire(golden["received_at_ns"])
        headers = golden_headers(golden)
        assert wire.authenticate(headers) == golden["validator_ss58"]
        assert wire.refuses(headers)[0] is Reason.NOT_VERIFIED

    @pytest.mark.parametrize("by_ns", [1, -1])
    def test_is_refused_one_nanosecond_changed(self, golden: dict[str, Any], by_ns: int) -> None:
        nonce = int(golden["headers"]["bt_header_dendrite_nonce"]) + by_ns
        headers = golden_headers(golden, bt_header_dendrite_nonce=str(nonce))
        assert Wire(golden["received_at_ns"]).refuses(headers)[0] is Reason.NOT_VERIFIED

    def test_is_refused_late_whatever_it_claims(self, golden: dict[str, Any]) -> None:
        nonce = int(golden["headers"]["bt_header_dendrite_nonce"])
        timeout_s = float(golden["headers"]["timeout"])
        assert Wire(nonce + int((4 + timeout_s) * S)).authenticate(golden_headers(golden))
        late = Wire(nonce + int((4 + timeout_s) * S) + 1)
        assert late.refuses(golden_headers(golden))[0] is Reason.NOT_VERIFIED
        for lie in ({"timeout": "600"}, {"bt_header_dendrite_version": "7001000"}):
            later = Wire(nonce + 68 * S + 1)
            assert later.refuses(golden_headers(golden, **lie))[0] is Reason.NOT_VERIFIED

    def test_is_refused_by_another_miner(self, golden: dict[str, Any]) -> None:
        other = Keypair.create_from_uri("//Other").ss58_address
        wire = Wire(golden["received_at_ns"], own=other)
        assert wire.refuses(golden_headers(golden))[0] is Reason.NOT_VERIFIED
        relayed = golden_headers(golden, bt_header_axon_hotkey=other)
        assert wire.refuses(relayed)[0] is Reason.NOT_VERIFIED

    def test_its_body_is_read(self, golden: dict[str, Any]) -> None:
        wire = Wire(golden["received_at_ns"]).wire
        claim = wire.claim(golden_headers(golden))
        body = golden["body"].encode()
        if golden["path"] == "/LogicSynapse":
            synapse, timeout_s = wire.challenge(claim, body)
            assert synapse.logic_question == json.loads(body)["logic_question"].strip()
            assert timeout_s == float(golden["headers"]["timeout"])
        else:
            assert wire.information(claim, body).request_dict == json.loads(body)["request_dict"]


@pytest.mark.parametrize(
    "name",
    [
        "timeout",
        "computed_body_hash",
        "bt_header_dendrite_version",
        "bt_header_dendrite_nonce",
        "bt_header_dendrite_uuid",
        "bt_header_dendrite_hotkey",
        "bt_header_dendrite_signature",
    ],
)
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda value: None, "missing or empty"),
        (lambda value: b"", "missing or empty"),
        (lambda value: value + b"\xff", "not plain ASCII"),
        (lambda value: value + "é".encode(), "not plain ASCII"),
        (lambda value: value + b"\x00", "not plain ASCII"),
        (lambda value: value * 1000, "longer than"),
    ],
    ids=["missing", "empty", "not UTF-8", "not ASCII", "control character", "long"],
)
def test_a_spoiled_header_is_named(name: str, spoil: Callable[[bytes], bytes | None], why: str) -> None:
    headers = signed()
    value = spoil(headers.pop(name.encode()))
    if value is not None:
        headers[name.encode()] = value
    reason, message = Wire().refuses(headers)
    assert reason is Reason.MALFORMED
    assert f"Header {name} is" in message
    assert why in message


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("bt_header_dendrite_signature", "0x12", "128 hexadecimal"),
        ("bt_header_dendrite_signature", "0x" + "ab" * 63, "128 hexadecimal"),
        ("bt_header_dendrite_signature", "0x" + "ab" * 65, "128 hexadecimal"),
        ("bt_header_dendrite_signature", "ab" * 64, "128 hexadecimal"),
        ("bt_header_dendrite_signature", "0x" + "zz" * 64, "128 hexadecimal"),
        ("bt_header_dendrite_signature", "0x" + "a " * 64, "128 hexadecimal"),
        ("bt_header_dendrite_nonce", "-1", "whole number"),
        ("bt_header_dendrite_nonce", "1e18", "whole number"),
        ("bt_header_dendrite_nonce", "1_795_226_147", "whole number"),
        ("bt_header_dendrite_nonce", "9" * 21, "whole number"),
        ("bt_header_dendrite_nonce", "None", "whole number"),
        ("bt_header_dendrite_version", "10.5.0", "whole number"),
        ("bt_header_dendrite_uuid", "a:b", "not a uuid"),
        ("bt_header_dendrite_uuid", "a" * 65, "not a uuid"),
        ("computed_body_hash", "00" * 32, "sha3-256 of no bytes"),
    ],
)
def test_a_header_of_the_wrong_shape_is_explained(name: str, value: str, why: str) -> None:
    headers = signed()
    headers[name.encode()] = value.encode()
    reason, message = Wire().refuses(headers)
    assert reason is Reason.MALFORMED
    assert why in message
    assert value not in message


@pytest.mark.parametrize(
    "timeout", ["0", "-1", "nan", "NaN", "inf", "-inf", "1e9", "600.1", "1_0", "x", "6 4"]
)
def test_a_timeout_that_cannot_be_meant_is_refused(timeout: str) -> None:
    headers = signed()
    headers[b"timeout"] = timeout.encode()
    reason, message = Wire().refuses(headers)
    assert reason is Reason.BAD_TIMEOUT
    assert "seconds" in message


@pytest.mark.parametrize("timeout", ["64", "12.0", "600", "0.5", "1e-05"])
def test_a_timeout_is_taken_as_python_writes_it(timeout: str) -> None:
    headers = signed()
    headers[b"timeout"] = timeout.encode()
    assert Wire().wire.claim(headers).timeout_s == float(timeout)


def test_a_forged_signature_is_refused() -> None:
    headers = signed()
    signature = bytearray(bytes.fromhex(headers[b"bt_header_dendrite_signature"].decode()[2:]))
    signature[10] ^= 1
    headers[b"bt_header_dendrite_signature"] = b"0x" + signature.hex().encode()
    assert Wire().refuses(headers)[0] is Reason.NOT_VERIFIED


def test_a_hotkey_that_is_no_address_is_not_verified() -> None:
    headers = signed()
    headers[b"bt_header_dendrite_hotkey"] = b"5NotAnAddress"
    assert Wire().refuses(headers)[0] is Reason.NOT_VERIFIED


def test_the_old_nonces_are_taken_from_old_clients_only() -> None:
    wire = Wire(counters=True)
    uptime_ns = 12_345 * S
    old = signed(nonce_ns=uptime_ns, version=7_001_000)
    assert "7.2" in Wire().refuses(old)[1]  # unless the operator allows it, not even from them
    assert wire.authenticate(old) == VALIDATOR.ss58_address
    assert wire.refuses(old)[0] is Reason.NOT_VERIFIED
    assert wire.refuses(signed(nonce_ns=uptime_ns - 1, version=7_001_000))[0] is Reason.NOT_VERIFIED
    assert wire.authenticate(signed(nonce_ns=uptime_ns + 1, version=7_001_000))
    assert "7.2" in wire.refuses(signed(nonce_ns=uptime_ns + 2, version=7_002_000))[1]


def test_claiming_to_be_old_makes_no_timestamp_last_longer() -> None:
    headers = signed(nonce_ns=NOW - 69 * S, version=6_000_000)
    assert "too old" in Wire().refuses(headers)[1]


@pytest.mark.parametrize(
    ("field", "value"),
    [("hotkey", "5Someone"), ("nonce", 1), ("uuid", "other"), ("hotkey", ""), ("nonce", 0)],
)
def test_a_body_that_contradicts_the_signed_headers_is_refused(field: str, value: object) -> None:
    wire = Wire().wire
    claim = wire.claim(signed())
    body = json.dumps({"logic_question": "2+2?", "dendrite": {field: value}}).encode()
    for read in (wire.challenge, wire.information):
        with pytest.raises(Refusal) as refused:
            read(claim, body)
        assert refused.value.reason is Reason.BAD_BODY
        assert refused.value.reason.status == 422


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not valid JSON"),
        (b"not json", "not valid JSON"),
        (b'{"logic_question": "2+2?"', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "object"),
        (b"{}", "logic_question"),
        (b'{"logic_question": ""}', "logic_question"),
        (b'{"logic_question": "  "}', "logic_question"),
        (b'{"logic_question": 5}', "logic_question"),
        (b'{"logic_question": "x", "category": []}', "category"),
        (b'{"logic_question": "x", "task_uid": 1.5}', "task_uid"),
        (b'{"logic_question": "x", "dendrite": "me"}', "dendrite"),
        (b'{"logic_question": "x", "dendrite": {"nonce": "1"}}', "dendrite"),
        (b'{"logic_question": "\\ud800"}', "not valid JSON"),
    ],
)
def test_a_body_that_is_wrong_is_explained_without_quoting_it(body: bytes, why: str) -> None:
    wire = Wire().wire
    with pytest.raises(Refusal) as refused:
        wire.challenge(wire.claim(signed()), body)
    assert refused.value.reason is Reason.BAD_BODY
    assert why in refused.value.message


def test_a_success_holds_all_that_a_dendrite_overwrites_its_own_with() -> None:
    wire = Wire().wire
    headers = signed(ip="192.0.2.7", port=8091)
    claim = wire.claim(headers)
    synapse, _ = wire.challenge(claim, b'{"logic_question": "2+2?", "ground_truth_answer": "4"}')
    reply = wire.success(claim, "LogicSynapse", synapse.reply_fields(Answer("2 and 2.", "four")), 1.5)
    assert reply.status == 200
    assert (b"content-type", b"application/json") in reply.headers
    assert (b"bt_header_axon_status_code", b"200") in reply.headers
    content = json.loads(reply.body)
    assert content["name"] == "LogicSynapse"
    assert content["timeout"] == 64
    assert content["logic_answer"] == "four"
    assert content["ground_truth_answer"] is None
    assert content["raw_logic_question"] == ""
    assert content["axon"]["status_code"] == 200
    assert content["axon"]["status_message"] == "Success"
    assert content["axon"]["hotkey"] == MINER.ss58_address
    assert (content["axon"]["ip"], content["axon"]["port"]) == ("192.0.2.7", 8091)
    assert content["axon"]["process_time"] == 1.5
    assert content["dendrite"]["hotkey"] == VALIDATOR.ss58_address
    assert content["dendrite"]["nonce"] == NOW
    assert content["dendrite"]["version"] == 10_005_000
    assert content["computed_body_hash"] == NO_BODY_HASH
    assert content.keys() >= json.loads(GOLDEN[0]["body"]).keys()


@pytest.mark.parametrize("verdict", [True, False, None, 1])
def test_a_library_that_cannot_verify_stops_the_start(verdict: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sp_core, "verify", lambda *arguments: verdict)
    with pytest.raises(LogicnetError, match="reinstall bittensor"):
        Wire()
