"""The adapters of one miner: a SQLite table, in which only a proven one can serve.

A state changes in one transaction, and nothing but the table says what serves. So after a kill at any
moment it names a proven adapter, or none: then the base serves.

    candidate -> proven -> serving -> previous -> proven
         \\         \\         \\
          refused    refused    rolled_back
"""

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from logicnet.errors import TuningError
from logicnet.tuning.train.jobfile import hash_of

Form = Literal["adapter", "merged"]
"""A LoRA adapter beside its base; or the base with the adapter added, as a model of its own."""

EXPECTED = "expected.json"
"""What the trainer saw an adapter say (tuning.train.jobfile)."""

PROFILE = "profile.toml"
"""In an adapter's folder, if it has one: the race's profile for it, as --miner.profiles takes it."""

APPLICATION_ID = 0x4C4E5441  # "LNTA"
VERSION = 1

_SCHEMA = """
    CREATE TABLE adapters (
        name       TEXT PRIMARY KEY,   -- BASE-aN: as the model server knows it, and its folder
        base       TEXT NOT NULL,      -- the model under it, as the server lists it
        form       TEXT NOT NULL,
        digest     TEXT NOT NULL,      -- of its folder
        state      TEXT NOT NULL,
        proof      TEXT,               -- JSON
        servers    TEXT NOT NULL,      -- JSON: base URLs of the servers that have it
        reason     TEXT NOT NULL,      -- why it was refused or rolled back
        created_s  REAL NOT NULL,      -- unix seconds, as all times
        served_s   REAL,               -- since when it serves, or served last
        kept_s     REAL,               -- when its first hour ended well
        CHECK (state IN ('candidate', 'refused') OR proof IS NOT NULL)
    );
    CREATE UNIQUE INDEX one_serves ON adapters (state) WHERE state = 'serving';
    CREATE UNIQUE INDEX one_before ON adapters (state) WHERE state = 'previous';
"""

_COLUMNS = (
    *("name", "base", "form", "digest", "state", "proof", "servers", "reason"),
    *("created_s", "served_s", "kept_s"),
)
_READ = f"SELECT {', '.join(_COLUMNS)} FROM adapters"  # noqa: S608 (constants)


