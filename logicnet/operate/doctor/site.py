"""Site: what there is to be looked at, and how the world outside is reached.

The hotkey's file and the chain are read once, however many checks ask. Tests put their own chain, time
servers and folders in place of the real ones.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from logicnet._util.net import near
from logicnet.chain import SubtensorChain, Survey, load_hotkey
from logicnet.chain.address import SERVICES
from logicnet.chain.subtensor import OpenSubstrate
from logicnet.config import Config
from logicnet.operate.doctor.sntp import SERVERS, TimeServer
from logicnet.protocol import Hotkey
from logicnet.settings import Settings

Connect = Callable[[str, int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for which each is waited. What works answers in a small part of it."""

    time_s: float = 3.0  # time servers
    axon_s: float = 3.0  # our own axon, on this machine
    reach_s: float = 3.0  # our own address, by way of the outside
    address_s: float = 4.0  # services that tell us our address
    chain_s: float = 12.0  # connecting, and everything that is read of 256 neurons
    model_s: float = 12.0  # 64 tokens; who takes longer is too slow in any case


@dataclass(frozen=True)
class Outside:
    """The world, as far as checks look at it."""

    open_substrate: OpenSubstrate | None = None  # the network's own endpoints if None
    time_servers: Sequence[TimeServer] = SERVERS
    address_services: Sequence[str] = SERVICES
    root: Path = Path("/")  # of /proc, /etc and /run
    home: Path = field(default_factory=Path.home)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    connect: Connect = asyncio.open_connection
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    patience: Timeouts = Timeouts()


class Site:
    """A miner's set-up: its settings, and the folder that `.env` and ecosystem.config.js lie in."""

    def __init__(self, config: Config, folder: Path, outside: Outside | None = None) -> None:
        self.config = config
        self.folder = folder
        self.outside = outside or Outside()
        self._chain: SubtensorChain | None = None
        self._survey: asyncio.Task[Survey] | None = None
        self._hotkey: asyncio.Task[Hotkey] | None = None

    @property
    def settings(self) -> Settings:
        return self.config.settings

    @property
    def near_host(self) -> str:
        """Where this machine itself reaches the axon."""
        return near(self.settings.bind_host)

    async def hotkey(self) -> Hotkey:
        """The miner's, from its wallet. Raises SettingsError."""
        if self._hotkey is None:
            self._hotkey = asyncio.ensure_future(self._load())
        return await asyncio.shield(self._hotkey)  # a check that runs out of time takes nobody else along

    async def survey(self) -> Survey:
        """The subnet as the chain has it now. Raises ChainError."""
        if self._survey is None:
            settings = self.settings
            self._chain = SubtensorChain(
                network=settings.subtensor.network,
                netuid=settings.netuid,
                signer=_ReadOnlyKey(),
                timeout_s=min(settings.chain.timeout_s, self.outside.patience.chain_s),
                open_substrate=self.outside.open_substrate,
            )
            self._survey = asyncio.ensure_future(self._chain.survey())
        return await asyncio.shield(self._survey)

    async def close(self) -> None:
        asked = [task for task in (self._survey, self._hotkey) if task is not None]
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        if self._chain is not None:
            await self._chain.close()

    async def _load(self) -> Hotkey:
        keypair = await asyncio.to_thread(load_hotkey, self.settings.wallet)
        return Hotkey(keypair.ss58_address)


class _ReadOnlyKey:
    """In the place of a key: nothing is signed here, so nothing can be changed on the chain."""

    crypto_type = 1

    @property
    def ss58_address(self) -> str:
        self._refuse()

    @property
    def public_key(self) -> bytes:
        self._refuse()

    def sign(self, payload: bytes) -> bytes:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RuntimeError("logicnet doctor only reads")
