"""Hours, memory and disk of a job, before it runs.

Time is work / pace. Work is parameters x tokens; pace, the work of a device in a second, is learned from
finished jobs. Memory is that of the weights, of what the optimiser keeps for each weight that it trains, of
activations with gradient checkpointing, and of the scores of the whole vocabulary.
"""

import importlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, Self

import psutil

from logicnet.errors import TuningError
from logicnet.tuning.facts import ModelFacts, facts_of
from logicnet.tuning.presets import TrainingPlan
from logicnet.tuning.train.jobfile import JobFile, Task, TrainResult, write_json

BYTES_PER_TOKEN = 3.5  # of a row as JSON: 4 of English text; less of other languages and of signs
PICTURE_PATCH = 16  # pixels: a latent is an eighth of the picture, a patch two latents wide

GPU_PACE = 1e13
CPU_PACE = 1e10  # of a core
"""Before the first job: an A100 (312 TFLOPS, 6 operations, a fifth of them achieved); and, measured,
SmolLM2-135M in bf16: 256 tokens in 1.65 s of a core alone, beside other work at half that pace."""

_TASK_FACTOR: Mapping[Task, float] = {"dpo": 3, "grpo": 6}
"""Times the work of SFT, before the first job: two answers and a reference; samples, token by token."""

_TELLING_S = 300.0  # of a job; in a shorter one imports and evaluations take most of the time
_KEPT = 20  # jobs whose median is the pace
_START_S = 60.0
_LOAD_BYTES_PER_S = 2e8  # from a disk; a slow network card
_RUNTIME_BYTES = 2 << 30  # torch and its libraries, on either device
_TRAINED_BYTES = 16  # of a trained weight: itself and its gradient, and two moments in 32 bits
_LAYER_BYTES = 48  # for each token and hidden size: what one layer keeps while it is computed again
_LOGIT_BYTES = 12  # for each token and word: in 16 and in 32 bits, and its gradient
_MARGIN = 1.2
"""The sum is 3.1 GB for SmolLM2-135M with 8 rows of 84 tokens; 3.7 GB were measured."""

_WEIGHT_BYTES = {"full": 2.0, "quantised": 0.6}  # QLoRA: 4 bits with their scales, and embeddings in 16
_SAVES = 4  # checkpoints on disk at once, with the adapter


@dataclass(frozen=True, slots=True)
class TrainingDevice:
    """`kind` is what a pace is learned for: a GPU's name, or "cpu"."""

    kind: str
    cores: int
    free_bytes: int
    disk_bytes: int

    @classmethod
    def here(cls, folder: Path, *, emptied: bool = False) -> Self:
        """This machine: its GPU with the most free memory, or its CPU, and the disk that `folder` is on.

        `emptied`: as it will be once the trainers and evaluations that work below `folder` have ended.
        """
        beside = next(one for one in (folder, *folder.parents) if one.exists())
        disk, cores = psutil.disk_usage(str(beside)).free, psutil.cpu_count() or 1
        ours = _working_below(folder) if emptied else {}
        found = next((gpu for gpu in gpus(ours) if gpu.free_bytes), None)
        if found is not None:
            return cls(found.name, cores, found.free_bytes, disk)
        memory = psutil.virtual_memory()
        return cls("cpu", cores, min(memory.total, memory.available + sum(ours.values())), disk)


def _working_below(folder: Path) -> dict[int, int]:
    """Bytes of memory, without those of files, of each process whose home is below `folder`."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it ended meanwhile, or is another user's
            if folder in Path(process.environ().get("HOME", "/")).parents:
                memory = process.memory_info()
                found[process.pid] = memory.rss - getattr(memory, "shared", 0)
    return found


@dataclass(frozen=True, slots=True)
class FoundGpu:
    """`uuid` names it for CUDA_VISIBLE_DEVICES: CUDA may count in another order than NVML."""

    uuid: str
    name: str
    free_bytes: int


def gpus(ours: Collection[int] = ()) -> list[FoundGpu]:
    """Those of this machine, the one with the most free memory first; none if NVML does not answer.

    What the processes `ours` hold counts as free.
    """
    pynvml: Any = importlib.import_module("pynvml")  # of no use on most machines
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        found = [
            FoundGpu(
                str(pynvml.nvmlDeviceGetUUID(one)),
                str(pynvml.nvmlDeviceGetName(one)),
                _free_of(pynvml, one, ours),
            )
            for one in handles
        ]
        return sorted(found, key=lambda gpu: gpu.free_bytes, reverse=True)
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _free_of(pynvml: Any, gpu: Any, ours: Collection[int]) -> int:
    memory = pynvml.nvmlDeviceGetMemoryInfo(gpu)
    try:
        running = pynvml.nvmlDeviceGetComputeRunningProcesses(gpu) if ours else ()
    except pynvml.NVMLError:  # an old driver does not list them
        running = ()
    # Some drivers do not tell what a process holds; then all that is taken counts as ours.
    held = [one.usedGpuMemory for one in running if one.pid in ours]
    if None in held:
        return int(memory.total)
    return int(min(memory.total, memory.free + sum(held)) if held else memory.free)


@dataclass
class TrainingPace:
    """Parameters x tokens a second of each device and task, from finished jobs. `learn` writes the file."""

    path: Path
    seen: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """An empty one if there is no file. Raises TuningError for a broken one."""
        try:
            found = json.loads(path.read_text())
            return cls(path, {str(key): [float(one) for one in values] for key, values in found.items()})
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise TuningError(f"cannot read {path} ({error}): remove it, it is learned anew") from None

    def learn(self, device: TrainingDevice, task: Task, work: float, seconds: float) -> None:
        """From a job that trained for so many seconds. Raises OSError."""
        if work > 0 and seconds > 0:
            seen = self.seen.setdefault(f"{device.kind} {task}", [])
            seen.append(work / seconds)
            del seen[:-_KEPT]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, self.seen)

    def of(self, device: TrainingDevice, task: Task) -> tuple[float, bool]:
        """The pace, and whether it was measured."""
        if seen := self.seen.get(f"{device.kind} {task}"):
            return median(seen), True
        guess = CPU_PACE * device.cores if device.kind == "cpu" else GPU_PACE
        return guess / _TASK_FACTOR.get(task, 1), False


@dataclass(frozen=True, slots=True)
class Need:
    """What a job takes; 0 if it is not known. `measured`: the pace is this machine's; else it is a guess."""

    hours: float
    memory_bytes: int
    disk_bytes: int
    measured: bool


