"""btauth/1: what validators on bittensor 11 send. The raw body is under the signature.

The rules are bittensor's own (`bittensor.http_auth.verify`); here is what it leaves to a server:
the shape of headers before any work, nonces across restarts, and one signature scheme.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable
from typing import Any

from bittensor import http_auth, sp_core
from pydantic import ValidationError

from logicnet.axon import headers as _headers
from logicnet.axon import timeouts
from logicnet.axon._types import Claim
from logicnet.axon.bodies import bad_body
from logicnet.axon.headers import Headers
from logicnet.axon.nonces import FUTURE_S, NonceStore, is_timestamp
from logicnet.axon.replies import HttpReply, reply
from logicnet.errors import LogicnetError, Reason, Refusal
from logicnet.protocol import LOGIC_TIMEOUT_S, Hotkey, Information, LogicSynapse, SynapseName, Wire

SIGNATURE = b"x-bittensor-signature"
_HOTKEY = b"x-bittensor-hotkey"
_NONCE = b"x-bittensor-nonce"
_RECEIVER = b"x-bittensor-receiver"
_CRYPTO = b"x-bittensor-crypto"
_ALL = (b"x-bittensor-version", _HOTKEY, _NONCE, _RECEIVER, _CRYPTO, SIGNATURE)

MAX_AGE_S = 10.0
"""Seconds for which a request is fresh: bittensor's own default."""


class BtauthWire:
    """See `WireFormat`."""

    name: Wire = "btauth"
    signs_body = True

    def __init__(
        self,
        own_hotkey: Hotkey,
        nonces: NonceStore,
        *,
        allow_unbound: bool = False,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`allow_unbound` takes requests that name no receiver, which a rival can relay to us."""
        if nonces.retention < MAX_AGE_S + FUTURE_S:
            raise ValueError(f"nonces are kept for {nonces.retention:g} s, but are fresh for longer")
        self._own_hotkey = own_hotkey
        self._nonces = nonces
        self._allow_unbound = allow_unbound
        self._clock_ns = clock_ns
        # From 11.3.2 on bittensor wants to be told the scheme; 11.3.0 does not know the argument.
        parameters = inspect.signature(http_auth.verify).parameters
        self._scheme: dict[str, Any] = (
            {"expected_crypto_type": sp_core.CRYPTO_SR25519} if "expected_crypto_type" in parameters else {}
        )
        self._self_test()

    def claim(self, headers: Headers) -> Claim:
        signature = _headers.signature(headers, SIGNATURE)
        nonce = _headers.number(headers, _NONCE)
        hotkey = Hotkey(_headers.text(headers, _HOTKEY))
        # A public key of one scheme must not verify under another, so only ours is taken.
        if _CRYPTO in headers and _headers.text(headers, _CRYPTO) != "sr25519":
            raise _not_verified("Hotkeys sign with sr25519; no other scheme is taken.")
        if _RECEIVER in headers:
            if _headers.text(headers, _RECEIVER) != self._own_hotkey:
                raise _not_verified("The request is for another miner's hotkey.")
        elif not self._allow_unbound:
            raise _not_verified("Header X-Bittensor-Receiver is missing: sign for this miner's hotkey.")
        if not is_timestamp(nonce):
            raise _not_verified("The nonce is not the time in nanoseconds.")
        return Claim(hotkey, nonce, "", signature, None, headers)

    def check(self, claim: Claim) -> None:
        self._nonces.check(claim.hotkey, "", claim.nonce, MAX_AGE_S)

    def verify(self, claim: Claim, target: str, body: bytes) -> None:
        self._verify(claim.headers, target, body, self._own_hotkey, self._nonces)

    def challenge(self, claim: Claim, body: bytes) -> tuple[LogicSynapse, float]:
        try:
            synapse = LogicSynapse.model_validate_json(body)
        except ValidationError as error:
            raise bad_body(error) from None
        return synapse, LOGIC_TIMEOUT_S if synapse.timeout is None else timeouts.checked(synapse.timeout)

    def information(self, claim: Claim, body: bytes) -> Information:
        try:
            synapse = Information.model_validate_json(body)
        except ValidationError as error:
            raise bad_body(error) from None
        if synapse.timeout is not None:
            timeouts.checked(synapse.timeout)
        return synapse

    def success(
        self, claim: Claim, synapse: SynapseName, fields: dict[str, Any], seconds: float
    ) -> HttpReply:
        return reply(200, fields)

    def _verify(
        self, headers: Headers, target: str, body: bytes, own_hotkey: Hotkey, nonces: http_auth.NonceStore
    ) -> http_auth.Caller:
        texts = {name.decode(): _headers.text(headers, name) for name in _ALL if name in headers}
        try:
            return http_auth.verify(
                texts,
                body,
                method="POST",
                path=target,
                self_hotkey_ss58=own_hotkey,
                max_age=MAX_AGE_S,
                allowed_skew=FUTURE_S,
                require_receiver=not self._allow_unbound,
                nonce_store=nonces,
                now_ns=self._clock_ns(),
                **self._scheme,
            )
        except http_auth.MalformedAuth as error:
            raise _headers.malformed(f"{error}.") from None
        except http_auth.AuthError as error:
            # Written by bittensor to be shown to callers who are not authenticated.
            raise _not_verified(f"{error}.") from None

    def _self_test(self) -> None:
        """LogicnetError if this bittensor cannot tell a signature from a forgery."""
        keypair = sp_core.Keypair.create_from_seed(os.urandom(32))
        own = Hotkey(keypair.ss58_address)
        body = b"self-test"
        signed = http_auth.sign(
            keypair, method="POST", path="/", body=body, receiver_ss58=own, nonce_ns=self._clock_ns()
        )
        headers = {name.lower().encode(): value.encode() for name, value in signed.items()}
        try:
            self._verify(headers, "/", body, own, http_auth.InMemoryNonceStore())
        except Exception as error:
            raise LogicnetError(
                f"btauth requests cannot be verified with the installed bittensor ({type(error).__name__}): "
                "install bittensor 11.3"
            ) from error
        try:
            self._verify(headers, "/", body + b".", own, http_auth.InMemoryNonceStore())
        except Refusal:
            return
        raise LogicnetError("the installed bittensor takes forged btauth requests: reinstall bittensor 11.3")


def _not_verified(message: str) -> Refusal:
    return Refusal(Reason.NOT_VERIFIED, message)
