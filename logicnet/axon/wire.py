"""What the two wires share: reading headers, timeout and body of a request. Errors are Refusals."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from logicnet.axon import http
from logicnet.deadline import TIMEOUT_CAP_S
from logicnet.errors import Reason, Refusal
from logicnet.protocol import Hotkey, Wire
from logicnet.scoring.wires import ChallengeModel, InformationModel

Headers = dict[bytes, bytes]
"""By lower-case name, as ASGI gives them."""

LONGEST_TIMEOUT_S = 600.0
"""A longer timeout is in the wrong unit. Up to here it is accepted, and 64 s of it are used."""

SLOWEST_TRANSIT_S = 4.0
"""The most transit time that is deducted: the 4 s that bittensor 6 to 10 grant a nonce."""

LONGEST_VALUE = 256
"""Bytes of a header. The longest that is expected is a signature, 130."""

_ONCE = (
    *(b"content-length", b"timeout", b"computed_body_hash", b"bt_header_axon_hotkey"),
    *(b"bt_header_dendrite_" + name for name in (b"version", b"nonce", b"uuid", b"hotkey", b"signature")),
    *(b"x-bittensor-" + name for name in (b"version", b"hotkey", b"receiver", b"nonce", b"crypto")),
    b"x-bittensor-signature",
)
"""Headers that decide who is calling or how long a request is: repeated, they would be ambiguous."""

_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{128}")
_DIGITS = re.compile(r"[0-9]{1,20}")

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a request says it is from, well-formed but not trusted before `verify`."""

    hotkey: Hotkey
    nonce: int
    uuid: str  # empty on btauth
    signature: bytes  # 64
    timeout_s: float | None  # None if it is in the body
    headers: Headers


class WireFormat(Protocol):
    """How a request is signed, and how it is answered."""

    name: Wire
    signs_body: bool  # the body must be read before the signature can be verified

    def claim(self, headers: Headers) -> Claim:
        """The claim in `headers`; MALFORMED or BAD_TIMEOUT."""

    def check(self, claim: Claim) -> None:
        """NOT_VERIFIED if the nonce cannot be used now. Changes nothing."""

    def verify(self, claim: Claim, target: str, body: bytes) -> None:
        """NOT_VERIFIED unless the hotkey signed this for us; then the nonce is used up.

        `target` is the request target as sent; `body` is the raw body if `signs_body`.
        """

    def challenge(self, claim: Claim, body: bytes) -> tuple[ChallengeModel, float]:
        """The synapse and the caller's timeout in seconds; BAD_BODY or BAD_TIMEOUT."""

    def information(self, claim: Claim, body: bytes) -> InformationModel: ...

    def success(self, claim: Claim, synapse: str, fields: dict[str, Any], seconds: float) -> http.HttpReply:
        """The reply that this wire's clients accept as success; `seconds` since receipt."""


def collect(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers by name; MALFORMED if one of `_ONCE` is repeated."""
    pairs = list(pairs)
    headers = dict(pairs)
    if len(headers) != len(pairs):
        names = [name for name, _ in pairs]
        for name in _ONCE:
            if names.count(name) > 1:
                raise malformed(f"Header {name.decode()} is given more than once.")
    return headers


def text(headers: Headers, name: bytes) -> str:
    """A header's value; MALFORMED if it is missing, empty, too long or not printable ASCII."""
    value = headers.get(name)
    if not value:
        raise malformed(f"Header {name.decode()} is missing or empty.")
    if len(value) > LONGEST_VALUE:
        raise malformed(f"Header {name.decode()} is longer than {LONGEST_VALUE} bytes.")
    try:
        decoded = value.decode("ascii")
    except UnicodeDecodeError:
        decoded = ""
    if not decoded.isprintable() or not decoded:
        raise malformed(f"Header {name.decode()} is not plain ASCII text.")
    return decoded


def number(headers: Headers, name: bytes) -> int:
    """A header of up to 20 decimal digits."""
    value = text(headers, name)
    if _DIGITS.fullmatch(value) is None:
        raise malformed(f"Header {name.decode()} is not a whole number of up to 20 digits.")
    return int(value)


def signature(headers: Headers, name: bytes) -> bytes:
    """The 64 bytes of a signature, written as 0x and 128 hexadecimal digits."""
    value = text(headers, name)
    if _SIGNATURE.fullmatch(value) is None:
        raise malformed(f"Header {name.decode()} is not 0x and 128 hexadecimal digits.")
    return bytes.fromhex(value[2:])


def timeout(headers: Headers) -> float:
    """The header `timeout`, as Python writes a number of seconds; BAD_TIMEOUT."""
    value = text(headers, b"timeout")
    try:
        return checked_timeout(float(value if "_" not in value else "nan"))
    except ValueError:
        return checked_timeout(math.nan)


def checked_timeout(timeout_s: float) -> float:
    """`timeout_s`; BAD_TIMEOUT if it is out of range."""
    if not (math.isfinite(timeout_s) and 0 < timeout_s <= LONGEST_TIMEOUT_S):
        message = f"The timeout must be a number of seconds above 0 and up to {LONGEST_TIMEOUT_S:g}."
        raise Refusal(Reason.BAD_TIMEOUT, message)
    return timeout_s


def usable_s(timeout_s: float, age_s: float) -> float:
    """Seconds from receipt for which the caller still waits.

    `age_s` is the time since the caller's signature, by its clock. Clocks differ, so at least half is left.
    """
    timeout_s = min(timeout_s, TIMEOUT_CAP_S)
    return timeout_s - min(max(age_s, 0.0), SLOWEST_TRANSIT_S, timeout_s / 2)


def parse(model: type[_Model], body: bytes) -> _Model:
    """`body` as a `model`; BAD_BODY names our own field and quotes nothing of the caller's."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        raise Refusal(Reason.BAD_BODY, "The body is not valid JSON.")
    field = first["loc"][0] if first["loc"] else "body"
    raise Refusal(Reason.BAD_BODY, f"Field {field} of the body: {first['msg']}.")


def malformed(message: str) -> Refusal:
    return Refusal(Reason.MALFORMED, message)


def not_verified(message: str) -> Refusal:
    return Refusal(Reason.NOT_VERIFIED, message)
