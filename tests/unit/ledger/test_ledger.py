import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from logicnet.errors import LedgerError, Reason
from logicnet.events import Announced, NonceAccepted, Placed
from logicnet.ledger import Ledger, LedgerReader, _batch, _ledger, _schema
from logicnet.ledger._batch import EPOCH_S
from logicnet.ledger._reader import Row, Table
from logicnet.protocol import Uid
from logicnet.votelog import SamplerVote, VoteLog, read_vote_log
from tests.unit.ledger.facts import ALICE, BOB, admitted, answered, epoch, hung_up, refused, shadowed


def rows(path: Path, table: Table) -> list[Row]:
    with LedgerReader.open(path) as reader:
        return list(reader.rows(table))


def holder_of(path: Path) -> sqlite3.Connection:
    """Somebody else who keeps the file locked for writing."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


# What is kept


def test_a_challenge_is_kept_from_both_its_ends(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.record(Announced(600.0, epoch()))
        ledger.record(admitted("a", epoch(1)))
        ledger.record(answered("a"))
        ledger.record(admitted("b", epoch(2)))
        assert ledger.flush()
        ledger.record(hung_up("b"))
        ledger.record(admitted("c", epoch(3)))
    first, second, third = rows(path, "challenges")
    assert first == {
        "challenge_id": "a",
        "validator": ALICE,
        "epoch_started_at_s": 600.0,
        "admitted_at_s": 700.0,
        "wire": "classic",
        "task_uid": "7",
        "category": "Logic",
        "question": "1 + 1?",
        "allowed_s": 60.0,
        "ended_at_s": 702.5,
        "outcome": "solved",
        "seconds": 2.5,
        "in_time": 1,
        "solver": "direct",
        "reasoning": "One and one.",
        "answer": "2",
        "error": "",
        "trail": None,
    }
    assert (second["outcome"], second["seconds"], second["in_time"]) == ("hung_up", 1.0, 0)
    assert (third["outcome"], third["in_time"]) == (None, None)
    assert rows(path, "epochs") == [
        {
            "validator": ALICE,
            "started_at_s": 600.0,
            "promised": 80,
            "given": 3,
            "refused": 0,
            "answered_in_time": 1,
        }
    ]


@pytest.mark.parametrize(
    ("allowed_s", "seconds", "in_time"),
    [(60.0, 60.9, 1), (60.0, 61.1, 0), (2.0, 2.4, 1), (2.0, 2.6, 0)],
)
def test_an_answer_is_in_time_as_long_as_its_caller_waits(
    path: Path, allowed_s: float, seconds: float, in_time: int
) -> None:
    with Ledger.open(path) as ledger:
        ledger.record(admitted("a", epoch(1), allowed_s=allowed_s))
        ledger.record(answered("a", seconds=seconds, outcome="late"))
    assert rows(path, "challenges")[0]["in_time"] == in_time


def test_counts_are_absolute_so_nothing_is_counted_twice_or_taken_back(path: Path) -> None:
    with Ledger.open(path) as ledger:
        for given, times_refused in [(3, 1), (5, 2), (5, 2)]:
            ledger.record(Announced(600.0, epoch(given, times_refused)))
            assert ledger.flush()
        ledger.record(Announced(600.0, epoch(4, 1)))
        assert ledger.flush()
        ledger.record(Announced(600.0, epoch(4, 1, announced=90)))  # a quota that grew
    (row,) = rows(path, "epochs")
    assert (row["promised"], row["given"], row["refused"]) == (90, 5, 2)


def test_a_flood_of_refusals_is_a_row_per_reason_and_minute(path: Path) -> None:
    with Ledger.open(path) as ledger:
        for number in range(3000):
            ledger.record(refused(Reason.NOT_VERIFIED, at_s=660.0 + number / 100, message=f"No {number}."))
            if number % 1000 == 0:
                ledger.flush()
        ledger.record(refused(Reason.NOT_VERIFIED, at_s=720.0))
        ledger.record(refused(Reason.MALFORMED, at_s=721.0))
        ledger.record(refused(Reason.OVER_QUOTA, at_s=722.0, of=epoch(80, 1)))
    found = [
        (row["minute_s"], row["reason"], row["validator"], row["count"]) for row in rows(path, "refusals")
    ]
    assert sorted(found) == [
        (660, "not_verified", "", 3000),
        (720, "malformed", "", 1),
        (720, "not_verified", "", 1),
        (720, "over_quota", ALICE, 1),
    ]
    assert rows(path, "refusals")[0]["message"] == "No 2999."
    assert rows(path, "epochs")[0]["refused"] == 1


def test_text_that_sqlite_cannot_hold_loses_a_character_and_not_a_row(path: Path, said: list[str]) -> None:
    with Ledger.open(path) as ledger:
        ledger.record(admitted("a", epoch(1), question="half \ud83d of an emoji, \x00, \U0001f600"))
        ledger.record(answered("a", reasoning="\udc00", answer="2", error="\ud800"))
    (row,) = rows(path, "challenges")
    assert row["question"] == "half ? of an emoji, \x00, \U0001f600"
    assert (row["reasoning"], row["error"]) == ("?", "?")
    assert said == []


def test_one_row_that_does_not_fit_does_not_end_the_keeping(path: Path, said: list[str]) -> None:
    with Ledger.open(path) as ledger:
        ledger.record(NonceAccepted("classic:5:", 2**70))
        assert ledger.flush()
        ledger.record(admitted("a", epoch(1)))
    assert len(rows(path, "challenges")) == 1
    assert len(said) == 1 and said[0].startswith("1 rows were refused by the ledger and are lost: ")


def test_a_thousand_events_do_not_wait_for_the_clock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ledger, "BATCH_S", 3600.0)
    ledger = Ledger.open(path)
    for number in range(_ledger.BATCH_EVENTS):
        ledger.record(admitted(str(number), epoch(number)))
    with ledger._progress:
        assert ledger._progress.wait_for(lambda: ledger._written == _ledger.BATCH_EVENTS, timeout=30)
    ledger.close()


def test_events_of_many_threads_are_all_kept(path: Path) -> None:
    with Ledger.open(path) as ledger:

        def work(name: str) -> None:
            for number in range(500):
                ledger.record(admitted(f"{name}-{number}", epoch(number)))

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(rows(path, "challenges")) == 2000


def test_how_an_answer_came_about_and_what_a_shadow_said_are_kept(path: Path) -> None:
    vote_log = VoteLog(
        "story", (SamplerVote("reason", "2", "2", -0.1, 1.5, 30), SamplerVote("program", "")), "2", "enough"
    )
    with Ledger.open(path) as ledger:
        ledger.record(admitted("a", epoch(1)))
        ledger.record(answered("a", vote_log=vote_log))
        ledger.record(shadowed("a", answer="two \ud83d", vote_log=vote_log))
        ledger.flush()
        ledger.record(shadowed("a", answer="again"))
    assert read_vote_log(rows(path, "challenges")[0]["trail"]) == vote_log
    (row,) = rows(path, "shadows")
    assert (row["solver"], row["shadow"], row["answer"], row["shadow_answer"]) == (
        *("direct", "race", "2"),
        "two ?",
    )
    assert read_vote_log(row["shadow_trail"]) == vote_log


# What comes back


def test_the_last_epochs_and_the_highest_nonces_come_back(path: Path) -> None:
    with Ledger.open(path) as ledger:
        assert (ledger.epochs, ledger.nonces) == ((), {})
        ledger.record(Announced(0.0, epoch(5, began=600.0)))
        ledger.record(Announced(0.0, epoch(2, 1, began=1200.0)))
        ledger.record(Announced(0.0, epoch(7, began=900.0, validator=BOB)))
        for nonce in (5, 9, 7):
            ledger.record(NonceAccepted("classic:5Alice:u", nonce))
            ledger.flush()
        ledger.record(NonceAccepted("classic:5Alice:u", 8))
        ledger.record(NonceAccepted("btauth:5Bob:", 10**18))
    with Ledger.open(path) as ledger:
        assert set(ledger.epochs) == {epoch(2, 1, began=1200.0), epoch(7, began=900.0, validator=BOB)}
        assert ledger.nonces == {"classic:5Alice:u": 9, "btauth:5Bob:": 10**18}


def test_the_last_epoch_is_the_one_opened_last_though_the_clock_jumped_back(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.record(Announced(0.0, epoch(80, began=1e9)))
        ledger.record(Announced(0.0, epoch(1, began=600.0)))
    with Ledger.open(path) as ledger:
        assert ledger.epochs == (epoch(1, began=600.0),)


# The file


def test_a_ledger_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    path.parent.mkdir()
    old = sqlite3.connect(path)
    old.executescript(
        f"{_schema._STEPS[0]} PRAGMA application_id = {_schema.APPLICATION_ID}; PRAGMA user_version = 1;"
        "INSERT INTO challenges (challenge_id, validator, epoch_started_at_s, admitted_at_s, wire, task_uid,"
        " category, question, allowed_s) VALUES ('old', '5Alice', 600, 700, 'classic', '', '', 'Why?', 60);"
    )
    old.close()
    with pytest.raises(LedgerError, match=r"older logicnet .* next start of `logicnet mine` updates it"):
        LedgerReader.open(path)
    with Ledger.open(path) as ledger:
        ledger.record(answered("old", vote_log=VoteLog("story")))
        ledger.record(shadowed("old"))
    assert rows(path, "challenges")[0]["trail"]["kind"] == "story"
    assert rows(path, "shadows")[0]["question"] == "Why?"
    assert rows(path, "lanes") == []


def test_the_file_and_its_folder_are_made_and_are_the_owners_alone(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.record(Announced(0.0, epoch()))
        ledger.flush()
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(
        ["miner.sqlite", "miner.sqlite-wal", "miner.sqlite-shm", "miner.sqlite.lock"], 0o600
    )
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_second_miner_is_refused_in_one_line_and_readers_are_free(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link.sqlite").symlink_to(path)
    with Ledger.open(path) as ledger:
        for name in (path, tmp_path / "link.sqlite"):
            with pytest.raises(LedgerError, match=r"in use by another miner") as caught:
                Ledger.open(name)
            assert "\n" not in str(caught.value)
        with LedgerReader.open(path) as reader:
            ledger.record(admitted("a", epoch(1)))
            assert ledger.flush()
            assert len(list(reader.rows("challenges"))) == 1
    Ledger.open(path).close()


def test_a_second_process_is_refused_too(path: Path) -> None:
    code = f"from pathlib import Path; from logicnet.ledger import Ledger; Ledger.open(Path({str(path)!r}))"
    with Ledger.open(path):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "in use by another miner" in done.stderr


def test_a_newer_ledger_is_refused_and_left_alone(path: Path) -> None:
    Ledger.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE nonces ADD COLUMN invented_later TEXT")
    connection.execute(f"PRAGMA user_version = {_schema.VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="newer logicnet"):
        Ledger.open(path)
    with pytest.raises(LedgerError, match="newer logicnet"):
        LedgerReader.open(path)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.damaged-*"))


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE precious (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="another program"):
        Ledger.open(path)
    assert path.read_bytes() == before


def test_a_path_that_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "miner.sqlite"):
        with pytest.raises(LedgerError, match=r"cannot be opened .* --ledger\.path") as caught:
            Ledger.open(path)
        assert "\n" not in str(caught.value)


def filled(path: Path, count: int = 300) -> None:
    with Ledger.open(path) as ledger:
        for number in range(count):
            ledger.record(admitted(f"{number:04}", epoch(number), question="Why? " * 50))


def damage(path: Path, kind: str) -> bytes:
    data = path.read_bytes()
    page = 4096
    if kind == "not a database":
        data = b"not a database" * 1000
    elif kind == "broken header":
        data = b"\x00" * 100 + data[100:]
    elif kind == "cut short":
        data = data[: 2 * page + 10]
    elif kind == "garbage from the second page on":
        data = data[:page] + b"\xa5" * (len(data) - page)
    path.write_bytes(data)
    return data


@pytest.mark.parametrize(
    "kind", ["not a database", "broken header", "cut short", "garbage from the second page on"]
)
def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(path: Path, kind: str, said: list[str]) -> None:
    filled(path)
    data = damage(path, kind)
    with Ledger.open(path) as ledger:
        assert (ledger.epochs, ledger.nonces) == ((), {})
        ledger.record(admitted("new", epoch(1)))
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes() == data
    assert said == [
        f"The ledger {path} is damaged: it was renamed to {aside.name} and a new one was created."
    ]
    assert [row["challenge_id"] for row in rows(path, "challenges")] == ["new"]


@pytest.mark.parametrize(
    "sql",
    [
        f"PRAGMA user_version = {_schema.VERSION ^ 1}",
        f"PRAGMA user_version = {_schema.VERSION ^ 16}",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = -5",
        f"PRAGMA application_id = {_schema.APPLICATION_ID ^ 1}",
        "PRAGMA application_id = 0",
        "DROP TABLE refusals",
        "INSERT INTO nonces VALUES (cast(x'ff5f' AS TEXT), 1)",
        "INSERT INTO nonces VALUES ('classic:5Alice:', x'00')",
        "INSERT INTO nonces VALUES ('nobody', 1)",
        "UPDATE epochs SET started_at_s = 'soon' WHERE id = (SELECT max(id) FROM epochs)",
    ],
)
def test_damage_that_sqlite_does_not_see_is_kept_aside_too(path: Path, sql: str, said: list[str]) -> None:
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)
    with Ledger.open(path) as ledger:
        assert (ledger.epochs, ledger.nonces) == ((), {})
        ledger.record(admitted("new", epoch(1)))
    assert len(list(path.parent.glob("*.damaged-*"))) == 1
    assert len(said) == 1 and "is damaged: it was renamed to" in said[0]
    assert [row["challenge_id"] for row in rows(path, "challenges")] == ["new"]


@pytest.mark.parametrize("seed", range(40))
def test_no_random_damage_stops_the_start(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    filled(path, 40)
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 3, 30, 300])):
        place = chance.randrange(chance.choice([100, 4096, len(data)]))
        data[place] = chance.choice([data[place] ^ (1 << chance.randrange(8)), chance.randrange(256)])
    path.write_bytes(bytes(data))
    for _ in range(2):  # kept aside or good enough, and then for good
        with Ledger.open(path) as ledger:
            ledger.record(admitted(f"new {_}", epoch(1)))
            assert ledger.flush()


@pytest.mark.parametrize("what", ["deleted", "emptied", "replaced", "replaced by garbage", "log deleted"])
def test_what_happens_to_the_file_while_mining_is_noticed(path: Path, what: str, said: list[str]) -> None:
    filled(path)
    with Ledger.open(path) as ledger:
        ledger.record(admitted("before", epoch(1)))
        assert ledger.flush()
        if what == "deleted":
            path.unlink()
        elif what == "emptied":
            os.truncate(path, 0)
        elif what == "log deleted":
            path.with_name(path.name + "-wal").unlink()
        else:
            other = path.with_name("other.sqlite")
            filled(other)
            if what == "replaced by garbage":
                other.write_bytes(b"garbage" * 5000)
            other.replace(path)
        for name in ("after", "later"):
            ledger.record(admitted(name, epoch(2)))
            assert ledger.flush()
    assert "while the miner ran" in said[0]
    found = {row["challenge_id"] for row in rows(path, "challenges")}
    assert {"after", "later"} <= found


@pytest.mark.parametrize("name", [".env", "hotkey", "README.md", "network.json"])
def test_a_file_that_was_never_a_ledger_is_left_where_it_is(path: Path, name: str) -> None:
    path.parent.mkdir()
    file = path.with_name(name)
    file.write_text("not to be moved\n" * 100)
    with pytest.raises(LedgerError, match="is not a ledger"):
        Ledger.open(file)
    assert file.read_text() == "not to be moved\n" * 100
    assert not list(path.parent.glob("*damaged*"))


def test_each_damaged_file_is_kept_under_a_name_of_its_own(path: Path) -> None:
    path.parent.mkdir()
    for number in range(3):
        path.write_bytes(b"garbage %d" % number * 1000)
        Ledger.open(path).close()
    assert {aside.read_bytes()[:9] for aside in path.parent.glob("*.damaged-*")} == {
        b"garbage 0",
        b"garbage 1",
        b"garbage 2",
    }


def test_damage_that_shows_while_mining_is_kept_aside_too(path: Path, said: list[str]) -> None:
    filled(path)
    with Ledger.open(path) as ledger:
        damage(path, "garbage from the second page on")
        ledger._connection.execute("PRAGMA shrink_memory")  # what SQLite still holds in memory is good
        ledger.record(admitted("0123-again", epoch(301)))
        assert ledger.flush()
    assert len(said) == 1 and "is damaged: it was renamed to" in said[0]
    assert [row["challenge_id"] for row in rows(path, "challenges")] == ["0123-again"]


# When it cannot be written


@pytest.mark.thorough
def test_a_locked_file_keeps_nobody_waiting_and_loses_nothing(
    path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ledger, "_RETRY_S", 0.01)
    with Ledger.open(path) as ledger:
        holder = holder_of(path)
        ledger.record(admitted("a", epoch(1)))
        while not said:
            assert not ledger.flush(timeout_s=0.05)
        for number in range(5000):
            ledger.record(refused(Reason.OVER_QUOTA, of=epoch(1, number)))
        ledger.record(answered("a"))
        assert not ledger.flush(timeout_s=0.7)
        holder.execute("ROLLBACK")
        assert ledger.flush(timeout_s=30)
        holder.close()
        assert rows(path, "challenges")[0]["outcome"] == "solved"
        assert rows(path, "refusals")[0]["count"] == 5000
    assert said == [
        f"The ledger {path} cannot be written (database is locked); its rows wait in memory, up to a limit."
    ]


@pytest.mark.thorough
def test_closing_gives_up_on_a_locked_file_and_says_what_is_lost(
    path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ledger, "_CLOSE_S", 1.0)
    ledger = Ledger.open(path)
    holder = holder_of(path)
    ledger.record(admitted("a", epoch(1)))
    monkeypatch.setattr(ledger, "flush", lambda: Ledger.flush(ledger, 1.0))
    ledger.close()
    ledger._thread.join()
    holder.close()
    assert said[-1] == f"The ledger {path} could not be written: 2 rows are lost."
    Ledger.open(path).close()  # and lets go of the lock


def test_a_full_disk_keeps_rows_in_memory_and_writes_them_when_there_is_room(
    path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ledger, "_RETRY_S", 0.01)
    with Ledger.open(path) as ledger:
        (pages,) = ledger._connection.execute("PRAGMA page_count").fetchone()
        ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(200):
            ledger.record(admitted(str(number), epoch(number), question="Why? " * 100))
        while not said:
            assert not ledger.flush(timeout_s=0.05)
        assert rows(path, "challenges") == []
        ledger._connection.execute("PRAGMA max_page_count = 1000000")
        assert ledger.flush(timeout_s=30)
    assert len(rows(path, "challenges")) == 200
    assert len(said) == 1 and "database or disk is full" in said[0]


def test_files_that_may_not_grow_are_like_a_full_disk(path: Path) -> None:
    """The operating system's own refusal, in a process of its own, since it holds for all its files."""
    code = f"""
import resource, sys
from pathlib import Path
from loguru import logger
from logicnet.ledger import Ledger
said = []
logger.add(said.append)
from tests.unit.ledger.facts import admitted, epoch
ledger = Ledger.open(Path({str(path)!r}))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
for number in range(500):
    ledger.record(admitted(str(number), epoch(number), question="Why? " * 100))
while not said:
    assert not ledger.flush(0.05)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
assert ledger.flush(30.0)
ledger.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot be written") == 1
    assert len(rows(path, "challenges")) == 500


@pytest.mark.thorough
def test_memory_is_bounded_while_the_file_is_away_and_answers_outlast_refusals(
    path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_ledger, "_RETRY_S", 0.01)
    monkeypatch.setattr(_batch, "LIMIT", 100)
    with Ledger.open(path) as ledger:
        holder = holder_of(path)
        for number in range(100):
            ledger.record(admitted(str(number), epoch(number)))
            ledger.record(answered(str(number)))
        while not said:
            assert not ledger.flush(timeout_s=0.05)
        for number in range(500):
            ledger.record(refused(Reason.NOT_VERIFIED, at_s=60.0 * number))
            ledger.record(NonceAccepted(f"classic:5Alice:{number}", 1))
        ledger.record(admitted("last", epoch(101)))
        assert not ledger.flush(timeout_s=0.7)
        holder.execute("ROLLBACK")
        holder.close()
        assert ledger.flush(timeout_s=30)
    ids = {row["challenge_id"] for row in rows(path, "challenges")}
    assert ids == {"last", *map(str, range(1, 100))}
    assert rows(path, "epochs")[0]["given"] == 101
    assert len(rows(path, "refusals")) == 100
    assert said[1:] == ["801 rows of the ledger exceeded the memory limit and are lost."]


def test_our_place_is_kept_once_an_epoch_as_it_was_last_seen(path: Path) -> None:
    begun_s = 10 * EPOCH_S
    with Ledger.open(path) as ledger:
        for at_s, rank in [(begun_s, 30), (begun_s + EPOCH_S - 1, 12)]:
            ledger.record(Placed(at_s, 3600, 256, Uid(7), rank, 0.25, 100.0))
            assert ledger.flush()
        ledger.record(Placed(begun_s + EPOCH_S, 3960, 255))
    first, second = rows(path, "places")
    assert (first["epoch_s"], first["rank"], first["uid"], first["incentive"]) == (begun_s, 12, 7, 0.25)
    assert (second["neurons"], second["rank"], second["uid"]) == (255, None, None)


def test_rows_that_found_no_room_are_counted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_batch, "LIMIT", 3)
    with Ledger.open(path) as ledger:
        assert (ledger.lost, ledger.away) == (0, False)
        for number in range(5):
            ledger.record(NonceAccepted(f"caller {number}", number))
        assert ledger.flush()
        assert (ledger.lost, ledger.waiting) == (2, 0)


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def test_an_index_that_is_cut_short_is_made_anew(path: Path, said: list[str]) -> None:
    with Ledger.open(path) as ledger:
        for number in range(3):
            ledger.record(admitted(str(number), epoch(number + 1)))
            assert ledger.flush()
            os.truncate(beside(path, "-shm"), 0)  # the next write would be a SIGBUS
    assert [row["challenge_id"] for row in rows(path, "challenges")] == ["0", "1", "2"]
    assert all("-shm was cut short" in line for line in said) and len(said) == 3


def test_an_index_that_cannot_be_written_is_left_alone_until_it_can(
    path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger.open(path)
    ledger.record(admitted("a", epoch(1)))
    assert ledger.flush()
    with monkeypatch.context() as immutable:  # only root could make it so
        immutable.setattr(os, "access", lambda file, mode: False)
        ledger.record(admitted("b", epoch(2)))
        assert not ledger.flush(0.5)
        assert ledger.waiting and "immutable" in said[0] and "chattr -i" in said[0]
    assert ledger.flush()
    with monkeypatch.context() as immutable:
        immutable.setattr(os, "access", lambda file, mode: False)
        ledger.close()
    ledger._connection.execute("SELECT 1")  # closing it would have written to the index
    assert len(rows(path, "challenges")) == 2


@pytest.mark.parametrize("rows_before", [40, 3000])  # the latter are partly in the file already
@pytest.mark.parametrize("left", [0.0, 0.4, 0.9])
def test_a_log_that_is_cut_short_does_not_damage_the_file(
    path: Path, said: list[str], rows_before: int, left: float
) -> None:
    with Ledger.open(path) as ledger:
        for number in range(rows_before):
            ledger.record(admitted(f"before {number}", epoch(number + 1)))
        assert ledger.flush()
        log = beside(path, "-wal")
        os.truncate(log, int(log.stat().st_size * left))
        ledger.record(admitted("after", epoch(41)))
        assert ledger.flush()
    assert len(said) == 1 and "its last rows are lost" in said[0]
    assert "after" in {row["challenge_id"] for row in rows(path, "challenges")}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
