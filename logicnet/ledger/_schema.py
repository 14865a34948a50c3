"""The ledger's file: path, tables, opening for writing, replacing a damaged one."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from loguru import logger

from logicnet.errors import LedgerError
from logicnet.settings import Settings

APPLICATION_ID = 0x4C4E4C47  # "LNLG" marks an SQLite file as our ledger

_WAL_LIMIT_BYTES = 64 * 2**20

_STEPS = (
    """
    CREATE TABLE epochs (
        id            INTEGER PRIMARY KEY,  -- order of opening, even when the clock jumps back
        validator     TEXT    NOT NULL,
        started_at_s  REAL    NOT NULL,
        promised      INTEGER NOT NULL,
        given         INTEGER NOT NULL,
        refused       INTEGER NOT NULL,
        UNIQUE (validator, started_at_s)
    );
    CREATE TABLE challenges (
        challenge_id        TEXT PRIMARY KEY,
        validator           TEXT NOT NULL,
        epoch_started_at_s  REAL NOT NULL,
        admitted_at_s       REAL NOT NULL,
        wire                TEXT NOT NULL,
        task_uid            TEXT NOT NULL,
        category            TEXT NOT NULL,
        question            TEXT NOT NULL,
        allowed_s           REAL NOT NULL,
        ended_at_s          REAL,           -- null from here on until it is answered, also if the
        outcome             TEXT,           -- miner was killed before
        seconds             REAL,
        solver              TEXT,
        reasoning           TEXT,
        answer              TEXT,
        error               TEXT,
        -- A caller waits longer than our deadline, by the margin: a second or more, or a fifth of its
        -- timeout, which is a quarter of the rest (deadline.ReplyMargin).
        in_time             AS (outcome != 'hung_up' AND seconds <= allowed_s + min(1.0, allowed_s / 4))
    );
    CREATE INDEX challenges_by_time ON challenges (admitted_at_s);
    CREATE INDEX challenges_by_epoch ON challenges (validator, epoch_started_at_s);
    CREATE TABLE refusals (
        minute_s   INTEGER NOT NULL,        -- unix seconds of the minute's beginning
        reason     TEXT    NOT NULL,
        validator  TEXT    NOT NULL,        -- empty if no signature was verified
        count      INTEGER NOT NULL,
        message    TEXT    NOT NULL,        -- the last one
        PRIMARY KEY (minute_s, reason, validator)
    ) WITHOUT ROWID;
    CREATE TABLE nonces (
        caller   TEXT PRIMARY KEY,
        highest  INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE challenges ADD COLUMN trail TEXT;  -- JSON: how the answer came about (logicnet.votelog)
    CREATE TABLE shadows (
        challenge_id  TEXT PRIMARY KEY,
        solver        TEXT NOT NULL,        -- the shadow
        ended_at_s    REAL NOT NULL,
        outcome       TEXT NOT NULL,
        seconds       REAL NOT NULL,
        allowed_s     REAL NOT NULL,
        reasoning     TEXT NOT NULL,
        answer        TEXT NOT NULL,
        error         TEXT NOT NULL,
        trail         TEXT
    );
    CREATE TABLE lessons (                  -- results of one sampler in one scored run
        run     TEXT NOT NULL,
        solver  TEXT NOT NULL,
        model   TEXT NOT NULL,              -- as requested; empty: the server's first
        kind    TEXT NOT NULL,
        lane    TEXT NOT NULL,
        "right" REAL NOT NULL,
        wrong   REAL NOT NULL,
        PRIMARY KEY (run, solver, model, kind, lane)
    ) WITHOUT ROWID;
    CREATE VIEW lane_records AS
        SELECT solver, model, kind, lane, sum("right") AS "right", sum(wrong) AS wrong, count(*) AS runs
        FROM lessons GROUP BY solver, model, kind, lane;
    """,
    """
    CREATE TABLE places (                   -- our rank in the metagraph, the last of each epoch
        epoch_s    INTEGER PRIMARY KEY,     -- unix seconds of its beginning (_batch.EPOCH_S)
        at_s       REAL    NOT NULL,
        block      INTEGER NOT NULL,
        neurons    INTEGER NOT NULL,
        uid        INTEGER,                 -- null, as rank, while not registered
        rank       INTEGER,
        incentive  REAL    NOT NULL,
        stake      REAL    NOT NULL
    );
    """,
)
"""Each step takes a ledger from the schema version of its index to the next, and adds a table or a column: by
these a ledger is known when the number of its version is damaged."""

VERSION = len(_STEPS)

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SUFFIXES = {".sqlite", ".sqlite3", ".db"}


def ledger_path(settings: Settings) -> Path:
    """`--ledger.path`; by default one file for each wallet and hotkey."""
    if settings.ledger.path is not None:
        return settings.ledger.path.expanduser()
    return Path.home() / ".logicnet" / f"{settings.wallet.name}-{settings.wallet.hotkey}.sqlite"


class DamagedLedger(sqlite3.DatabaseError):
    """What is in the file was not written by us so."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def is_damage(error: Exception) -> bool:
    """Whether the file's content is damaged, as opposed to a lock, the disk or the caller."""
    if isinstance(error, UnicodeDecodeError):  # sqlite3 reads a damaged name, in an error message of its own
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python's module: the only text of ours that it can fail on is in the file
        return isinstance(error, sqlite3.OperationalError) and "decode" in str(error)
    return code & 0xFF in _DAMAGE


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of an open ledger, 0 if it is empty.

    Raises LedgerError if it is not for us, DamagedLedger if it is ours and its numbers or tables are damaged.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    columns = _columns(connection)
    if not columns and not application_id:
        return 0
    ours = _columns_by_version()
    if application_id == APPLICATION_ID and 0 < version <= VERSION and columns == ours[version]:
        return int(version)
    if application_id != APPLICATION_ID and not columns >= ours[1]:
        raise LedgerError(f"{path} is a database of another program: set another --ledger.path.")
    if application_id == APPLICATION_ID and columns > ours[VERSION]:
        raise LedgerError(
            f"{path} was written by a newer logicnet (ledger version {version}, this one knows {VERSION}): "
            "install a newer logicnet, or set another --ledger.path."
        )
    raise DamagedLedger(f"its version is {version}, its application id {application_id}")


def _columns(connection: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Every table with each of its columns."""
    return frozenset(
        connection.execute(
            "SELECT one.name, its.name FROM sqlite_master one, pragma_table_xinfo(one.name) its "
            "WHERE one.type = 'table' AND one.name NOT LIKE 'sqlite%'"
        )
    )


@cache
def _columns_by_version() -> tuple[frozenset[tuple[str, str]], ...]:
    found = [frozenset[tuple[str, str]]()]
    with closing(sqlite3.connect(":memory:")) as connection:
        for step in _STEPS:
            connection.executescript(step)
            found.append(_columns(connection))
    return tuple(found)


def start_over(path: Path) -> sqlite3.Connection:
    """Rename the damaged ledger at `path`, and create a new one there.

    Raises LedgerError if it may never have been one: a mistyped path must not rename a key.
    """
    if path.suffix not in _SUFFIXES and not _has_sqlite_header(path):
        raise LedgerError(f"{path} is not a ledger: set another --ledger.path.")
    aside = _rename_damaged(path)
    logger.error(
        "The ledger {} is damaged: it was renamed to {} and a new one was created.", path, aside.name
    )
    return open_for_writing(path)


def _check_header(path: Path) -> None:
    """DamagedLedger for what SQLite takes for a newer format: it would open the file, and not write it.

    Source of the offsets: sqlite.org/fileformat.html, "The Database Header".
    """
    with path.open("rb") as file:
        head = file.read(100)
    if not head.startswith(b"SQLite format 3\0"):
        return  # empty, or SQLite says so itself
    versions, fractions, schema_format = head[18:20], head[21:24], int.from_bytes(head[44:48])
    if not set(versions) <= {1, 2} or fractions != bytes((64, 32, 32)) or schema_format > 4:
        raise DamagedLedger("its header is damaged")


def _has_sqlite_header(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) in (b"SQLite format 3\0", bytes(16))


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode to the ledger at `path`, which is created or updated first.

    The caller holds the lock on `path`. Raises LedgerError if the file is not ours, sqlite3.Error (see
    `is_damage`) or OSError.
    """
    # Created here, so that no other user can ever read it; SQLite copies its mode to -wal and -shm.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    _check_header(path)
    # The writer thread retries, so a short timeout is enough. One thread opens it, another writes.
    connection = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
    try:
        version = check_version(connection, path)
        if version == 0:  # works only in an empty file; lets free pages be given back
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        # With WAL this survives a crash of the process; a power cut can lose the last seconds, but not
        # damage the file (sqlite.org/pragma.html#pragma_synchronous).
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        if version < VERSION:
            steps = "".join(_STEPS[version:])
            connection.executescript(
                f"BEGIN IMMEDIATE; {steps} PRAGMA application_id = {APPLICATION_ID};"
                f"PRAGMA user_version = {VERSION}; COMMIT;"
            )
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """BEGIN and COMMIT, or ROLLBACK on an exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _rename_damaged(path: Path) -> Path:
    """Rename the file with its -wal and -shm; nothing is overwritten."""
    name = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    number = 1
    while (aside := path.with_name(f"{name}-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside
