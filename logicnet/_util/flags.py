"""The flags of a command, declared once: as the fields of a frozen model.

A field with a description is a flag. `logicnet.cli` makes the command line of it, and a run keeps the model
as its `run.json`. `model_fields_set` holds the flags that were given.
"""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from logicnet.errors import SettingsError


@dataclass(frozen=True)
class Flag:
    """How a field is given, where its name and type do not say it."""

    names: tuple[str, ...] = ()  # default: made of the field's name, without `_s` for seconds
    former: str = ""  # still understood, not in the help
    variable: str | None = None  # of the environment
    commas: bool = False  # a list in one word
    argument: bool = False  # known by its place; it has no name


class Flags(BaseModel):
    """See the module."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """Raises SettingsError that names the flag."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            flag = cls.flag(str(first["loc"][0])).names[0]
            raise SettingsError(f"{flag}: {first['msg'][0].lower()}{first['msg'][1:]}") from None

    @classmethod
    def flag(cls, name: str) -> Flag:
        """How the field `name` is given; its first name is the one for messages."""
        field = cls.model_fields[name]
        found = next((one for one in field.metadata if isinstance(one, Flag)), Flag())
        return replace(found, names=found.names or (f"--{name.removesuffix('_s').replace('_', '-')}",))


def require_file(flag: str, path: Path) -> None:
    """Raise SettingsError, with the flag or the argument that named `path`, unless it can be read."""
    if not path.exists():
        number = errno.ENOENT
    elif path.is_dir():
        number = errno.EISDIR
    elif not os.access(path, os.R_OK):
        number = errno.EACCES
    else:
        return
    raise SettingsError(f"{flag}: cannot read {path}: {os.strerror(number)}")
