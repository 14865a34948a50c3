"""The files of a job's folder, through which the control room and the trainer speak.

    job.json       what to do (JobFile); never changed while a trainer runs
    launch.json    how its process is confined (confine.py)
    train.jsonl    rows (below), one JSON object a line; validation.jsonl beside it
    running.lock   locked (flock) by the trainer while it lives; holds its process id. The control room looks
                   by locking it for a moment, so a trainer tries for LOCK_S before it exits with EXIT_RUNNING
    events.jsonl   what happened, one JSON object a line; appended to, also by a resumed trainer
    trainer.log    its stdout and stderr
    checkpoints/   what a killed job resumes from
    adapter/       the best weights, as PEFT or diffusers save them
    expected.json  what the adapter of a text job wrote after held-out prompts, as tokens, with the
                   log-probability of each, and that by the base alone:
                   {"texts": [{"prompt", "tokens", "logprobs", "base_logprobs", "text", "ended"}]}
    result.json    the Result; written last, by renaming: a job without it is not done

Rows by task:

    sft        {"prompt": [message...], "completion": [message...]}   message: {"role", "content"}
    pretrain   {"text": str}
    chat       {"messages": [message...]}                             loss on the assistant's turns
    dpo        {"prompt": [message...], "chosen": [message...], "rejected": [message...]}
    grpo       {"prompt": [message...], "extra": any}
    image      {"image": path relative to the file, "caption": str}

A row may have "row", its number in the dataset from 1: messages name it.

Events, each with "at" (unix seconds) and "kind":

    prepared    {"rows", "validation", "dropped": {reason: rows}, "warnings": [str]}   before the first start
    attempt     {"number", "limit_s"}                                 written before each start of a trainer
    started     {"device", "dtype", "threads", "steps", "resumed_from": step or null}
    step        {"step", "epoch", "loss", "lr", "grad_norm", "seconds", "tokens", "memory", "gpu"}; grpo: also
                "reward". The last two are shares: of memory that is taken, of the GPU's time; null: not known
    eval        {"step", "loss", "perplexity", "best": bool}; grpo: also "reward"
    checkpoint  {"step", "path"}
    sample      {"prompt", "text"}
    warning     {"message"}
    ended       {"reason": one of ENDINGS, "message"}

Only the standard library is imported, and what needs no other: both environments import this module.
"""

import fcntl
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NoReturn, Self

from logicnet._util.files import write_whole

FORMAT = 1

Task = Literal["sft", "pretrain", "chat", "dpo", "grpo", "image"]

ENDINGS = ("done", "time", "patience", "non_finite", "out_of_memory", "cancelled", "failed", "bad_input")
"""`bad_input`: rows, pictures or a template of the job's caller are at fault, not the family of its model."""
GOOD_ENDINGS = ("done", "time", "patience")
"""The best weights so far are the result."""

EXIT_FAILED = 1
EXIT_OUT_OF_MEMORY = 75
EXIT_RUNNING = 76
"""Another trainer holds the folder's lock."""

LOCK_S = 2.0


@dataclass(frozen=True)
class Lora:
    """Low-rank adaptation; `targets` as PEFT takes them."""

    r: int = 16
    alpha: int = 32
    dropout: float = 0.05
    targets: str | tuple[str, ...] = "all-linear"
    quantised: bool = False  # QLoRA, 4 bit; needs CUDA


