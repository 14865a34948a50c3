"""From a dataset to `train.jsonl` and `validation.jsonl` of a job's folder."""

import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any, BinaryIO

import orjson

from logicnet.tuning.data.checking import BadDataset, BadRow, Faults
from logicnet.tuning.data.overlap import Overlap
from logicnet.tuning.data.pictures import pictures_of
from logicnet.tuning.data.reading import rows_of
from logicnet.tuning.data.rows import TrainingExample, converter_of, missing
from logicnet.tuning.data.split import key_of, validation_keys
from logicnet.tuning.spec import DatasetType, ImageType, TrainSpec

BYTES_OF_WORD = 5  # at least, with its space, in most languages

_HEAD_ROWS = 500
_PICTURE_BYTES = 500_000  # and its text

TELLING_SHARE = 0.5  # of the rows, from which on a prompt that contains its completion is warned of


@dataclass(frozen=True, slots=True)
class Prepared:
    """`rows` to train on; `dropped` by reason: duplicate, in_test, overlap; `bytes` of an average row."""

    rows: int
    validation: int
    dropped: Mapping[str, int]
    bytes: float
    warnings: tuple[str, ...] = ()


def prepare(spec: TrainSpec, source: Path, folder: Path, *, test: Path | None = None) -> Prepared:
    """Write the rows of `source` into `folder`, whole or not at all.

    `source` is a CSV, JSON or JSON lines file, a folder of such, or a folder or zip of pictures; `test` is
    another one of the same type, whose rows are never trained on. A row is dropped and counted if it repeats
    another, or its prompt one of validation or test. Memory does not grow with the rows' texts.
    Raises BadDataset, which names row and column, and OSError if `folder` cannot be written.
    """
    tested = array("Q")
    held: list[str] = []
    if test is not None:
        with TemporaryDirectory(dir=folder) as beside:
            for example in _examples(spec.dataset_type, test, Path(beside), None):
                tested.append(key_of(example.prompt))
                held.append(example.prompt)
    with (
        _part(folder / "rows.jsonl") as spool,
        _part(folder / "train.jsonl") as train,
        _part(folder / "validation.jsonl") as validation,
    ):
        found = _spool(spec, source, folder, spool, set(tested))
        if len(set(found.keys)) < 2:
            raise BadDataset(
                f"{source} has {len(found.keys)} rows to train on, with {len(set(found.keys))} different "
                "prompts; at least 2 are needed, one of them for validation: add rows"
            )
        prepared = _divide(spec, found, spool, held, (train, validation))
        for file, name in ((validation, "validation.jsonl"), (train, "train.jsonl")):
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(folder / name)
    return prepared


@dataclass(frozen=True, slots=True)
class Head:
    """What the beginning of a dataset tells: how many rows there are about, of how many bytes each."""

    rows: int
    row_bytes: float


