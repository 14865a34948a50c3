"""The queue of jobs: one SQLite file, and leases.

A worker claims a job for LEASE_S and beats more often than that; a job whose lease ran out is claimed again.
An end is written only by the worker that holds the lease, so a job ends once.
"""

import json
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from pydantic import ValidationError

from logicnet.errors import TuningError
from logicnet.tuning.jobs import Job, JobState
from logicnet.tuning.spec import TrainSpec

LEASE_S = 60.0
BEATS = 4
"""In a lease: three may fail before it is lost."""

MOST_REASON = 2000
"""Characters."""

WAIT_GAINS_S = 6 * 3600.0
"""Waiting this long is worth 1 of priority. It is the same for all jobs, so the order of two never changes
while they wait, and the claim reads it from an index."""

HELD_UNTIL_S = 4e9
"""In the year 2096: `not_before_s` of a job that its user stopped, to go on with it later."""

APPLICATION_ID = 0x4C4E544A  # "LNTJ"
VERSION = 1

_SCHEMA = """
    CREATE TABLE jobs (
        id             TEXT PRIMARY KEY,
        task_id        TEXT NOT NULL UNIQUE,
        spec           TEXT NOT NULL,           -- JSON (TrainSpec)
        digest         TEXT NOT NULL,
        task           TEXT NOT NULL,
        family         TEXT NOT NULL,
        state          TEXT NOT NULL,
        reason         TEXT NOT NULL,
        own_fault      INTEGER NOT NULL,
        hours          REAL NOT NULL,
        priority       REAL NOT NULL,
        attempts       INTEGER NOT NULL,
        worker         TEXT NOT NULL,
        lease_until_s  REAL NOT NULL,
        created_s      REAL NOT NULL,
        not_before_s   REAL NOT NULL,
        started_s      REAL,
        ended_s        REAL,
        result         TEXT,                    -- JSON
        cancel         INTEGER NOT NULL
    );
    CREATE INDEX waiting ON jobs (priority - created_s / 21600.0 DESC, created_s) WHERE state = 'queued';
    CREATE INDEX held ON jobs (lease_until_s)
        WHERE state IN ('preparing', 'running', 'judging');
    CREATE INDEX records ON jobs (family, task, ended_s) WHERE state IN ('completed', 'failed', 'timed_out');
"""

_COLUMNS = (
    *("id", "task_id", "spec", "family", "state", "reason", "own_fault", "hours", "priority", "attempts"),
    *("worker", "lease_until_s", "created_s", "not_before_s", "started_s", "ended_s", "result", "cancel"),
)
_READ = f"SELECT {', '.join(_COLUMNS)} FROM jobs"  # noqa: S608 (constants)
_HELD = "('preparing', 'running', 'judging')"


class TaskConflict(TuningError):
    """A task of this name is known, and asks for something else."""


class StoreError(TuningError):
    """The queue cannot be read or written now; a job that is held is not at fault."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Jobs in the queue; the hours that they take; those of one family and task, with those that run.

    Jobs that their user stopped (`hold`) are none of these: nothing goes on with them by itself.
    """

    jobs: int
    hours: float
    same: int


