"""LedgerReader: reads the ledger, also while the miner writes."""

import json
import math
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from logicnet.deadline import Clock
from logicnet.errors import LedgerError
from logicnet.ledger._schema import VERSION, check_version

Table = Literal["epochs", "challenges", "refusals", "shadows", "lanes", "places"]
Row = dict[str, Any]

_ROWS: dict[Table, str] = {
    "epochs": """
        SELECT validator, started_at_s, promised, given, refused,
            (SELECT count(*) FROM challenges c WHERE c.validator = e.validator
                AND c.epoch_started_at_s = e.started_at_s AND c.in_time) AS answered_in_time
        FROM epochs e
        WHERE started_at_s >= :since_s AND substr(validator, 1, length(:validator)) = :validator
        ORDER BY id
    """,
    "challenges": """
        SELECT challenge_id, validator, epoch_started_at_s, admitted_at_s, wire, task_uid, category, question,
            allowed_s, ended_at_s, outcome, seconds, in_time, solver, reasoning, answer, error,
            trail
        FROM challenges
        WHERE admitted_at_s >= :since_s AND substr(validator, 1, length(:validator)) = :validator
        ORDER BY admitted_at_s
    """,
    "refusals": """
        SELECT minute_s, reason, validator, count, message
        FROM refusals
        WHERE minute_s >= :since_s AND substr(validator, 1, length(:validator)) = :validator
        ORDER BY minute_s
    """,
    "shadows": """
        SELECT challenge_id, validator, question, c.allowed_s, c.solver, c.outcome, c.seconds,
            c.reasoning, c.answer, s.ended_at_s AS shadow_ended_at_s, s.solver AS shadow,
            s.outcome AS shadow_outcome, s.seconds AS shadow_seconds, s.reasoning AS shadow_reasoning,
            s.answer AS shadow_answer, s.error AS shadow_error, s.trail AS shadow_trail
        FROM shadows s JOIN challenges c USING (challenge_id)
        WHERE s.ended_at_s >= :since_s AND substr(validator, 1, length(:validator)) = :validator
        ORDER BY s.ended_at_s
    """,
    "places": """
        SELECT epoch_s, at_s, block, neurons, uid, rank, incentive, stake FROM places
        WHERE at_s >= :since_s AND :validator IS NOT NULL
        ORDER BY epoch_s
    """,
    # Without time or validator; the parameters are named only to be accepted.
    "lanes": """
        SELECT solver, model, kind, lane, "right", wrong, runs FROM lane_records
        WHERE :since_s IS NOT NULL AND :validator IS NOT NULL
        ORDER BY solver, model, kind, lane
    """,
}
_NEWEST = {table: query + " DESC LIMIT :count" for table, query in _ROWS.items()}

_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # see `is_damage`
_TRAILS = {"trail", "shadow_trail"}

# SQLite takes the bare column `message` from the row that holds the max
# (sqlite.org/lang_select.html#bareagg).
_BY_REASON = """
    SELECT reason, sum(count) AS count, max(minute_s) AS last_minute_s, message
    FROM refusals
    WHERE minute_s >= :since_s AND substr(validator, 1, length(:validator)) = :validator
    GROUP BY reason ORDER BY 2 DESC
"""


@dataclass(frozen=True, slots=True)
class Which:
    """A filter of rows: from unix seconds on, and of validators whose hotkey starts with `validator`."""

    since_s: float = 0.0
    validator: str = ""


EVERYTHING = Which()


@dataclass(frozen=True, slots=True)
class Search:
    """A filter of challenges, admitted in `since_s` <= t < `until_s` (unix seconds)."""

    since_s: float = 0.0
    until_s: float = math.inf
    validator: str = ""  # the beginning of a hotkey
    outcome: str = ""  # one of the ledger's, "not in time" or "in flight"
    text: str = ""  # in question, answer, reasoning or error; or a whole id


_SLICE_ROWS = 2_000  # read at a time by `search`: some hundredths of a second
_MOST_TEXT = 200  # characters that are searched for

