"""Profiles: how each kind of model is asked. TOML data, the operator's own before the built-in ones.

The name of a model gives a first guess. What it writes and what its server says corrects a built-in profile.
"""

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from logicnet._util.parsing import parse, read, validate
from logicnet.answers.kinds import KINDS
from logicnet.solver.race.arrivals import Usual
from logicnet.solver.race.trust import CHAT, WEAK, Priors

_USUAL_SHARE = 0.35  # of `max_tokens` that a text has if the profile does not say
_UNSEEN = 1.0  # standard deviation of log tokens before a text was seen: it may also be thoughts

ANY_KIND = "*"
SamplerName = Literal["reason", "program", "formal", "check", "exact"]
Limits = Mapping[SamplerName, Annotated[int, Field(ge=0, le=64)]]
"""Samples of a sampler for one challenge, at most; 0 switches it off, and `exact` is one of them."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")  # keys that TOML takes without quotes

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _ProfileFields(BaseModel):
    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, frozen=True, strict=True, allow_inf_nan=False
    )


class SamplerProfile(_ProfileFields):
    """How samplers of one kind are run."""

    samples: int = Field(ge=0, le=32, validation_alias=AliasChoices("samples", "lanes"))
    """Started at once where there is room. Earlier versions called it `lanes`."""
    most: int = Field(ge=0, le=64)  # for one challenge in all
    temperature: float = Field(ge=0.0, le=2.0)
    max_tokens: int = Field(ge=8, le=65_536)  # at most: as many as texts are seen to need, and as fit in time
    usual_tokens: int | None = Field(default=None, ge=1, le=65_536)  # of a text, before any was seen
    examples: int = Field(default=0, ge=0, le=16)  # worked examples before the question
    turns: int = Field(default=1, ge=1, le=8)  # programs of one sample, each after what the one before did

    @model_validator(mode="after")
    def _no_fewer_than_begun(self) -> Self:
        if self.samples > self.most:
            raise ValueError(f"samples = {self.samples} is more than most = {self.most}")
        return self

    def usual(self) -> float:
        """Tokens of a text, before any was seen. Two or three samples correct it."""
        return float(self.usual_tokens or _USUAL_SHARE * self.max_tokens)


_NONE = SamplerProfile(samples=0, most=0, temperature=0.0, max_tokens=512)


class Profile(_ProfileFields):
    """How one kind of model is asked."""

    name: _Name
    models: tuple[_Name, ...] = Field(min_length=1, strict=False)  # patterns of names
    but_not: tuple[_Name, ...] = Field(default=(), strict=False)  # exceptions from `models`
    priors: Literal["weak", "chat"] = "chat"  # trust in samplers without a record
    thinking: bool = False  # the model thinks before it answers
    terse: bool = False  # its traces do not repeat the question; replies then do
    trace_gain: float = Field(default=0.005, ge=0.0, le=0.15, strict=False)
    """Reward that a trace of the model adds to a told calculation: 0.15 per unit of cosine."""
    tokens_per_s: float = Field(default=50.0, gt=0.0, strict=False)  # of one sample, before it is measured
    calls: int = Field(default=48, ge=2, le=1024)  # concurrent calls of all challenges
    exact: bool = True  # closed questions are computed without a model
    reason: SamplerProfile
    program: SamplerProfile
    formal: SamplerProfile = _NONE
    check: SamplerProfile = _NONE  # of solutions that reasoning found, so begun after them only
    limits: Mapping[str, Limits] = Field(default_factory=dict)  # by kind of question; "*" is every kind

    @model_validator(mode="after")
    def _reasons(self) -> Self:
        if self.reason.samples == 0:
            raise ValueError(
                "reason.samples must be 1 or more: only reasoning answers a question that asks for code"
            )
        for kind, limits in self.limits.items():
            if kind not in (ANY_KIND, *KINDS):
                raise ValueError(f"limits: {kind!r} is no kind of question; kinds: *, {', '.join(KINDS)}")
            if limits.get("reason") == 0:
                raise ValueError(f"limits: {kind!r} has reason = 0, and it must be 1 or more")
        return self

    def limits_of(self, kind: str) -> Limits:
        """A kind's own limits come before those of every kind."""
        return {**self.limits.get(ANY_KIND, {}), **self.limits.get(kind, {})}

    def for_kind(self, kind: str) -> Self:
        """The profile for one kind of question, with its limits applied."""
        changed: dict[str, bool | SamplerProfile] = {}
        for sampler, most in self.limits_of(kind).items():
            if sampler == "exact":
                changed["exact"] = self.exact and most > 0
            else:
                one: SamplerProfile = getattr(self, sampler)
                fewer = {"samples": min(one.samples, most), "most": min(one.most, most)}
                changed[sampler] = one.model_copy(update=fewer)
        return self.model_copy(update=changed) if changed else self

    def toml(self) -> str:
        """The profile as an entry of a file of profiles."""
        return "\n".join(["[[profiles]]", *(f"{name} = {in_toml(value)}" for name, value in self)]) + "\n"

    def matches(self, model: str) -> bool:
        like = {one for one in self.models + self.but_not if fnmatchcase(model.lower(), one.lower())}
        return not like.isdisjoint(self.models) and like.isdisjoint(self.but_not)

    def trust_priors(self) -> Priors:
        return WEAK if self.priors == "weak" else CHAT

    def usual(self) -> dict[str, Usual]:
        """Priors of the durations."""
        lengths = self.lengths().items()
        durations = {sampler: Usual(length.median_s / self.tokens_per_s) for sampler, length in lengths}
        return durations | {"exact": Usual(0.1, 0.9)}

    def lengths(self) -> dict[str, Usual]:
        """Priors of the lengths of texts, in tokens where a `Usual` says seconds."""
        samplers = (
            ("reason", self.reason),
            ("program", self.program),
            ("formal", self.formal),
            ("check", self.check),
        )
        return {sampler: Usual(profile.usual(), _UNSEEN, strength=1.0) for sampler, profile in samplers}


