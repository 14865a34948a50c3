"""Does what the ledger is to keep fit the disk? A real ledger, and a disk of which we say what is free."""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from logicnet.config import read
from logicnet.ledger import Ledger
from logicnet.operate.doctor.checks import disk
from logicnet.operate.doctor.context import Context, Finding, Severity, System
from tests.unit.ledger.facts import admitted, epoch

DAY_S = 86_400.0


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """1000 challenges of the last day, 4 kB each, and as many of the day before."""
    path = tmp_path / "l.sqlite"
    now_s = time.time()
    with Ledger.open(path) as writer:
        for number in range(2000):
            at_s = now_s - 1800 - number % 2 * DAY_S
            writer.record(admitted(str(number), epoch(1, began=at_s), at_s=at_s, question="Why? " * 800))
            if number % 500 == 0:
                writer.flush()
    return path


def found(ledger: Path, free_gb: float, keep_days: int) -> Sequence[Finding]:
    flags = ["--ledger.path", str(ledger), "--ledger.keep_days", str(keep_days)]
    free = int(free_gb * disk.GB)
    config = read(flags, {}, ledger.parent / ".env")
    return list(disk.check(Context(config, ledger.parent, System(free_bytes=lambda _: free))))


def test_what_fits_is_well(ledger: Path) -> None:
    for keep_days in (0, 30):
        (one,) = found(ledger, 3.0, keep_days)
        assert (one.severity, one.what) == (Severity.OK, "3 GB of disk are free.")


def test_a_ledger_that_will_not_fit_is_told_with_what_would(ledger: Path) -> None:
    (one,) = found(ledger, 3.0, 1000)
    assert one.severity is Severity.WARNING
    assert one.what.startswith("The ledger grows by 4 MB a day and keeps 1000 days, which takes ")
    assert one.what.endswith(" GB more; 3.0 GB are free.")
    days = int(one.mend.split("--ledger.keep_days ")[1].split(")")[0])
    assert 150 < days < 300  # what of 3 GB is not for logs, in days of some 4 MB
    (well,) = found(ledger, 3.0, days)
    assert well.severity is Severity.OK


def test_what_there_is_counts_and_empty_pages_do_not(ledger: Path) -> None:
    """It needs no room for days that it has already, and what was removed does not make a day larger."""
    (before,) = found(ledger, 3.0, 1000)
    connection = sqlite3.connect(ledger)
    connection.execute("DELETE FROM challenges WHERE admitted_at_s < ?", (time.time() - DAY_S,))
    connection.commit()
    connection.close()
    (after,) = found(ledger, 3.0, 1000)
    assert after.what.split(" and ")[0] == before.what.split(" and ")[0]


def test_a_ledger_that_keeps_all_is_told_while_there_is_time(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_AHEAD_DAYS", 1000)
    (one,) = found(ledger, 3.0, 0)
    assert one.severity is Severity.WARNING
    assert one.what == "The ledger grows by 4 MB a day and keeps all of it; 3.0 GB are free."


def test_without_a_ledger_the_disk_is_well(tmp_path: Path) -> None:
    (one,) = found(tmp_path / "none.sqlite", 3.0, 30)
    assert one.severity is Severity.OK
