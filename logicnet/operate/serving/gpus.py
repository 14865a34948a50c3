"""Machine: the GPUs that a plan is for, as NVML or the operator describes them, or a CPU."""

import importlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict

from logicnet._util.parsing import parse, read, validate
from logicnet.errors import LogicnetError, SettingsError
from logicnet.operate.serving.memory import GIB

_DESCRIBE = "describe the machine: --card L40S, --vram 24 --gpus 1, or --cpu"


class NoGpu(LogicnetError):
    """No GPU can be read."""


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU, or the CPU. `free_bytes` and `capability` (CUDA's, as 8.9) are None if unknown."""

    name: str
    total_bytes: int
    free_bytes: int | None = None
    capability: float | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """Equal GPUs, or a CPU: then `cores` is given and the one device has the computer's memory.

    `environment` makes vLLM take these GPUs, where there are others too.
    """

    devices: Sequence[Device]
    cores: int | None = None
    notes: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0  # of the computer's memory bandwidth, where a CPU is shared out

    @property
    def is_cpu(self) -> bool:
        return self.cores is not None

    def parts(self, count: int, environ: Mapping[str, str] = os.environ) -> Sequence["Machine"]:
        """Equal parts, whose `environment` keeps each vLLM to its own GPUs, or cores.

        Raises SettingsError if there are fewer GPUs, or cores, than parts.
        """
        if count == 1:
            return [self]
        if self.cores is not None:
            names, kind = [str(core) for core in _cores()[: self.cores]], "cores"
        else:
            visible = self.environment.get("CUDA_VISIBLE_DEVICES") or environ.get("CUDA_VISIBLE_DEVICES")
            found = visible.split(",") if visible else map(str, range(len(self.devices)))
            names, kind = list(found)[: len(self.devices)], "GPUs"
        each = len(names) // count
        if not each:
            raise SettingsError(
                f"--replicas {count}: each replica needs {kind} of its own, and this machine has "
                f"{len(names)}; give --replicas {len(names)} or less"
            )
        return [self._part(count, names[at * each : (at + 1) * each]) for at in range(count)]

    def _part(self, count: int, names: Sequence[str]) -> "Machine":
        """That which the cores or GPUs of these names are, one of `count`."""
        own = ",".join(names)
        if self.cores is None:
            environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": own}
            return replace(self, devices=self.devices[: len(names)], environment=environment)
        device = replace(self.devices[0], total_bytes=self.devices[0].total_bytes // count)
        environment = {"VLLM_CPU_OMP_THREADS_BIND": own}
        return replace(
            self, devices=[device], cores=len(names), environment=environment, share=self.share / count
        )

    def __str__(self) -> str:
        device, count = self.devices[0], len(self.devices)
        if self.cores is None and device.free_bytes is None:  # described by its size, which is its name
            return f"{count} x {device.name}"
        size = f"{device.total_bytes / GIB:.0f} GiB"
        if self.cores is not None:
            return f"a CPU with {self.cores} cores and {size} of memory"
        return f"{count} x {device.name}, {size}{' each' if count > 1 else ''}"


class Card(BaseModel):
    """A GPU that is sold: its memory as sold and as reported, what it reads and computes a second.

    `also` are words that its name may have besides.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    gb: float
    gib: float
    gb_per_s: float
    tflops: float
    capability: float
    also: frozenset[str] = frozenset()

    @property
    def words(self) -> frozenset[str]:
        """The words that its name must have; its size, if the name has one, is not among them."""
        return _words(self.name)[0]

    def fits(self, name: str) -> bool:
        """Whether `name` has its words, no word that it lacks, and no other size."""
        given, sizes = _words(name, self.also)
        return self.words <= given <= self.words | self.also and sizes <= {self.gb, round(self.gib)}

    @property
    def speed(self) -> tuple[float, float]:
        """Bytes of its memory and 16-bit operations a second."""
        return self.gb_per_s * 1e9, self.tflops * 1e12


class _CardsFile(BaseModel):
    cards: tuple[Card, ...]


@cache
def cards() -> Sequence[Card]:
    file = Path(__file__).with_name("cards.toml")
    return validate(_CardsFile, parse(read(file, file.name), file.name), file.name).cards


_BRAND = frozenset(
    {"nvidia", "geforce", "tesla", "rtx", "gtx", "gpu", "tensor", "core", "generation", "edition"}
    | {"hbm2", "hbm2e", "hbm3", "hbm3e", "gddr6", "gddr6x", "gddr7"}
)
"""Words that tell no card from another."""

_SIZE = re.compile(r"(\d+)(?:gb|gib|g)")


@cache
def _words(name: str, also: frozenset[str] = frozenset()) -> tuple[frozenset[str], frozenset[float]]:
    """The words of a GPU's name without the brand, and the sizes in GB among them that are not in `also`."""
    spaced = re.sub(r"(?<=\d)\s+(?=gi?b\b)", "", name.lower())
    spaced = re.sub(r"(?<=\d{4})(?=(?:ti|super)\b)|(?<=\b[rg]tx)(?=\d)", " ", spaced)
    words = frozenset(re.findall(r"[a-z0-9]+", spaced)) - _BRAND
    sizes = {word: float(size[1]) for word in words if word not in also and (size := _SIZE.fullmatch(word))}
    return words - sizes.keys(), frozenset(sizes.values())


def _near(name: str) -> Sequence[Card]:
    """The cards that have a word with a digit in common with `name`, or a number of four digits."""

    def marks(text: str) -> set[str]:
        words = {word for word in _words(text)[0] if re.search(r"\d", word)}
        return words | {number for word in words for number in re.findall(r"\d{4}", word)}

    return [card for card in cards() if marks(name) & marks(card.name)]


# A GPU of which the size alone is known, up to so many GB, counts as the slowest card that many have.
_BY_SIZE = ((16, "T4"), (28, "A10"), (50, "A40"), (100, "A100 80GB"), (2048, "H200"))

_CPU_BYTES_PER_S = 20e9
_CPU_OPS_PER_CORE = 50e9
"""Two channels of DDR4; and vLLM 0.32 with 135M parameters on two cores: 270 tokens/s, 16 at once."""


def speed_of(name: str, total_bytes: int) -> tuple[float, float]:
    """Bytes of its memory and 16-bit operations a second of a GPU, by its name or else by its size."""
    size = total_bytes / GIB
    named = [card for card in cards() if card.fits(name)]
    return min(named, key=lambda card: abs(card.gib - size), default=_of_size(size)).speed


def _of_size(size_gib: float) -> Card:
    alike = next((name for most, name in _BY_SIZE if size_gib <= most), _BY_SIZE[-1][1])
    return next(card for card in cards() if card.name == alike)


def gpus_of_size(vram_gb: float, count: int) -> Machine:
    """`count` GPUs of `vram_gb`, as they are sold. Raises SettingsError for impossible numbers."""
    if not 0 < vram_gb <= 2048 or count < 1:
        raise SettingsError(
            f"--vram takes GB of one GPU and --gpus their number, as 24 and 1; got {vram_gb:g} and {count}"
        )
    alike = _of_size(vram_gb)
    size = vram_gb * alike.gib / alike.gb
    note = (
        f"Estimated as {alike.name} ({size:.3g} GiB, {alike.gb_per_s:g} GB/s), because only the size is "
        "given; a GPU with faster memory answers more: name it with --card."
    )
    gpu = Device(f"GPU of {vram_gb:g} GB", int(size * GIB), capability=alike.capability)
    return Machine([gpu] * count, notes=(note,))


def gpus_named(name: str, count: int) -> Machine:
    """`count` GPUs of that name, as `NVIDIA L40S` or `4090`.

    Raises SettingsError, which names the cards of like names, if it is unknown or that of several.
    """
    if count < 1:
        raise SettingsError(f"--gpus takes the number of GPUs, 1 or more; got {count}")
    found = [card for card in cards() if card.fits(name)]
    if len(found) > 1:
        raise SettingsError(f"--card {name} may be any of {_listed(found)}: give one")
    if not found:
        near = ", ".join(f"{card.name} ({card.gb:g} GB)" for card in _near(name))
        known = f"is unknown, near are {near}" if near else f"is unknown, known are {_listed(cards())}"
        raise SettingsError(f"--card {name} {known}; for another GPU give --vram with its GB")
    (card,) = found
    return Machine([Device(card.name, int(card.gib * GIB), capability=card.capability)] * count)


def _listed(found: Sequence[Card]) -> str:
    return ", ".join(card.name for card in found)


def cpu(memory_gb: float | None = None, cores: int | None = None) -> Machine:
    """This computer without a GPU; `memory_gb` and `cores` default to the machine's."""
    total = int(memory_gb * GIB) if memory_gb else psutil.virtual_memory().total
    return Machine([Device("CPU", total)], cores=cores or len(os.sched_getaffinity(0)))


def _cores() -> Sequence[int]:
    """The logical CPUs that this process may use, those of one physical core side by side."""

    def place(number: int) -> tuple[int, ...]:
        folder = Path(f"/sys/devices/system/cpu/cpu{number}/topology")
        try:
            return (
                *(int((folder / name).read_text()) for name in ("physical_package_id", "core_id")),
                number,
            )
        except (OSError, ValueError):  # a container that hides them
            return (0, number, number)

    return sorted(os.sched_getaffinity(0), key=place)


def cpu_speed(cores: int, share: float = 1.0) -> tuple[float, float]:
    return share * _CPU_BYTES_PER_S, cores * _CPU_OPS_PER_CORE


def visible_indices(visible: str | None, count: int) -> Sequence[int]:
    """Of `count` GPUs the numbers of those that CUDA_VISIBLE_DEVICES, `visible`, leaves to vLLM.

    All if it is not set, or names GPUs otherwise than by number (GPU-..., MIG-...).
    """
    words = [word.strip() for word in visible.split(",")] if visible is not None else []
    if words in ([""], ["-1"]):
        return []
    if not words or not all(word.isdecimal() for word in words):
        return range(count)
    return [number for number in map(int, words) if number < count]


@contextmanager
def nvml_session(nvml: Any = None) -> Iterator[Any]:
    """NVML, initialised: `nvml`, or the module pynvml. Raises NoGpu if there is no driver to talk to."""
    nvml = nvml or importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise NoGpu(f"no GPU can be seen ({error}); {_DESCRIBE}") from None
    try:
        yield nvml
    finally:
        nvml.nvmlShutdown()


def detect(nvml: Any = None, environ: Mapping[str, str] = os.environ) -> Machine:
    """The GPUs of this machine that CUDA_VISIBLE_DEVICES leaves. `nvml` replaces the module pynvml.

    Of different GPUs the largest kind is taken; a GPU that cannot be read is left out. Both are noted.
    Raises NoGpu if none can be read.
    """
    with nvml_session(nvml) as session:
        return _read(session, environ.get("CUDA_VISIBLE_DEVICES"))


def _read(nvml: Any, visible: str | None) -> Machine:
    found: dict[int, Device] = {}
    notes: list[str] = []
    count = nvml.nvmlDeviceGetCount()
    indices = visible_indices(visible, count)
    for index in indices:
        try:
            found[index] = _device(nvml, nvml.nvmlDeviceGetHandleByIndex(index))
        except nvml.NVMLError as error:
            notes.append(f"GPU {index} cannot be read ({error}) and is left out")
    if not found:
        why = f": {'; '.join(notes)}" if notes else ""
        if count and not indices:
            why = f": CUDA_VISIBLE_DEVICES={visible} hides them"
        raise NoGpu(f"no GPU can be read{why}; {_DESCRIBE}")
    largest = max(found.values(), key=lambda device: device.total_bytes)
    taken = {
        index: device
        for index, device in found.items()
        if device.name == largest.name and largest.total_bytes - device.total_bytes < GIB / 2
    }
    if len(taken) < len(found):
        others = ", ".join(device.name for index, device in found.items() if index not in taken)
        notes.append(
            f"the GPUs differ, and only equal GPUs can share a model: planned for {len(taken)} x "
            f"{largest.name}; run a vLLM of its own on {others} (CUDA_VISIBLE_DEVICES)"
        )
    environment = {}
    if len(taken) < count:  # NVML numbers GPUs by slot, and CUDA by speed unless it is told to do the same
        visible = ",".join(map(str, taken))
        environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": visible}
    fullest = min(
        taken.values(), key=lambda one: one.total_bytes if one.free_bytes is None else one.free_bytes
    )
    return Machine([fullest] * len(taken), notes=notes, environment=environment)


def _device(nvml: Any, handle: Any) -> Device:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
        capability = major + minor / 10
    except nvml.NVMLError:
        capability = None
    return Device(nvml.nvmlDeviceGetName(handle), int(memory.total), int(memory.free), capability)
