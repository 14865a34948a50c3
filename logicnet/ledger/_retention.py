"""Removes rows past their retention, in short steps, because each step delays a batch."""

import sqlite3
import time
from collections.abc import Iterator

from logicnet.ledger._schema import transaction

STEP = 100
"""Rows removed in one transaction, or pages given back: a few milliseconds, 17 with a checkpoint."""

_EMPTY_SHARE = 10
"""A tenth of the file may be free pages: new rows fill them soon, and giving them back moves others."""

_OLD_CHALLENGES = """
    SELECT challenge_id FROM challenges WHERE admitted_at_s < :before_s ORDER BY admitted_at_s LIMIT :most
"""
_REMOVALS = (
    # Before their challenges: an epoch that lacks some of them would look like unanswered challenges.
    ("DELETE FROM epochs WHERE id IN (SELECT id FROM epochs WHERE started_at_s < :before_s LIMIT :most)",),
    (
        f"DELETE FROM shadows WHERE challenge_id IN ({_OLD_CHALLENGES})",  # noqa: S608 (it is our own)
        f"DELETE FROM challenges WHERE challenge_id IN ({_OLD_CHALLENGES})",  # noqa: S608
    ),
    (
        """
        DELETE FROM refusals WHERE (minute_s, reason, validator) IN (
            SELECT minute_s, reason, validator FROM refusals WHERE minute_s < :before_s LIMIT :most)
        """,
    ),
)
"""Each is one transaction; its last statement gives the number of rows. Kept for ever, because they are few:
lessons, nonces (a used one must stay used) and places (twenty a day)."""


def removing(connection: sqlite3.Connection, keep_s: float) -> Iterator[None]:
    """Remove rows older than `keep_s` seconds (a day or more), then give space back. One step per `next`.

    Age counts from the last admitted challenge, so that an idle miner or a wrong clock removes nothing.
    """
    (newest_s,) = connection.execute("SELECT max(admitted_at_s) FROM challenges").fetchone()
    before_s = min(time.time(), newest_s or 0.0) - keep_s
    for statements in _REMOVALS:
        count = STEP
        while count == STEP:
            with transaction(connection):
                for statement in statements:
                    count = connection.execute(statement, {"before_s": before_s, "most": STEP}).rowcount
            yield
    while _much_is_empty(connection):
        # `execute` would run only the first step of the pragma, which is one page.
        connection.executescript(f"PRAGMA incremental_vacuum({STEP})")
        yield


def _much_is_empty(connection: sqlite3.Connection) -> bool:
    kind, pages, empty = connection.execute(
        "SELECT * FROM pragma_auto_vacuum, pragma_page_count, pragma_freelist_count"
    ).fetchone()
    # Ledgers from before auto_vacuum cannot give pages back; new rows fill them.
    return bool(kind and empty * _EMPTY_SHARE > pages)