class _ProfilesFile(_ProfileFields):
    profiles: tuple[Profile, ...] = Field(default=(), strict=False)


def in_toml(value: object) -> str:
    """A value of a profile. Texts, numbers, booleans and lists are written in TOML as in JSON."""
    if isinstance(value, SamplerProfile):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, Mapping):
        bare = {key: key if _BARE.fullmatch(key) else json.dumps(key) for key in value}
        return "{ " + ", ".join(f"{bare[key]} = {in_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)  # TOML has no surrogates


def load_profiles(own: Path | None = None) -> Sequence[Profile]:
    """The operator's profiles, then the built-in ones. Raises SettingsError, in one line."""
    where = f"--miner.profiles {own}"
    own_profiles = _parsed(read(own, where), where) if own is not None else ()
    return (*own_profiles, *_ours())


def profile_for(model: str | None, profiles: Sequence[Profile], thinks: bool | None = None) -> Profile:
    """The first profile that matches; the last built-in one matches every name.

    `thinks`: whether the model was seen to think before it answers. It corrects a built-in profile that
    says otherwise, and leaves the operator's own as it is.
    """
    first = next(profile for profile in profiles if profile.matches(model or ""))
    if thinks is None or first.thinking == thinks or first not in _ours():
        return first
    fitting = [profile for profile in _ours() if profile.thinking == thinks]
    return next((one for one in fitting if one.matches(model or "")), fitting[0])


@cache
def _ours() -> Sequence[Profile]:
    return _parsed(files("logicnet.solver.race").joinpath("profiles.toml").read_bytes(), "profiles.toml")


def _parsed(data: bytes, where: str) -> Sequence[Profile]:
    return validate(_ProfilesFile, parse(data, where), where).profiles
