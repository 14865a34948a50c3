"""A search space as data: which numbers of a training are searched, and the values of each."""

import difflib
import math
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from logicnet._util.flags import require_file
from logicnet._util.parsing import parse, read, validate
from logicnet.errors import SettingsError
from logicnet.tuning.presets import LOW_LR, Numbers

FILE = Path(__file__).with_name("spaces.toml")

SEARCHED = (
    *("lr", "r", "alpha", "dropout", "schedule", "warmup", "weight_decay", "optimiser", "text_lr"),
    *("batch", "accumulate", "epochs", "max_steps"),
)
"""Others change which held-out rows are measured, or how their loss is: losses could not be compared."""

OTHER_NAMES = {"learning_rate": "lr", "lora_r": "r", "lora_alpha": "alpha", "lora_dropout": "dropout"}
"""As finetuning-subnet and PEFT call them."""

MOST_TRIALS = 10_000

Choice = int | float | str


class SearchRange(BaseModel):
    """From `low` to `high`, both included; whole numbers if both are."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: int | float
    high: int | float
    log: bool = False  # every order of magnitude is as likely

    @model_validator(mode="after")
    def _has_width(self) -> "SearchRange":
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} is not above 0, as log = true needs")
        return self

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> tuple[int | float, int | float]:
        return self.low, self.high


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    parameters: dict[str, tuple[Choice, ...] | SearchRange] = Field(min_length=1)

    @field_validator("parameters")
    @classmethod
    def _has_values(cls, found: dict[str, tuple[Choice, ...] | SearchRange]) -> dict[str, Any]:
        for name, values in found.items():
            if isinstance(values, tuple) and not values:
                raise ValueError(f"{name} has no values: name at least one")
        return found


class Space(_Parameters):
    """`parameters`: choices or a `SearchRange` by field of `Numbers`; `name` is for people."""

    name: str

    @property
    def points(self) -> int | None:
        """Combinations of choices; None if there is a range."""
        sizes = [len(one) if isinstance(one, tuple) else None for one in self.parameters.values()]
        return None if None in sizes else math.prod(one for one in sizes if one is not None)

    def grid(self) -> Iterator[dict[str, Choice]]:
        """All combinations of choices, the first name varying slowest."""
        values = [one for one in self.parameters.values() if isinstance(one, tuple)]
        return (dict(zip(self.parameters, point, strict=True)) for point in product(*values))

    def shown(self) -> str:
        """Such as `lr 1e-05, 1e-06; r 32 to 64`: the same text for the same space."""
        return "; ".join(f"{name} {_shown(values)}" for name, values in self.parameters.items())

    def warnings(self) -> list[str]:
        """What of it cannot help."""
        values = self.parameters.get("lr", ())
        low = [f"{one:g}" for one in _values(values) if isinstance(one, float) and one < LOW_LR]
        said = f"lr {', '.join(low)}: below {LOW_LR:g} a LoRA does not move"
        return [f"{said}; these trials are to be pruned"] if low else []


def load_space(name: str) -> Space:
    """A space of spaces.toml by its name, or of a TOML file by its path.

    Raises SettingsError: file or name, field, and what it takes.
    """
    known = parse(read(FILE, str(FILE)), str(FILE))
    if name in known:
        return _space(name, known[name], f"{FILE.name}: {name}")
    path = Path(name).expanduser()
    if not path.suffix and not path.exists():
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}, or name a TOML file"
        raise SettingsError(f"--space {name!r:.60} is unknown; {hint}")
    require_file("--space", path)
    return _space(path.stem, parse(read(path, str(path)), str(path)), str(path))


def space_of(parameters: Mapping[str, Any], name: str = "own") -> Space:
    """A space from names and values. Raises SettingsError."""
    return _space(name, parameters, "the space")


def _space(name: str, found: Mapping[str, Any], where: str) -> Space:
    named: dict[str, Any] = {}
    for given, values in found.items():
        field = OTHER_NAMES.get(given, given)
        if field in named:
            raise SettingsError(f"{where}: {given} is there twice, the other time as {field}")
        if field not in SEARCHED:
            near = difflib.get_close_matches(given, SEARCHED, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(SEARCHED)}"
            why = " changes what is measured" if field in Numbers.model_fields else " is unknown"
            raise SettingsError(f"{where}: {given}{why}, so it cannot be searched; {hint}")
        if not isinstance(values, list | tuple | dict | SearchRange):
            raise SettingsError(
                f"{where}: {given}: takes a list of values, or {{ low, high }}; got {values!r:.60}"
            )
        table = isinstance(values, dict)
        named[field] = validate(SearchRange, values, f"{where}: {given}") if table else values
    made = validate(_Parameters, {"parameters": named}, where)
    for field, values in made.parameters.items():
        for value in _values(values):
            validate(Numbers, {field: value}, where)
    return Space(name=name, parameters=made.parameters)


def _values(values: tuple[Choice, ...] | SearchRange) -> tuple[Choice, ...]:
    return values.ends if isinstance(values, SearchRange) else values


def _shown(values: tuple[Choice, ...] | SearchRange) -> str:
    if isinstance(values, SearchRange):
        return f"{values.low:g} to {values.high:g}{' (log)' if values.log else ''}"
    return ", ".join(f"{one:g}" if isinstance(one, int | float) else one for one in values)
