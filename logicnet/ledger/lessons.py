"""Lessons: what scored runs say of the samplers of solvers, and how they get into a ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from logicnet.errors import LedgerError
from logicnet.ledger._ledger import take_lock
from logicnet.ledger._schema import VERSION, check_version, open_for_writing

_PATIENCE_S = 5.0  # with a miner that is writing


@dataclass(frozen=True, slots=True)
class Lesson:
    """Of one sampler on one kind of question. Counts are of questions: several votes on one share it."""

    solver: str
    model: str  # empty if it was not said which
    kind: str
    sampler: str
    right: float
    wrong: float


def keep_lessons(path: Path, learned: Mapping[str, Iterable[Lesson]]) -> None:
    """Write lessons by the id of their run; what was kept of those runs before is replaced.

    A miner may be running: it reads them at its next start. Raises LedgerError.
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
        raise LedgerError(f"The ledger {path} cannot be written ({error}); nothing was kept.") from None


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The ledger, begun or brought up to date if that is ours to do: no miner has it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        lock = take_lock(path)
    except LedgerError:
        with closing(sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)) as connection:
            if check_version(connection, path) < VERSION:
                raise LedgerError(
                    f"The ledger {path} is in use by a miner of an older logicnet: start that again first."
                ) from None
            yield connection
        return
    try:
        with closing(open_for_writing(path)) as connection:
            yield connection
    finally:
        lock.release()