class AdapterState(StrEnum):
    """Where an adapter stands."""

    CANDIDATE = "candidate"
    PROVEN = "proven"
    SERVING = "serving"
    PREVIOUS = "previous"  # served before: a roll back returns to it
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A row of the table. `proof` is the JSON of what proved it; None while it is a candidate."""

    name: str
    base: str
    folder: Path
    form: Form
    digest: str
    state: AdapterState = AdapterState.CANDIDATE
    proof: Mapping[str, Any] | None = None
    servers: tuple[str, ...] = ()
    reason: str = ""
    created_s: float = 0.0
    served_s: float | None = None
    kept_s: float | None = None

    @property
    def profile(self) -> Path | None:
        """Of the race."""
        found = self.folder / PROFILE
        return found if found.exists() else None

    @property
    def rank(self) -> int:
        """Of a LoRA; 0 for a merged model. Raises TuningError if its folder does not say."""
        if self.form == "merged":
            return 0
        config = self.folder / "adapter_config.json"
        try:
            return int(json.loads(config.read_bytes())["r"])
        except (OSError, ValueError, KeyError, TypeError):
            raise TuningError(f"{config} does not say the rank: train {self.name} again") from None

    def check(self) -> None:
        """Raises TuningError if its folder is not what was added: a disk was full, a file was changed."""
        if not self.folder.is_dir() or hash_of(self.folder) != self.digest:
            raise TuningError(f"{self.folder} is not as it was when {self.name} was added: train it again")


class AdapterStore:
    """Below one folder: `adapters.sqlite`, and a folder for each adapter. For any thread and process.

    Raises TuningError if the table cannot be read or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._path = root / "adapters.sqlite"

    def add(self, made: Path, base: str, now_s: float, form: Form = "adapter") -> Adapter:
        """Copy the folder `made` of a trainer under a new name: a candidate.

        With what its trainer saw it say, which lies beside the folder or in it.
        Its own copy, because a name of a model server stands for one content for ever. Raises TuningError
        if the disk is full; nothing is left then.
        """
        short = re.sub(r"[^A-Za-z0-9._-]+", "-", base.rstrip("/").rpartition("/")[2]) or "model"
        part = self.root / f".{short}.{os.getpid()}.part"
        try:
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(made, part)
            if (beside := made.parent / EXPECTED).exists() and not (part / EXPECTED).exists():
                shutil.copy(beside, part)
            _synced(part)
            digest = hash_of(part)
            with self._writing() as db:
                taken = [row[0] for row in db.execute("SELECT name FROM adapters")]
                number = 1 + max(
                    (
                        int(one.rpartition("-a")[2])
                        for one in taken
                        if re.fullmatch(rf"{re.escape(short)}-a\d+", one)
                    ),
                    default=0,
                )
                found = Adapter(f"{short}-a{number}", base, self._folder(f"{short}-a{number}"), form, digest)
                found = replace(found, created_s=now_s)
                shutil.rmtree(
                    found.folder, ignore_errors=True
                )  # of one that was killed before its row was written
                found.folder.parent.mkdir(exist_ok=True)
                part.replace(found.folder)
                db.execute(
                    "INSERT INTO adapters (name, base, form, digest, state, servers, reason, created_s) "
                    "VALUES (?, ?, ?, ?, 'candidate', '[]', '', ?)",
                    [found.name, base, form, digest, now_s],
                )
                return found
        except OSError as error:
            raise TuningError(
                f"cannot copy {made} below {self.root} ({error.strerror or error}): make room, or set "
                "--tuning.folder"
            ) from None
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def prove(self, name: str, proof: Mapping[str, Any]) -> Adapter:
        """Mark a candidate as proven; `proof` is the JSON object that says why.

        Raises TuningError unless `name` is a candidate.
        """
        self._move(name, AdapterState.PROVEN, (AdapterState.CANDIDATE,), proof=json.dumps(dict(proof)))
        return self.get(name)

    def refuse(self, name: str, reason: str) -> None:
        """A candidate or a proven one will not be served. Raises TuningError if it is neither."""
        before = (AdapterState.CANDIDATE, AdapterState.PROVEN, AdapterState.PREVIOUS)
        self._move(name, AdapterState.REFUSED, before, reason=reason)

    def serve(self, name: str, servers: tuple[str, ...], now_s: float) -> Adapter:
        """From now on `name` serves, on `servers`; what served becomes the previous one.

        Raises TuningError if it is not proven.
        """
        with self._writing() as db:
            row = db.execute("SELECT state FROM adapters WHERE name = ?", [name]).fetchone()
            if row is None or row[0] not in (AdapterState.PROVEN, AdapterState.PREVIOUS):
                raise TuningError(
                    f"{name} is {'not known' if row is None else row[0]}: only a proven adapter is served; "
                    "`logicnet tune adapters` lists them"
                )
            db.execute("UPDATE adapters SET state = 'proven' WHERE state = 'previous'")
            db.execute("UPDATE adapters SET state = 'previous' WHERE state = 'serving'")
            db.execute(
                "UPDATE adapters SET state = 'serving', servers = ?, served_s = ?, kept_s = NULL, "
                "reason = '' WHERE name = ?",
                [json.dumps(servers), now_s, name],
            )
        return self.get(name)

    def roll_back(self, reason: str, now_s: float, name: str | None = None) -> Adapter | None:
        """What serves no longer does, and the one before it serves again: that, or None for the base.

        `name`: only if this one serves; else nothing changes. Raises TuningError if none serves.
        """
        with self._writing() as db:
            row = db.execute("SELECT name FROM adapters WHERE state = 'serving'").fetchone()
            if row is None or name not in (None, row[0]):
                raise TuningError(
                    f"{name or 'no adapter'} serves{' not' if name else ''}: nothing is rolled back"
                )
            db.execute(
                "UPDATE adapters SET state = 'rolled_back', reason = ? WHERE state = 'serving'",
                [_text(reason)],
            )
            db.execute(
                "UPDATE adapters SET state = 'serving', served_s = ?, kept_s = ? WHERE state = 'previous'",
                [now_s, now_s],  # it was watched when it came
            )
        return self.serving()

    def keep(self, name: str, now_s: float) -> None:
        """Its first hour ended well."""
        with self._writing() as db:
            db.execute("UPDATE adapters SET kept_s = ? WHERE name = ? AND state = 'serving'", [now_s, name])

    def serving(self) -> Adapter | None:
        """None: the base serves."""
        return next(iter(self._rows("WHERE state = 'serving'")), None)

    def previous(self) -> Adapter | None:
        return next(iter(self._rows("WHERE state = 'previous'")), None)

    def get(self, name: str) -> Adapter:
        """Raises TuningError if it is not known."""
        for found in self._rows("WHERE name = ?", name):
            return found
        raise TuningError(f"no adapter is named {_text(name)[:80]!r}: `logicnet tune adapters` lists them")

    def all(self) -> list[Adapter]:
        """The newest first."""
        return self._rows("ORDER BY created_s DESC, rowid DESC")

    def _rows(self, where: str, *values: Any) -> list[Adapter]:
        if not self._path.exists():
            return []
        try:
            with closing(self._open()) as db:
                if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    return []
                return [self._adapter(row) for row in db.execute(f"{_READ} {where}", values)]
        except (sqlite3.Error, ValueError) as error:
            raise TuningError(f"cannot read {self._path}: {error}; move it away to begin anew") from error

    def _adapter(self, row: tuple[Any, ...]) -> Adapter:
        facts = dict(zip(_COLUMNS, row, strict=True))
        facts["folder"] = self._folder(facts["name"])
        facts["state"] = AdapterState(facts["state"])
        facts["proof"] = None if facts["proof"] is None else json.loads(facts["proof"])
        facts["servers"] = tuple(json.loads(facts["servers"]))
        return Adapter(**facts)

    def _folder(self, name: str) -> Path:
        return self.root / "adapters" / name

    def _move(self, name: str, to: AdapterState, before: tuple[AdapterState, ...], **facts: str) -> None:
        state = self.get(name).state
        given = "".join(f", {column} = ?" for column in facts)
        marks = ", ".join("?" * len(before))
        with self._writing() as db:
            moved = db.execute(
                f"UPDATE adapters SET state = ?{given} WHERE name = ? AND state IN ({marks})",  # noqa: S608
                [to, *map(_text, facts.values()), name, *before],
            ).rowcount
        if not moved:
            raise TuningError(f"{name} is {state}, so it cannot become {to}")

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=10.0, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        return db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, in a table that is made if it is not there."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(self._open()) as db:
                db.execute("BEGIN IMMEDIATE")
                try:
                    self._make(db)
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise TuningError(f"cannot write {self._path}: {error}") from error

    def _make(self, db: sqlite3.Connection) -> None:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        elif db.execute("PRAGMA user_version").fetchone() != (VERSION,):
            raise TuningError(f"{self._path} is of another version: move it away, or set --tuning.folder")


def _text(found: str) -> str:
    """Half a surrogate pair, which a server may have said, cannot be stored."""
    return found[:2000].encode(errors="replace").decode()


def _synced(folder: Path) -> None:
    """Write what the kernel still holds: a full disk says so here, not after the row was written."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_file() or path.is_dir():
            number = os.open(path, os.O_RDONLY)
            try:
                os.fsync(number)
            finally:
                os.close(number)
