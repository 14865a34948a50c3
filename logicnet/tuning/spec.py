"""What a training job is asked to do, in the words of the public services that it is compatible with.

Source of the field names: rayonlabs/G.O.D (`core/models/payload_models.py`, `utility_models.py`) and its
predecessor, whose request bodies are accepted as they are.
"""

import hashlib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from logicnet.tuning.train.jobfile import Task

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096)]
"""A name too; presigned addresses of AWS have up to 2,000 characters."""

Rows = Annotated[int, Field(ge=2, le=10**9)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # of NumPy
Device = Annotated[str, StringConstraints(pattern=r"^(cpu|cuda(:\d{1,3})?)$")]

FileFormat = Literal["csv", "json", "jsonl", "hf", "s3"]
ImageFamily = Literal["sd", "sdxl", "flux"]

MOST_HOURS = 24.0 * 14


def public_name(dataset: str) -> str:
    """A dataset's name without what a presigned address has as a secret: its query, and a password."""
    if not dataset.lower().startswith(("http://", "https://")):
        return dataset
    scheme, _, rest = dataset.partition("://")
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


class _SpecBase(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


class CustomType(_SpecBase):
    """Instruction rows with columns of any name. Formats are str.format patterns (axolotl's)."""

    system_prompt: str | None = None  # where a row has no system column
    system_format: str = "{system}"
    field_system: str | None = None
    field_instruction: str | None = None
    field_input: str | None = None
    field_output: str | None = None
    format: str = "{instruction} {input}"
    no_input_format: str = "{instruction}"
    field: str | None = None  # plain text: the only column that counts


class DpoType(_SpecBase):
    """Rows with a prompt, a chosen and a rejected answer."""

    field_prompt: str = "prompt"
    field_system: str | None = None
    field_chosen: str = "chosen"
    field_rejected: str = "rejected"
    prompt_format: str = "{prompt}"
    chosen_format: str = "{chosen}"
    rejected_format: str = "{rejected}"


class RewardFunction(_SpecBase):
    """Python source of `def name(completions, **columns) -> list[float]`: foreign code."""

    reward_func: str = Field(min_length=1, max_length=100_000)
    reward_weight: float = 1.0
    func_hash: str | None = None
    is_generic: bool | None = None


class GrpoType(_SpecBase):
    """Rows with a prompt; reward functions judge what the model writes."""

    field_prompt: str = "prompt"
    reward_functions: tuple[RewardFunction, ...] = Field(min_length=1)
    extra_column: str | None = None


class ChatType(_SpecBase):
    """Rows with a conversation."""

    chat_template: str | None = None  # "chatml", "llama3", ...; null: the tokenizer's own
    chat_column: str = "conversations"
    chat_role_field: str = "from"
    chat_content_field: str = "value"
    chat_user_reference: str = "user"
    chat_assistant_reference: str = "assistant"


class ImageType(_SpecBase):
    """A zip or a folder of pictures, each with a text of the same name."""

    image_family: ImageFamily
    kind: Literal["style", "person"] = "style"


DatasetType = (
    Literal["instruct", "pretrain", "alpaca"] | CustomType | DpoType | GrpoType | ChatType | ImageType
)


_TASKS: dict[type[_SpecBase], Task] = {
    DpoType: "dpo",
    GrpoType: "grpo",
    ChatType: "chat",
    ImageType: "image",
}


class TrainSpec(_SpecBase):
    """A job, as it is stored. Two specs with the same `digest` ask for the same."""

    dataset: Address
    model: Name
    model_name: Name | None = None  # on the hub, where `model` is a folder; adapters name it as their base
    dataset_type: DatasetType
    file_format: FileFormat
    hours: float | None = Field(None, gt=0, le=MOST_HOURS)
    preset: Name | None = None  # a use case or a preset's name; null: by the model's family
    overrides: dict[str, Any] = Field(default_factory=dict)  # fields of Lora, Optimisation, Stopping
    validation: float = Field(0.05, gt=0, lt=0.5)  # share of the rows
    test: Name | None = None  # a file of rows that must not be trained on
    adapter_from: Name | None = None
    repo: Name | None = None  # where its caller expects the result; nothing is uploaded by a job
    seed: Seed = 42
    device: Device | None = None  # null: cuda where there is one, else cpu
    network: bool = False  # the trainer may use it
    rows: Rows | None = None  # the first so many; null: all
    foreign: bool = False  # asked for from another machine: it names nothing of this one or its network

    @model_validator(mode="after")
    def _pretraining_needs_no_columns(self) -> "TrainSpec":
        if isinstance(self.dataset_type, CustomType):
            kind = self.dataset_type
            if kind.field is None and (kind.field_instruction is None or kind.field_output is None):
                raise ValueError("a custom dataset_type needs field_instruction and field_output, or field")
        return self

    @property
    def task(self) -> Task:
        kind = self.dataset_type
        if isinstance(kind, str):
            return "pretrain" if kind == "pretrain" else "sft"
        if isinstance(kind, CustomType):
            return "sft" if kind.field is None else "pretrain"
        return _TASKS[type(kind)]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.model_dump_json(exclude={"foreign"}).encode()).hexdigest()
