"""The words of this room: ASGI's three, what a wire must do, and what the axon asks of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from logicnet.axon.headers import Headers
from logicnet.axon.replies import HttpReply
from logicnet.chain import Neuron
from logicnet.deadline import Deadline
from logicnet.events import EpochCount
from logicnet.protocol import Challenge, Hotkey, Information, LogicSynapse, SynapseName, Wire
from logicnet.solver.answering import Solution

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

Solve = Callable[[Challenge, Deadline], Awaitable[Solution]]
"""Answers a challenge before its deadline, whatever happens to the models."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a request says it is from, well-formed. Nothing of it may be believed before `verify`."""

    hotkey: Hotkey
    nonce: int
    uuid: str  # empty on btauth
    signature: bytes  # 64
    timeout_s: float | None  # None if the body says it
    headers: Headers


class WireFormat(Protocol):
    """One of the two wires: how a request is signed, and how it is answered. Errors are Refusals."""

    @property
    def name(self) -> Wire: ...

    @property
    def signs_body(self) -> bool:
        """Whether the body must be read before the signature can be verified."""
        ...

    def claim(self, headers: Headers) -> Claim:
        """The claim in `headers`; MALFORMED or BAD_TIMEOUT."""
        ...

    def check(self, claim: Claim) -> None:
        """NOT_VERIFIED if the nonce cannot be used now. Changes nothing."""
        ...

    def verify(self, claim: Claim, target: str, body: bytes) -> None:
        """NOT_VERIFIED unless the hotkey signed this for us; then the nonce is used up.

        `target` is the request target as sent; `body` is the raw body if `signs_body`.
        """
        ...

    def challenge(self, claim: Claim, body: bytes) -> tuple[LogicSynapse, float]:
        """The synapse and the caller's timeout in seconds; BAD_BODY or BAD_TIMEOUT."""
        ...

    def information(self, claim: Claim, body: bytes) -> Information: ...

    def success(
        self, claim: Claim, synapse: SynapseName, fields: dict[str, Any], seconds: float
    ) -> HttpReply:
        """The reply that this wire's clients take as success; `seconds` since receipt."""
        ...


class AdmissionPolicy(Protocol):
    """Who may ask, and how much. See `logicnet.axon.admission`."""

    def known(self, hotkey: Hotkey) -> Neuron: ...

    def permit(self, neuron: Neuron) -> None: ...

    def inform(self, neuron: Neuron, now_s: float) -> EpochCount | None: ...

    def take(self, neuron: Neuron, now_s: float) -> EpochCount: ...

    def refuse(self, neuron: Neuron, now_s: float) -> EpochCount | None: ...


class Limiter(Protocol):
    """The bound on what is solved at once. See `logicnet.axon.concurrency`."""

    def check(self, stake: float) -> None: ...

    def take(self, stake: float, deadline: Deadline) -> AbstractAsyncContextManager[bool]: ...
