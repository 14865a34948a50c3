"""Catalogue: the models that are known by name, from a TOML file that an operator may replace."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from logicnet.errors import SettingsError
from logicnet.operate.serving.model import Model

OURS = Path(__file__).with_name("catalogue.toml")


class _CatalogueFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    low_quality: list[str] = []
    models: list[Model]


@dataclass(frozen=True, slots=True)
class ModelCatalogue:
    models: Sequence[Model]
    low_quality: Sequence[str] = ()

    def find(self, name: str) -> Model:
        """The model of that name, of that last part of a name, or whose name alone holds it.

        Upper and lower case are the same. Raises SettingsError if there is none, or more than one.
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
                raise SettingsError(f"{name} may be any of {', '.join(one.name for one in same)}: say which")
        raise SettingsError(
            f"nothing is known of the model {name}: give the folder that has its config.json, "
            "or a name of `logicnet models`"
        )

    def is_poor(self, model: Model) -> bool:
        """Whether a validator counts it as poor."""
        return any(fnmatch(model.name.lower(), pattern.lower()) for pattern in self.low_quality)


def load(path: Path | None = None) -> ModelCatalogue:
    """A catalogue file; ours if none is given. Raises SettingsError, one line, if it is wrong."""
    file = path or OURS
    try:
        read = _CatalogueFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"the catalogue {file} cannot be read: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the catalogue {file} is not TOML: {error}") from None
    except ValidationError as error:
        raise SettingsError(f"the catalogue {file} is wrong: {_first(error)}") from None
    names = [model.name.lower() for model in read.models]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"the catalogue {file} is wrong: {twice} is in it twice")
    for model in read.models:
        if not 0.9 < model.counted_parameters / model.parameters < 1.1:
            raise SettingsError(
                f"the catalogue {file} is wrong: {model.name} has parameters_b = {model.parameters_b:g}, "
                f"but its layers and their sizes make {model.counted_parameters / 1e9:.3g}"
            )
    return ModelCatalogue(tuple(read.models), tuple(read.low_quality))


def _first(error: ValidationError) -> str:
    """The first fault in a line: which model (counted from 1), which field, what is wrong."""
    fault = error.errors()[0]
    place = [str(part + 1) if isinstance(part, int) else str(part) for part in fault["loc"]]
    if len(place) > 1 and place[0] == "models":
        place[:2] = [f"model {place[1]}"]
    more = len(error.errors()) - 1
    return f"{', '.join(place)}: {fault['msg']}" + (f" (and {more} more)" if more else "")
