"""Profiles: how each kind of model is asked. Data in TOML, ours and the operator's, chosen by model name."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from logicnet.errors import SettingsError
from logicnet.solver.race.stopping import Usual
from logicnet.solver.race.votes import CHAT, WEAK, Priors

_PRIORS: dict[str, Priors] = {"weak": WEAK, "chat": CHAT}
_USUAL_TOKENS = {"reason": 0.35, "program": 0.35}
"""Share of `max_tokens` that a lane usually takes, before any was seen. Two or three lanes correct it."""

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LaneProfile(_Words):
    """How lanes of one kind are run."""

    lanes: int = Field(ge=0, le=32)  # begun at once where there is room
    most: int = Field(ge=0, le=64)  # begun at all for one challenge
    temperature: float = Field(ge=0.0, le=2.0)
    max_tokens: int = Field(ge=8, le=65_536)
    examples: int = Field(default=0, ge=0, le=16)  # worked ones put before the question


class Profile(_Words):
    """How one kind of model is asked."""

    name: _Name
    models: tuple[_Name, ...] = Field(min_length=1, strict=False)  # patterns of names, * for anything
    priors: Literal["weak", "chat"] = "chat"  # what to think of lanes before they have a record
    thinking: bool = False  # it writes for itself before it answers
    terse: bool = False  # its traces do not say what they are about; replies then do
    trace_gain: float = Field(default=0.005, ge=0.0, le=0.15, strict=False)
    """Reward that a trace of the model's own adds to a told calculation: 0.15 per unit of cosine."""
    tokens_per_s: float = Field(default=50.0, gt=0.0, strict=False)  # of one lane, on day one
    calls: int = Field(default=48, ge=2, le=1024)  # that the server is given at once, of all challenges
    reason: LaneProfile
    program: LaneProfile

    def matches(self, model: str) -> bool:
        return any(fnmatchcase(model.lower(), pattern.lower()) for pattern in self.models)

    def trust_priors(self) -> Priors:
        return _PRIORS[self.priors]

    def usual(self) -> dict[str, Usual]:
        """How long lanes take before any was seen."""
        return {
            lane: Usual(_USUAL_TOKENS[lane] * profile.max_tokens / self.tokens_per_s)
            for lane, profile in (("reason", self.reason), ("program", self.program))
        } | {"exact": Usual(0.1, 0.9)}


class _File(_Words):
    profiles: tuple[Profile, ...] = Field(default=(), strict=False)


def load_profiles(own: Path | None = None) -> Sequence[Profile]:
    """The operator's profiles, then ours. Raises SettingsError, in one line that names what is wrong."""
    return (*(_read(own) if own is not None else ()), *_ours())


def profile_for(model: str | None, profiles: Sequence[Profile]) -> Profile:
    """The first that matches; the last of ours matches everything."""
    return next(profile for profile in profiles if profile.matches(model or ""))


@cache
def _ours() -> Sequence[Profile]:
    return _parsed(files("logicnet.solver.race").joinpath("profiles.toml").read_bytes(), "profiles.toml")


def _read(path: Path) -> Sequence[Profile]:
    try:
        return _parsed(path.read_bytes(), f"--miner.profiles {path}")
    except OSError as error:
        raise SettingsError(f"--miner.profiles {path} cannot be read: {error.strerror or error}") from None


def _parsed(data: bytes, where: str) -> Sequence[Profile]:
    try:
        found = _File.model_validate(tomllib.loads(data.decode()))
    except UnicodeDecodeError:
        raise SettingsError(f"{where} is not text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{where}: {place}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
    return found.profiles
