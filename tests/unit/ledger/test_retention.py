"""What is too old goes, a little at a time; all else stays, whoever reads, writes or is killed meanwhile."""

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logicnet.deadline import Deadline
from logicnet.errors import Reason
from logicnet.events import NonceAccepted, Placed
from logicnet.ledger import Ledger, LedgerReader, _ledger, _schema
from logicnet.ledger._reader import Table
from logicnet.ledger._retention import STEP, removing
from logicnet.ledger.lessons import Lesson, keep_lessons
from tests.unit.ledger.facts import admitted, answered, epoch, refused, shadowed

pytestmark = pytest.mark.thorough  # starts processes, and waits for them

DAY_S = 86_400.0
OLD_S, NEW_S = 700.0, 700.0 + 2 * DAY_S
PAGE = 4096


def fill(path: Path, count: int, at_s: float, name: str = "old") -> None:
    """Challenges of one epoch, answered, each with a shadow and a refusal of its own."""
    with Ledger.open(path) as ledger:
        for number in range(count):
            of = epoch(number + 1, began=at_s - 100)
            ledger.record(admitted(f"{name}{number}", of, at_s=at_s + number / 1000, question="Why? " * 800))
            ledger.record(answered(f"{name}{number}"))
            ledger.record(shadowed(f"{name}{number}"))
            ledger.record(refused(Reason.NOT_VERIFIED, at_s=at_s - 60 * number))
            if number % 500 == 0:
                ledger.flush()


def ids(path: Path, table: Table = "challenges") -> set[str]:
    with LedgerReader.open(path) as reader:
        return {row["challenge_id"] for row in reader.rows(table)}


