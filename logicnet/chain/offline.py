"""OfflineChain: a network from a file, for mining without a chain.

    {"neurons": [{"uid": 0, "hotkey": "5..."},
                 {"uid": 1, "hotkey": "5...", "stake": 50000.0, "validator_permit": true}]}

JSON, or TOML if the file's name ends in `.toml`. A running miner reads the file again when it changes; after
a faulty change the last good version stays in force.
"""

import asyncio
import time
from pathlib import Path
from typing import Annotated

from loguru import logger
from pydantic import BaseModel, ConfigDict, Field

from logicnet._util.parsing import parse, read, validate
from logicnet.chain._types import AxonAddress, Metagraph, Neuron
from logicnet.deadline import Clock
from logicnet.errors import ChainError, SettingsError
from logicnet.protocol import Hotkey, Uid

_Stamp = tuple[int, int, int]  # what changes when a file is written or replaced


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class _FileNeuron(_Strict):
    uid: Annotated[int, Field(ge=0, le=65535)]
    hotkey: str
    stake: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0  # alpha
    validator_permit: bool = False


class _NetworkFile(_Strict):
    neurons: list[_FileNeuron]


class OfflineChain:
    """The network in `path`. Call `load()` at the start to report a faulty file."""

    def __init__(self, path: Path, *, clock: Clock = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._graph: Metagraph | None = None
        self._stamp: _Stamp | None = None
        self._broken: str | None = None

    def load(self) -> Metagraph:
        """The network in the file. Raises SettingsError that names file, neuron and field."""
        return self._read(self._path)

    async def metagraph(self) -> Metagraph:
        """The network in the file, or its last good version. Raises ChainError."""
        try:
            return await asyncio.to_thread(self._read, self._path)
        except SettingsError as error:
            if self._graph is None:
                raise ChainError(str(error)) from error
            if str(error) != self._broken:
                self._broken = str(error)
                logger.warning("{} The last good version stays in force.", error)
            return self._graph

    async def serve_axon(self, address: AxonAddress) -> None:
        """Does nothing."""

    async def close(self) -> None:
        """Does nothing."""

    def _read(self, path: Path) -> Metagraph:
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if self._graph is not None and stamp == self._stamp:
                neurons = self._graph.neurons
            else:
                neurons = _neurons(path)
        except OSError as error:
            raise SettingsError(
                f"--chain.file {path}: cannot be read ({error.strerror or error})."
            ) from error
        if self._broken:
            logger.info("--chain.file {} is valid again.", path)
        self._broken = None
        self._stamp = stamp
        self._graph = Metagraph(neurons, fetched_at_s=self._clock())
        return self._graph


def _neurons(path: Path) -> tuple[Neuron, ...]:
    from bittensor.wallets import is_bittensor_address  # noqa: PLC0415 (a third of a second)

    where = f"--chain.file {path}"
    found = parse(read(path, where), where, as_json=path.suffix != ".toml")
    file = validate(_NetworkFile, found, where)
    seen: set[object] = set()
    for number, neuron in enumerate(file.neurons, 1):
        if not is_bittensor_address(neuron.hotkey):
            raise SettingsError(f"{where}: neuron {number}, hotkey: not an ss58 address of Bittensor.")
        for field, value in (("uid", neuron.uid), ("hotkey", neuron.hotkey)):
            if value in seen:
                raise SettingsError(f"{where}: neuron {number}, {field}: another neuron has it already.")
            seen.add(value)
    return tuple(
        Neuron(Uid(n.uid), Hotkey(n.hotkey), stake=n.stake, validator_permit=n.validator_permit)
        for n in file.neurons
    )
