"""Who may call the training service: this machine, the holder of a token, or a validator that signs."""

import asyncio
import hmac
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from logicnet.axon.wire import Headers, not_verified

if TYPE_CHECKING:  # bittensor, which only a service that checks signatures needs
    from logicnet.axon.admission import Admission
    from logicnet.axon.btauth import BtauthWire


class Callers(Protocol):
    """Raises Refusal unless the caller may. `body` is whole."""

    local: bool  # callers may name files of this machine

    async def check(self, method: str, target: str, headers: Headers, body: bytes) -> None: ...


class Loopback:
    """The service is bound to the loopback: every caller is on this machine."""

    local = True

    async def check(self, method: str, target: str, headers: Headers, body: bytes) -> None:
        host = re.sub(r":\d+$", "", headers.get(b"host", b"").decode("latin-1")).strip("[]")
        # A page in a browser of this machine reaches the loopback too, by a name that it controls.
        if b"origin" in headers or host not in ("127.0.0.1", "localhost", "::1"):
            raise not_verified("Only programs on this machine may call: set --tuning.token for others.")


class TokenHolders:
    """Callers send `Authorization: Bearer TOKEN`."""

    local = True

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def check(self, method: str, target: str, headers: Headers, body: bytes) -> None:
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            raise not_verified("Header Authorization: Bearer TOKEN is missing or wrong.")


class Validators:
    """Validators of the subnet sign as for the axon; the same metagraph, freshness and replay rules hold."""

    local = False

    def __init__(self, wire: "BtauthWire", admission: "Admission", flush: Callable[[], bool]) -> None:
        self._wire = wire
        self._admission = admission
        self._flush = flush

    async def check(self, method: str, target: str, headers: Headers, body: bytes) -> None:
        claim = self._wire.claim(headers)
        neuron = self._admission.known(claim.hotkey)
        self._wire.check(claim)
        self._wire.verify(claim, target, body, method=method)
        self._admission.permit(neuron)
        if not await asyncio.to_thread(
            self._flush
        ):  # a nonce that is not on disk could be used again after a kill
            raise not_verified("This nonce cannot be recorded now; ask again later.")
