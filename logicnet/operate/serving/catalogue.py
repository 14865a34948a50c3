"""ModelCatalogue: the models known by name, from a TOML file that an operator may replace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from logicnet._util.parsing import parse, read, validate
from logicnet.errors import SettingsError
from logicnet.operate.serving.model import Model

OURS = Path(__file__).with_name("catalogue.toml")


class UnknownModel(SettingsError):
    """No model of the catalogue has that name."""


class _CatalogueFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    low_quality: list[str] = []
    models: list[Model]


@dataclass(frozen=True, slots=True)
class ModelCatalogue:
    models: Sequence[Model]
    low_quality: Sequence[str] = ()

    def find(self, name: str) -> Model:
        """The model with that name, else with that name after the slash, else the only one that contains it.

        Case does not matter. Raises UnknownModel if there is none, SettingsError if there are several.
        """
        wanted = name.lower()
        for same in (
            [one for one in self.models if one.name.lower() == wanted],
            [one for one in self.models if one.name.lower().rpartition("/")[2] == wanted],
            [one for one in self.models if wanted and wanted in one.name.lower()],
        ):
            if len(same) == 1:
                return same[0]
            if same:
                raise SettingsError(f"{name} may be any of {', '.join(one.name for one in same)}: give one")
        raise UnknownModel(
            f"nothing is known of the model {name}: give MAKER/MODEL of the hub, a folder that has a "
            "config.json, or a name of `logicnet models`"
        )

    def is_poor(self, model: Model) -> bool:
        """Whether a validator counts the model as poor."""
        return any(fnmatch(model.name.lower(), pattern.lower()) for pattern in self.low_quality)


def find_model(name: str, catalogue: ModelCatalogue) -> Model:
    """A model by its folder, its config.json, its name in the catalogue, or MAKER/MODEL of the hub.

    Raises SettingsError if it is unknown or cannot be planned.
    """
    path = Path(name)
    local = path.is_dir() or path.name == "config.json"
    if not local:
        try:
            return catalogue.find(name)
        except UnknownModel:
            if name.count("/") != 1:
                raise
    # huggingface_hub takes half a second to import
    from logicnet.operate.serving.config_json import model_from, model_from_hub  # noqa: PLC0415

    return model_from(path) if local else model_from_hub(name)


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
                f"but its shapes give {model.counted_parameters / 1e9:.3g}"
            )
    return ModelCatalogue(tuple(found.models), tuple(found.low_quality))
