"""Survey: the subnet as its owner's tools see it: places, newcomers' protection, who still works.

More than a miner needs while it mines, so it is read when somebody asks (`logicnet doctor`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from logicnet.chain._types import Neuron
from logicnet.protocol import Hotkey


@dataclass(frozen=True, slots=True)
class RankedNeuron:
    """A neuron, and what decides whether it keeps its place."""

    neuron: Neuron
    registered_at: int = 0  # block
    last_update: int = 0  # block of its last weights, if it sets any
    emission: float = 0.0  # alpha in the last epoch
    active: bool = False  # it set weights lately, by the chain's own measure


@dataclass(frozen=True)
class Survey:
    """The subnet at one block."""

    seats: tuple[RankedNeuron, ...]
    block: int
    block_at_s: float  # unix seconds, by the clock of the block's author
    read_at_s: float  # unix seconds, by ours
    block_s: float = 12.0  # seconds per block
    runtime: int = 0  # the chain's spec version
    places: int = 256  # neurons that the subnet has room for
    immunity: int = 0  # blocks for which a newcomer cannot be replaced
    owner: Hotkey | None = None
    by_hotkey: Mapping[Hotkey, RankedNeuron] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table = MappingProxyType({seat.neuron.hotkey: seat for seat in self.seats})
        object.__setattr__(self, "by_hotkey", table)

    @property
    def full(self) -> bool:
        return len(self.seats) >= self.places

    def immune_for(self, seat: RankedNeuron) -> int:
        """Blocks for which `seat` cannot be replaced yet; 0 if it can."""
        return max(0, seat.registered_at + self.immunity - self.block)

    def next_to_go(self) -> list[RankedNeuron]:
        """Those who can be replaced, in the order in which newcomers would replace them.

        A newcomer on a full subnet takes the place with the lowest emission that is not immune; of equal
        ones the older registration goes, then the lower uid (bittensor 11.3, `BurnedRegister`).
        """
        exposed = [s for s in self.seats if not self.immune_for(s) and s.neuron.hotkey != self.owner]
        return sorted(exposed, key=lambda s: (s.emission, s.registered_at, s.neuron.uid))
