"""A batch: what waits to be written. A later fact swallows an earlier one, so waiting is cheap."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Hashable
from typing import Any, TypeVar

from logicnet.errors import Reason
from logicnet.events import (
    Admitted,
    Answered,
    EpochCount,
    Event,
    HungUp,
    NonceAccepted,
    Placed,
    Promised,
    Refused,
    Shadowed,
)
from logicnet.ledger._schema import transaction
from logicnet.votelog import VoteLog

LIMIT = 10_000
"""Entries kept per table while the disk is away: hours of challenges at full volume, and some
50 MB. Each table drops its own oldest, so a flood of refusals or nonces costs no answer."""

EPOCH_S = 4320
"""Of the chain: 360 blocks of 12 s (subtensor's tempo). Ranks and incentives change once in it."""

HUNG_UP = "hung_up"
"""The outcome in the file when the caller left; the others are those of `events.Outcome`."""

_EPOCH = """
    INSERT INTO epochs (validator, started_at_s, promised, given, refused) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (validator, started_at_s)
    DO UPDATE SET given = max(given, excluded.given), refused = max(refused, excluded.refused)
"""
_ADMITTED = """
    INSERT INTO challenges (challenge_id, validator, epoch_started_at_s, admitted_at_s, wire, task_uid,
        category, question, allowed_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (challenge_id) DO NOTHING
"""
_ENDED = """
    UPDATE challenges SET ended_at_s = ?, outcome = ?, seconds = ?, solver = ?, reasoning = ?, answer = ?,
        error = ?, trail = ? WHERE challenge_id = ?
"""
_SHADOWED = """
    INSERT INTO shadows (challenge_id, solver, ended_at_s, outcome, seconds, allowed_s, reasoning, answer,
        error, trail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (challenge_id) DO NOTHING
"""
_REFUSAL = """
    INSERT INTO refusals (minute_s, reason, validator, message, count) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (minute_s, reason, validator)
    DO UPDATE SET count = count + excluded.count, message = excluded.message
"""
_NONCE = """
    INSERT INTO nonces (caller, highest) VALUES (?, ?)
    ON CONFLICT (caller) DO UPDATE SET highest = max(highest, excluded.highest)
"""
_PLACED = """
    INSERT INTO places (epoch_s, at_s, block, neurons, uid, rank, incentive, stake)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (epoch_s) DO UPDATE SET at_s = excluded.at_s, block = excluded.block,
        neurons = excluded.neurons, uid = excluded.uid, rank = excluded.rank,
        incentive = excluded.incentive, stake = excluded.stake
"""

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")
_Bucket = tuple[int, Reason, str]
_Row = tuple[Any, ...]


class Batch:
    """Facts by key: absolute counts of epochs, both ends of challenges and their shadows, refusals by
    minute, nonces, our place by epoch.

    Not thread-safe: whoever holds it guards it.
    """

    def __init__(self) -> None:
        self.lost = 0  # entries that found no room
        self._epochs: dict[tuple[str, float], EpochCount] = {}
        self._admitted: dict[str, Admitted] = {}
        self._ended: dict[str, Answered | HungUp] = {}
        self._shadowed: dict[str, Shadowed] = {}
        self._refusals: dict[_Bucket, tuple[int, str]] = {}
        self._nonces: dict[str, int] = {}
        self._placed: dict[int, Placed] = {}

    def __len__(self) -> int:
        """Rows to be written."""
        return (
            len(self._epochs)
            + len(self._admitted)
            + len(self._ended)
            + len(self._shadowed)
            + len(self._refusals)
            + len(self._nonces)
            + len(self._placed)
        )

    def add(self, event: Event) -> None:
        """Take one event in. Called on the request path: a few dictionary look-ups."""
        match event:
            case Admitted():
                self._put_epoch(event.epoch)
                self._put(self._admitted, event.challenge_id, event)
            case Answered() | HungUp():
                self._put(self._ended, event.challenge_id, event)
            case Shadowed():
                self._put(self._shadowed, event.challenge_id, event)
            case NonceAccepted():
                self._put_nonce(event.caller, event.nonce)
            case Refused():
                if event.epoch is not None:
                    self._put_epoch(event.epoch)
                bucket = (int(event.at_s) // 60 * 60, event.reason, event.validator or "")
                self._put_refusals(bucket, 1, event.message)
            case Promised():
                self._put_epoch(event.epoch)
            case Placed():
                self._put(self._placed, int(event.at_s) // EPOCH_S * EPOCH_S, event)

    def absorb(self, later: Batch) -> None:
        """Take in everything of a batch that was filled after this one."""
        for epoch in later._epochs.values():
            self._put_epoch(epoch)
        for challenge_id, admitted in later._admitted.items():
            self._put(self._admitted, challenge_id, admitted)
        for challenge_id, ended in later._ended.items():
            self._put(self._ended, challenge_id, ended)
        for challenge_id, shadowed in later._shadowed.items():
            self._put(self._shadowed, challenge_id, shadowed)
        for bucket, (count, message) in later._refusals.items():
            self._put_refusals(bucket, count, message)
        for caller, nonce in later._nonces.items():
            self._put_nonce(caller, nonce)
        for epoch_s, placed in later._placed.items():
            self._put(self._placed, epoch_s, placed)
        self.lost += later.lost

    def write(self, connection: sqlite3.Connection) -> None:
        """All or nothing: one transaction. Written twice, every row but refusals stays the same."""
        with transaction(connection):
            connection.executemany(_EPOCH, [_epoch_row(epoch) for epoch in self._epochs.values()])
            connection.executemany(_ADMITTED, [_admitted_row(event) for event in self._admitted.values()])
            connection.executemany(_ENDED, [_ended_row(event) for event in self._ended.values()])
            connection.executemany(_SHADOWED, [_shadowed_row(event) for event in self._shadowed.values()])
            connection.executemany(
                _REFUSAL, [(*bucket, message, count) for bucket, (count, message) in self._refusals.items()]
            )
            connection.executemany(_NONCE, list(self._nonces.items()))
            connection.executemany(_PLACED, [_placed_row(*pair) for pair in self._placed.items()])

    def _put(self, table: dict[_Key, _Value], key: _Key, value: _Value) -> None:
        table[key] = value
        if len(table) > LIMIT:
            del table[next(iter(table))]
            self.lost += 1

    def _put_epoch(self, epoch: EpochCount) -> None:
        # Absolute and only ever growing, so the later one holds the earlier one.
        self._put(self._epochs, (epoch.validator, epoch.started_at_s), epoch)

    def _put_nonce(self, caller: str, nonce: int) -> None:
        self._put(self._nonces, caller, max(nonce, self._nonces.get(caller, nonce)))

    def _put_refusals(self, bucket: _Bucket, count: int, message: str) -> None:
        before, _ = self._refusals.get(bucket, (0, ""))
        self._put(self._refusals, bucket, (before + count, message))


def _epoch_row(epoch: EpochCount) -> _Row:
    return (epoch.validator, epoch.started_at_s, epoch.promised, epoch.given, epoch.refused)


def _admitted_row(event: Admitted) -> _Row:
    return (
        event.challenge_id,
        event.validator,
        event.epoch.started_at_s,
        event.at_s,
        event.wire,
        _text(event.task_uid),
        _text(event.category),
        _text(event.question),
        event.allowed_s,
    )


def _ended_row(event: Answered | HungUp) -> _Row:
    if isinstance(event, HungUp):
        return (event.at_s, HUNG_UP, event.seconds, None, None, None, None, None, event.challenge_id)
    return (
        event.at_s,
        event.outcome,
        event.seconds,
        event.solver,
        _text(event.reasoning),
        _text(event.answer),
        _text(event.error),
        _trail(event.vote_log),
        event.challenge_id,
    )


def _shadowed_row(event: Shadowed) -> _Row:
    return (
        event.challenge_id,
        event.solver,
        event.at_s,
        event.outcome,
        event.seconds,
        event.allowed_s,
        _text(event.reasoning),
        _text(event.answer),
        _text(event.error),
        _trail(event.vote_log),
    )


def _placed_row(epoch_s: int, event: Placed) -> _Row:
    place = (event.uid, event.rank, event.incentive, event.stake)
    return (epoch_s, event.at_s, event.block, event.neurons, *place)


def _trail(trail: VoteLog | None) -> str | None:
    return None if trail is None else _text(json.dumps(trail.fields(), ensure_ascii=False))


def _text(text: str) -> str:
    """Half a surrogate pair, as a model cut off inside an emoji leaves it, is not text to SQLite."""
    return text if text.isascii() else text.encode(errors="replace").decode()
