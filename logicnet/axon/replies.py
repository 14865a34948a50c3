"""Replies: status, headers and JSON, ready to be sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import orjson

from logicnet.errors import Reason, Refusal

JSON = (b"content-type", b"application/json")
CLOSE = (b"connection", b"close")

_RETRY_AFTER_S = {Reason.FULL: 5, Reason.NO_METAGRAPH: 30}
"""When asking again makes sense: places are given back in seconds; a chain takes longer."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def reply(status: int, content: Any, *extra: tuple[bytes, bytes]) -> HttpReply:
    body = _dumps(content)
    return HttpReply(status, [JSON, (b"content-length", b"%d" % len(body)), *extra], body)


def refusal_reply(refusal: Refusal, *extra: tuple[bytes, bytes]) -> HttpReply:
    """What a caller is told who is turned away. A Dendrite shows `message` as its status message."""
    wait_s = refusal.retry_after_s or _RETRY_AFTER_S.get(refusal.reason)
    if wait_s is not None:
        extra = (*extra, (b"retry-after", b"%d" % wait_s))
    if refusal.reason is Reason.BAD_METHOD:
        extra = (*extra, (b"allow", b"POST"))
    return reply(refusal.status, {"message": refusal.message, "reason": refusal.reason}, *extra)


def _dumps(content: Any) -> bytes:
    try:
        return orjson.dumps(content)
    except TypeError:
        # A number beyond 64 bits or half a surrogate pair: legal in JSON, so it may come in with a
        # request and must be able to go out again.
        return json.dumps(content).encode()
