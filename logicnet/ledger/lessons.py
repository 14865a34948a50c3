"""Lessons: how often each sampler was right in scored runs, written to a ledger."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from logicnet.errors import LedgerError
from logicnet.ledger._ledger import take_lock
from logicnet.ledger._schema import VERSION, check_version, open_for_writing

_PATIENCE_S = 5.0  # while a miner writes


@dataclass(frozen=True, slots=True)
class Lesson:
    """One sampler on one kind of question. Counts are in questions; votes on the same question share one."""

    solver: str
    model: str  # empty if unknown
    kind: str
    sampler: str
    right: float
    wrong: float


def keep_lessons(path: Path, learned: Mapping[str, Iterable[Lesson]]) -> None:
    """Write the lessons of each run by its id, replacing earlier ones of that run. Raises LedgerError.

    A running miner reads them at its next start.
    """
    path = path.expanduser().resolve()
    try:
        with _opened(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for run, lessons in learned.items():
                connection.execute("DELETE FROM lessons WHERE run = ?", (run,))
                connection.executemany(
                    "INSERT INTO lessons VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [(run, *astuple(lesson)) for lesson in lessons],
                )
            connection.execute("COMMIT")
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"The ledger {path} cannot be written ({error}): no lesson was stored.") from None


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection. The ledger is created or updated first, if no miner is running."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        lock = take_lock(path)
    except LedgerError:
        with closing(sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)) as connection:
            if check_version(connection, path) < VERSION:
                raise LedgerError(
                    f"A miner of an older logicnet uses the ledger {path}: restart that miner first."
                ) from None
            yield connection
        return
    try:
        with closing(open_for_writing(path)) as connection:
            yield connection
    finally:
        lock.release()
