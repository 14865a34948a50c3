"""The classic wire: that of bittensor 7.2 to 10, and of 6 to 7.1 where the operator allows it.

The signature covers nonce, sender, receiver, uuid and a hash that is constant for these synapses; neither
question, timeout nor version. So the signed headers decide, a body that contradicts them is refused, and
unsigned values can only shorten the caller's time. Facts from bittensor 9.0.0 and 10.5.0, `tests/golden`.
"""

import os
import re
from typing import Any, cast

from bittensor import sp_core
from pydantic import BaseModel, ConfigDict, create_model

from logicnet.axon import wire
from logicnet.axon.http import HttpReply, reply
from logicnet.axon.nonces import OLDEST_S, NonceStore, is_timestamp
from logicnet.axon.wire import Claim, Headers, not_verified
from logicnet.deadline import TIMEOUT_CAP_S
from logicnet.errors import LogicnetError, Reason, Refusal
from logicnet.protocol import Hotkey, Wire
from logicnet.scoring.wires import LOGICNET, ChallengeModel, InformationModel, SubnetWire

SIGNATURE = b"bt_header_dendrite_signature"
_NONCE = b"bt_header_dendrite_nonce"
_UUID = b"bt_header_dendrite_uuid"
_HOTKEY = b"bt_header_dendrite_hotkey"
_VERSION = b"bt_header_dendrite_version"
_RECEIVER = b"bt_header_axon_hotkey"

NO_BODY_HASH = "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
"""sha3-256 of no bytes: neither synapse declares `required_hash_fields`."""

TIMESTAMPS_SINCE = 7_002_000
"""bittensor 7.2, the first whose nonces are timestamps."""

_MAX_AGE_S = OLDEST_S - TIMEOUT_CAP_S
_UUID_SHAPE = re.compile(r"[0-9A-Za-z._-]{1,64}")
_UNSET = {"status_code": None, "status_message": None, "process_time": None}
_OK_HEADER = (b"bt_header_axon_status_code", b"200")


