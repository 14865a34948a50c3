"""kill -9 at any moment: what was in the file stays, nothing is there twice, and counting goes on."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from logicnet.deadline import Deadline
from logicnet.ledger import LedgerReader
from tests.unit.ledger.recorder import VALIDATORS

Counts = dict[str, tuple[int, int]]  # given and refused, by validator


@contextmanager
def recorder(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.unit.ledger.recorder", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until_flushed(said: IO[str], times: int) -> Iterator[str]:
    while times:
        line = said.readline()
        assert line.endswith("\n"), "the recorder died by itself"
        times -= line == "flushed\n"
        yield line


def in_file(path: Path) -> Counts:
    with LedgerReader.open(path) as reader:
        reader._connection.execute("BEGIN")  # all of one moment: a recorder may be at work
        epochs = list(reader.rows("epochs"))
        challenges = Counter(row["validator"] for row in reader.rows("challenges"))
        refusals: Counter[str] = Counter()
        for row in reader.rows("refusals"):
            refusals[row["validator"]] += row["count"]
    assert sorted(row["validator"] for row in epochs) == VALIDATORS, "one epoch each, through all restarts"
    for row in epochs:
        # Counted as absolute numbers, row by row and by adding up: the three ways agree to the unit.
        assert row["given"] == row["answered_in_time"] == challenges[row["validator"]]
        assert row["refused"] == refusals[row["validator"]]
    return {row["validator"]: (row["given"], row["refused"]) for row in epochs}


@pytest.mark.thorough
def test_no_count_is_lost_or_doubled_by_kill_9(path: Path) -> None:
    chance = random.Random(1)
    before: Counts = dict.fromkeys(VALIDATORS, (0, 0))
    for _ in range(5):
        with recorder(path) as process:
            assert process.stdout is not None
            lines = list(read_until_flushed(process.stdout, 2))
            time.sleep(chance.uniform(0, 0.2))
            process.kill()
            after = process.stdout.read().splitlines()

        started = {(words := line.split())[1]: (int(words[2]), int(words[3])) for line in lines[:3]}
        assert started == before, "a restart goes on where the file ends"
        said = [line.strip() for line in lines] + after
        lowest = heard(said[: 1 + last_flush(said)], before)
        highest = heard(said, before)
        before = in_file(path)
        for validator in VALIDATORS:
            for kept, least, most in zip(
                before[validator], lowest[validator], highest[validator], strict=True
            ):
                # One more than was heard of: recorded, and killed before it was said.
                assert least <= kept <= most + 1
    assert sum(given for given, _ in before.values()) >= 5 * 2 * 50


def last_flush(lines: list[str]) -> int:
    return max((index for index, line in enumerate(lines) if line == "flushed"), default=-1)


def heard(lines: list[str], before: Counts) -> Counts:
    """The counts that the recorder has said."""
    given = {validator: counts[0] for validator, counts in before.items()}
    refused = {validator: counts[1] for validator, counts in before.items()}
    for line in lines:
        match line.split():
            case ["given", validator, number]:
                given[validator] = int(number)
            case ["refused", validator, number]:
                refused[validator] = int(number)
    return {validator: (given[validator], refused[validator]) for validator in VALIDATORS}


def test_what_is_recorded_gets_into_the_file_by_itself(path: Path) -> None:
    """No flush, no closing: a reader sees it, and a kill -9 after that takes nothing back."""
    with recorder(path) as process:
        assert process.stdout is not None
        list(read_until_flushed(process.stdout, 1))
        flushed = in_file(path)
        patience = Deadline.after(30.0)
        while (seen := in_file(path)) == flushed and not patience.passed():
            time.sleep(0.01)
    assert seen != flushed
    kept = in_file(path)
    assert all(kept[validator] >= seen[validator] for validator in VALIDATORS)
