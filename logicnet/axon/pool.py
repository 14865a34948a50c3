"""ConnectionPool: which connections there are, and which one goes when there are too many.

Strangers cannot be told from validators before a request is verified, but they need many connections to do
harm. So the address with the most unproven connections loses its oldest, and a validator that opens more
than its share loses its oldest idle one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Literal, Protocol, TypeVar

HOTKEY_SHARE = 8
"""One validator may hold this part of all connections."""

HELD_BYTES = 8 * 1024 * 1024
"""Of bodies from callers that are not proven. A validator's is a few kB; a forger's as large as we allow."""

HELD_EACH_BYTES = 512 * 1024
"""Of one body, at most: what is beyond a body's limit is thrown away as it comes."""


class Pooled(Protocol):
    @property
    def busy(self) -> bool: ...

    def drop(self) -> None: ...


_C = TypeVar("_C", bound=Pooled)
_Groups = dict[str, dict[_C, None]]
"""Connections by age, by whom they come from."""


class ConnectionPool(Generic[_C]):
    """At most `most` connections. `spare` more may be told that there is no place for them."""

    def __init__(self, most: int, spare: int) -> None:
        self.most = most
        self.spare = spare
        self._unproven: _Groups[_C] = {}  # by address
        self._proven: _Groups[_C] = {}  # by hotkey
        self._refused: _Groups[_C] = {}
        self._group_of: dict[_C, tuple[_Groups[_C], str]] = {}
        self._held: dict[_C, int] = {}  # bytes of bodies
        self._held_in_all = 0

    def __len__(self) -> int:
        return len(self._group_of)

    def __iter__(self) -> Iterator[_C]:
        return iter(list(self._group_of))  # a copy: who goes through them may drop them

    def add(self, one: _C, address: str) -> Literal["added", "refused", "dropped"]:
        """Take a new connection in; another may be dropped for it."""
        self._put(one, self._unproven, address)
        if len(self) <= self.most:
            return "added"
        biggest = max(self._unproven.values(), key=len)  # of several, the one that came first
        if (oldest := next(iter(biggest))) is not one:
            self._drop(oldest)
            return "added"
        self.remove(one)
        self._put(one, self._refused, "")
        return "refused" if len(self) <= self.most + self.spare else "dropped"

    def prove(self, one: _C, hotkey: str) -> None:
        """Its caller is verified and may ask: strangers cannot take its place."""
        if one not in self._group_of or self._group_of[one] == (self._proven, hotkey):
            return
        self.remove(one)
        self._put(one, self._proven, hotkey)
        group = self._proven[hotkey]
        if len(group) > max(1, self.most // HOTKEY_SHARE):
            idle = next((other for other in group if not other.busy and other is not one), None)
            if idle is not None:
                self._drop(idle)

    def hold(self, one: _C, size: int) -> None:
        """So many more bytes of its body are in memory. Too many: who holds most is dropped."""
        if self._group_of.get(one, (None, ""))[0] is not self._unproven:
            return
        held = self._held.get(one, 0)
        self._held[one] = min(held + size, HELD_EACH_BYTES)
        self._held_in_all += self._held[one] - held
        while self._held_in_all > HELD_BYTES:
            self._drop(max(self._held, key=self._held.__getitem__))

    def release(self, one: _C) -> None:
        """Its body is no longer in memory."""
        self._held_in_all -= self._held.pop(one, 0)

    def remove(self, one: _C) -> None:
        """It is closed, or moves to another group."""
        self.release(one)
        groups, key = self._group_of.pop(one, (None, ""))
        if groups is not None:
            del groups[key][one]
            if not groups[key]:
                del groups[key]

    def _put(self, one: _C, groups: _Groups[_C], key: str) -> None:
        groups.setdefault(key, {})[one] = None
        self._group_of[one] = groups, key

    def _drop(self, one: _C) -> None:
        self.remove(one)
        one.drop()
