"""What the rest of the house knows of a chain. No bittensor here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from logicnet.errors import ChainError
from logicnet.protocol import Hotkey, Uid


@dataclass(frozen=True, slots=True)
class AxonAddress:
    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class Neuron:
    """One registered hotkey."""

    uid: Uid
    hotkey: Hotkey
    stake: float = 0.0  # alpha, all sources together
    validator_permit: bool = False
    incentive: float = 0.0  # 0..1
    axon: AxonAddress | None = None  # as published on the chain

    def may_ask(self, min_stake: float) -> bool:
        """Whether its challenges are admitted: it has a permit, or `min_stake` (alpha)."""
        return self.validator_permit or self.stake >= min_stake


@dataclass(frozen=True)
class Metagraph:
    """The subnet at one block. Looked up by hotkey on every request, so that is a dict."""

    neurons: tuple[Neuron, ...]
    block: int = 0
    fetched_at_s: float = 0.0  # monotonic seconds
    by_hotkey: Mapping[Hotkey, Neuron] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table = MappingProxyType({neuron.hotkey: neuron for neuron in self.neurons})
        object.__setattr__(self, "by_hotkey", table)

    def rank(self, hotkey: Hotkey) -> int | None:
        """Position by incentive, 1 is best; None if not registered."""
        mine = self.by_hotkey.get(hotkey)
        if mine is None:
            return None
        return 1 + sum(neuron.incentive > mine.incentive for neuron in self.neurons)

    @classmethod
    def of(cls, neurons: Iterable[Neuron], *, block: int = 0, fetched_at_s: float = 0.0) -> Metagraph:
        return cls(tuple(neurons), block, fetched_at_s)


class Why(StrEnum):
    """Why the chain did not take an axon's address."""

    TOO_SOON = "too soon"  # it takes one per 50 blocks
    BAD_ADDRESS = "bad address"
    NOT_REGISTERED = "not registered"
    OTHER = "other"


class AxonRefused(ChainError):
    """The chain answered, and the answer was no."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why = why


class Chain(Protocol):
    """Where metagraphs come from. Each call raises ChainError within its own time limit."""

    async def metagraph(self) -> Metagraph: ...

    async def serve_axon(self, address: AxonAddress) -> None:
        """Publish where we listen. Only if it changed: the chain takes it once per 50 blocks.

        Raises AxonRefused if the chain says no; any other ChainError leaves open whether it took it.
        """
        ...

    async def close(self) -> None: ...
