"""What this machine sent to the chain, in SQLite: a kill between sending and knowing loses nothing.

A row is written before a commitment is sent. Until the chain shows whether it was taken, no other is sent.
Rows of earlier versions have the name or the address of the network where newer ones have its genesis block.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from logicnet.errors import TuningError

APPLICATION_ID = 0x4C4E434A  # "LNCJ"
VERSION = 1

_SCHEMA = """
    CREATE TABLE sent (
        id       INTEGER PRIMARY KEY,
        network  TEXT    NOT NULL,       -- its genesis block's hash
        netuid   INTEGER NOT NULL,
        hotkey   TEXT    NOT NULL,
        text     TEXT    NOT NULL,
        block    INTEGER NOT NULL,       -- the chain's head when it was sent
        at_s     REAL    NOT NULL,       -- unix seconds
        state    TEXT    NOT NULL
    );
    CREATE INDEX sent_by_hotkey ON sent (network, netuid, hotkey, id);
    CREATE UNIQUE INDEX one_open ON sent (network, netuid, hotkey) WHERE state = 'open';
"""


class SentState(StrEnum):
    OPEN = "open"  # it may be on the chain, or get there
    TAKEN = "taken"
    REFUSED = "refused"
    LOST = "lost"  # it never got there


@dataclass(frozen=True, slots=True)
class Sent:
    """A commitment that was sent, or is about to be."""

    id: int
    text: str
    block: int
    at_s: float
    state: SentState


@dataclass(frozen=True)
class Journal:
    """The commitments of one hotkey on one subnet. Raises TuningError if the file cannot be used.

    `network`: as the settings have it, until `of` knows better.
    """

    path: Path
    network: str
    netuid: int
    hotkey: str
    spelling: str = ""  # of the network in the settings, once `network` is the genesis block

    def of(self, genesis: str) -> "Journal":
        """The same on the network with this genesis block, by whichever address it is reached."""
        return replace(self, network=genesis, spelling=self.network)

    def last(self) -> Sent | None:
        """The newest that may be on the chain; None if the journal has no such row."""
        with self._open() as connection:
            row = connection.execute(
                "SELECT id, text, block, at_s, state FROM sent WHERE network IN (?, ?) AND netuid = ? "
                "AND hotkey = ? AND state IN ('open', 'taken') ORDER BY id DESC LIMIT 1",
                (self.spelling, *self._key),
            ).fetchone()
        if row is None:
            return None
        sent_id, text, block, at_s, state = row
        return Sent(sent_id, text, block, at_s, SentState(state))

    def newest(self) -> int:
        """The number of the newest row, in any state; 0 for an empty journal."""
        with self._open() as connection:
            return self._newest(connection)

    def begin(self, text: str, block: int, at_s: float, *, after: int) -> int | None:
        """Write down that `text` is being sent, and return the number of its row.

        None if that is not allowed: another is being sent, or was since `after` was the newest row.
        """
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                if self._newest(connection) != after:
                    return None
                done = connection.execute(
                    "INSERT INTO sent (network, netuid, hotkey, text, block, at_s, state) "
                    "VALUES (?, ?, ?, ?, ?, ?, 'open')",
                    (*self._key, text, block, at_s),
                )
            except sqlite3.IntegrityError:
                return None
            finally:
                connection.execute("COMMIT")
            return done.lastrowid

    def _newest(self, connection: sqlite3.Connection) -> int:
        (found,) = connection.execute(
            "SELECT coalesce(max(id), 0) FROM sent WHERE network IN (?, ?) AND netuid = ? AND hotkey = ?",
            (self.spelling, *self._key),
        ).fetchone()
        return int(found)

    def end(self, sent_id: int, state: SentState) -> None:
        with self._open() as connection:
            connection.execute("UPDATE sent SET state = ? WHERE id = ?", (state, sent_id))

    @property
    def _key(self) -> tuple[str, int, str]:
        return self.network, self.netuid, self.hotkey

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            with closing(sqlite3.connect(self.path, timeout=10.0, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")  # a commit may be for ever
                self._prepare(connection)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise TuningError(
                f"the journal of commitments {self.path} cannot be used ({error}): mend or move it; without "
                "it a commitment could be sent twice"
            ) from None

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and not application:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif (application, version) != (APPLICATION_ID, VERSION):
            connection.execute("ROLLBACK")
            raise TuningError(f"{self.path} is not a journal of commitments of this version: move it away")
        connection.execute("COMMIT")