def read_head(kind: DatasetType, source: Path) -> Head:
    """Read the first rows of a file. Raises BadDataset for faults in them."""
    if isinstance(kind, ImageType):
        files = len(list(source.rglob("*"))) if source.is_dir() else source.stat().st_size // _PICTURE_BYTES
        return Head(max(2, files // 2), 0.0)
    faults = Faults(str(source))
    sizes = [len(orjson.dumps(one.row)) for one in islice(_of_rows(kind, source, faults), _HEAD_ROWS)]
    faults.refuse()
    if not sizes:
        raise BadDataset(f"{source} has no rows to train on")
    mean = sum(sizes) / len(sizes)
    whole = (
        source.stat().st_size if source.is_file() else sum(one.stat().st_size for one in source.rglob("*"))
    )
    return Head(len(sizes) if len(sizes) < _HEAD_ROWS else max(len(sizes), int(whole / mean)), mean)


def write_rows(kind: DatasetType, source: Path, out: Path, most: int | None) -> int:
    """Write the first `most` rows of a dataset, to be measured on; returns how many. Raises BadDataset."""
    count = 0
    with _part(out) as file:
        for example in _examples(kind, source, out.parent, most):
            file.write(orjson.dumps(example.row) + b"\n")
            count += 1
        if not count:
            raise BadDataset(f"{source} has no rows")
        file.flush()
        Path(file.name).replace(out)
    return count


@dataclass
class _Spooled:
    keys: "array[int]" = field(default_factory=lambda: array("Q"))
    dropped: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    tells: int = 0


def _spool(spec: TrainSpec, source: Path, folder: Path, spool: BinaryIO, tested: set[int]) -> _Spooled:
    """Every row that may be trained on, with its prompt."""
    found = _Spooled()
    known: set[int] = set()
    for example in _examples(spec.dataset_type, source, folder, spec.rows):
        written = orjson.dumps(example.row)
        digest = int.from_bytes(blake2b(written, digest_size=8).digest())
        key = key_of(example.prompt)
        if digest in known:
            found.dropped["duplicate"] += 1
        elif key in tested:
            found.dropped["in_test"] += 1
        else:
            row = example.row if example.number is None else example.row | {"row": example.number}
            spool.write(orjson.dumps([row, example.prompt]) + b"\n")
            found.keys.append(key)
            found.bytes += len(written)
            found.tells += example.tells
        known.add(digest)
    return found


def _divide(
    spec: TrainSpec, found: _Spooled, spool: BinaryIO, held: list[str], files: tuple[BinaryIO, BinaryIO]
) -> Prepared:
    train, validation = files
    chosen = validation_keys(found.keys, spec.validation)
    pictures = isinstance(spec.dataset_type, ImageType)  # their prompts are digests
    overlap = Overlap(int(found.bytes * spec.validation + sum(map(len, held))) // BYTES_OF_WORD)
    for text in held:
        overlap.add(text)
    for key, (row, prompt) in _again(found, spool):
        if key in chosen:
            validation.write(orjson.dumps(row) + b"\n")
            overlap.add(prompt)
    suspects = bytearray(
        not pictures and key not in chosen and overlap.count(prompt)
        for key, (_, prompt) in _again(found, spool)
    )
    rows, held_out = 0, 0
    for suspect, (key, (row, prompt)) in zip(suspects, _again(found, spool), strict=True):
        if key in chosen:
            held_out += 1
        elif suspect and overlap.repeats(prompt):
            found.dropped["overlap"] += 1
        else:
            rows += 1
            train.write(orjson.dumps(row) + b"\n")
    if not rows:
        raise BadDataset("every row repeats one of validation or test: add others")
    warnings = []
    if found.tells > TELLING_SHARE * len(found.keys):
        warnings.append(
            f"{found.tells} of {len(found.keys)} prompts contain their completion: the model learns to copy; "
            "correct field_system, field_instruction or field_input"
        )
    return Prepared(rows, held_out, dict(found.dropped), found.bytes / len(found.keys), tuple(warnings))


def _again(found: _Spooled, spool: BinaryIO) -> Iterator[tuple[int, tuple[dict[str, Any], str]]]:
    spool.flush()
    spool.seek(0)
    return zip(found.keys, map(orjson.loads, spool), strict=True)


def _examples(kind: DatasetType, source: Path, folder: Path, most: int | None) -> Iterator[TrainingExample]:
    """The first `most` good rows. Raises BadDataset after the last row if there were faults."""
    faults = Faults(str(source))
    if isinstance(kind, ImageType):
        yield from islice(_of_pictures(source, folder, faults), most)
    else:
        yield from islice(_of_rows(kind, source, faults), most)
    faults.refuse()


def _of_rows(kind: DatasetType, source: Path, faults: Faults) -> Iterator[TrainingExample]:
    return (example for _, example in read_rows(kind, source, faults))


def read_rows(
    kind: DatasetType, source: Path, faults: Faults
) -> Iterator[tuple[dict[str, Any], TrainingExample]]:
    """Every good row of a dataset of text, as it is written and as it is trained on. Raises BadDataset."""
    converter = converter_of(kind)
    first = True
    for place, row in rows_of(source, faults):
        if first and (fault := missing(converter.columns, row)):
            raise BadDataset(f"{source}: {place}: {fault}: correct dataset_type or the file")
        first = False
        try:
            yield row, replace(converter.convert(row), number=place.row)
        except BadRow as error:
            faults.add(str(place), error)


def _of_pictures(source: Path, folder: Path, faults: Faults) -> Iterator[TrainingExample]:
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    for one in pictures_of(source, pictures, faults):
        row = {"image": one.path.relative_to(folder).as_posix(), "caption": one.caption}
        yield TrainingExample(row, one.digest.hex())


@contextmanager
def _part(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path` to write and read; it is gone afterwards, unless it was renamed."""
    # A name of its own: a worker that lost its lease may still prepare the same job.
    with NamedTemporaryFile("w+b", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file  # type: ignore[misc]  # the file inside it
        finally:
            Path(file.name).unlink(missing_ok=True)
