"""Configuration files: TOML or JSON, into a pydantic model. A SettingsError is one line: place and fault."""

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from logicnet.errors import SettingsError

_Model = TypeVar("_Model", bound=BaseModel)

_MESSAGES = {
    "missing": "is missing",
    "tuple_type": "must be a list in brackets",
    "list_type": "must be a list in brackets",
    "model_type": "must be a table, as { name = value }",
    "string_type": "must be text in quotes",
    "string_too_short": "is empty",
    "too_short": "is empty: name at least one",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
}


def read(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{where}: cannot be read ({error.strerror or error}).") from None


def parse(data: bytes, where: str, *, as_json: bool = False) -> Any:
    """The TOML or JSON in `data`; `where` begins the message."""
    try:
        return json.loads(data.decode()) if as_json else tomllib.loads(data.decode())
    except UnicodeDecodeError:
        raise SettingsError(f"{where}: not UTF-8 text.") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{where}: not {'JSON' if as_json else 'TOML'} ({error}).") from None


def validate(model: type[_Model], found: Any, where: str, takes: Mapping[str, str] | None = None) -> _Model:
    """`found` as a `model`. `takes` says what a field takes, where its type does not."""
    try:
        return model.model_validate(found)
    except ValidationError as error:
        fault = _fault(error, model, found, takes or {})
        raise SettingsError(f"{where}: {fault}{'' if fault.endswith('?') else '.'}") from None


def _fault(error: ValidationError, model: type[BaseModel], found: Any, takes: Mapping[str, str]) -> str:
    faults = error.errors(include_url=False)
    fault = min(faults, key=lambda one: one["type"] != "extra_forbidden")  # explains a missing key
    kind, (place, key, known) = fault["type"], _place(fault["loc"], model, found)
    if kind.startswith("union_tag"):
        key = fault["ctx"]["discriminator"].strip("'")
        place += f", {key}"
    start = f"{place}: " if place else ""
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
        return f"{start}is unknown; {hint}"
    if key not in takes or kind == "model_type":
        message = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
        return start + _MESSAGES.get(kind, message.replace("should be", "must be"))
    if kind == "missing":
        return f"{start}is missing; takes {takes[key]}"
    got = "" if model.model_config.get("hide_input_in_errors") else f"; got {fault['input']!r:.60}"
    return f"{start}takes {takes[key]}{got}"


def _place(loc: tuple[int | str, ...], model: type[BaseModel], found: Any) -> tuple[str, str, list[str]]:
    """The place as `item 2 ('its name'), field.inner`; its last field; the fields that its table may have."""
    models, place, key = [model], "", ""
    for number, part in enumerate(loc, 1):
        if isinstance(part, int):
            found = found[part] if isinstance(found, list | tuple) else None
            name = found.get("name") if isinstance(found, dict) else None
            named = f" ({name!r:.40})" if isinstance(name, str) and name.strip() else ""
            place = f"{place.removesuffix('s')} {part + 1}{named}"
            key = "" if isinstance(found, dict) else key
            continue
        found = found.get(part, found) if isinstance(found, dict) else None
        fields = [each.model_fields[part] for each in models if part in each.model_fields]
        if number < len(loc):
            if not fields:  # the tag of a union
                models = [each for each in models if part in _literals(each)] or models
                continue
            models = [inner for field in fields for inner in _models(field.annotation)] or models
        word = part if part.isprintable() else repr(part)
        place += f"{', ' if place[-1:] in (')', *'0123456789') else '.' if place else ''}{word}"
        key = part
    return place, key, list(dict.fromkeys(name for each in models for name in each.model_fields))


def _literals(model: type[BaseModel]) -> set[object]:
    return {value for field in model.model_fields.values() for value in get_args(field.annotation)}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for arm in get_args(annotation):
        yield from _models(arm)
