"""What the rest of the house knows of a chain. No bittensor here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Protocol

from logicnet.errors import ChainError
from logicnet.protocol import Hotkey, Uid


@dataclass(frozen=True, slots=True)
class AxonAddress:
    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


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
    subnet: SubnetSnapshot | None = None  # None offline

    @cached_property
    def by_hotkey(self) -> Mapping[Hotkey, Neuron]:
        return {neuron.hotkey: neuron for neuron in self.neurons}

    def rank(self, hotkey: Hotkey) -> int | None:
        """Position by incentive, 1 is best; None if not registered."""
        mine = self.by_hotkey.get(hotkey)
        if mine is None:
            return None
        return 1 + sum(neuron.incentive > mine.incentive for neuron in self.neurons)


@dataclass(frozen=True, slots=True)
class RankedNeuron:
    """A neuron, and what decides whether it keeps its place."""

    neuron: Neuron
    registered_at: int = 0  # block
    last_update: int = 0  # block of its last weights, if it sets any
    emission: float = 0.0  # alpha in the last epoch
    active: bool = False  # it set weights lately, by the chain's own measure


REPLACED_SOON = 3
REPLACED_NEAR = 12
"""Neurons that would be replaced before ours. A few register each day where it is expensive, a few each hour
where it is cheap: so these are hours and days."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a neuron earns, by the last epoch, and what keeps it from being replaced."""

    alpha_a_day: float
    price: float | None  # TAO for one alpha
    immune_s: float  # until it can be replaced; 0 if it can
    replaced_before: int | None  # neurons that are replaced before it; None while it cannot be
    free: int  # places that newcomers get before anybody is replaced

    @property
    def tao_a_day(self) -> float | None:
        return None if self.price is None else self.alpha_a_day * self.price


@dataclass(frozen=True)
class SubnetSnapshot:
    """The subnet at one block, with what decides which neurons are replaced."""

    neurons: tuple[RankedNeuron, ...]
    block: int
    block_at_s: float = 0.0  # unix seconds, by the clock of the block's author; 0 if it was not asked
    read_at_s: float = 0.0  # unix seconds, by ours
    block_s: float = 12.0  # seconds per block
    runtime: int = 0  # the chain's spec version
    max_uids: int = 256  # neurons that the subnet has room for
    immunity_period: int = 0  # blocks for which a newcomer cannot be replaced
    owner: Hotkey | None = None
    name: str = ""
    tempo: int = 360  # blocks of an epoch
    price: float | None = None  # TAO for one alpha, now
    burn: float | None = None  # TAO for a registration, now

    @property
    def epochs_a_day(self) -> float:
        return 86_400.0 / (self.block_s * (self.tempo + 1))

    @cached_property
    def by_hotkey(self) -> Mapping[Hotkey, RankedNeuron]:
        return {one.neuron.hotkey: one for one in self.neurons}

    @property
    def full(self) -> bool:
        return len(self.neurons) >= self.max_uids

    def immune_for(self, ranked: RankedNeuron) -> int:
        """Blocks for which `ranked` cannot be replaced yet; 0 if it can."""
        return max(0, ranked.registered_at + self.immunity_period - self.block)

    def pruning_order(self) -> list[RankedNeuron]:
        """Neurons that can be replaced, the next one first.

        A registration on a full subnet replaces the neuron with the lowest emission that is not immune; of
        equal ones the older registration, then the lower uid (bittensor 11.3, `BurnedRegister`).
        """
        exposed = [s for s in self.neurons if not self.immune_for(s) and s.neuron.hotkey != self.owner]
        return sorted(exposed, key=lambda s: (s.emission, s.registered_at, s.neuron.uid))

    def standing(self, hotkey: Hotkey) -> Standing | None:
        """None if it is not registered."""
        mine = self.by_hotkey.get(hotkey)
        if mine is None:
            return None
        return Standing(
            alpha_a_day=mine.emission * self.epochs_a_day,
            price=self.price,
            immune_s=self.immune_for(mine) * self.block_s,
            replaced_before=next((at for at, one in enumerate(self.pruning_order()) if one is mine), None),
            free=max(0, self.max_uids - len(self.neurons)),
        )


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