class JobStore:
    """Safe to share between threads and processes. Raises StoreError if the file cannot be used."""

    def __init__(self, path: Path, *, lease_s: float = LEASE_S) -> None:
        self._path = path
        self.lease_s = lease_s
        self._local = threading.local()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(
                f"cannot write {path} ({error.strerror}): set --tuning.folder to a folder of yours"
            ) from None
        with self._writing() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not tables:
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {VERSION}")
            elif version != VERSION or db.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
                raise StoreError(
                    f"{path} is not a queue of this version: move it away, or set --tuning.folder"
                )
            # One job that a later version cannot read must not keep the others from being claimed.
            left = db.execute(f"{_READ} WHERE state = 'queued' OR state IN {_HELD}").fetchall()
            words = (
                "another version of this program queued it, in words that this one refuses: queue it again"
            )
            db.executemany(
                "UPDATE jobs SET state = 'failed', own_fault = 1, reason = ? WHERE id = ?",
                [(words, row[0]) for row in left if _readable(row) is None],
            )

    def add(self, job: Job) -> Job:
        """Queue `job`; or the job that is known by its task, if that asks for the same.

        Raises TaskConflict.
        """
        with self._writing() as db:
            found = db.execute("SELECT id, digest FROM jobs WHERE task_id = ?", [job.task_id]).fetchone()
            if found is None:
                values = {
                    **{name: getattr(job, name) for name in _COLUMNS if name not in ("spec", "result")},
                    "spec": job.spec.model_dump_json(),
                    "digest": job.spec.digest,
                    "task": job.spec.task,
                    "result": None,
                }
                names = ", ".join(values)
                marks = ", ".join(f":{name}" for name in values)
                db.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", values)  # noqa: S608
                return job
        if found[1] != job.spec.digest:
            raise TaskConflict(f"task {job.task_id!r} is known with another content")
        return self.get(found[0]) or job

    def get(self, job_id: str) -> Job | None:
        """By its id or its task's."""
        rows = self._rows(f"{_READ} WHERE id = :id OR task_id = :id", {"id": job_id})
        return _readable(rows[0]) if rows else None

    def jobs(self, *, over: bool | None = None, most: int = 100) -> list[Job]:
        """The newest first; those that are waiting or held (`over=False`) in the order of their turn."""
        if over is False:
            where = f"WHERE state = 'queued' OR state IN {_HELD} ORDER BY state = 'queued', {_TURN}"
        elif over:
            where = f"WHERE state != 'queued' AND state NOT IN {_HELD} ORDER BY ended_s DESC"
        else:
            where = "ORDER BY created_s DESC"
        rows = self._rows(f"{_READ} {where} LIMIT ?", [most])
        return [job for row in rows if (job := _readable(row)) is not None]

    def counts(self) -> dict[JobState, int]:
        return {JobState(state): n for state, n in self._rows("SELECT state, count(*) FROM jobs GROUP BY 1")}

    def waiting(self, family: str, task: str) -> Waiting:
        """What waits, and how many jobs of a family and task wait or run."""
        ((jobs, hours),) = self._rows(f"SELECT count(*), total(hours) FROM jobs WHERE {_WAITS}")  # noqa: S608
        ((same,),) = self._rows(
            f"SELECT count(*) FROM jobs WHERE ({_WAITS} OR state IN {_HELD}) "  # noqa: S608
            "AND family = ? AND task = ?",
            [family, task],
        )
        return Waiting(jobs, hours, same)

    def position(self, job: Job) -> int | None:
        """How many waiting jobs come before `job`; None if it does not wait, or its user stopped it."""
        if job.state is not JobState.QUEUED or job.not_before_s >= HELD_UNTIL_S:
            return None
        ((before,),) = self._rows(
            f"SELECT count(*) FROM jobs WHERE {_WAITS} AND priority - created_s / 21600.0 > ?",  # noqa: S608
            [job.priority - job.created_s / WAIT_GAINS_S],
        )
        return int(before)

    def claim(
        self, worker: str, now_s: float, only: str | None = None, *, blocking: Collection[str] = ()
    ) -> Job | None:
        """The next job, leased to `worker`: one whose worker was lost, else the first in the queue.

        `only` names one job: no other is claimed. None behind a job of `blocking` leaves the queue until
        that one runs or is over; those whose worker was lost do.
        """
        with self._writing(synced=False) as db:
            if only is not None:
                row = db.execute(_THIS, {"id": only, "now_s": now_s}).fetchone()
            else:
                row = db.execute(_LOST, [now_s]).fetchone()
                if row is None and blocking:
                    row = db.execute(
                        _UNBLOCKED, {"blocking": json.dumps([*blocking]), "now_s": now_s}
                    ).fetchone()
                elif row is None:
                    row = db.execute(_FIRST, [now_s]).fetchone()
            if row is None:
                return None
            db.execute(
                "UPDATE jobs SET worker = ?, lease_until_s = ?, started_s = coalesce(started_s, ?), "
                "reason = '', state = CASE state WHEN 'queued' THEN 'preparing' ELSE state END WHERE id = ?",
                [worker, now_s + self.lease_s, now_s, row[0]],
            )
            return _job(db.execute(f"{_READ} WHERE id = ?", row).fetchone())

    def beat(self, job_id: str, worker: str, now_s: float) -> bool:
        """Keep the lease; False if it is lost, then the worker lets go of the job."""
        return self._change(job_id, worker, now_s, lease_until_s=now_s + self.lease_s)

    def move(self, job_id: str, worker: str, now_s: float, state: JobState, **facts: Any) -> bool:
        """To a state that does not end it; `facts` are other columns, such as `attempts`. False as `beat`."""
        return self._change(job_id, worker, now_s, state=state, lease_until_s=now_s + self.lease_s, **facts)

    def release(self, job_id: str, worker: str, now_s: float) -> bool:
        """Give the lease back in the state that the job is in: the next worker goes on. False as `beat`."""
        return self._change(job_id, worker, now_s, worker="", lease_until_s=0.0)

    def requeue(self, job_id: str, worker: str, now_s: float, not_before_s: float, reason: str) -> bool:
        """Back into the queue, for another attempt. False as `beat`."""
        facts: dict[str, Any] = {
            "state": JobState.QUEUED,
            "worker": "",
            "lease_until_s": 0.0,
            "reason": reason,
        }
        return self._change(job_id, worker, now_s, not_before_s=not_before_s, **facts)

    def end(
        self,
        job_id: str,
        worker: str,
        now_s: float,
        state: JobState,
        *,
        reason: str = "",
        own_fault: bool = False,
        result: dict[str, Any] | None = None,
    ) -> bool:
        """End the job. False as `beat`: nothing was written then."""
        shown = None if result is None else json.dumps(result)
        # Half a surrogate pair, which foreign code may have said, cannot be stored: the job would never end.
        reason = reason[:MOST_REASON].encode(errors="replace").decode()
        ended = {"state": state, "reason": reason, "own_fault": own_fault, "result": shown, "ended_s": now_s}
        return self._change(job_id, worker, now_s, synced=True, **ended)

    def cancel(self, job_id: str, now_s: float) -> bool:
        """End a waiting job, ask the worker of a running one to stop it; False if it is over or unknown."""
        with self._writing() as db:
            waiting = db.execute(
                "UPDATE jobs SET state = 'cancelled', ended_s = ?, reason = 'cancelled', cancel = 1 "
                "WHERE id = ? AND state = 'queued'",
                [now_s, job_id],
            ).rowcount
            held = db.execute(f"UPDATE jobs SET cancel = 1 WHERE id = ? AND state IN {_HELD}", [job_id])  # noqa: S608
            return bool(waiting or held.rowcount)

    def hold(self, job_id: str) -> bool:
        """Keep a waiting job for `reopen`: no worker takes it by itself."""
        with self._writing() as db:
            words = "stopped; `logicnet tune run --resume` goes on"
            held = db.execute(
                "UPDATE jobs SET not_before_s = ?, reason = ? WHERE id = ? AND state = 'queued'",
                [HELD_UNTIL_S, words, job_id],
            )
            return held.rowcount == 1

    def reopen(self, job_id: str, now_s: float) -> bool:
        """Back into the queue, with new attempts: a job that nobody works on and that has no result.

        Its hours count from now.
        """
        with self._writing() as db:
            opened = db.execute(
                "UPDATE jobs SET state = 'queued', not_before_s = 0, attempts = 0, reason = '', "  # noqa: S608
                "cancel = 0, created_s = ?, "
                "ended_s = NULL, own_fault = 0, worker = '', lease_until_s = 0 "
                "WHERE id = ? AND (state IN ('queued', 'failed', 'cancelled', 'timed_out') "
                f"OR state IN {_HELD} AND lease_until_s < ?)",
                [now_s, job_id, now_s],
            )
            return opened.rowcount == 1

    def begin_again(self, job_id: str, now_s: float) -> bool:
        """As `reopen`, also a job whose worker was a process of this machine that was killed."""
        self.release_dead(socket.gethostname(), psutil.pid_exists, now_s)
        return self.reopen(job_id, now_s)

    def release_dead(self, host: str, alive: Callable[[int], bool], now_s: float) -> list[str]:
        """Let go of the jobs whose worker was a process of this host that is no more; their ids.

        A worker's name is HOST/PID/... A restarted service need not wait for such leases to run out.
        """
        with self._writing() as db:
            rows = db.execute(
                f"SELECT id, worker FROM jobs WHERE state IN {_HELD} AND lease_until_s >= ?",  # noqa: S608
                [now_s],
            ).fetchall()
            dead = [
                job_id
                for job_id, worker in rows
                if (found := worker.split("/"))[0] == host
                and len(found) > 1
                and found[1].isdigit()
                and not alive(int(found[1]))
            ]
            db.executemany("UPDATE jobs SET lease_until_s = 0 WHERE id = ?", [[one] for one in dead])
            return dead

    def cancelled(self, job_id: str) -> bool:
        """Whether its end was asked for."""
        return self._rows("SELECT cancel FROM jobs WHERE id = ?", [job_id]) == [(1,)]

    def ended(self, family: str, task: str, most: int = 1000) -> list[tuple[float, bool]]:
        """When jobs of a family and task ended, and whether well; the newest first, own faults left out."""
        rows = self._rows(
            "SELECT ended_s, state = 'completed' FROM jobs WHERE family = ? AND task = ? AND NOT own_fault "
            "AND state IN ('completed', 'failed', 'timed_out') ORDER BY ended_s DESC LIMIT ?",
            [family, task, most],
        )
        return [(float(at_s), bool(well)) for at_s, well in rows]

    def close(self) -> None:
        """Close this thread's connection."""
        found = getattr(self._local, "db", None)
        if found is not None:
            found.close()
            self._local.db = None

    def _change(
        self, job_id: str, worker: str, now_s: float, /, *, synced: bool = False, **facts: Any
    ) -> bool:
        given = ", ".join(f"{name} = :{name}" for name in facts)
        with self._writing(synced=synced) as db:
            changed = db.execute(
                f"UPDATE jobs SET {given} WHERE id = :_id AND worker = :_worker AND state IN {_HELD} "  # noqa: S608
                "AND lease_until_s >= :_now_s",
                facts | {"_id": job_id, "_worker": worker, "_now_s": now_s},
            )
            return changed.rowcount == 1

    def _rows(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"cannot read {self._path}: {error}") from error

    @property
    def _db(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "db", None)
        if found is None:
            try:
                found = sqlite3.connect(self._path, timeout=10.0, isolation_level=None)
                found.execute("PRAGMA journal_mode = WAL")
            except sqlite3.Error as error:
                raise StoreError(
                    f"cannot open {self._path}: {error}; move it away, or set --tuning.folder"
                ) from error
            self._local.db = found
        return found

    @contextmanager
    def _writing(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction. A power cut may undo one that is not `synced`, which ends trainers, too."""
        db = self._db
        try:
            db.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"cannot write {self._path}: {error}") from error
            raise


_WAITS = f"state = 'queued' AND not_before_s < {HELD_UNTIL_S}"
_TURN = "priority - created_s / 21600.0 DESC, created_s"
_LOST = f"SELECT id FROM jobs WHERE state IN {_HELD} AND lease_until_s < ? ORDER BY lease_until_s LIMIT 1"  # noqa: S608
_THIS = (
    f"SELECT id FROM jobs WHERE id = :id AND (state IN {_HELD} AND lease_until_s < :now_s "  # noqa: S608
    "OR state = 'queued' AND not_before_s <= :now_s)"
)
_FIRST = f"SELECT id FROM jobs WHERE state = 'queued' AND not_before_s <= ? ORDER BY {_TURN} LIMIT 1"  # noqa: S608

_UNBLOCKED = (
    "SELECT id FROM (SELECT id, state, not_before_s FROM jobs "  # noqa: S608 (constants)
    "WHERE state = 'queued' AND not_before_s <= :now_s OR id IN (SELECT value FROM json_each(:blocking)) "
    f"AND (state = 'preparing' OR {_WAITS}) ORDER BY {_TURN} LIMIT 1) "
    "WHERE state = 'queued' AND not_before_s <= :now_s"
)


def _readable(row: Sequence[Any]) -> Job | None:
    """The job of a row, if its spec is of this version."""
    try:
        return _job(row)
    except ValidationError:
        return None


def _job(row: Sequence[Any]) -> Job:
    found = Job(**dict(zip(_COLUMNS, row, strict=True)))
    return replace(
        found,
        spec=TrainSpec.model_validate_json(row[2]),
        state=JobState(found.state),
        own_fault=bool(found.own_fault),
        cancel=bool(found.cancel),
        result=None if found.result is None else json.loads(row[_COLUMNS.index("result")]),
    )
