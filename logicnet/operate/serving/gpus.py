"""Machine: the cards that a plan is for, as NVML sees them, as the operator says, or a CPU."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving.memory import GIB

TELL_US = "say what there is: --vram 24 --gpus 1, or --cpu"


class NoCards(LogicnetError):
    """No GPU can be seen."""


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU. `free_bytes` is None if nobody looked, `capability` (CUDA's, as 8.9) None if it is not known."""

    name: str
    total_bytes: int
    free_bytes: int | None = None
    capability: float | None = None

    @property
    def speed(self) -> tuple[float, float]:
        """Bytes a second of its memory, and 16-bit operations a second of its tensor cores."""
        return speed_of(self.name, self.total_bytes)


@dataclass(frozen=True, slots=True)
class Machine:
    """Equal cards, or a CPU: then there is one card, whose bytes are the computer's, and `cores` is given.

    `environment` is what makes vLLM take these cards, where there are others too.
    """

    cards: Sequence[Card]
    cores: int | None = None
    notes: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_cpu(self) -> bool:
        return self.cores is not None

    def __str__(self) -> str:
        card, count = self.cards[0], len(self.cards)
        if self.cores is None and card.free_bytes is None:  # nobody looked: its name is its size
            return f"{count} x {card.name}"
        size = f"{card.total_bytes / GIB:.0f} GiB"
        if self.cores is not None:
            return f"a CPU with {self.cores} cores and {size} of memory"
        return f"{count} x {card.name}, {size}{' each' if count > 1 else ''}"


# Memory (GB/s) and dense 16-bit tensor operations (TFLOPS), from NVIDIA's data sheets of these cards. The
# first name that is part of a card's is taken.
_SPEEDS = (
    ("B200", 8000, 2250),
    ("GH200", 4000, 989),
    ("H200", 4800, 989),
    ("H100 PCIe", 2000, 756),
    ("H100", 3350, 989),
    ("A100-PCIE-40GB", 1555, 312),
    ("A100-SXM4-40GB", 1555, 312),
    ("A100", 1935, 312),
    ("RTX PRO 6000", 1792, 500),
    ("6000 Ada", 960, 364),
    ("5000 Ada", 576, 261),
    ("4500 Ada", 432, 158),
    ("4000 Ada", 360, 82),
    ("2000 Ada", 224, 48),
    ("L40S", 864, 362),
    ("L40", 864, 181),
    ("L4", 300, 121),
    ("A6000", 768, 155),
    ("A5000", 768, 111),
    ("A4500", 640, 94),
    ("A4000", 448, 76),
    ("A40", 696, 150),
    ("A10", 600, 125),
    ("V100", 900, 125),
    ("T4", 320, 65),
    ("5090", 1792, 210),
    ("4090", 1008, 165),
    ("3090", 936, 71),
)

# A card that is only told by its size is taken for this one. The last number is the share of that size which
# the card reports: a T4 15,360 MiB, an A40 46,068 (ECC has the rest).
_BY_SIZE = (
    (16, "T4", 320.0, 65.0, 0.937),
    (28, "RTX 3090", 936.0, 71.0, 1.0),
    (50, "A40", 696.0, 150.0, 0.937),
    (100, "A100", 1935.0, 312.0, 1.0),
    (1000, "H200", 4800.0, 989.0, 1.0),
)

_CPU_BYTES_PER_S = 20e9
_CPU_OPS_PER_CORE = 50e9
"""Two channels of DDR4; and vLLM 0.32 with 135M parameters on two cores: 270 tokens/s, 16 at once."""


def speed_of(name: str, total_bytes: int) -> tuple[float, float]:
    """Bytes and 16-bit operations a second of a card, by its name or else by its size."""
    for part, gb_per_s, tflops in _SPEEDS:
        if part.lower() in name.lower():
            return gb_per_s * 1e9, tflops * 1e12
    _, size_gb_per_s, size_tflops, _ = _of_size(total_bytes / GIB)
    return size_gb_per_s * 1e9, size_tflops * 1e12


def _of_size(size_gib: float) -> tuple[str, float, float, float]:
    return next((known[1:] for known in _BY_SIZE if size_gib <= known[0]), _BY_SIZE[-1][1:])