def count(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()


def comes(true: Callable[[], bool]) -> bool:
    patience = Deadline.after(30.0)
    while not (came := true()) and not patience.passed():
        time.sleep(0.01)
    return came


def remove_all(path: Path) -> int:
    """All steps at once, as the writer takes them; how many there were."""
    connection = _schema.open_for_writing(path)
    try:
        return sum(1 for _ in removing(connection, DAY_S))
    finally:
        connection.close()


def test_what_is_old_goes_and_what_is_new_stays(path: Path) -> None:
    fill(path, 3 * STEP, OLD_S)
    fill(path, 3, NEW_S, "new")
    with Ledger.open(path, keep_days=1):
        assert comes(lambda: count(path, "challenges") == 3 and count(path, "refusals") == 3)
    assert ids(path) == ids(path, "shadows") == {"new0", "new1", "new2"}
    assert [count(path, table) for table in ("epochs", "shadows")] == [1, 3]
    with LedgerReader.open(path) as reader:
        (left,) = reader.rows("epochs")
        assert left["given"] == left["answered_in_time"] == 3
        assert reader.refusals_by_reason()[0]["count"] == 3


def test_what_does_not_age_stays(path: Path) -> None:
    fill(path, 3, OLD_S)
    fill(path, 1, NEW_S, "new")
    with Ledger.open(path) as ledger:
        ledger.record(NonceAccepted("classic:5Alice:u", 5))
        ledger.record(Placed(OLD_S, 3600, 256))
    lesson = Lesson("race", "", "story", "reason", 3.0, 1.0)
    keep_lessons(path, {"run": [lesson]})
    with Ledger.open(path, keep_days=1):
        assert comes(lambda: ids(path) == {"new0"})
    with LedgerReader.open(path) as reader:
        assert reader.sampler_records("race", None) == [("story", "reason", 3.0, 1.0)]
        assert len(list(reader.rows("places"))) == 1
    with Ledger.open(path) as ledger:
        assert ledger.nonces == {"classic:5Alice:u": 5}


def test_for_ever_is_for_ever(path: Path) -> None:
    fill(path, 3, OLD_S)
    fill(path, 1, NEW_S, "new")
    with Ledger.open(path, keep_days=0) as ledger:
        for number in range(3):
            ledger.record(admitted(f"more{number}", epoch(9, began=NEW_S), at_s=NEW_S))
            assert ledger.flush()
    assert len(ids(path)) == 7


def test_while_nobody_asks_nothing_grows_old(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock says that these are from 1970; the last challenge is as old."""
    monkeypatch.setattr(_ledger, "_LOOK_S", 0.0)
    fill(path, 2, OLD_S)
    with Ledger.open(path, keep_days=1) as ledger:
        for number in range(3):  # each after another look
            ledger.record(NonceAccepted("classic:5Alice:u", number))
            assert ledger.flush()
        assert ids(path) == {"old0", "old1"}
        ledger.record(admitted("new", epoch(1, began=NEW_S), at_s=NEW_S))
        assert comes(lambda: ids(path) == {"new"})


def test_a_challenge_from_the_future_does_not_age_those_of_today(path: Path) -> None:
    fill(path, 1, OLD_S)
    fill(path, 2, time.time(), "today")
    fill(path, 1, time.time() + 1000 * DAY_S, "future")
    remove_all(path)
    assert ids(path) == {"today0", "today1", "future0"}


def test_no_step_removes_more_than_a_few_rows(path: Path) -> None:
    fill(path, 2 * STEP + 10, OLD_S)
    fill(path, 1, NEW_S, "new")
    tables = ("epochs", "challenges", "shadows", "refusals")
    connection = _schema.open_for_writing(path)
    before = {table: count(path, table) for table in tables}
    for _ in removing(connection, DAY_S):
        assert not connection.in_transaction  # so readers see it, and a kill -9 takes nothing back
        after = {table: count(path, table) for table in tables}
        assert all(before[table] - after[table] <= STEP for table in tables), (before, after)
        # What was promised is never shown beside less than was given.
        with LedgerReader.open(path) as reader:
            assert all(row["given"] == row["answered_in_time"] for row in reader.rows("epochs"))
        before = after
    connection.close()
    assert before == {"epochs": 1, "challenges": 1, "shadows": 1, "refusals": 1}


def test_what_happens_meanwhile_is_written_and_read(path: Path) -> None:
    fill(path, 20 * STEP, OLD_S)
    fill(path, 1, NEW_S, "new")
    with LedgerReader.open(path) as reader:
        rows = reader.rows("challenges")
        next(rows)
        with Ledger.open(path, keep_days=1) as ledger:
            for number in range(10):
                ledger.record(admitted(f"during{number}", epoch(number + 1, began=NEW_S), at_s=NEW_S))
                ledger.record(answered(f"during{number}"))
                assert ledger.flush()
                assert f"during{number}" in ids(path)
            assert comes(lambda: count(path, "challenges") == 11)
            assert ledger.lost == 0
        assert sum(1 for _ in rows) == 20 * STEP  # all that was there when it began to read


def test_empty_pages_are_given_back_but_for_some(path: Path) -> None:
    fill(path, 5 * STEP, OLD_S)
    before = path.stat().st_size
    fill(path, 1, NEW_S, "new")
    with Ledger.open(path, keep_days=1):
        assert comes(lambda: pragma(path, "page_count") * PAGE < before / 4)
    assert path.stat().st_size < before / 4
    assert integrity(path) == "ok"


def test_a_tenth_of_the_file_may_lie_empty(path: Path) -> None:
    fill(path, 20 * STEP, NEW_S, "new")
    fill(path, STEP, OLD_S)
    before = path.stat().st_size
    remove_all(path)
    assert path.stat().st_size == before
    assert 0 < pragma(path, "freelist_count") <= pragma(path, "page_count") / 10


def test_an_older_ledger_fills_its_empty_pages_again(path: Path) -> None:
    """Pages of a file that was not made for giving them back cannot be; that must not be tried for ever."""
    path.parent.mkdir()
    older = sqlite3.connect(path)
    older.executescript(
        f"{''.join(_schema._STEPS)} PRAGMA application_id = {_schema.APPLICATION_ID};"
        f"PRAGMA user_version = {_schema.VERSION};"
    )
    older.close()
    fill(path, 5 * STEP, OLD_S)
    before = path.stat().st_size
    fill(path, 1, NEW_S, "new")
    assert remove_all(path) < 30
    assert pragma(path, "freelist_count") > 4 * STEP
    fill(path, 4 * STEP, NEW_S, "more")
    assert path.stat().st_size < 1.05 * before


def test_a_ledger_that_is_locked_is_removed_from_later(
    path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ledger, "_RETRY_S", 0.01)
    monkeypatch.setattr(_ledger, "_LOOK_S", 0.0)
    fill(path, 2, OLD_S)
    fill(path, 1, NEW_S, "new")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Ledger.open(path, keep_days=1) as ledger:
        ledger.record(admitted("during", epoch(2, began=NEW_S), at_s=NEW_S))
        assert comes(lambda: bool(said))
        assert not ledger.flush(timeout_s=0.2)
        holder.execute("ROLLBACK")
        holder.close()
        assert comes(lambda: ids(path) == {"new0", "during"})
    assert (
        said[0]
        == f"Old rows could not be removed from the ledger {path}: database is locked. They stay for now."
    )


def test_damage_that_shows_while_removing_is_kept_aside(path: Path, said: list[str]) -> None:
    fill(path, 2 * STEP, OLD_S)
    fill(path, 1, NEW_S, "new")
    whole = path.read_bytes()
    pages = [whole[start : start + PAGE] for start in range(0, len(whole), PAGE)]
    path.write_bytes(b"".join(bytes(PAGE) if b"old1" in page else page for page in pages))
    damaged = path.read_bytes()
    assert damaged != whole
    with Ledger.open(path, keep_days=1) as ledger:
        assert comes(lambda: len(said) == 1)
        ledger.record(admitted("after", epoch(1, began=NEW_S), at_s=NEW_S))
        assert ledger.flush()
        assert ids(path) == {"after"}
    (aside,) = path.parent.glob("*.damaged-*")
    assert said == [
        f"The ledger {path} is damaged: it was renamed to {aside.name} and a new one was created."
    ]


KEEPER = """
import sys, time
from pathlib import Path
from logicnet.ledger import Ledger
from tests.unit.ledger.facts import admitted, answered, epoch
ledger = Ledger.open(Path(sys.argv[1]), keep_days=1)
for number in range(10**6):
    name = f"{sys.argv[2]}-{number}"
    ledger.record(admitted(name, epoch(number + 1, began=float(sys.argv[3])), at_s=float(sys.argv[3])))
    ledger.record(answered(name))
    assert ledger.flush()
    print(name, flush=True)
    time.sleep(0.05)
"""


def test_kill_9_while_removing_loses_nothing_else(path: Path) -> None:
    chance = random.Random(1)
    fill(path, 30 * STEP, OLD_S)
    fill(path, 1, NEW_S, "new")
    written, left = {"new0"}, [30 * STEP]
    for run in range(3):
        began_s = NEW_S + 600 * (run + 1)
        command = [sys.executable, "-c", KEEPER, str(path), str(run), str(began_s)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(chance.randint(3, 8))]
            process.kill()
            written |= {line.strip() for line in [*said, *process.stdout.read().splitlines(True)] if line}
        assert integrity(path) == "ok"
        there = ids(path)
        assert written <= there
        left.append(sum(1 for name in there if name.startswith("old")))
        with LedgerReader.open(path) as reader:
            # One was perhaps being answered when it was killed; none is missing because it was removed.
            assert all(row["given"] - row["answered_in_time"] in (0, 1) for row in reader.rows("epochs"))
    assert sorted(set(left), reverse=True) == left, "each start goes on where the last was killed"
    remove_all(path)
    assert written <= ids(path) and not any(name.startswith("old") for name in ids(path))


def integrity(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()


def pragma(path: Path, name: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
    finally:
        connection.close()
