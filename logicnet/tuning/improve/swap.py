"""Swap: a proven adapter is loaded, probed, served, and taken back, while challenges are answered.

1. its folder is as it was added; every server loads it, under a name of its own
2. every server's probe agrees with what the trainer wrote down
3. the table says that it serves: from here on a restart of vLLM or of the miner brings it back
4. the miner reads the table; new challenges go to the new name, those in flight end on the old one
5. what is neither serving nor previous is unloaded after its last challenge

A kill between two steps leaves a table that names a proven adapter, and servers that have it; a name that
is loaded and not in the table's mind is unloaded by the next swap.
"""

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from logicnet.deadline import Clock
from logicnet.errors import TuningError
from logicnet.tuning.improve.adapters import Adapter, AdapterState, AdapterStore
from logicnet.tuning.improve.probe import ProbeResult, Unlike, probe
from logicnet.tuning.improve.server import LoraServer, ServerFailed

LONGEST_CHALLENGE_S = 65.0
"""A challenge has 64 seconds at most; after this no one waits for a text of the old name."""

_LOOK_S = 0.25


class SwapUnderWay(TuningError):
    """Another swap or roll back holds the lock."""


@dataclass(frozen=True, slots=True)
class Following:
    """What a miner asks: `model` for new challenges ("" for the base), and how many are in flight on each."""

    model: str
    in_flight: Mapping[str, int] = field(default_factory=dict)
    error: str = ""  # why it does not follow the table


class MinerLink(Protocol):
    """The running miner of these settings. Every method blocks, and returns None where none runs."""

    def follow(self) -> Following | None:
        """Have it read the table."""
        ...

    def look(self) -> Following | None: ...


def _quiet(_: str) -> None: ...


@dataclass
class Swapper:
    """`servers` are all that may have an adapter of this miner; `say` gets a line for each step."""

    store: AdapterStore
    servers: Sequence[LoraServer]
    miner: MinerLink
    say: Callable[[str], None] = _quiet
    now_s: Callable[[], float] = time.time
    clock: Clock = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def swap(self, name: str) -> Adapter:
        """Serve the proven adapter `name`. Raises TuningError, and then what served goes on serving.

        An adapter that its probe tells against is refused for good.
        """
        with self._alone():
            adapter = self.store.get(name)
            if adapter.state is AdapterState.SERVING:
                raise TuningError(f"{name} serves already")
            if adapter.state not in (AdapterState.PROVEN, AdapterState.PREVIOUS):
                raise TuningError(f"{name} is {adapter.state}: only a proven adapter is served")
            before = self.store.serving()
            servers: list[LoraServer] = []
            try:
                servers = self._servers_of(adapter)
                self._try(adapter, servers)
            except TuningError as error:
                if adapter.form == "adapter" and adapter.state is AdapterState.PROVEN:
                    self._unload(adapter.name, servers)
                if isinstance(error, Unlike):
                    self.store.refuse(name, str(error))
                raise TuningError(f"{name} is not served: {error}. {_goes_on(before)}") from None
            self.store.serve(name, tuple(one.base_url for one in servers), self.now_s())
            try:
                followed = self.miner.follow()
            except TuningError as error:
                followed = Following("", error=str(error))
            if followed is not None and followed.error:
                self.store.roll_back(followed.error, self.now_s(), name)
                with suppress(TuningError):  # it reads the table by itself now and then
                    self.miner.follow()
                self._tidy()
                raise TuningError(f"{name} is not served: {followed.error}. {_goes_on(before)}")
            self.say(
                f"New challenges are asked of {name}."
                if followed is not None
                else f"No miner runs with these settings: it asks {name} when it starts."
            )
            self._tidy()
            return self.store.get(name)

    def roll_back(self, reason: str, name: str | None = None) -> Adapter | None:
        """What served before serves again; None for the base. `name`: only if this one serves.

        Raises TuningError if nothing serves, or another.
        """
        with self._alone():
            before = self.store.previous()
            if before is not None and before.form == "adapter":
                with suppress(TuningError):  # where it cannot be loaded, the miner asks the base
                    before.check()
                    for server in self._servers_of(before):
                        server.load(before.name, before.folder)
            found = self.store.roll_back(reason, self.now_s(), name)
            with suppress(TuningError):  # as above
                self.miner.follow()
            self.say(f"{found.name if found else 'The base'} serves again.")
            self._tidy()
            return found

    def restore(self) -> bool:
        """Load what serves where a restart lost it. Returns whether something was loaded.

        Raises TuningError if it cannot be served there.
        """
        with self._alone():
            adapter = self.store.serving()
            if adapter is None or adapter.form == "merged":
                return False
            lacking = [one for one in self._of(adapter.servers) if adapter.name not in one.models()]
            if lacking:
                self._try(adapter, lacking)
            return bool(lacking)

    def _try(self, adapter: Adapter, servers: Sequence[LoraServer]) -> None:
        adapter.check()
        for server in servers:
            if adapter.form == "adapter":
                server.load(adapter.name, adapter.folder)
        for server in servers:
            self.say(f"{server.place}: {_told(probe(server, adapter))}")

    def _servers_of(self, adapter: Adapter) -> list[LoraServer]:
        """Those that serve its base, or the merged model. Raises ServerFailed if no server does."""
        wanted = adapter.base if adapter.form == "adapter" else adapter.name
        found, problems = [], []
        for server in self.servers:
            try:
                if wanted in server.models():
                    found.append(server)
            except ServerFailed as error:
                problems.append(str(error))
        if not found or problems:
            raise ServerFailed(problems[0] if problems else f"no model server of this miner serves {wanted}")
        return found

    def _of(self, urls: Sequence[str]) -> list[LoraServer]:
        return [one for one in self.servers if one.base_url in urls]

    def _tidy(self) -> None:
        """Unload what neither serves nor comes back by a roll back, each after its last challenge."""
        keep = {one.name for one in (self.store.serving(), self.store.previous()) if one is not None}
        ours = {one.name for one in self.store.all() if one.form == "adapter"} - keep
        loaded: set[str] = set()
        for server in self.servers:
            with suppress(ServerFailed):
                loaded |= ours & server.models().keys()
        for name in sorted(loaded):
            end_s = self.clock() + LONGEST_CHALLENGE_S
            while self.clock() < end_s and self._in_flight(name):
                self.sleep(_LOOK_S)
            self._unload(name, self.servers)
            self.say(f"{name} is unloaded.")

    def _in_flight(self, name: str) -> int:
        try:
            now = self.miner.look()
        except TuningError:
            return 1  # it may be busy with just that
        return 0 if now is None else now.in_flight.get(name, 0)

    def _unload(self, name: str, servers: Sequence[LoraServer]) -> None:
        for server in servers:
            with suppress(ServerFailed):  # it is not there, or the server is away: it forgets by itself
                server.unload(name)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One swap or roll back at a time, in all processes. Raises TuningError if another is under way."""
        self.store.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.store.root / "swap.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise SwapUnderWay(
                    "another swap or roll back is under way: try again when it is done"
                ) from None
            yield


def _goes_on(before: Adapter | None) -> str:
    return f"{before.name if before is not None else 'The base'} goes on serving"


def _told(found: ProbeResult) -> str:
    return (
        f"says what its trainer wrote down ({found.error:.3f} off in log-probability, "
        f"{found.from_base:.3f} from its base; {found.same_texts} of {found.texts} texts word for word)"
    )