@dataclass(frozen=True)
class Optimisation:
    """How weights are moved. A step is `batch * accumulate` rows."""

    lr: float = 2e-4
    schedule: str = "cosine"  # a name of transformers.SchedulerType
    warmup: float = 0.03  # share of the steps
    weight_decay: float = 0.01
    batch: int = 4
    accumulate: int = 1
    epochs: float = 3.0
    max_steps: int | None = None  # ends earlier than `epochs`
    max_length: int = 2048  # tokens of prompt and completion
    attention: str = "sdpa"
    optimiser: str = "adamw_torch"

    def halved(self) -> "Optimisation":
        """At most half the rows at a time, at least a quarter; as many a step, or as near to it as can be.

        5 x 1 becomes 1 x 5, 8 x 2 becomes 4 x 4. Raises ValueError for one row at a time.
        """
        half, rows = self.batch // 2, self.batch * self.accumulate
        if half < 1:
            raise ValueError(self.batch)
        choices = ((batch, round(rows / batch)) for batch in range(half, max(1, half // 2) - 1, -1))
        batch, accumulate = min(choices, key=lambda one: abs(one[0] * one[1] - rows))
        return replace(self, batch=batch, accumulate=accumulate)


@dataclass(frozen=True)
class Stopping:
    """When training is evaluated and ends."""

    evaluations: int = 10  # in the whole training, at least one an epoch
    patience: int = 3  # evaluations without a gain of `min_delta`
    min_delta: float = 0.001
    seconds: float | None = None  # from the start of the trainer; saving included


@dataclass(frozen=True)
class Reward:
    """One reward function of a GRPO job: Python source of a function, foreign code."""

    source: str
    weight: float = 1.0


@dataclass(frozen=True)
class Image:
    """What is particular to training images."""

    family: Literal["sd", "sdxl", "flux"] = "sd"
    resolution: int = 512  # pixels
    repeats: int = 1  # of each picture in an epoch
    text_lr: float | None = None  # null: text encoders are not trained
    snr_gamma: float | None = None


@dataclass(frozen=True)
class JobFile:
    """`job.json`. Paths are absolute, or relative to the job's folder."""

    id: str
    task: Task
    base: str  # folder of the base model
    base_name: str  # its name on the hub, which `adapter_config.json` gets
    train: str = "train.jsonl"
    validation: str = "validation.jsonl"
    adapter_from: str | None = None  # folder of an adapter that training goes on from
    lora: Lora | None = field(default_factory=Lora)  # null: all weights
    optimisation: Optimisation = field(default_factory=Optimisation)
    stopping: Stopping = field(default_factory=Stopping)
    image: Image | None = None
    rewards: tuple[Reward, ...] = ()
    beta: float | None = None  # DPO, GRPO; null: TRL's
    generations: int = 4  # GRPO: samples a prompt
    chat_template: str | None = None  # null: the tokenizer's own
    seed: int = 42
    device: str | None = None  # null: cuda where there is one, else cpu
    threads: int | None = None  # null: the trainer measures one against all
    report_to: tuple[str, ...] = ()  # wandb, trackio
    wandb_project: str | None = None
    wandb_entity: str | None = None
    gpus: int = 1  # that a cluster is asked for; from 2 on, one process each
    dropped: Mapping[str, int] = field(default_factory=dict)  # rows by reason, before any was written
    columns: Mapping[str, str] = field(default_factory=dict)  # of the dataset, by part of a row; for messages
    halved_after: int | None = None  # the start at which memory ran out; `optimisation` is halved since
    sample: bool = False  # write an answer to a held-out prompt after each evaluation
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write `job.json`; it is whole or absent."""
        write_json(folder / "job.json", asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises ValueError for another format, OSError."""
        found = json.loads((folder / "job.json").read_text())
        if found.get("format") != FORMAT:
            raise ValueError(f"{folder / 'job.json'} has format {found.get('format')}, known is {FORMAT}")
        made: dict[str, Any] = dict(found)
        if made["lora"] is not None:
            targets = made["lora"]["targets"]
            made["lora"] = Lora(
                **made["lora"] | {"targets": targets if isinstance(targets, str) else tuple(targets)}
            )
        made["optimisation"] = Optimisation(**made["optimisation"])
        made["stopping"] = Stopping(**made["stopping"])
        made["image"] = None if made["image"] is None else Image(**made["image"])
        made["rewards"] = tuple(Reward(**one) for one in made["rewards"])
        made["report_to"] = tuple(made["report_to"])
        return cls(**made)


@dataclass(frozen=True)
class TrainResult:
    """`result.json`: what a trainer that ended well made."""

    reason: str  # one of GOOD_ENDINGS
    best_step: int
    first_loss: float  # held out, before the first step
    best_loss: float  # held out
    perplexity: float | None
    steps: int
    rows: Mapping[str, int]  # trained, validation, cut, and dropped by reason ("too_long", "duplicate", ...)
    seconds: float
    peak_memory_bytes: int
    adapter: str  # folder, relative to the job's
    hashes: Mapping[str, str]  # sha256 of base, train, validation, adapter
    versions: Mapping[str, str]  # of torch, transformers, trl, peft, ...
    reward: tuple[float, float] | None = None  # GRPO: mean of the first and of the best evaluation

    def write(self, folder: Path) -> None:
        """Write `result.json`; it is whole or absent."""
        write_json(folder / "result.json", asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises OSError, ValueError."""
        found = json.loads((folder / "result.json").read_text(), parse_constant=_no_number)
        return cls(**found | {"reward": None if found["reward"] is None else tuple(found["reward"])})


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no result")


def is_running(folder: Path) -> bool:
    """Whether a trainer lives that works in `folder`."""
    try:
        with (folder / "running.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def hash_of(path: Path) -> str:
    """The sha256 of a file; of a folder, over the names and hashes of its safetensors and JSON files."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    inside = sorted(one for one in path.rglob("*") if one.suffix in (".safetensors", ".json"))
    lines = "".join(f"{one.relative_to(path)} {hash_of(one)}\n" for one in inside)
    return hashlib.sha256(lines.encode()).hexdigest()


def write_json(path: Path, content: object) -> None:
    """Write JSON so that a reader, also one after a crash, finds all of it or nothing."""
    write_whole(path, json.dumps(content), sync=True)
