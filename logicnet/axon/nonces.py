"""Nonces: each signed request is good once, and only for a short while.

Two kinds come over the wires. A timestamp (unix nanoseconds; bittensor 7.2 and later) must be
fresh, from after our own start, and unseen; many in flight at once arrive in any order, so all that
are still fresh are remembered rather than the highest. A counter (a monotonic clock of an older
client) says nothing about its age, so it must grow for each `hotkey:uuid`.

What must not be used again after a restart is told as `NonceAccepted` and comes back as `restored`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from logicnet.errors import LedgerError, Reason, Refusal
from logicnet.events import NonceAccepted
from logicnet.protocol import Hotkey, Wire

FIRST_TIMESTAMP = 10**18
"""Nonces from here on are unix nanoseconds (September 2001). A monotonic clock gets here after 31
years of uptime. What a client says of its version is not signed, so it does not decide."""

FUTURE_S = 2.0
"""How far a caller's clock may be ahead of ours."""

OLDEST_S = 68.0
"""No timestamp is fresh for longer, whatever the caller claims: 4 s on the way, 64 s of patience."""

COUNTING_UUIDS = 256
"""Old clients with a uuid of their own per hotkey. More would let one hotkey fill our memory, and
forgetting one would let its requests be replayed."""

_BUCKET_NS = 10 * 10**9


def is_timestamp(nonce: int) -> bool:
    return nonce >= FIRST_TIMESTAMP


@dataclass(slots=True)
class _Caller:
    """One hotkey: highest counter per uuid, and the highest timestamp now and before our start."""

    highest: int = 0
    before_start: int = 0
    counters: dict[str, int] = field(default_factory=dict)


