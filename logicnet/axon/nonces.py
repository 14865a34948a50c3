"""NonceStore: replay protection. Each signed request is valid once, and only for a short time.

A timestamp (unix nanoseconds; bittensor 7.2 and later) must be fresh, newer than our own start, and unused;
concurrent requests arrive in any order, so all fresh ones are kept, not only the highest. A counter (the
monotonic clock of an older client) has no age, so it must grow for each `hotkey:uuid`.

`NonceAccepted` events carry what must survive a restart; it comes back as `restored`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from loguru import logger

from logicnet.axon.wire import not_verified
from logicnet.errors import LedgerError, Refusal
from logicnet.events import NonceAccepted
from logicnet.protocol import Hotkey, Wire

FIRST_TIMESTAMP = 10**18
"""Larger nonces are unix nanoseconds (September 2001); a monotonic clock needs 31 years of uptime to get
here. The client's version is not signed, so it does not decide."""

FUTURE_S = 60.0
"""How far a caller's clock may be ahead of ours; old axons admit any future nonce. Used nonces are kept for
so much longer, so that none is valid twice."""

SKEW_S = 3.0
"""A clock that is further ahead is said, once for each caller."""

OLDEST_S = 68.0
"""The longest that any timestamp is fresh: 4 s of transit, 64 s of timeout."""

COUNTING_UUIDS = 256
"""Per hotkey. More would let one hotkey fill our memory; forgetting one would allow replays."""

_BUCKET_NS = 10 * 10**9

_RESTART_NS = 10**9
"""No restart is faster."""


def is_timestamp(nonce: int) -> bool:
    return nonce >= FIRST_TIMESTAMP


def outlives_restart(nonce: int, now_ns: int) -> bool:
    """Whether a used nonce would be good again after a restart: it is not older than the new start.

    It must be on disk before its request is served.
    """
    return not is_timestamp(nonce) or nonce > now_ns + _RESTART_NS


@dataclass(slots=True)
class _Caller:
    """Of one hotkey: the highest timestamp now and before our start, and the highest counter per uuid."""

    highest: int = 0
    before_start: int = 0
    counters: dict[str, int] = field(default_factory=dict)


class NonceStore:
    """The used nonces of one wire.

    `check` runs before the signature is verified and changes nothing; `store` runs after it and checks
    again. Also a `bittensor.http_auth.NonceStore`: see `retention` and `check_and_store`.
    """

    retention = OLDEST_S + FUTURE_S
    """Seconds for which a timestamp is kept, at least."""

    def __init__(
        self,
        wire: Wire,
        sink: Callable[[NonceAccepted], None],
        *,
        restored: Mapping[str, int] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`restored`: the highest nonces before a restart, by `NonceAccepted.caller`; unix `clock_ns`."""
        self._wire = wire
        self._sink = sink
        self._clock_ns = clock_ns
        self._monotonic_ns = monotonic_ns
        self._started_ns = monotonic_ns()
        self._callers: dict[Hotkey, _Caller] = {}
        # By ten seconds, so that expiry drops whole buckets.
        self._seen: dict[int, dict[Hotkey, set[int]]] = {}
        self._forgotten_ns = 0
        self._said: set[Hotkey] = set()
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
        """Use up a nonce, once its signature is verified; Refusal NOT_VERIFIED if it was used before."""
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
        bucket.setdefault(hotkey, set()).add(nonce)
        self._say_skew(hotkey, nonce)
        if nonce > caller.highest:
            caller.highest = nonce
            # The highest is enough: after a restart all older timestamps are refused anyway. It matters
            # when this machine's clock was set back, or the caller's is ahead.
            self._sink(NonceAccepted(f"{self._wire}:{hotkey}:", nonce))

    def _say_skew(self, hotkey: Hotkey, nonce: int) -> None:
        ahead_s = (nonce - self._clock_ns()) / 1e9
        if ahead_s > SKEW_S and hotkey not in self._said:
            self._said.add(hotkey)
            logger.warning(
                "The clock of {} is {:.1f} s ahead of this machine's. Check yours: `timedatectl`.",
                *(hotkey, ahead_s),
            )

    def check_and_store(self, hotkey_ss58: str, nonce_ns: int) -> bool:
        """Use up a nonce; False if it was used before. For `bittensor.http_auth.verify`."""
        try:
            self.store(Hotkey(hotkey_ss58), "", nonce_ns)
        except Refusal:
            return False
        return True

    def _check_fresh(self, nonce: int, max_age_s: float) -> None:
        now_ns = self._clock_ns()
        age_s = (now_ns - nonce) / 1e9
        if age_s > min(max_age_s, OLDEST_S):
            raise not_verified(
                "The nonce is too old: sign each request when you send it, and set your clock."
            )
        if age_s < -FUTURE_S:
            raise not_verified("The nonce is in the future: set your clock.")
        # Our start by the clock as it is now: a machine may boot with its clock ahead and correct it.
        start_ns = now_ns - (self._monotonic_ns() - self._started_ns)
        if nonce < start_ns or nonce <= self._forgotten_ns:
            raise not_verified("The nonce is older than this server's start: sign the request again.")

    def _check_timestamp_unused(self, hotkey: Hotkey, caller: _Caller, nonce: int) -> None:
        if nonce <= caller.before_start:
            raise not_verified("The nonce is not newer than one used before this server's start: sign again.")
        bucket = self._seen.get(nonce // _BUCKET_NS)
        if bucket is not None and nonce in bucket.get(hotkey, ()):
            raise not_verified("The nonce was used before: sign each request anew.")

    def _check_counter(self, caller: _Caller | None, uuid: str, nonce: int) -> None:
        counters = {} if caller is None else caller.counters
        highest = counters.get(uuid)
        if highest is not None and nonce <= highest:
            raise not_verified("The nonce must be higher than the last one of this hotkey and uuid.")
        if highest is None and len(counters) >= COUNTING_UUIDS:
            raise not_verified(
                "Too many uuids with counting nonces: use bittensor 7.2 or later, or an earlier uuid."
            )

    def _forget(self) -> None:
        """Drop the buckets that have expired. Called once per ten seconds of nonces."""
        oldest_ns = self._clock_ns() - int(self.retention * 1e9)
        for index in [index for index in self._seen if (index + 1) * _BUCKET_NS <= oldest_ns]:
            del self._seen[index]
            # Even if the clock is set back, dropped nonces are not accepted again.
            self._forgotten_ns = max(self._forgotten_ns, (index + 1) * _BUCKET_NS)

    def _restore(self, name: str, nonce: int) -> None:
        try:
            wire, hotkey, uuid = name.split(":", 2)
        except ValueError:
            raise LedgerError(
                f"the ledger has a nonce of {name!r}, which is not wire:hotkey:uuid: restore a backup"
            ) from None
        if wire != self._wire:
            return
        caller = self._callers.setdefault(Hotkey(hotkey), _Caller())
        if is_timestamp(nonce):
            caller.before_start = caller.highest = max(caller.before_start, nonce)
        else:
            caller.counters[uuid] = max(nonce, caller.counters.get(uuid, 0))
