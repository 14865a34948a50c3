"""Files of one JSON object a line, with what is wrong with each broken one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from logicnet._util.jsonl import json_object
from logicnet.errors import LogicnetError

_LINES_NAMED = 20  # in a message; a file of the wrong kind has them all broken

_Row = TypeVar("_Row", bound=BaseModel)


class BadFile(LogicnetError):
    """A file of questions cannot be read, or has broken lines."""


class BadLine(Exception):
    """One line is broken; `str(error)` says how."""


@dataclass
class Lines:
    """The good lines of a file as objects, and the broken ones by number, from 1."""

    path: Path
    good: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)

    def each(self, understand: Callable[[dict[str, Any]], Any]) -> Iterator[Any]:
        """What `understand` makes of each good line; where it raises BadLine the line is broken."""
        for number, fields in self.good:
            try:
                yield understand(fields)
            except BadLine as error:
                self.broken[number] = str(error)

    def refuse_broken(self, advice: str) -> None:
        """Raise BadFile if there are broken lines, naming them."""
        if not self.broken:
            return
        named = [f"{number} ({self.broken[number]})" for number in sorted(self.broken)[:_LINES_NAMED]]
        more = len(self.broken) - len(named)
        raise BadFile(
            f"{self.path}: {len(self.broken)} broken {'line' if len(self.broken) == 1 else 'lines'}: "
            f"{', '.join(named)}{f' and {more} more' if more else ''}; {advice}"
        )


def read_lines(path: Path) -> Lines:
    """Every line but empty ones. Raises BadFile if the file cannot be read at all."""
    lines = Lines(path)
    try:
        with path.open("rb") as raw:
            for number, line in enumerate(raw, start=1):
                if not line.strip():
                    continue
                try:
                    lines.good.append((number, json_object(line)))
                except ValueError as error:
                    lines.broken[number] = str(error)
    except OSError as error:
        raise BadFile(f"cannot read {path}: {error.strerror or error}") from None
    return lines


def understood(model: type[_Row], fields: dict[str, Any]) -> _Row:
    """The fields as a `model`. Raises BadLine."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadLine(f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
