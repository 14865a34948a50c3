"""OfflineChain: a network from a file, for mining without a chain.

    {"neurons": [{"uid": 0, "hotkey": "5..."},
                 {"uid": 1, "hotkey": "5...", "stake": 50000.0, "validator_permit": true}]}

JSON, or the same in TOML if the file's name ends in `.toml`. The file is read again when it has
changed, so the network can be changed under a running miner. One that is broken meanwhile leaves
the last good one in force.
"""

from __future__ import annotations

import asyncio
import json
import time
import tomllib
from pathlib import Path
from typing import Annotated, Any

from loguru import logger
from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
    """The network in `path`. `load()` it at the start, so that a wrong file is told then."""

    def __init__(self, path: Path, *, clock: Clock = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._graph: Metagraph | None = None
        self._stamp: _Stamp | None = None
        self._broken: str | None = None

    def load(self) -> Metagraph:
        """The network as the file has it now. Raises SettingsError that names file, neuron and field."""
        return self._read(self._path)

    async def metagraph(self) -> Metagraph:
        """The network as the file has it now, or had it when it was last right. Raises ChainError."""
        try:
            return await asyncio.to_thread(self._read, self._path)
        except SettingsError as error:
            if self._graph is None:
                raise ChainError(str(error)) from error
            if str(error) != self._broken:
                self._broken = str(error)
                logger.warning("{} Going on with the network as it was before.", error)
            return self._graph

    async def serve_axon(self, address: AxonAddress) -> None:
        """There is nobody to tell."""

    async def close(self) -> None:
        """There is nothing to close."""

    def _read(self, path: Path) -> Metagraph:
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if self._graph is not None and stamp == self._stamp:
                neurons = self._graph.neurons
            else:
                neurons = _neurons(path, path.read_bytes())
        except OSError as error:
            raise SettingsError(
                f"--chain.file {path}: cannot be read ({error.strerror or error})."
            ) from error
        if self._broken:
            logger.info("--chain.file {} is right again.", path)
        self._broken = None
        self._stamp = stamp
        self._graph = Metagraph.of(neurons, fetched_at_s=self._clock())
        return self._graph


def _neurons(path: Path, data: bytes) -> tuple[Neuron, ...]:
    from bittensor.wallets import is_bittensor_address  # noqa: PLC0415 (a third of a second)

    try:
        file = _NetworkFile.model_validate(_parsed(path, data))
    except ValidationError as error:
        raise SettingsError(f"--chain.file {path}: {_first(error)}.") from None
    seen: set[object] = set()
    for index, neuron in enumerate(file.neurons):
        where = f"--chain.file {path}: neurons[{index}]"
        if not is_bittensor_address(neuron.hotkey):
            raise SettingsError(f"{where}.hotkey: not an ss58 address of Bittensor.")
        for field, value in (("uid", neuron.uid), ("hotkey", neuron.hotkey)):
            if value in seen:
                raise SettingsError(f"{where}.{field}: another neuron has it already.")
            seen.add(value)
    return tuple(
        Neuron(Uid(n.uid), Hotkey(n.hotkey), stake=n.stake, validator_permit=n.validator_permit)
        for n in file.neurons
    )


def _parsed(path: Path, data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except UnicodeDecodeError:
        raise SettingsError(f"--chain.file {path}: not UTF-8 text.") from None
    except (ValueError, RecursionError) as error:  # of either parser
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise SettingsError(f"--chain.file {path}: not {kind} ({error}).") from None


def _first(error: ValidationError) -> str:
    """`neurons[2].stake: input should be greater than or equal to 0`."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{_word(step)}" for step in first["loc"])[1:]
    if first["type"] == "extra_forbidden":
        return f"{where}: not known here"
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"{where}: {message}" if where else "takes an object with a list `neurons`"


def _word(key: str) -> str:
    return key if key.isidentifier() else repr(key)