class _Terminal(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    hotkey: str | None = None
    nonce: int | None = None
    uuid: str | None = None


class ClassicWire:
    """See `WireFormat`."""

    name: Wire = "classic"
    signs_body = False

    def __init__(
        self,
        own_hotkey: Hotkey,
        nonces: NonceStore,
        *,
        allow_counters: bool = False,
        subnet: SubnetWire = LOGICNET,
    ) -> None:
        """`allow_counters` accepts clients before 7.2: only the ledger tells a replay of theirs."""
        self._own_hotkey = own_hotkey
        self._nonces = nonces
        self._allow_counters = allow_counters
        self._challenge = _with_dendrite(subnet.challenge)
        self._information = None if subnet.information is None else _with_dendrite(subnet.information)
        self_test()

    def claim(self, headers: Headers) -> Claim:
        signature = wire.signature(headers, SIGNATURE)
        nonce = wire.number(headers, _NONCE)
        uuid = wire.text(headers, _UUID)
        if _UUID_SHAPE.fullmatch(uuid) is None:
            raise wire.malformed(f"Header {_UUID.decode()} is not a uuid.")
        hotkey = Hotkey(wire.text(headers, _HOTKEY))
        timeout_s = wire.timeout(headers)
        version = wire.number(headers, _VERSION)
        if not is_timestamp(nonce) and (version >= TIMESTAMPS_SINCE or not self._allow_counters):
            raise not_verified("The nonce must be the time in nanoseconds, as from bittensor 7.2 on.")
        if wire.text(headers, b"computed_body_hash") != NO_BODY_HASH:
            raise wire.malformed(
                "Header computed_body_hash must be the sha3-256 of no bytes: this synapse hashes no fields."
            )
        # The signature would fail too; this message names the reason.
        if _RECEIVER in headers and wire.text(headers, _RECEIVER) != self._own_hotkey:
            raise not_verified("The request is for another miner's hotkey.")
        return Claim(hotkey, nonce, uuid, signature, timeout_s, headers)

    def check(self, claim: Claim) -> None:
        assert claim.timeout_s is not None
        self._nonces.check(claim.hotkey, claim.uuid, claim.nonce, _MAX_AGE_S + claim.timeout_s)

    def verify(self, claim: Claim, target: str, body: bytes) -> None:
        message = _signed_message(claim.nonce, claim.hotkey, self._own_hotkey, claim.uuid)
        if not _is_signed(message, claim.signature, claim.hotkey):
            raise not_verified("The signature does not match hotkey, nonce, miner and uuid.")
        self._nonces.store(claim.hotkey, claim.uuid, claim.nonce)

    def challenge(self, claim: Claim, body: bytes) -> tuple[ChallengeModel, float]:
        assert claim.timeout_s is not None
        synapse = wire.parse(self._challenge, body)
        _check_dendrite(synapse.dendrite, claim)
        return synapse, claim.timeout_s

    def information(self, claim: Claim, body: bytes) -> InformationModel:
        assert self._information is not None  # else it has no path
        synapse = wire.parse(self._information, body)
        _check_dendrite(synapse.dendrite, claim)
        return cast(InformationModel, synapse)

    def success(self, claim: Claim, synapse: str, fields: dict[str, Any], seconds: float) -> HttpReply:
        """A Dendrite replaces its own synapse by this one, so the reply repeats all its fields."""
        headers = claim.headers
        content = {
            "name": synapse,
            "timeout": claim.timeout_s,
            "total_size": 0,
            "header_size": 0,
            "dendrite": _UNSET
            | {
                "ip": _echo(headers, b"bt_header_dendrite_ip"),
                "port": None,
                "version": wire.number(headers, _VERSION),
                "nonce": claim.nonce,
                "uuid": claim.uuid,
                "hotkey": claim.hotkey,
                "signature": "0x" + claim.signature.hex(),
            },
            "axon": {
                "status_code": 200,
                "status_message": "Success",
                "process_time": seconds,
                "ip": _echo(headers, b"bt_header_axon_ip"),
                "port": _echo_port(headers),
                "version": None,
                "nonce": None,
                "uuid": None,
                "hotkey": self._own_hotkey,
                "signature": None,
            },
            "computed_body_hash": NO_BODY_HASH,
        }
        content.update(fields)
        return reply(200, content, _OK_HEADER)


def _with_dendrite(model: type[Any]) -> Any:
    """`model` with what a Dendrite says about itself."""
    return create_model(f"_{model.__name__}", __base__=model, dendrite=(_Terminal | None, None))


def self_test() -> None:
    """LogicnetError if this bittensor cannot tell a signature from a forgery."""
    keypair = sp_core.Keypair.create_from_seed(os.urandom(32))
    own = Hotkey(keypair.ss58_address)
    message = _signed_message(1, own, own, "self-test")
    signature = bytes(keypair.sign(message))
    forged = signature[:-1] + bytes([signature[-1] ^ 1])
    if not _is_signed(message, signature, own) or _is_signed(message, forged, own):
        raise LogicnetError("the installed bittensor does not verify signatures: reinstall bittensor 11.3")


def _signed_message(nonce: int, hotkey: Hotkey, own_hotkey: Hotkey, uuid: str) -> bytes:
    return f"{nonce}.{hotkey}.{own_hotkey}.{uuid}.{NO_BODY_HASH}".encode()


def _is_signed(message: bytes, signature: bytes, hotkey: Hotkey) -> bool:
    try:
        # `is True`: a truthy object from a broken library must not count.
        return sp_core.verify(message, signature, hotkey, sp_core.CRYPTO_SR25519) is True
    except ValueError:  # not an ss58 address
        return False


def _check_dendrite(dendrite: _Terminal | None, claim: Claim) -> None:
    if dendrite is not None and (
        dendrite.hotkey not in (None, claim.hotkey)
        or dendrite.nonce not in (None, claim.nonce)
        or dendrite.uuid not in (None, claim.uuid)
    ):
        raise Refusal(Reason.BAD_BODY, "The body's dendrite contradicts the signed headers.")


def _echo(headers: Headers, name: bytes) -> str | None:
    return headers.get(name, b"").decode("ascii", "replace")[: wire.LONGEST_VALUE] or None


def _echo_port(headers: Headers) -> int | None:
    value = headers.get(b"bt_header_axon_port", b"")
    return int(value) if value.isdigit() and len(value) <= 5 else None
