"""The table of all settings, with their flags and variables."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from logicnet.settings import MASK, Known, Settings, Several, Takes

PREFIX = "LOGICNET_"
NESTED = "__"
"""Of variables: LOGICNET_AXON__PORT is axon.port."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of the tree. `path` is its name in parts, `group` its title in `--help`."""

    path: tuple[str, ...]
    attributes: tuple[str, ...]  # `path` in Python, where `json` is a method
    group: str
    takes: Takes
    switch: bool
    secret: bool
    several: bool  # the flag may be repeated
    known_as: tuple[str, ...]  # variables of other programs
    default: object
    description: str

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        return PREFIX + NESTED.join(self.path).upper()

    def value(self, settings: Settings) -> Any:
        value: Any = settings
        for attribute in self.attributes:
            value = getattr(value, attribute)
        return value

    def shown(self, value: object) -> str:
        """`value` without secrets, passwords and queries of URLs."""
        if self.secret:
            return MASK
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = re.sub(r"//[^/\s]*@", f"//{MASK}@", str(value))
        return re.sub(r"(://[^?]*\?).*", rf"\1{MASK}", text, flags=re.DOTALL)


@cache
def table() -> Mapping[str, Setting]:
    """Every setting by name, such as `miner.llm_client.key`, in the order of the tree."""
    return {setting.name: setting for setting in _leaves(Settings, (), ())}


@cache
def by_variable() -> Mapping[str, Setting]:
    """Every setting by its variable."""
    return {setting.variable: setting for setting in table().values()}


def nearest(name: str) -> Setting | None:
    """The only setting whose name ends in `name`, or the most similar."""
    name = name.lower().replace("-", "_")
    ends = [known for known in table() if known.endswith(f".{name}")]
    near = ends if len(ends) == 1 else difflib.get_close_matches(name, table(), n=1)
    return table()[near[0]] if near else None


def _leaves(model: type[BaseModel], path: tuple[str, ...], attributes: tuple[str, ...]) -> Iterator[Setting]:
    for attribute, leaf in model.model_fields.items():
        here = (*path, leaf.alias or attribute)
        there = (*attributes, attribute)
        if isinstance(leaf.annotation, type) and issubclass(leaf.annotation, BaseModel):
            yield from _leaves(leaf.annotation, here, there)
            continue
        marks = list(_marks(leaf))
        yield Setting(
            path=here,
            attributes=there,
            group=model.model_config.get("title") or "",
            takes=next(mark for mark in marks if isinstance(mark, Takes)),
            switch=leaf.annotation is bool,
            secret=SecretStr in marks,
            several=any(isinstance(mark, Several) for mark in marks),
            known_as=tuple(mark.variable for mark in marks if isinstance(mark, Known)),
            default=leaf.default,
            description=leaf.description or "",
        )


def _marks(leaf: FieldInfo) -> Iterator[object]:
    """A leaf's metadata and types, also those inside `Annotated[...] | None`."""
    yield from leaf.metadata
    yield leaf.annotation
    for arm in get_args(leaf.annotation):
        yield from get_args(arm) if get_origin(arm) is Annotated else [arm]
