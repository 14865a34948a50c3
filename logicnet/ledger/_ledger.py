"""Ledger: the event sink on disk. Its own thread writes, so that the request path never waits."""

import ctypes
import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from filelock import FileLock, Timeout
from loguru import logger

from logicnet.errors import LedgerError
from logicnet.events import EpochCount, Event
from logicnet.ledger._batch import Batch
from logicnet.ledger._retention import removing
from logicnet.ledger._schema import DamagedLedger, is_damage, open_for_writing, start_over

BATCH_S = 0.1
"""From the first event of a batch to its commit: what a kill -9 can lose."""

BATCH_EVENTS = 1000
"""A batch of this many events is written at once."""

_LOOK_S = 3600.0
"""Between two checks for rows to expire. While there are more, one step follows each batch."""

_INDEX_HEAD_BYTES = 136
"""While these are zeros, SQLite makes its index anew from the log. Source: sqlite.org/walformat.html."""

_COPIED_AT = 96
"""Where the index counts, in 4 bytes, the frames of the log that are in the file already."""

_RETRY_S = 1.0
_CLOSE_S = 5.0
"""For the last batch, when the file cannot be written: a supervisor waits only so long."""


class Ledger:
    """The only writer of one SQLite file; readers may open it at any time.

        ledger = Ledger.open(path)
        VolumeBook(..., restored=ledger.epochs); NonceStore(..., restored=ledger.nonces)
        ledger.record(event)            # a sink: returns at once, never raises
        ledger.close()

    While the file cannot be written (locked, disk full), up to `_batch.LIMIT` rows per table wait in
    memory. The log says so once, and how many rows were lost.
    """

    def __init__(
        self,
        path: Path,
        lock: FileLock,
        connection: sqlite3.Connection,
        epochs: tuple[EpochCount, ...],
        nonces: Mapping[str, int],
        *,
        keep_days: int,
    ) -> None:
        """Use `Ledger.open`."""
        self.path = path
        self.epochs = epochs
        """The last epoch of every validator before this start."""
        self.nonces = nonces
        """The highest nonce of every caller before this start."""
        self.longest_batch_s = 0.0
        """The longest write of a batch."""
        self.lost = 0
        """Rows never written: dropped at the limit, or refused by SQLite."""
        self._keep_days = keep_days
        self._removing: Iterator[None] | None = None
        self._look_at_s = 0.0  # monotonic
        self._lock = lock
        self._connection = connection
        self._files = _identities(path)
        self._log_bytes = (
            0  # of the -wal file, as large as it ever was, up to the limit that SQLite cuts it to
        )
        self._index_bytes = 0  # of the -shm file
        self._guard = threading.Lock()  # over the next three
        self._batch = Batch()
        self._recorded = 0
        self._taken = 0
        self._written = 0
        self._progress = threading.Condition()  # over _written
        self._some = threading.Event()  # there are rows to write
        self._hurry = threading.Event()  # write without waiting for more
        self._away = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    @classmethod
    def open(cls, path: Path, keep_days: int = 0) -> Self:
        """Open or create the ledger at `path`, and start the writer.

        Rows older than `keep_days` are removed in the background; 0 keeps all. Raises LedgerError if
        another miner, a newer logicnet or another program uses the file, or it cannot be opened. A damaged
        file is renamed, and the log says so.
        """
        path = path.expanduser().resolve()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = take_lock(path)
            try:
                ledger = cls(path, lock, *_restore(path), keep_days=keep_days)
            except BaseException:
                lock.release()
                raise
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(
                f"The ledger {path} cannot be opened ({error}): end the program that holds it, or correct "
                "the folder's permissions. With another --ledger.path, used quotas are forgotten."
            ) from None
        ledger._thread.start()
        return ledger

    def record(self, event: Event) -> None:
        """Add one event to the batch. Safe from any thread."""
        with self._guard:
            self._batch.add(event)
            self._recorded += 1
            waiting = self._recorded - self._taken
        if not self._some.is_set():
            self._some.set()
        if waiting >= BATCH_EVENTS and not self._hurry.is_set():
            self._hurry.set()

    @property
    def waiting(self) -> int:
        """Rows in memory, not yet written."""
        return len(self._batch)

    @property
    def away(self) -> bool:
        """Whether the last write failed."""
        return self._away

    def flush(self, timeout_s: float = _CLOSE_S) -> bool:
        """Wait until all earlier events are written; False after `timeout_s`."""
        with self._guard:
            wanted = self._recorded
        self._hurry.set()
        self._some.set()
        with self._progress:
            return self._progress.wait_for(lambda: self._written >= wanted, timeout_s)

    def close(self) -> None:
        """Write the last batch and close the file. Gives up after some seconds, and logs what is lost."""
        if not self._thread.is_alive():
            return
        self.flush()
        self._closing = True
        self._hurry.set()
        self._some.set()
        self._thread.join(_CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _run(self) -> None:
        last = False
        while not last:
            self._some.wait(self._until_removal_s())
            self._hurry.wait(_RETRY_S if self._away else BATCH_S)
            self._some.clear()
            self._hurry.clear()
            last = self._closing
            with self._guard:
                batch, self._batch = self._batch, Batch()
                self._taken = self._recorded
            if self._write(batch):
                with self._progress:
                    self._written = self._taken
                    self._progress.notify_all()
            elif last:
                if batch:
                    logger.error(
                        "The ledger {} could not be written: {} rows are lost.", self.path, len(batch)
                    )
            else:
                with self._guard:
                    batch.absorb(self._batch)
                    self._batch = batch
                self._some.set()
        self._close_connection()
        self._lock.release()

    def _write(self, batch: Batch) -> bool:
        """Write `batch`; False if it must be tried again."""
        began_s = time.monotonic()
        try:
            self._commit(batch)
        except (sqlite3.OperationalError, OSError, LedgerError) as error:
            # Locked, disk full, folder gone, or another program's file in its place: may recover.
            if not self._away:
                message = "The ledger {} cannot be written ({}); its rows wait in memory, up to a limit."
                logger.warning(message, self.path, error)
            self._away = True
            return False
        except Exception as error:  # the boundary: one bad row must not end the writer
            logger.error("{} rows were refused by the ledger and are lost: {}", len(batch), error)
            self.lost += len(batch)
        self.longest_batch_s = max(self.longest_batch_s, time.monotonic() - began_s)
        if self._away:
            logger.info("The ledger {} is being written again.", self.path)
        self.lost += batch.lost
        if batch.lost:
            logger.warning("{} rows of the ledger exceeded the memory limit and are lost.", batch.lost)
        self._away = False
        return True

    def _commit(self, batch: Batch) -> None:
        self._check_index()
        self._check_file()
        try:
            if self._until_removal_s() == 0.0 and not self._closing:
                self._remove_some()
            batch.write(self._connection)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._reopen(start_over)
            batch.write(self._connection)
        self._note_sizes()

    def _check_file(self) -> None:
        """Whoever deletes, empties or replaces the file while it is open would lose all that comes after.

        A hole in the write-ahead log would be copied into the file.
        """
        files = _identities(self.path)
        log_bytes = _size(self.path, "-wal")
        if files == self._files and self.path.stat().st_size and log_bytes >= self._log_bytes:
            return
        logger.error(
            "The ledger {} was deleted, emptied or replaced while the miner ran: its {} rows are lost, "
            "and it goes on in {}. Stop the miner before you touch its ledger.",
            self.path,
            "earlier" if log_bytes >= self._log_bytes else "last",
            "the file that is there now" if self.path.exists() else "a new file",
        )
        if log_bytes < self._log_bytes:
            self._drop_index()
        try:
            self._reopen(open_for_writing)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._reopen(start_over)

    def _check_index(self) -> None:
        """SQLite writes to the -shm file through memory: one that is cut short or immutable ends us (SIGBUS).

        Raises OSError while it is immutable. Its lost end is replaced by zeros: SQLite makes it anew from the
        write-ahead log.
        """
        index = self.path.with_name(self.path.name + "-shm")
        if not (size := _size(self.path, "-shm")) and not index.exists():
            return  # what SQLite has mapped has no name any more, and keeps its size
        if not os.access(index, os.W_OK):
            raise PermissionError(errno.EPERM, "is immutable: lift that with `chattr -i`", index.name)
        if size < self._index_bytes:
            logger.warning("{} was cut short while the miner ran, and is made anew.", index)
            os.truncate(index, self._index_bytes)

    def _close_connection(self) -> None:
        try:
            self._check_index()
        except OSError:
            # Closing would write there, too: this connection is never closed, not even at Python's end.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
        else:
            self._connection.close()

    def _drop_index(self) -> None:
        """Keep SQLite from copying into the ledger what its log does not hold any more."""
        index, log = (self.path.with_name(self.path.name + suffix) for suffix in ("-shm", "-wal"))
        if not index.exists():
            return
        with index.open("r+b") as file:
            copied = file.read(_INDEX_HEAD_BYTES)[_COPIED_AT:][:4]
            file.seek(0)
            file.write(bytes(_INDEX_HEAD_BYTES))
        if any(copied) and log.exists():  # what is left of the log is older than the ledger's pages
            os.truncate(log, 0)

    def _reopen(self, opened: Callable[[Path], sqlite3.Connection]) -> None:
        self._close_connection()
        self._removing = None  # of the old file
        self._connection = opened(self.path)
        self._files = _identities(self.path)
        self._note_sizes()

    def _note_sizes(self) -> None:
        self._log_bytes, self._index_bytes = _size(self.path, "-wal"), _size(self.path, "-shm")

    def _until_removal_s(self) -> float | None:
        """Seconds to the next removal; None if all is kept."""
        return max(0.0, self._look_at_s - time.monotonic()) if self._keep_days else None

    def _remove_some(self) -> None:
        """One step of removal, which delays a batch. Raises sqlite3.Error only for damage."""
        steps = self._removing or removing(self._connection, self._keep_days * 86_400.0)
        self._removing = None
        try:
            next(steps)
            self._removing = steps
            return
        except StopIteration:
            pass
        except sqlite3.Error as error:
            if is_damage(error):
                raise
            logger.warning(
                "Old rows could not be removed from the ledger {}: {}. They stay for now.", self.path, error
            )
        self._look_at_s = time.monotonic() + _LOOK_S


def take_lock(path: Path) -> FileLock:
    """The lock against a second writer. Raises LedgerError.

    A separate file that is never removed: SQLite's own locks would block readers too, and removing a lock
    file would let two miners lock two files of the same name.
    """
    lock = FileLock(path.with_name(path.name + ".lock"), mode=0o600, blocking=False, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise LedgerError(
            f"The ledger {path} is in use by another miner. Stop that miner (`pm2 stop sn35-miner`), or set "
            "another --ledger.path."
        ) from None
    return lock


_Restored = tuple[sqlite3.Connection, tuple[EpochCount, ...], Mapping[str, int]]


def _restore(path: Path) -> _Restored:
    """A connection for writing, the last epoch of every validator, the highest nonces."""
    try:
        return _read_back(open_for_writing(path))
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if not is_damage(error):
            raise
    return _read_back(start_over(path))


def _read_back(connection: sqlite3.Connection) -> _Restored:
    try:
        epochs = connection.execute(
            # The last one opened; the clock may have been set back since.
            "SELECT validator, started_at_s, promised, given, refused FROM epochs "
            "WHERE id IN (SELECT max(id) FROM epochs GROUP BY validator)"
        )
        nonces = connection.execute("SELECT caller, highest FROM nonces")
        return (
            connection,
            tuple(EpochCount(*_sound(row, str, float, int, int, int)) for row in epochs),
            MappingProxyType(dict(_sound(row, str, int) for row in nonces)),
        )
    except BaseException:
        connection.close()
        raise


def _identities(path: Path) -> tuple[int, ...]:
    """Which files a ledger and its write-ahead log are; fewer numbers if one is missing."""
    found = []
    for file in (path, path.with_name(path.name + "-wal")):
        with suppress(FileNotFoundError):
            found.append(file.stat().st_ino)
    return tuple(found)


def _size(path: Path, suffix: str) -> int:
    """Bytes of a file beside the ledger; 0 if it is missing."""
    beside = path.with_name(path.name + suffix)
    return beside.stat().st_size if beside.exists() else 0


def _sound(row: tuple[Any, ...], *kinds: type) -> tuple[Any, ...]:
    """`row`; DamagedLedger unless its values are of `kinds`, and a nonce's caller is one."""
    fits = all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True))
    if not fits or (len(row) == 2 and row[0].count(":") != 2):
        raise DamagedLedger(f"a row holds {row!r:.100}")
    return row
