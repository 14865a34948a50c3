"""What is too old to be kept, and how it goes: in short steps, since a batch waits for each of them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator

from logicnet.ledger._schema import transaction

STEP = 100
"""Rows that go in one transaction, or pages given back: a few milliseconds, 17 with a checkpoint."""

_EMPTY_SHARE = 10
"""A tenth of the file may lie empty: new rows fill it soon, and giving pages back means moving others."""

_OLD_CHALLENGES = """
    SELECT challenge_id FROM challenges WHERE admitted_at_s < :before_s ORDER BY admitted_at_s LIMIT :most
"""
_REMOVALS = (
    # Before their challenges: an epoch that lacks some of them would look like a promise not kept.
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
"""Each is one transaction, whose last statement says how many rows there were. Not here, as they are few and
do not age: lessons, nonces (a used one must not become new) and places (twenty a day)."""


def removing(connection: sqlite3.Connection, keep_s: float) -> Iterator[None]:
    """Remove what is older than `keep_s` seconds, and give space back: one step for each that is asked for.

    Age is counted from the last challenge that was admitted: while nobody asks, or the clock is wrong
    so that nobody gets in, nothing goes. An epoch is over long before, as `keep_s` is a day or more.
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
        # A script, since Python's `execute` takes but the first step of it, which is one page.
        connection.executescript(f"PRAGMA incremental_vacuum({STEP})")
        yield


def _much_is_empty(connection: sqlite3.Connection) -> bool:
    (kind,) = connection.execute("PRAGMA auto_vacuum").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (empty,) = connection.execute("PRAGMA freelist_count").fetchone()
    # A ledger from before pages could be given back fills its empty ones again, and keeps its size.
    return bool(kind and empty * _EMPTY_SHARE > pages)
