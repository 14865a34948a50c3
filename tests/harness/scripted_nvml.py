"""NVML as the module pynvml shows it, for cards that this machine does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

GIB = 1 << 30


class NVMLError(Exception):
    pass


@dataclass(frozen=True)
class ScriptedCard:
    """`broken` is what NVML says instead of anything about it; `holders` are processes that hold memory."""

    name: str = "NVIDIA GeForce RTX 4090"
    total_gib: float = 24.0
    free_gib: float = 23.5
    capability: tuple[int, int] | None = (8, 9)
    broken: str | None = None
    holders: tuple[int, ...] = ()


class ScriptedNvml:
    NVMLError = NVMLError

    def __init__(self, cards: Sequence[ScriptedCard] = (), *, broken: str | None = None) -> None:
        self.cards = list(cards)
        self.broken = broken
        self.open = 0

    def nvmlInit(self) -> None:
        if self.broken:
            raise NVMLError(self.broken)
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> ScriptedCard:
        card = self.cards[index]
        if card.broken:
            raise NVMLError(card.broken)
        return card

    def nvmlDeviceGetName(self, card: ScriptedCard) -> str:
        return card.name

    def nvmlDeviceGetMemoryInfo(self, card: ScriptedCard) -> SimpleNamespace:
        return SimpleNamespace(total=int(card.total_gib * GIB), free=int(card.free_gib * GIB))

    def nvmlDeviceGetCudaComputeCapability(self, card: ScriptedCard) -> tuple[int, int]:
        if card.capability is None:
            raise NVMLError("Not Supported")
        return card.capability

    def nvmlDeviceGetComputeRunningProcesses(self, card: ScriptedCard) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=GIB) for pid in card.holders]