def work_of(plan: TrainingPlan, model: ModelFacts, rows: int, row_bytes: float) -> float:
    """Parameters x tokens of a whole training; the evaluations are not counted."""
    steps = plan.optimisation
    tokens = min(row_bytes / BYTES_PER_TOKEN, steps.max_length)
    seen = (rows if plan.rows is None else min(rows, plan.rows)) * steps.epochs
    if plan.image is not None:
        tokens = (plan.image.resolution / PICTURE_PATCH) ** 2
        seen *= plan.image.repeats
    if steps.max_steps is not None:
        seen = min(seen, steps.max_steps * steps.batch * steps.accumulate)
    return seen * tokens * model.parameters


def learn_from(folder: Path, result: TrainResult, device: TrainingDevice, pace: TrainingPace) -> None:
    """Learn the pace of a job that ended well, if it took long enough to show one.

    Raises OSError, LookupError, ValueError, TuningError.
    """
    if result.seconds < _TELLING_S:
        return
    job = JobFile.read(folder)
    rows = max(1, result.rows["trained"])
    steps = replace(job.optimisation, max_steps=max(1, result.steps))
    plan = TrainingPlan(job.lora, steps, job.stopping, job.image, None, job.sample, (), ())
    row_bytes = (folder / job.train).stat().st_size / rows
    work = work_of(plan, facts_of(str(folder / job.base)), rows, row_bytes)
    pace.learn(device, job.task, work, result.seconds)


def need_of(
    plan: TrainingPlan,
    task: Task,
    model: ModelFacts,
    *,
    rows: int,
    row_bytes: float,
    device: TrainingDevice,
    pace: TrainingPace,
) -> Need:
    """What training `rows` rows of so many bytes takes on a device."""
    speed, measured = pace.of(device, task)
    moved_bytes = 2 * model.parameters + model.fetch_bytes
    seconds = work_of(plan, model, rows, row_bytes) / speed + _START_S + moved_bytes / _LOAD_BYTES_PER_S
    trained = _trained(plan, model)
    disk = model.fetch_bytes + _SAVES * trained * _TRAINED_BYTES + 3 * rows * row_bytes
    return Need(seconds / 3600, memory_of(plan, task, model), int(disk), measured)


def memory_of(plan: TrainingPlan, task: Task, model: ModelFacts) -> int:
    """Bytes of the device's memory at the peak."""
    steps, lora = plan.optimisation, plan.lora
    weights = model.parameters * _WEIGHT_BYTES["quantised" if lora is not None and lora.quantised else "full"]
    if lora is None:
        weights = 0.0  # counted as trained
    hidden, layers, _, vocab = _shape(model)
    tokens = steps.batch * steps.max_length * {"dpo": 2, "grpo": JobFile.generations}.get(task, 1)
    if plan.image is not None:
        tokens, vocab = steps.batch * (plan.image.resolution // PICTURE_PATCH) ** 2, 0
    activations = tokens * (2 * hidden * layers + _LAYER_BYTES * hidden + _LOGIT_BYTES * vocab)
    total = weights + _trained(plan, model) * _TRAINED_BYTES + activations + _RUNTIME_BYTES
    return int(_MARGIN * total)


def _trained(plan: TrainingPlan, model: ModelFacts) -> float:
    """Weights that are trained: all, or two thin matrices beside each linear layer."""
    if plan.lora is None:
        return model.parameters
    hidden, layers, intermediate, _ = _shape(model)
    return plan.lora.r * layers * (8 * hidden + 3 * (hidden + intermediate))


def _shape(model: ModelFacts) -> tuple[int, int, int, int]:
    """Hidden size, layers, intermediate size, vocabulary; by the usual proportions where they are unknown."""
    hidden = model.shape.get("hidden") or max(64, int((10.7 * model.parameters) ** (1 / 3)))
    layers = model.shape.get("layers") or max(1, hidden // 128)
    return hidden, layers, model.shape.get("intermediate") or 4 * hidden, model.shape.get("vocab") or 50_000


def fitted(plan: TrainingPlan, task: Task, model: ModelFacts, device: TrainingDevice) -> TrainingPlan:
    """The plan with a batch that fits the device, about as many rows a step; a batch of 1 if none fits."""
    while memory_of(plan, task, model) > device.free_bytes and plan.optimisation.batch > 1:
        plan = replace(plan, optimisation=plan.optimisation.halved())
    return plan