class NonceStore:
    """The nonces of one wire: those used, and whether another may be.

    `check` before the signature is verified changes nothing; `store` after it does. Between the two
    nothing else must run, or a pair of equal requests could both pass `check`; `store` looks again
    all the same.

    It is also a `bittensor.http_auth.NonceStore`: see `retention` and `check_and_store`.
    """

    retention = OLDEST_S + FUTURE_S
    """Seconds for which a timestamp is remembered, at the least."""

    def __init__(
        self,
        wire: Wire,
        sink: Callable[[NonceAccepted], None],
        *,
        restored: Mapping[str, int] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`restored` are the highest nonces told before a restart, by `NonceAccepted.caller`.

        `clock_ns` is unix time; `monotonic_ns` only has to run evenly.
        """
        self._wire = wire
        self._sink = sink
        self._clock_ns = clock_ns
        self._monotonic_ns = monotonic_ns
        self._started_ns = monotonic_ns()
        self._callers: dict[Hotkey, _Caller] = {}
        # A timestamp lives in the bucket of its ten seconds, so that forgetting is dropping a bucket.
        self._seen: dict[int, dict[Hotkey, set[int]]] = {}
        self._forgotten_ns = 0
        for name, nonce in (restored or {}).items():
            self._restore(name, nonce)

    def check(self, hotkey: Hotkey, uuid: str, nonce: int, max_age_s: float) -> None:
        """Refusal NOT_VERIFIED if this nonce cannot be used now. Changes nothing."""
        if is_timestamp(nonce):
            self._check_fresh(nonce, max_age_s)
            caller = self._callers.get(hotkey)
            if caller is not None:
                self._check_timestamp_unused(hotkey, caller, nonce)
        else:
            self._check_counter(self._callers.get(hotkey), uuid, nonce)

    def store(self, hotkey: Hotkey, uuid: str, nonce: int) -> None:
        """Use a nonce, once its signature is verified; Refusal NOT_VERIFIED if it was used already."""
        caller = self._callers.get(hotkey)
        if caller is None:
            caller = self._callers[hotkey] = _Caller()
        if not is_timestamp(nonce):
            self._check_counter(caller, uuid, nonce)
            caller.counters[uuid] = nonce
            self._sink(NonceAccepted(f"{self._wire}:{hotkey}:{uuid}", nonce))
            return
        self._check_timestamp_unused(hotkey, caller, nonce)
        bucket = self._seen.get(nonce // _BUCKET_NS)
        if bucket is None:
            self._forget()
            bucket = self._seen[nonce // _BUCKET_NS] = {}
        used = bucket.get(hotkey)
        if used is None:
            bucket[hotkey] = {nonce}
        else:
            used.add(nonce)
        if nonce > caller.highest:
            caller.highest = nonce
            # One mark per hotkey is enough: with the next start, all that is older is refused anyway.
            # The mark matters when this machine's clock was set back, or the caller's is ahead.
            self._sink(NonceAccepted(f"{self._wire}:{hotkey}:", nonce))

    def check_and_store(self, hotkey_ss58: str, nonce_ns: int) -> bool:
        """Use a nonce; False if it was used already. For `bittensor.http_auth.verify`."""
        try:
            self.store(Hotkey(hotkey_ss58), "", nonce_ns)
        except Refusal:
            return False
        return True

    def _check_fresh(self, nonce: int, max_age_s: float) -> None:
        now_ns = self._clock_ns()
        age_s = (now_ns - nonce) / 1e9
        if age_s > min(max_age_s, OLDEST_S):
            raise _refused(
                "The nonce is too old: sign each request when it is sent, with a clock that is right."
            )
        if age_s < -FUTURE_S:
            raise _refused("The nonce lies in the future: set your clock right.")
        # Our start by the clock as it is now. As it was then would refuse everybody for an hour when a
        # machine comes up an hour ahead and is put right.
        start_ns = now_ns - (self._monotonic_ns() - self._started_ns)
        if nonce < start_ns or nonce <= self._forgotten_ns:
            raise _refused("The nonce is older than this server's start: sign the request again.")

    def _check_timestamp_unused(self, hotkey: Hotkey, caller: _Caller, nonce: int) -> None:
        if nonce <= caller.before_start:
            raise _refused("The nonce is not newer than one used before this server's start: sign again.")
        bucket = self._seen.get(nonce // _BUCKET_NS)
        if bucket is not None and nonce in bucket.get(hotkey, ()):
            raise _refused("The nonce was used already: sign each request anew.")

    def _check_counter(self, caller: _Caller | None, uuid: str, nonce: int) -> None:
        counters = {} if caller is None else caller.counters
        highest = counters.get(uuid)
        if highest is not None and nonce <= highest:
            raise _refused("The nonce must be higher than the last one of this hotkey and uuid.")
        if highest is None and len(counters) >= COUNTING_UUIDS:
            raise _refused(
                "Too many uuids with counting nonces: use bittensor 7.2 or later, or an earlier uuid."
            )

    def _forget(self) -> None:
        """Drop the buckets that are stale as a whole. Called once per ten seconds of nonces."""
        oldest_ns = self._clock_ns() - int(self.retention * 1e9)
        for index in [index for index in self._seen if (index + 1) * _BUCKET_NS <= oldest_ns]:
            del self._seen[index]
            # Even if the clock is set back, what was forgotten is not accepted again.
            self._forgotten_ns = max(self._forgotten_ns, (index + 1) * _BUCKET_NS)

    def _restore(self, name: str, nonce: int) -> None:
        try:
            wire, hotkey, uuid = name.split(":", 2)
        except ValueError:
            raise LedgerError(f"a remembered nonce has no caller: {name!r} is not wire:hotkey:uuid") from None
        if wire != self._wire:
            return
        caller = self._callers.setdefault(Hotkey(hotkey), _Caller())
        if is_timestamp(nonce):
            caller.before_start = caller.highest = max(caller.before_start, nonce)
        else:
            caller.counters[uuid] = max(nonce, caller.counters.get(uuid, 0))


def _refused(message: str) -> Refusal:
    return Refusal(Reason.NOT_VERIFIED, message)
