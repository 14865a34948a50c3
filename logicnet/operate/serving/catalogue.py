"""ModelCatalogue: the models known by name, from a TOML file that an operator may replace."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Gt, MinLen
from pydantic import BaseModel, ConfigDict, Field, model_validator

from logicnet._util.parsing import parse, read, validate
from logicnet.errors import SettingsError

Precision = Literal["full", "fp8", "awq", "mxfp4", "gptq", "compressed-tensors"]
"""Precision of weights in memory: 16 bits as published; 8-bit floats; integers in groups; 4-bit floats.

All but "full" are the names in config.json (quantization_config.quant_method).
"""

Count = Annotated[int, Gt(0)]
Percent = Annotated[float, Field(ge=0, le=100)]
Question = Literal["gsm8k", "math", "logic"]
"""GSM8K; MATH-500, else MATH; ZebraLogic."""


class Accuracy(BaseModel):
    """Published accuracies in percent. `tokens`: the mean length of a text on MATH-500.

    What nobody has published is estimated from the model's family, and named in `estimated`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    gsm8k: Percent
    math: Percent
    logic: Percent
    tokens: Count = 700
    estimated: list[Literal["gsm8k", "math", "logic", "tokens"]] = []
    source: Annotated[str, MinLen(1)]


class Model(BaseModel):
    """One entry of a catalogue. Parameters in 1e9, `context` and `window` in tokens.

    `window_layers` of the layers look back no further than `window`. `stored` is the precision of the
    checkpoint itself, `bits` that of one of its quantised weights; `loads_gib` the size of its weights in
    memory, where it is known; `vllm_until` the last vLLM that served it. `thinks`: unless it is told not to,
    as a model with both `plain` and `thinking` accuracies can be. `float16`: false where vLLM refuses it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: Annotated[str, MinLen(1)]
    family: str = ""
    specialisation: str = ""
    year: int | None = None
    documented_vram_gb: Annotated[float, Gt(0)] | None = None
    parameters_b: Annotated[float, Gt(0)]
    active_b: Annotated[float, Gt(0)] | None = None
    layers: Count
    hidden: Count
    intermediate: Count
    mlp_matrices: Count = 3
    experts: Count = 1
    heads: Count
    kv_heads: Count
    head_size: Count
    vocab: Count
    tied: bool = False
    context: Count
    window: Count | None = None
    window_layers: Annotated[int, Field(ge=0)] = 0
    license: str = ""
    gated: bool = False
    thinks: bool = False
    plain: Accuracy | None = None
    thinking: Accuracy | None = None
    answers: bool = True
    float16: bool = True
    stored: Precision = "full"
    bits: Annotated[float, Gt(0)] | None = None
    loads_gib: Annotated[float, Gt(0)] | None = None
    awq: str | None = None
    vllm_until: str | None = None
    source: str

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        if self.active_b is not None and self.active_b > self.parameters_b:
            raise ValueError("active_b is more than parameters_b")
        if self.window_layers > (self.layers if self.window else 0):
            raise ValueError("window_layers are more than there are layers with a window")
        return self

    @property
    def modes(self) -> Sequence[bool]:
        """Whether it thinks: its default first, then what it can be told."""
        return (True, False) if self.thinks and self.plain else (self.thinks,)

    def accuracy(self, thinks: bool) -> Accuracy | None:
        return self.thinking if thinks else self.plain

    @property
    def parameters(self) -> float:
        return self.parameters_b * 1e9

    @property
    def active_parameters(self) -> float:
        """Parameters that one token passes through; fewer than all in a mixture of experts."""
        return (self.active_b or self.parameters_b) * 1e9

    @property
    def embedding_parameters(self) -> int:
        """Input embedding and output layer. Quantisation leaves both alone."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def expert_parameters(self) -> int:
        """The MLP layers, all experts together."""
        return self.layers * self.experts * self.mlp_matrices * self.hidden * self.intermediate

    @property
    def experts_per_token(self) -> float:
        """How many of the experts one token passes through, from the active parameters; 1 without experts."""
        idle = (self.parameters - self.active_parameters) / self.expert_parameters
        return self.experts * max(0.0, 1 - idle)

    @property
    def counted_parameters(self) -> int:
        """Parameters by the shapes alone, without norms and biases (under 1 % of any model here)."""
        attention = self.hidden * self.head_size * (2 * self.heads + 2 * self.kv_heads)
        return self.embedding_parameters + self.expert_parameters + self.layers * attention


