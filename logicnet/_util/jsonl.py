"""Files of one JSON object a line that anyone may have written, with the error of each broken line."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from logicnet.errors import LogicnetError

_LINES_NAMED = 20  # in a message; a file of the wrong kind has them all broken

_Row = TypeVar("_Row", bound=BaseModel)
_Found = TypeVar("_Found")


class BadFile(LogicnetError):
    """A file of JSON lines cannot be read, or has broken lines."""


class BadLine(Exception):
    """One line is broken; `str(error)` says how."""


def json_object(line: bytes) -> dict[str, Any]:
    """The fields of `line`, which can be written again as they are. Raises BadLine, in two or three words."""
    try:
        fields = json.loads(line, parse_constant=_no_number)
        json.dumps(fields, ensure_ascii=False).encode()  # half a surrogate pair is not text
    except UnicodeError:
        raise BadLine("not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLine("not JSON") from None
    if not isinstance(fields, dict):
        raise BadLine("not a JSON object")
    return fields


def _no_number(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def parsed(model: type[_Row], fields: dict[str, Any]) -> _Row:
    """The fields as a `model`. Raises BadLine, with the first error."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        where = f"{where}: " if where else ""
        raise BadLine(f"{where}{first['msg'][0].lower()}{first['msg'][1:]}") from None


@dataclass
class Lines:
    """The good lines of a file as objects, and the errors of the broken ones; both by number, from 1."""

    path: Path
    good: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)

    def each(self, parse: Callable[[dict[str, Any]], _Found]) -> Iterator[_Found]:
        """The result of `parse` for each good line; a line for which it raises BadLine is broken."""
        for number, fields in self.good:
            try:
                yield parse(fields)
            except BadLine as error:
                self.broken[number] = str(error)

    def refuse_broken(self, advice: str) -> None:
        """Raise BadFile if there are broken lines, naming them."""
        if self.broken:
            raise BadFile(f"{self.path}: {self.broken_in_words()}; {advice}")

    def broken_in_words(self) -> str:
        named = [f"{number} ({self.broken[number]})" for number in sorted(self.broken)[:_LINES_NAMED]]
        more = f" and {len(self.broken) - len(named)} more" if len(self.broken) > len(named) else ""
        lines = "line" if len(self.broken) == 1 else "lines"
        return f"{len(self.broken)} broken {lines}: {', '.join(named)}{more}"


def read_lines(path: Path) -> Lines:
    """Every line but empty ones. Raises BadFile if the file cannot be read at all."""
    lines = Lines(path)
    try:
        with path.open("rb") as raw:
            for number, line in enumerate(raw, start=1):
                if line.strip():
                    try:
                        lines.good.append((number, json_object(line)))
                    except BadLine as error:
                        lines.broken[number] = str(error)
    except OSError as error:
        raise BadFile(f"cannot read {path}: {error.strerror or error}") from None
    return lines
