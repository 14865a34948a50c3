"""Headers: one dict of bytes, in which what is signed stands once and is plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from logicnet.errors import Reason, Refusal

Headers = dict[bytes, bytes]
"""By lower-case name, as ASGI gives them."""

_ONCE = (
    b"content-length",
    b"timeout",
    b"computed_body_hash",
    b"bt_header_axon_hotkey",
    b"bt_header_dendrite_version",
    b"bt_header_dendrite_nonce",
    b"bt_header_dendrite_uuid",
    b"bt_header_dendrite_hotkey",
    b"bt_header_dendrite_signature",
    b"x-bittensor-version",
    b"x-bittensor-hotkey",
    b"x-bittensor-receiver",
    b"x-bittensor-nonce",
    b"x-bittensor-crypto",
    b"x-bittensor-signature",
)
"""What decides who is calling, and how long a request is. Two of one would be two opinions."""

LONGEST_VALUE = 256
"""Bytes. The longest that is meant is a signature, 130."""

_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{128}")
_DIGITS = re.compile(r"[0-9]{1,20}")


def collect(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers by name; MALFORMED if one that must stand once is doubled."""
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


def malformed(message: str) -> Refusal:
    return Refusal(Reason.MALFORMED, message)
