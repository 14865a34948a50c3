"""What the checks read (the settings, the chain, the machine), and what they find.

The hotkey and the chain are read once, however many checks need them. Tests inject a chain, time servers
and folders of their own.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import psutil

from logicnet.chain import ReadOnlyKey, SubnetSnapshot, SubtensorChain, load_hotkey
from logicnet.chain.address import SERVICES
from logicnet.chain.subtensor import OpenSubstrate
from logicnet.config import Config
from logicnet.errors import ChainError, LogicnetError, SettingsError
from logicnet.operate.doctor.sntp import SERVERS, TimeServer
from logicnet.protocol import Hotkey
from logicnet.settings import Settings


class Severity(IntEnum):
    """The larger, the worse."""

    OK = 0
    NOTE = 1  # good to know; nothing has to be done
    WARNING = 2  # costs income now and then, or will before long; or could not be checked
    ERROR = 3  # costs income now

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was found, `why` it costs income, and what will `mend` it: each a sentence or two.

    A check that was not possible is `checked=False`, and never OK.
    """

    severity: Severity
    what: str
    why: str = ""
    mend: str = ""
    checked: bool = True

    def __post_init__(self) -> None:
        if self.severity is Severity.OK and not self.checked:
            raise ValueError("a finding that was not checked cannot be OK")


def ok(what: str) -> Finding:
    return Finding(Severity.OK, what)


def note(what: str, why: str = "", mend: str = "", *, checked: bool = True) -> Finding:
    return Finding(Severity.NOTE, what, why, mend, checked)


def warning(what: str, why: str, mend: str) -> Finding:
    return Finding(Severity.WARNING, what, why, mend)


def error(what: str, why: str, mend: str) -> Finding:
    return Finding(Severity.ERROR, what, why, mend)


def not_checked(what: str, mend: str) -> Finding:
    return Finding(Severity.WARNING, what, mend=mend, checked=False)


def worst(findings: Iterable[Finding]) -> Severity:
    return max((finding.severity for finding in findings), default=Severity.OK)


Connect = Callable[[str, int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Upper bounds in seconds; what works replies much sooner."""

    time_s: float = 3.0  # time servers
    axon_s: float = 3.0  # our own axon, on this machine
    reach_s: float = 3.0  # our own address, from outside
    address_s: float = 4.0  # services that report our external address
    chain_s: float = 12.0  # to connect and to read 256 neurons
    model_s: float = 12.0  # for 64 tokens; a slower model is too slow to mine with


def _open_files_limit(pid: int | None) -> int | None:
    """The soft limit of open files of a process, default: this one. None where it cannot be read."""
    try:
        limit: int = psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)[0]
    except (psutil.Error, AttributeError):  # AttributeError: not on Linux or FreeBSD
        return None
    return 2**20 if limit == psutil.RLIM_INFINITY else limit


def _children(pid: int) -> set[int]:
    """The processes that `pid` has started, and those that they have started."""
    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.Error:
        return set()


@dataclass(frozen=True)
class System:
    """The machine and the network, as far as checks read them."""

    open_substrate: OpenSubstrate | None = None  # default: the endpoints of the network
    time_servers: Sequence[TimeServer] = SERVERS
    address_services: Sequence[str] = SERVICES
    root: Path = Path("/")  # of /etc and /run
    home: Path = field(default_factory=Path.home)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    connect: Connect = asyncio.open_connection
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    pid_exists: Callable[[int], bool] = psutil.pid_exists
    open_files: Callable[[int | None], int | None] = _open_files_limit
    children: Callable[[int], set[int]] = _children
    nvml: Any = None  # default: the module pynvml
    timeouts: Timeouts = Timeouts()


class Offline(ChainError):
    """The miner runs without a chain."""


def skipped(reason: LogicnetError) -> Finding:
    """The finding of a check that needs what could not be read because of `reason`."""
    if isinstance(reason, Offline):
        return note("Not checked: the miner works without a chain (--offline).", checked=False)
    if isinstance(reason, ChainError):
        return not_checked("Not checked: the chain cannot be read.", "See the finding of `chain`.")
    if isinstance(reason, SettingsError):
        return not_checked("Not checked: the hotkey cannot be read.", "See the finding of `wallet`.")
    return not_checked(f"Not checked: {reason}", "Please report it.")


class Context:
    """A miner's set-up: its settings, and the folder of `.env` and ecosystem.config.js."""

    def __init__(self, config: Config, folder: Path, system: System | None = None) -> None:
        self.config = config
        self.folder = folder
        self.system = system or System()
        self._chain: SubtensorChain | None = None
        self._snapshot: asyncio.Task[SubnetSnapshot] | None = None
        self._hotkey: asyncio.Task[Hotkey] | None = None

    @property
    def settings(self) -> Settings:
        return self.config.settings

    async def hotkey(self) -> Hotkey:
        """Raises SettingsError."""
        if self._hotkey is None:
            self._hotkey = asyncio.ensure_future(self._load())
        return await asyncio.shield(self._hotkey)  # a check that is cancelled leaves it to the others

    async def snapshot(self) -> SubnetSnapshot:
        """The subnet as the chain has it now. Raises ChainError, with --offline Offline."""
        if self.settings.offline:
            raise Offline("the miner works without a chain")
        if self._snapshot is None:
            settings = self.settings
            self._chain = SubtensorChain(
                network=settings.subtensor.network,
                netuid=settings.netuid,
                signer=ReadOnlyKey(),
                timeout_s=min(settings.chain.timeout_s, self.system.timeouts.chain_s),
                open_substrate=self.system.open_substrate,
            )
            self._snapshot = asyncio.ensure_future(self._chain.snapshot())
        return await asyncio.shield(self._snapshot)

    async def close(self) -> None:
        tasks = [task for task in (self._snapshot, self._hotkey) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._chain is not None:
            await self._chain.close()

    async def _load(self) -> Hotkey:
        keypair = await asyncio.to_thread(load_hotkey, self.settings.wallet)
        return Hotkey(keypair.ss58_address)