def told(vram_gb: float, count: int) -> Machine:
    """What the operator says: `count` cards of `vram_gb`, as they are sold. Nothing else is known."""
    if not 0 < vram_gb <= 2048 or count < 1:
        raise SettingsError("--vram takes the GB of one card, as 24, and --gpus how many there are, as 1")
    alike, gb_per_s, _, share = _of_size(vram_gb)
    note = (
        f"Reckoned as the {alike} ({vram_gb * share:.3g} GiB, {gb_per_s:g} GB/s), as the size alone does not "
        "tell it: a card with faster memory keeps more, one with slower memory less. An L4 has 22.5 GiB."
    )
    return Machine([Card(f"card of {vram_gb:g} GB", int(vram_gb * share * GIB))] * count, notes=(note,))


def cpu(memory_gb: float | None = None, cores: int | None = None) -> Machine:
    """This computer without a GPU; the memory is that of the machine if not given."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    total = int(memory_gb * GIB) if memory_gb else pages
    return Machine([Card("CPU", total)], cores=cores or len(os.sched_getaffinity(0)))


def cpu_speed(cores: int) -> tuple[float, float]:
    return _CPU_BYTES_PER_S, cores * _CPU_OPS_PER_CORE


def visible_indices(visible: str | None, count: int) -> Sequence[int]:
    """Of `count` cards the numbers of those that CUDA_VISIBLE_DEVICES, `visible`, leaves to vLLM.

    All where it is not set, or names cards otherwise than by number (GPU-..., MIG-...).
    """
    words = [word.strip() for word in visible.split(",")] if visible is not None else []
    if words in ([""], ["-1"]):
        return []
    if not words or not all(word.isdecimal() for word in words):
        return range(count)
    return [number for number in map(int, words) if number < count]


def seen(nvml: Any = None, environ: Mapping[str, str] = os.environ) -> Machine:
    """The cards of this machine that CUDA_VISIBLE_DEVICES leaves. `nvml` is the module pynvml, or what
    behaves like it.

    Of different cards the largest kind is taken; a card that cannot be read is left out. Both are noted.
    Raises NoCards, with what to do, if there is none that can be read.
    """
    if nvml is None:
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError:
            raise NoCards(f"nvidia-ml-py is not installed, so GPUs cannot be seen; {TELL_US}") from None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise NoCards(f"no GPU can be seen ({error}); {TELL_US}") from None
    try:
        return _read(nvml, environ.get("CUDA_VISIBLE_DEVICES"))
    finally:
        nvml.nvmlShutdown()


def _read(nvml: Any, visible: str | None) -> Machine:
    found: dict[int, Card] = {}
    notes: list[str] = []
    count = nvml.nvmlDeviceGetCount()
    indices = visible_indices(visible, count)
    for index in indices:
        try:
            found[index] = _card(nvml, nvml.nvmlDeviceGetHandleByIndex(index))
        except nvml.NVMLError as error:
            notes.append(f"GPU {index} cannot be read ({error}) and is left out")
    cards = list(found.values())
    if not cards:
        said = f": {'; '.join(notes)}" if notes else ""
        if count and not indices:
            said = f": CUDA_VISIBLE_DEVICES={visible} hides them"
        raise NoCards(f"no GPU can be read{said}; {TELL_US}")
    largest = max(cards, key=lambda card: card.total_bytes)
    taken = [n for n, card in found.items() if card.name == largest.name and _alike(card, largest)]
    equal = [found[index] for index in taken]
    if len(equal) < len(cards):
        others = ", ".join(card.name for index, card in found.items() if index not in taken)
        notes.append(
            f"the GPUs differ, and a model is shared by equal ones only: planned for {len(equal)} x "
            f"{largest.name}; run a vLLM of its own on {others} (CUDA_VISIBLE_DEVICES)"
        )
    least = min(equal, key=lambda card: card.total_bytes if card.free_bytes is None else card.free_bytes)
    return Machine([least] * len(equal), notes=notes, environment=_only(taken, count))


def _only(taken: Sequence[int], count: int) -> Mapping[str, str]:
    """NVML numbers cards by their slots; CUDA by their speed, if it is not told to do the same."""
    if len(taken) == count:
        return {}
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(map(str, taken))}


def _alike(card: Card, other: Card) -> bool:
    return abs(card.total_bytes - other.total_bytes) < GIB / 2


def _card(nvml: Any, handle: Any) -> Card:
    name = nvml.nvmlDeviceGetName(handle)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
        capability = major + minor / 10
    except nvml.NVMLError:
        capability = None
    return Card(
        name.decode() if isinstance(name, bytes) else str(name),  # bytes before 12.535
        int(memory.total),
        int(memory.free),
        capability,
    )
