"""btauth/1: the wire of bittensor 11. The signature covers the raw body.

`bittensor.http_auth.verify` checks signatures; this module adds what it leaves to a server: the format of
headers before any work, nonces across restarts, and one signature scheme.
"""

import inspect
import os
import time
from collections.abc import Callable
from typing import Any

from bittensor import http_auth, sp_core

from logicnet.axon import wire
from logicnet.axon.http import HttpReply, reply
from logicnet.axon.nonces import FUTURE_S, NonceStore, is_timestamp
from logicnet.axon.wire import Claim, Headers, not_verified
from logicnet.errors import LogicnetError, Refusal
from logicnet.protocol import Hotkey, Wire
from logicnet.scoring.wires import LOGICNET, ChallengeModel, InformationModel, SubnetWire

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
        subnet: SubnetWire = LOGICNET,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`allow_unbound` accepts requests without a receiver, which a rival can relay to us."""
        if nonces.retention < MAX_AGE_S + FUTURE_S:
            raise ValueError(f"nonces are kept for {nonces.retention:g} s, but are fresh for longer")
        self._own_hotkey = own_hotkey
        self._nonces = nonces
        self._allow_unbound = allow_unbound
        self._challenge, self._information = subnet.challenge, subnet.information
        self._timeout_s = subnet.timeout_s
        self._clock_ns = clock_ns
        # bittensor 11.3.2 requires the scheme; 11.3.0 does not know the argument.
        parameters = inspect.signature(http_auth.verify).parameters
        self._scheme: dict[str, Any] = (
            {"expected_crypto_type": sp_core.CRYPTO_SR25519} if "expected_crypto_type" in parameters else {}
        )
        self._self_test()

    def claim(self, headers: Headers) -> Claim:
        signature = wire.signature(headers, SIGNATURE)
        nonce = wire.number(headers, _NONCE)
        hotkey = Hotkey(wire.text(headers, _HOTKEY))
        # A public key of one scheme must not verify under another, so only ours is taken.
        if _CRYPTO in headers and wire.text(headers, _CRYPTO) != "sr25519":
            raise not_verified("Hotkeys sign with sr25519; no other scheme is accepted.")
        if _RECEIVER in headers:
            if wire.text(headers, _RECEIVER) != self._own_hotkey:
                raise not_verified("The request is for another miner's hotkey.")
        elif not self._allow_unbound:
            raise not_verified("Header X-Bittensor-Receiver is missing: sign for this miner's hotkey.")
        if not is_timestamp(nonce):
            raise not_verified("The nonce is not the time in nanoseconds.")
        return Claim(hotkey, nonce, "", signature, None, headers)

    def check(self, claim: Claim) -> None:
        self._nonces.check(claim.hotkey, "", claim.nonce, MAX_AGE_S)

    def verify(self, claim: Claim, target: str, body: bytes, method: str = "POST") -> None:
        self._verify(claim.headers, target, body, self._own_hotkey, self._nonces, method=method)

    def challenge(self, claim: Claim, body: bytes) -> tuple[ChallengeModel, float]:
        synapse = wire.parse(self._challenge, body)
        return synapse, self._timeout_s if synapse.timeout is None else wire.checked_timeout(synapse.timeout)

    def information(self, claim: Claim, body: bytes) -> InformationModel:
        assert self._information is not None  # else it has no path
        synapse: InformationModel = wire.parse(self._information, body)
        if synapse.timeout is not None:
            wire.checked_timeout(synapse.timeout)
        return synapse

    def success(self, claim: Claim, synapse: str, fields: dict[str, Any], seconds: float) -> HttpReply:
        return reply(200, fields)

    def _verify(
        self,
        headers: Headers,
        target: str,
        body: bytes,
        own_hotkey: Hotkey,
        nonces: http_auth.NonceStore,
        *,
        method: str = "POST",
    ) -> http_auth.Caller:
        texts = {name.decode(): wire.text(headers, name) for name in _ALL if name in headers}
        try:
            return http_auth.verify(
                texts,
                body,
                method=method,
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
            raise wire.malformed(f"{error}.") from None
        except http_auth.AuthError as error:
            # bittensor writes these messages for unauthenticated callers.
            raise not_verified(f"{error}.") from None

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
            self._verify(headers, "/", body, own, _forgetful())
        except Exception as error:
            raise LogicnetError(
                f"btauth requests cannot be verified with the installed bittensor ({type(error).__name__}): "
                "install bittensor 11.3"
            ) from error
        try:
            self._verify(headers, "/", body + b".", own, _forgetful())
        except Refusal:
            return
        raise LogicnetError(
            "the installed bittensor accepts forged btauth requests: reinstall bittensor 11.3"
        )


def _forgetful() -> http_auth.NonceStore:
    """A store of nonces for one request."""
    return http_auth.InMemoryNonceStore(retention=MAX_AGE_S + FUTURE_S)