OURS = Path(__file__).with_name("catalogue.toml")


_TUNED = ("-instruct", "-it", "-chat")
"""Endings of models that were tuned to answer; without them the name is that of the base model."""


class UnknownModel(SettingsError):
    """No model of the catalogue has that name."""


_SHAPE = (
    *("parameters_b", "active_b", "layers", "hidden", "intermediate", "mlp_matrices", "experts", "heads"),
    *("kv_heads", "head_size", "vocab", "tied", "context", "window", "window_layers", "float16"),
)
"""What an entry with `like = NAME` has of the model of that name, unless it says otherwise."""


class _CatalogueFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    low_quality: list[str] = []
    models: list[Model]

    @model_validator(mode="before")
    @classmethod
    def _shaped(cls, found: Any) -> Any:
        rows = found.get("models") if isinstance(found, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return found
        shapes = {str(row.get("name")): row for row in rows if "like" not in row}
        for row in (row for row in rows if "like" in row):
            name = row.pop("like")
            if str(name) not in shapes:
                raise ValueError(f"like = {name!r} names no entry that has a shape of its own")
            shape = {field: value for field, value in shapes[str(name)].items() if field in _SHAPE}
            row.update(shape | row)
        return found


@dataclass(frozen=True, slots=True)
class ModelCatalogue:
    models: Sequence[Model]
    low_quality: Sequence[str] = ()

    def find(self, name: str) -> Model:
        """The model with that name, else with that name after the slash, else the only one that contains it.

        Case does not matter. Raises UnknownModel if no model matches. Raises SettingsError if several match,
        or if the name is that of the base model from which ours was tuned.
        """
        wanted = name.lower()
        for same in (
            [one for one in self.models if one.name.lower() == wanted],
            [one for one in self.models if one.name.lower().rpartition("/")[2] == wanted],
            [one for one in self.models if wanted and "/" not in wanted and wanted in one.name.lower()],
        ):
            if len(same) == 1:
                if same[0].name.lower().rpartition("/")[2] in {wanted + tuned for tuned in _TUNED}:
                    raise SettingsError(
                        f"{name} is a base model, not tuned to answer: give {same[0].name}, or MAKER/MODEL "
                        "of the base model"
                    )
                return same[0]
            if same:
                raise SettingsError(f"{name} may be any of {', '.join(one.name for one in same)}: give one")
        raise UnknownModel(
            f"nothing is known of the model {name}: give MAKER/MODEL of the hub, a folder that has a "
            "config.json, or a name of `logicnet models`"
        )

    def with_accuracy(self, model: Model) -> Model:
        """`model` with the accuracies of the model of ours that it is a checkpoint of, by its name."""
        name = model.name.lower().rstrip("/").rpartition("/")[2]
        ours = [one for one in self.models if one.name.lower().rpartition("/")[2] in name]
        if not ours or "-base" in name:
            return model
        kin = max(ours, key=lambda one: len(one.name.rpartition("/")[2]))
        return model.model_copy(update={"plain": kin.plain, "thinking": kin.thinking})

    def is_poor(self, model: Model) -> bool:
        """Whether a validator counts the model as poor."""
        return any(fnmatch(model.name.lower(), pattern.lower()) for pattern in self.low_quality)


def load(path: Path | None = None) -> ModelCatalogue:
    """A catalogue file; default: ours. Raises SettingsError, one line, if it is wrong."""
    file = path or OURS
    where = f"the catalogue {file}"
    found = validate(_CatalogueFile, parse(read(file, where), where), where)
    names = [model.name.lower() for model in found.models]
    for model in found.models:
        if names.count(model.name.lower()) > 1:
            raise SettingsError(f"{where}: {model.name} is in it twice")
        if not 0.9 < model.counted_parameters / model.parameters < 1.1:
            raise SettingsError(
                f"{where}: {model.name} has parameters_b = {model.parameters_b:g}, "
                f"but its shapes give {model.counted_parameters / 1e9:.3g}: check layers, hidden, vocab, and "
                "tied = true where input and output embeddings are one"
            )
    return ModelCatalogue(tuple(found.models), tuple(found.low_quality))
