"""A user's dataset in two: `train.jsonl` for the miners, in its own columns, and `test.jsonl` to judge them.

The test's rows are in the form of the trainer's files (`train/jobfile.py`), one of each prompt.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from logicnet._util.files import write_whole
from logicnet.tuning.data.checking import BadDataset, Faults
from logicnet.tuning.data.overlap import Overlap
from logicnet.tuning.data.prepare import BYTES_OF_WORD, read_rows
from logicnet.tuning.data.split import key_of, test_keys
from logicnet.tuning.spec import DatasetType

TRAIN, TEST = "train.jsonl", "test.jsonl"

MOST_TEST = 400  # rows
FEWEST_TEST = 20  # rows; with fewer, what one row does decides
FEWEST_TRAIN = 20


@dataclass(frozen=True)
class DatasetParts:
    """Numbers of rows; `dropped` by reason: duplicate, same_prompt (of one in the test), overlap with it."""

    train: int
    test: int
    dropped: Mapping[str, int]
    keys: frozenset[int]  # of all prompts of the dataset


def part(
    kind: DatasetType, source: Path, folder: Path, *, share: float, secret: bytes, most: int | None = None
) -> DatasetParts:
    """Write both files into `folder`. `most`: the first so many rows of `source`.

    Raises BadDataset: faults with their rows, or too few rows.
    """
    faults = Faults(str(source))
    rows, keys = [], array("Q")
    dropped: Counter[str] = Counter()
    known: set[bytes] = set()
    for written, example in read_rows(kind, source, faults):
        digest = blake2b(orjson.dumps(example.row), digest_size=16).digest()
        if digest in known:
            dropped["duplicate"] += 1
            continue
        known.add(digest)
        rows.append((written, example))
        keys.append(key_of(example.prompt))
        if most is not None and len(rows) == most:
            break
    faults.refuse()
    held = test_keys(keys, share, MOST_TEST, secret)
    if len(held) < FEWEST_TEST:
        needed = round(FEWEST_TEST / share)
        raise BadDataset(
            f"{source} has {len(set(keys))} different prompts: at least {needed} are needed, so that "
            f"{FEWEST_TEST} of them make the test ({share:.0%}); add rows or raise --test-share"
        )
    tests: dict[int, dict[str, Any]] = {}
    overlap = Overlap(sum(len(one.prompt) for _, one in rows) // BYTES_OF_WORD)
    for key, (_, example) in zip(keys, rows, strict=True):
        if key in tests:
            dropped["same_prompt"] += 1
        elif key in held:
            tests[key] = example.row
            overlap.add(example.prompt)
    given = [one for key, one in zip(keys, rows, strict=True) if key not in held]
    suspects = [overlap.count(example.prompt) for _, example in given]
    train = []
    for suspect, (written, example) in zip(suspects, given, strict=True):
        if suspect and overlap.repeats(example.prompt):
            dropped["overlap"] += 1
        else:
            train.append(written)
    if len(train) < FEWEST_TRAIN:
        raise BadDataset(
            f"{source} leaves {len(train)} rows to train on, of which at least {FEWEST_TRAIN} are needed; "
            f"dropped: {dict(dropped) or 'none'}; add rows"
        )
    write_lines(folder / TRAIN, train)
    write_lines(folder / TEST, tests.values())
    return DatasetParts(len(train), len(tests), dict(dropped), frozenset(keys))


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Whole or not at all."""
    write_whole(path, b"".join(orjson.dumps(row) + b"\n" for row in rows))


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]