# A damaged trail must not hide the row.
_IN_SHORT = """
    SELECT challenge_id, validator, admitted_at_s, allowed_s, ended_at_s, outcome, seconds, in_time,
        substr(question, 1, :most) AS question, substr(answer, 1, :most) AS answer,
        error, json_extract(CASE WHEN json_valid(trail) THEN trail END, '$.chosen') AS chosen,
        (SELECT json_extract(value, '$.key')
            FROM json_each(CASE WHEN json_valid(trail) THEN trail END, '$.lanes')
            WHERE json_extract(value, '$.lane') = 'exact' AND json_extract(value, '$.key') != '') AS exact
    FROM challenges
    WHERE admitted_at_s >= :since_s AND admitted_at_s < :until_s
"""
_WATCHED = f"{_IN_SHORT} AND rowid % :every = 0 ORDER BY admitted_at_s"
_FOUND = f"""
    {_IN_SHORT} AND substr(validator, 1, length(:validator)) = :validator
        AND CASE :outcome WHEN '' THEN 1 WHEN 'in flight' THEN outcome IS NULL
            WHEN 'not in time' THEN NOT in_time ELSE outcome = :outcome END
        AND (:text = '%%' OR challenge_id = :exactly OR question LIKE :text ESCAPE '\\'
            OR answer LIKE :text ESCAPE '\\' OR reasoning LIKE :text ESCAPE '\\'
            OR error LIKE :text ESCAPE '\\')
    ORDER BY admitted_at_s DESC
"""
_SLICE = """
    SELECT count(*) AS count, min(admitted_at_s) AS from_s FROM (
        SELECT admitted_at_s FROM challenges WHERE admitted_at_s >= :since_s AND admitted_at_s < :until_s
        ORDER BY admitted_at_s DESC LIMIT :slice)
"""
_ONE = """
    SELECT c.*, s.solver AS shadow, s.outcome AS shadow_outcome, s.seconds AS shadow_seconds,
        s.answer AS shadow_answer, s.error AS shadow_error
    FROM challenges c LEFT JOIN shadows s USING (challenge_id) WHERE challenge_id = :challenge_id
"""
_TIMES = """
    SELECT seconds, in_time FROM challenges
    WHERE admitted_at_s >= :since_s AND admitted_at_s < :until_s AND outcome IS NOT NULL
"""

