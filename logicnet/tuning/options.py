"""The flags of `logicnet tune run` and `logicnet tune evaluate`: a TrainSpec from words or from a file."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from logicnet._util.flags import Flag, Flags, require_file
from logicnet.errors import SettingsError
from logicnet.tuning.spec import MOST_HOURS, TrainSpec
from logicnet.tuning.wire import EvaluateRequest

_OVERRIDES = {
    "epochs": "epochs",
    "max_steps": "max_steps",
    "batch_size": "batch",
    "grad_accum": "accumulate",
    "lr": "lr",
    "weight_decay": "weight_decay",
    "max_length": "max_length",
    "r": "r",
    "alpha": "alpha",
}
"""Flags, and the fields of the trainer's file that they set."""


class DatasetOptions(Flags):
    """What names rows. Its `words` are settings."""

    words: tuple[str, ...] = ()
    model: str | None = Field(None, description="Folder of the model, or its name on the hub.")
    dataset: str | None = Field(None, description="File, http(s) address, or name on the hub.")
    dataset_type: str = Field("instruct", description="instruct, alpaca, pretrain, or the fields as JSON.")
    file_format: str | None = Field(
        None, description="csv, json, jsonl, hf, s3; default: by the dataset's ending."
    )
    rows: Annotated[int | None, Flag(("--rows", "--max-samples"))] = Field(
        None, ge=2, description="The first so many rows; default: all."
    )

    def _rows_named(self) -> dict[str, Any]:
        """Fields of a request, without those that were not given."""
        given: dict[str, Any] = {
            "model": self.model,
            "dataset": self.dataset,
            "dataset_type": self._type(),
            "file_format": self.file_format or format_of(self.dataset or ""),
            "rows": self.rows,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _type(self) -> Any:
        if not self.dataset_type.lstrip().startswith("{"):
            return self.dataset_type
        try:
            return json.loads(self.dataset_type)
        except ValueError as error:
            raise SettingsError(f"--dataset-type: this is not JSON: {error}") from None


class JobOptions(DatasetOptions):
    """What is trained, on what, with which numbers."""

    preset: Annotated[str | None, Flag(("--preset", "--use-case"))] = Field(
        None, description="quick_test, fast_iteration, full_training, or a preset; default: by the model."
    )
    hours: float | None = Field(None, gt=0, le=MOST_HOURS, description="Time limit; default: none.")
    epochs: float | None = Field(None, gt=0, description="Passes over the rows.")
    max_steps: int | None = Field(None, ge=1, description="Steps after which it ends at the latest.")
    batch_size: int | None = Field(None, ge=1, description="Rows at once.")
    grad_accum: int | None = Field(None, ge=1, description="Batches a step.")
    lr: float | None = Field(None, gt=0, description="Learning rate.")
    weight_decay: float | None = Field(None, ge=0, description="Weight decay.")
    max_length: int | None = Field(None, ge=16, description="Tokens of a row.")
    r: int | None = Field(None, ge=1, description="Rank of the LoRA.")
    alpha: int | None = Field(None, ge=1, description="Its scale, divided by the rank.")
    val_split: float = Field(0.05, gt=0, lt=0.5, description="Share of the rows that is held out.")
    test: str | None = Field(None, description="File of rows that must not be trained on.")
    adapter_from: str | None = Field(None, description="Folder of an adapter that training goes on from.")
    seed: int = Field(42, ge=0, description="Seed.")

    def spec(self, file: Path | None = None) -> TrainSpec:
        """Of the flags, or of a job's `file` (TOML, the fields of TrainSpec), in which flags win.

        Raises SettingsError that names the flag, or the file and its field.
        """
        given = self._rows_named()
        if file is not None:
            given = (
                {"dataset_type": "instruct"}
                | _job_file(file)
                | {name: value for name, value in given.items() if name in self.model_fields_set}
            )
        overrides = {
            field: value for flag, field in _OVERRIDES.items() if (value := getattr(self, flag)) is not None
        }
        own = {
            "preset": self.preset,
            "hours": self.hours,
            "test": self.test,
            "adapter_from": self.adapter_from,
        }
        given |= {name: value for name, value in own.items() if value is not None}
        given |= {
            name: value
            for flag, name, value in (
                ("val_split", "validation", self.val_split),
                ("seed", "seed", self.seed),
            )
            if file is None or flag in self.model_fields_set
        }
        if not isinstance(given.get("overrides", {}), dict):
            raise SettingsError(f"{file}: overrides: takes a table, such as [overrides] with lr = 1e-4")
        given["overrides"] = {**given.get("overrides", {}), **overrides}
        for name in ("model", "dataset"):
            if not given.get(name):
                raise SettingsError(f"--{name} is missing: name it, or a job file")
        given.setdefault("file_format", format_of(str(given["dataset"])))
        return parsed(TrainSpec, given, file)


class RunOptions(JobOptions):
    """`logicnet tune run`."""

    resume: str | None = Field(None, description="Go on with this job of the queue.")


class EvaluateOptions(DatasetOptions):
    """`logicnet tune evaluate`."""

    original: Annotated[str | None, Flag(("--original", "--original-model"))] = Field(
        None, description="The model that it was made from."
    )
    as_json: Annotated[bool, Flag(("--json",))] = Field(False, description="One JSON object.")

    def request(self) -> EvaluateRequest:
        """Raises SettingsError that names the flag."""
        given = self._rows_named() | {"original_model": self.original or ""}
        for name, flag in (("model", "model"), ("dataset", "dataset"), ("original_model", "original")):
            if not given.get(name):
                raise SettingsError(f"--{flag} is missing")
        return parsed(EvaluateRequest, given, None)


Made = TypeVar("Made", TrainSpec, EvaluateRequest)


def parsed(model: type[Made], given: Mapping[str, Any], file: Path | None) -> Made:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = (
            ".".join(str(one) for one in first["loc"]) or "dataset_type"
        )  # its fields are checked together
        name = f"{file}: {where}" if file is not None else f"--{where.partition('.')[0].replace('_', '-')}"
        value = "" if isinstance(first["input"], dict) else f" {str(first['input'])[:80]!r}"
        raise SettingsError(f"{name}{value}: {first['msg'][0].lower()}{first['msg'][1:]}") from None


def format_of(dataset: str) -> str:
    if dataset.startswith(("http://", "https://")):
        return "s3"
    ending = Path(dataset).suffix.lower().removeprefix(".")
    return ending if ending in ("csv", "json", "jsonl") else "hf"


def _job_file(path: Path) -> dict[str, Any]:
    require_file("the job file", path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
