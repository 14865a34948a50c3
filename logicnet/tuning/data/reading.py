"""Rows of a file, one after the other: memory is bounded by one row, not by the file."""

import codecs
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import orjson

from logicnet._util.text import one_line
from logicnet.tuning.data.checking import BadDataset, Faults

MOST_ROW_BYTES = 16 << 20
"""A row of more is no row: a file without line ends, or a quote that is never closed."""

_CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")
_SUFFIXES = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_HELD_OUT = ("test", "valid", "dev", "eval")
_NOT_ROWS = ("dataset_infos.json", "dataset_info.json", "state.json", "package.json")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is: `row` counts rows from 1 without the header, `line` lines of the file."""

    row: int
    line: int | None = None

    def __str__(self) -> str:
        return f"row {self.row}" + (f" (line {self.line})" if self.line is not None else "")


Rows = Iterator[tuple[Place, dict[str, Any]]]


def rows_of(path: Path, faults: Faults) -> Rows:
    """Every row of a CSV, JSON or JSON lines file, or of such files in a folder; a broken one is a fault.

    A file's format is that of its name. JSON is a list of objects, or an object a line. CSV has a header, and
    commas; .tsv has tabs. Raises BadDataset if a file cannot be read further.
    """
    for file in _files(path):
        read = {"csv": _csv_rows, "jsonl": _jsonl_rows, "json": _json_rows}[_SUFFIXES[file.suffix.lower()]]
        try:
            with file.open("rb") as raw:
                yield from read(raw, file, faults)
        except OSError as error:
            raise BadDataset(f"cannot read {file}: {error.strerror or error}") from None


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.exists():
            raise BadDataset(f"{path} does not exist: correct the dataset's name")
        if path.suffix.lower() not in _SUFFIXES:
            raise BadDataset(
                f"{path} does not end in {', '.join(_SUFFIXES)}: convert it, or correct its name"
            )
        return [path]
    inside = sorted(one for one in path.rglob("*") if not one.name.startswith(".") and one.is_file())
    found = [one for one in inside if one.suffix.lower() in _SUFFIXES and one.name not in _NOT_ROWS]
    trained = [one for one in found if not one.stem.lower().startswith(_HELD_OUT)]
    named = [one for one in trained if "train" in one.stem.lower()]
    if not trained:
        there = ", ".join(sorted({one.suffix for one in inside if one.suffix})) or "no file"
        raise BadDataset(f"{path} has no {', '.join(_SUFFIXES)} to train on (it has {there}): convert it")
    return named or trained


def _lines(raw: BinaryIO, file: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := raw.readline(MOST_ROW_BYTES + 1):
        number += 1
        if len(line) > MOST_ROW_BYTES:
            raise BadDataset(
                f"{file}: line {number} is longer than {MOST_ROW_BYTES >> 20} MiB: write one row a line"
            )
        yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _jsonl_rows(raw: BinaryIO, file: Path, faults: Faults) -> Rows:
    row = 0
    for number, line in _lines(raw, file):
        if not line.strip():
            continue
        row += 1
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            faults.add(f"line {number}", _not_utf8(line) or f"not JSON ({error.msg})")
            continue
        if isinstance(found, dict):
            yield Place(row, number), found
        else:
            faults.add(f"line {number}", f"takes a JSON object, has {one_line(str(found), 40)!r}")


def _json_rows(raw: BinaryIO, file: Path, faults: Faults) -> Rows:
    """A list, object by object; a file that begins with an object has JSON lines."""
    begin = raw.read(_CHUNK).removeprefix(b"\xef\xbb\xbf").lstrip()
    raw.seek(0)
    if not begin.startswith(b"["):
        if begin.split(b"\n", 1)[0].strip() == b"{":
            raise BadDataset(f"{file} holds one object: write a list of rows, or an object a line")
        yield from _jsonl_rows(raw, file, faults)
        return
    text = _Window(raw, file)
    text.skip("[")
    row = 0
    more = text.sign() != "]"
    while more:
        row += 1
        found = text.value()
        if isinstance(found, dict):
            yield Place(row, text.line), found
        else:
            faults.add(f"row {row}", f"takes a JSON object, has {one_line(str(found), 40)!r}")
        sign = text.sign()
        if sign not in (",", "]"):
            raise BadDataset(f"{file}: not JSON at line {text.line}: takes a comma or ] after row {row}")
        text.skip(sign)
        more = sign == ","


class _Window:
    """The part of a JSON file that is in memory."""

    def __init__(self, raw: BinaryIO, file: Path) -> None:
        self._raw, self._file = raw, file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._parse = json.JSONDecoder(parse_constant=_no_number).raw_decode
        self._text, self._at = "", 0
        self._line, self._counted = 1, 0  # the line at a place before `_at`

    @property
    def line(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def sign(self) -> str:
        """The next sign that is not white space; empty at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches always
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def skip(self, sign: str) -> None:
        self.sign()
        self._at += len(sign)

    def value(self) -> object:
        """The next value. Raises BadDataset with its line."""
        self.sign()
        while True:
            try:
                found, self._at = self._parse(self._text, self._at)
                return found
            except (ValueError, RecursionError) as error:
                line, why = self.line, one_line(str(error))
                if isinstance(error, json.JSONDecodeError):
                    line, why = line + self._text.count("\n", self._at, error.pos), error.msg
                if len(self._text) - self._at >= MOST_ROW_BYTES or not self._more():
                    raise BadDataset(f"{self._file}: not JSON at line {line} ({why})") from None

    def _more(self) -> bool:
        """Read as much again as is waiting, so that a long row is not parsed more than twice."""
        self._line, waiting = self.line, self._text[self._at :]
        self._text, self._at, self._counted = waiting, 0, 0
        chunk = self._raw.read(max(_CHUNK, len(waiting)))
        try:
            self._text += self._decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line = self._line + waiting.count("\n") + chunk.count(b"\n", 0, error.start)
            raise BadDataset(f"{self._file}: line {line}: {_not_utf8_words(error)}") from None
        return bool(chunk)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _csv_rows(raw: BinaryIO, file: Path, faults: Faults) -> Rows:
    csv.field_size_limit(MOST_ROW_BYTES)  # of the process; the default refuses texts of 128 KiB
    reader = csv.reader(
        _text_lines(raw, file), "excel-tab" if file.suffix.lower() == ".tsv" else "excel", strict=True
    )
    row = 0
    try:
        header = [name.strip() for name in next(reader, [])]
        twice = {name for name in header if header.count(name) > 1}
        if twice:
            raise BadDataset(
                f"{file}: the header has {', '.join(map(repr, sorted(twice)))} twice: rename one"
            )
        begin = reader.line_num + 1
        for values in reader:
            if values:
                row += 1
                if len(values) == len(header):
                    yield Place(row, begin), dict(zip(header, values, strict=True))
                else:
                    faults.add(str(Place(row, begin)), f"has {len(values)} values, the header {len(header)}")
            begin = reader.line_num + 1
    except csv.Error as error:
        words = str(error).replace("\t", "tab")
        raise BadDataset(
            f"{file}: not CSV at line {reader.line_num} ({words}): quote texts with line ends"
        ) from None


def _text_lines(raw: BinaryIO, file: Path) -> Iterator[str]:
    for number, line in _lines(raw, file):
        if fault := _not_utf8(line):
            raise BadDataset(f"{file}: line {number}: {fault}")
        yield line.decode()


def _not_utf8(line: bytes) -> str:
    """What is wrong with the encoding of `line`; empty if nothing is."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return _not_utf8_words(error)
    return ""


def _not_utf8_words(error: UnicodeDecodeError) -> str:
    byte = error.object[error.start]
    return f"not UTF-8 (byte 0x{byte:02x}): convert it: iconv -f ENCODING -t UTF-8"
