"""The plan of a run, `run.json`: what an arena or a bench was asked to do, and what may change on resume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from logicnet.errors import SettingsError


class FrozenPlan(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ModelServer(FrozenPlan):
    """Where a judge's opinion or a reference comes from. Keys are not kept."""

    url: str
    model: str | None = None


AnyPlan = TypeVar("AnyPlan", bound=BaseModel)
"""An arena's or a bench's."""


def plan_from(model: type[AnyPlan], given: Mapping[str, Any], flags: Mapping[str, str]) -> AnyPlan:
    """A plan from its fields. Raises SettingsError, naming the flag; see `flag_of`."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        flag = flag_of(str(first["loc"][0]), flags)
        raise SettingsError(f"{flag}: {first['msg'][0].lower()}{first['msg'][1:]}") from None


def refuse_changes(before: BaseModel, given: Mapping[str, Any], flags: Mapping[str, str], free: str) -> None:
    """Raise SettingsError if one of `given` is not as in the plan of before; `free` says what may differ."""
    changed = [name for name, value in given.items() if value != getattr(before, name)]
    if changed:
        raise SettingsError(
            f"{flag_of(changed[0], flags)} differs from that of the run; leave it out, or begin a new run "
            f"(only {free} may change)"
        )


def flag_of(name: str, flags: Mapping[str, str]) -> str:
    """The flag for a field of a plan: the one in `flags`, else made of its name."""
    return flags.get(name, f"--{name.removesuffix('_s').replace('_', '-')}")


def models_of(role: str, url: str | None, model: str | None) -> ModelServer | None:
    """What `--ROLE-url` and `--ROLE-model` ask for. Raises SettingsError for a model at no address."""
    if url is not None:
        return ModelServer(url=url, model=model)
    if model is not None:
        raise SettingsError(f"--{role}-model is for a {role}: give its --{role}-url")
    return None
