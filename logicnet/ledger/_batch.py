"""Batch: rows that wait to be written, merged by key, so that waiting needs little memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Hashable
from dataclasses import astuple, dataclass
from typing import Any

from logicnet import events
from logicnet.events import Admitted, Answered, EpochCount, HungUp, Placed, Refused, Shadowed
from logicnet.ledger._schema import transaction

LIMIT = 10_000
"""Rows per table while the file cannot be written: hours of challenges at full volume, some 50 MB. Each
table drops its own oldest, so that a flood of refusals or nonces costs no answer."""

EPOCH_S = 4320
"""Of the chain: 360 blocks of 12 s (subtensor's tempo). Incentives change once per epoch."""

HUNG_UP = "hung_up"
"""Stored as the outcome when the caller left; the others are those of `events.Outcome`."""

_Row = tuple[Any, ...]


def _answer(event: Answered | Shadowed) -> _Row:
    log = event.vote_log
    votes = None if log is None else _text(json.dumps(log.fields(), ensure_ascii=False))
    return (_text(event.reasoning), _text(event.answer), _text(event.error), votes)


def _text(text: str) -> str:
    """Replace half a surrogate pair, which SQLite refuses. Models cut off inside an emoji write one."""
    return text if text.isascii() else text.encode(errors="replace").decode()


@dataclass(frozen=True, slots=True, eq=False)
class _TableWrite:
    """How values are written to a table, and how two values of the same key become one."""

    statement: str
    row: Callable[[Any, Any], _Row]  # of a key and its value
    merge: Callable[[Any, Any], Any] = lambda _earlier, later: later


_EPOCHS = _TableWrite(  # counts are absolute and only grow
    """
    INSERT INTO epochs (validator, started_at_s, promised, given, refused) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (validator, started_at_s)
    DO UPDATE SET promised = max(promised, excluded.promised), given = max(given, excluded.given),
        refused = max(refused, excluded.refused)
    """,
    lambda _key, epoch: astuple(epoch),
)


def _admitted_row(challenge_id: str, event: Admitted) -> _Row:
    texts = map(_text, (event.task_uid, event.category, event.question))
    times = (event.epoch.started_at_s, event.at_s)
    return (challenge_id, event.validator, *times, event.wire, *texts, event.allowed_s)


_ADMISSIONS = _TableWrite(
    """
    INSERT INTO challenges (challenge_id, validator, epoch_started_at_s, admitted_at_s, wire, task_uid,
        category, question, allowed_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (challenge_id) DO NOTHING
    """,
    _admitted_row,
)


def _ended_row(challenge_id: str, event: Answered | HungUp) -> _Row:
    if isinstance(event, HungUp):
        return (event.at_s, HUNG_UP, event.seconds, None, None, None, None, None, challenge_id)
    return (event.at_s, event.outcome, event.seconds, event.solver, *_answer(event), challenge_id)


_ENDS = _TableWrite(
    """
    UPDATE challenges SET ended_at_s = ?, outcome = ?, seconds = ?, solver = ?, reasoning = ?, answer = ?,
        error = ?, trail = ? WHERE challenge_id = ?
    """,
    _ended_row,
)


def _shadowed_row(challenge_id: str, event: Shadowed) -> _Row:
    times = (event.at_s, event.outcome, event.seconds, event.allowed_s)
    return (challenge_id, event.solver, *times, *_answer(event))


_SHADOWS = _TableWrite(
    """
    INSERT INTO shadows (challenge_id, solver, ended_at_s, outcome, seconds, allowed_s, reasoning, answer,
        error, trail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (challenge_id) DO NOTHING
    """,
    _shadowed_row,
)
_REFUSALS = _TableWrite(
    """
    INSERT INTO refusals (minute_s, reason, validator, count, message) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (minute_s, reason, validator)
    DO UPDATE SET count = count + excluded.count, message = excluded.message
    """,
    lambda bucket, refused: (*bucket, *refused),
    lambda one, two: (one[0] + two[0], two[1]),
)
_NONCES = _TableWrite(
    """
    INSERT INTO nonces (caller, highest) VALUES (?, ?)
    ON CONFLICT (caller) DO UPDATE SET highest = max(highest, excluded.highest)
    """,
    lambda *pair: pair,
    max,
)
_PLACES = _TableWrite(
    """
    INSERT OR REPLACE INTO places (epoch_s, at_s, block, neurons, uid, rank, incentive, stake)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    """,
    lambda epoch_s, event: (epoch_s, *astuple(event)),
)
_IN_ORDER = (_EPOCHS, _ADMISSIONS, _ENDS, _SHADOWS, _REFUSALS, _NONCES, _PLACES)


class Batch:
    """Values by table and key. Not thread-safe: the owner locks."""

    def __init__(self) -> None:
        self.lost = 0  # rows dropped at LIMIT
        self._values: dict[_TableWrite, dict[Hashable, Any]] = {target: {} for target in _IN_ORDER}

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def add(self, event: events.Event) -> None:
        """Called on the request path: a few dictionary look-ups."""
        match event:
            case Admitted():
                self._put_epoch(event.epoch)
                self._put(_ADMISSIONS, event.challenge_id, event)
            case Answered() | HungUp():
                self._put(_ENDS, event.challenge_id, event)
            case Shadowed():
                self._put(_SHADOWS, event.challenge_id, event)
            case events.NonceAccepted():
                self._put(_NONCES, event.caller, event.nonce)
            case Refused():
                if event.epoch is not None:
                    self._put_epoch(event.epoch)
                bucket = (int(event.at_s) // 60 * 60, event.reason, event.validator or "")
                self._put(_REFUSALS, bucket, (1, event.message))
            case events.Announced():
                self._put_epoch(event.epoch)
            case Placed():
                self._put(_PLACES, int(event.at_s) // EPOCH_S * EPOCH_S, event)

    def absorb(self, later: Batch) -> None:
        """Take over everything of a batch that was filled after this one."""
        for target, values in later._values.items():
            for key, value in values.items():
                self._put(target, key, value)
        self.lost += later.lost

    def write(self, connection: sqlite3.Connection) -> None:
        """One transaction. Written twice, all rows but refusals stay the same."""
        with transaction(connection):
            for target, values in self._values.items():
                connection.executemany(target.statement, [target.row(*pair) for pair in values.items()])

    def _put_epoch(self, epoch: EpochCount) -> None:
        self._put(_EPOCHS, (epoch.validator, epoch.started_at_s), epoch)

    def _put(self, target: _TableWrite, key: Hashable, value: Any) -> None:
        values = self._values[target]
        if (earlier := values.get(key)) is not None:
            value = target.merge(earlier, value)
        values[key] = value
        if len(values) > LIMIT:
            del values[next(iter(values))]
            self.lost += 1