_SIZE = """
    SELECT (page_count - freelist_count) * page_size AS bytes
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""
_COUNT = "SELECT count(*) AS count FROM challenges WHERE admitted_at_s >= :since_s"


class MissingLedger(LedgerError):
    """There is no file of that name."""


class LedgerReader:
    """One ledger, opened read-only, which never blocks the miner. Every method raises LedgerError."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Use `LedgerReader.open`."""
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise MissingLedger(
                f"There is no ledger at {path} yet: the first `logicnet mine` creates it."
            ) from None
        except OSError as error:  # a folder of another user
            raise _unreadable(path, error.strerror) from None
        try:
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5, isolation_level=None
            )
            # One damaged character must not hide the whole ledger.
            connection.text_factory = lambda raw: raw.decode(errors="replace")
            try:
                version = check_version(connection, path)
                if version == 0:
                    raise LedgerError(f"The ledger {path} is still empty: `logicnet mine` fills it.")
                if version < VERSION:
                    raise LedgerError(
                        f"The ledger {path} was written by an older logicnet (ledger version {version}, "
                        f"this one reads {VERSION}): the next start of `logicnet mine` updates it."
                    )
            except BaseException:
                connection.close()
                raise
        except _UNREADABLE as error:
            raise _unreadable(path, error) from None
        connection.row_factory = sqlite3.Row
        return cls(connection, path)

    def rows(self, table: Table, which: Which = EVERYTHING) -> Iterator[Row]:
        """All columns, oldest row first."""
        return self._query(_ROWS[table], which)

    def newest(self, table: Table, count: int, which: Which = EVERYTHING) -> list[Row]:
        """The newest `count` rows, newest first."""
        return list(self._query(_NEWEST[table], which, count=count))

    def refusals_by_reason(self, which: Which = EVERYTHING) -> list[Row]:
        """One row per reason: count, last minute and last message."""
        return list(self._query(_BY_REASON, which))

    def watched(
        self, since_s: float, most: int = 300, *, until_s: float = math.inf, every: int = 1
    ) -> list[Row]:
        """Every `every`-th challenge for the console, oldest first: no reasonings, texts cut to `most`.

        `chosen` is the key of the answer that was sent, `exact` the key that the sampler `exact` computed.
        """
        return list(self._query(_WATCHED, Which(since_s), most=most, until_s=until_s, every=every))

    def search(
        self, what: Search, most: int, *, within_s: float = 2.0, clock: Clock = time.monotonic
    ) -> tuple[list[Row], float | None]:
        """The newest challenges of `what` as in `watched`, newest first, and where to go on.

        To go on, search with that as `until_s`; None if there is no more. Rows of one time are never parted,
        so there may be a few more than `most`. It ends early when `within_s` is over.
        """
        found: list[Row] = []
        end_s = clock() + within_s
        text = what.text[:_MOST_TEXT]
        like = "%" + re.sub(r"([%_\\])", r"\\\1", text) + "%"
        until_s = what.until_s
        while True:
            (part,) = self._query(_SLICE, Which(what.since_s), until_s=until_s, slice=_SLICE_ROWS)
            if not part["count"]:
                return found, None
            which = Which(part["from_s"], what.validator)
            for row in self._query(
                _FOUND, which, most=300, until_s=until_s, outcome=what.outcome, text=like, exactly=text
            ):
                if len(found) >= most and row["admitted_at_s"] < found[-1]["admitted_at_s"]:
                    return found, found[-1]["admitted_at_s"]
                found.append(row)
            until_s = part["from_s"]
            if part["count"] < _SLICE_ROWS:
                return found, None
            if clock() >= end_s:
                return found, until_s

    def challenge(self, challenge_id: str) -> Row | None:
        """All of one challenge, and its shadow's answer; None if the ledger does not have it."""
        return next(self._query(_ONE, EVERYTHING, challenge_id=challenge_id), None)

    def times(self, since_s: float, until_s: float) -> list[tuple[float, bool]]:
        """Seconds, and whether it was in time, of the ended challenges of `since_s` <= t < `until_s`."""
        rows = self._query(_TIMES, Which(since_s), until_s=until_s)
        return [(row["seconds"], bool(row["in_time"])) for row in rows]

    def size(self) -> int:
        """Bytes in use, without free pages."""
        (used,) = self._query(_SIZE, EVERYTHING)
        return int(used["bytes"])

    def count(self, since_s: float = 0.0) -> int:
        """Challenges admitted since `since_s`."""
        (found,) = self._query(_COUNT, Which(since_s))
        return int(found["count"])

    def sampler_records(self, solver: str, model: str | None) -> list[tuple[str, str, float, float]]:
        """Kind, sampler, right and wrong of the lessons about `solver` with `model`.

        Lessons about another model do not count, if both names are known.
        """
        summed: dict[tuple[str, str], tuple[float, float]] = {}
        for row in self.rows("lanes"):
            if row["solver"] == solver and (row["model"] == model or not (row["model"] and model)):
                right, wrong = summed.get((row["kind"], row["lane"]), (0.0, 0.0))
                summed[row["kind"], row["lane"]] = right + row["right"], wrong + row["wrong"]
        return [(*sampler, *counts) for sampler, counts in summed.items()]

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _query(self, query: str, which: Which, **values: Any) -> Iterator[Row]:
        try:
            for row in self._connection.execute(query, {**asdict(which), **values}):
                yield {name: _trail(value) if name in _TRAILS else value for name, value in dict(row).items()}
        except _UNREADABLE as error:
            raise _unreadable(self.path, error) from None


def _trail(text: str | None) -> Any:
    """None if it is damaged."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _unreadable(path: Path, error: object) -> LedgerError:
    why = "a name in it is malformed" if isinstance(error, UnicodeDecodeError) else error
    return LedgerError(f"The ledger {path} cannot be read: {why}.")
