"""What a job is trained with: its family's preset, the one that was asked for, and overrides by name."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from logicnet._util.parsing import parse, read, validate
from logicnet.errors import SettingsError, TuningError
from logicnet.tuning.families import FAMILIES
from logicnet.tuning.train.jobfile import Image, Lora, Optimisation, Stopping

_Made = TypeVar("_Made", Lora, Optimisation, Stopping, Image)

FILE = Path(__file__).with_name("presets.toml")

HIGH_LR, HIGH_LR_PARAMETERS = 3e-4, 1e9
LOW_LR = 1e-6
"""The MTUP training guide: never above 3e-4. The grid of finetuning-subnet goes
down to 1e-10, which moves no LoRA."""


class Numbers(BaseModel):
    """Fields of Lora, Optimisation, Stopping and Image by name; null: not given."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    r: int | None = Field(None, ge=1, le=512)
    alpha: int | None = Field(None, ge=1, le=4096)
    dropout: float | None = Field(None, ge=0, lt=1)
    targets: str | tuple[str, ...] | None = None
    quantised: bool | None = None
    full: bool | None = None  # all weights are trained, without LoRA
    lr: float | None = Field(None, gt=0, le=0.1)
    schedule: (
        Literal["cosine", "linear", "constant", "constant_with_warmup", "cosine_with_restarts", "polynomial"]
        | None
    ) = None
    warmup: float | None = Field(None, ge=0, lt=1)
    weight_decay: float | None = Field(None, ge=0, le=1)
    batch: int | None = Field(None, ge=1, le=1024)
    accumulate: int | None = Field(None, ge=1, le=1024)
    epochs: float | None = Field(None, gt=0, le=1000)
    max_steps: int | None = Field(None, ge=1, le=10**9)
    max_length: int | None = Field(None, ge=16, le=1 << 20)
    attention: Literal["sdpa", "eager", "flash_attention_2"] | None = None
    optimiser: Literal["adamw_torch", "adafactor", "adamw_8bit", "sgd"] | None = None
    evaluations: int | None = Field(None, ge=1, le=1000)
    patience: int | None = Field(None, ge=1, le=10**9)
    min_delta: float | None = Field(None, ge=0)
    resolution: int | None = Field(None, ge=64, le=4096, multiple_of=8)
    repeats: int | None = Field(None, ge=1, le=1000)
    text_lr: float | None = Field(None, gt=0, le=0.1)
    snr_gamma: float | None = Field(None, gt=0)
    sample: bool | None = None

    def given(self) -> dict[str, Any]:
        names = set(Numbers.model_fields)
        return {name: value for name, value in self if name in names and value is not None}


class Preset(Numbers):
    """A row of presets.toml; `from_b`: the least parameters (1e9) it is for; `rows`: the first so many."""

    name: str = Field(min_length=1)
    source: str = Field(min_length=1)
    from_b: float = 0.0
    rows: int | None = Field(None, ge=2)


class _PresetFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    presets: list[Preset]


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What goes into a job's file; `rows`: the first so many, null for all; `sources` of the numbers."""

    lora: Lora | None
    optimisation: Optimisation
    stopping: Stopping
    image: Image | None
    rows: int | None
    sample: bool
    sources: tuple[str, ...]
    warnings: tuple[str, ...]


@cache
def presets(path: Path = FILE) -> tuple[Preset, ...]:
    """The rows of a file. Raises SettingsError."""
    return tuple(validate(_PresetFile, parse(read(path, str(path)), str(path)), str(path)).presets)


def plan_of(
    family: str,
    parameters: float,
    *,
    preset: str | None = None,
    kind: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> TrainingPlan:
    """The plan for a model of `family` with so many `parameters`.

    `preset`: a use case or any preset's name, or several with + between them, of which the last counts most;
    `kind`: style or person, of pictures; `overrides`: `Numbers` by name. Raises TuningError, one line with
    the nearest name.
    """
    known = list(dict.fromkeys(one.name for one in presets()))
    names = [family if family in FAMILIES else "other", f"{family}-{kind}"]
    for asked_for in [] if preset is None else preset.split("+"):
        if asked_for not in known:
            near = difflib.get_close_matches(asked_for, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise TuningError(f"the preset {asked_for!r:.60} is unknown; {hint}")
        names.append(asked_for)
    try:
        asked = validate(Numbers, dict(overrides or {}), "overrides").given()
    except SettingsError as error:
        raise TuningError(str(error)) from None
    rows = [one for name in names for one in presets() if one.name == name and one.from_b * 1e9 <= parameters]
    merged: dict[str, Any] = {}
    for one in rows:
        merged |= one.given()
    merged |= asked
    image = family if family in ("sd", "sdxl", "flux") else None
    return TrainingPlan(
        lora=None if merged.get("full") else _filled(Lora, merged),
        optimisation=_filled(Optimisation, merged),
        stopping=_filled(Stopping, merged),
        image=None if image is None else _filled(Image, merged | {"family": image}),
        rows=next((one.rows for one in reversed(rows) if one.rows is not None), None),
        sample=bool(merged.get("sample")),
        sources=tuple(f"{one.name}: {one.source}" for one in rows),
        warnings=tuple(_warnings(merged, parameters)),
    )


def _filled(made: type[_Made], values: Mapping[str, Any]) -> _Made:
    names = {one.name for one in fields(made)}
    return made(**{name: value for name, value in values.items() if name in names})


def _warnings(values: Mapping[str, Any], parameters: float) -> list[str]:
    lr = values.get("lr", Optimisation.lr)
    found = []
    if lr > HIGH_LR and parameters > HIGH_LR_PARAMETERS:
        found.append(f"lr {lr:g} is above {HIGH_LR:g} for a model of {parameters / 1e9:.1f}B: it may diverge")
    if lr < LOW_LR:
        found.append(f"lr {lr:g} is below {LOW_LR:g}: nothing will be learned; set lr=1e-4")
    if values.get("full") and values.get("quantised"):
        found.append("quantised counts for LoRA only: all weights are trained in full precision")
    return found
