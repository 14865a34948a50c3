"""Source: where snapshots come from: the ledger, read beside its writer, and the miner's admin port.

It only ever reads. A ledger that is not there yet, locked, damaged or of another program is said in the
snapshot, and looked at again with the next one; what was read before is shown meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from types import TracebackType
from typing import Any, Self

from logicnet.errors import LedgerError
from logicnet.ledger import LedgerReader, Which
from logicnet.operate.console.concerns import concerns
from logicnet.operate.console.scores import Scores
from logicnet.operate.console.snapshot import (
    ChainRank,
    CurrentChallenge,
    FinishedChallenge,
    Refusals,
    Slot,
    Snapshot,
)
from logicnet.operate.telemetry import ask, client
from logicnet.operate.telemetry.state import State

HOUR_S = 3600.0
WINDOW_S = 6 * HOUR_S
"""How far back seconds and correctness are shown."""

PLACES_S = 14 * 86_400.0
SLOTS = 36

_UNENDED_S = 130.0
"""A challenge begun so long ago has ended, or never will: 64 s and what a clock may jump."""

_WRITTEN_S = 60.0
"""A challenge is in the ledger a tenth of a second after it began, unless the disk is slow or another program
holds the file; while the miner says that it cannot write at all, nothing is taken for known."""

MOST_ANSWERS = 50_000
"""Kept in memory: six hours of more than twice what 512 in 600 s come to."""


class MinerSource:
    """Of one miner, known by its ledger. Blocks while it looks: call `look` on a thread."""

    def __init__(
        self, ledger: Path, scores: Scores | None = None, *, now_s: Callable[[], float] = time.time
    ) -> None:
        self.ledger = ledger.expanduser().resolve()
        self._scores = scores or Scores()
        self._now_s = now_s
        self._http = client()
        self._answers: dict[str, FinishedChallenge] = {}  # of the window, oldest first
        self._open: dict[str, dict[str, Any]] = {}  # rows without an end
        self._from_s = 0.0  # challenges begun before this are known for good
        self._last: Snapshot | None = None

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def look(self) -> Snapshot:
        """As it is now. Never raises for what is wrong with ledger or miner."""
        now_s = self._now_s()
        miner = ask(self.ledger, self._http)
        seen = replace(self._last or Snapshot(now_s, str(self.ledger)), at_s=now_s, miner=miner)
        try:
            with LedgerReader.open(self.ledger) as reader:
                seen = self._read(reader, seen)
            seen = replace(seen, ledger_trouble="")
        except LedgerError as error:
            seen = replace(seen, ledger_trouble=str(error))
        seen = replace(
            seen,
            solving=self._solving(miner, now_s),
            promises=tuple(miner.promises) if miner else (),
            servers=tuple(miner.servers) if miner else (),
        )
        if miner is not None:
            self._scores.epoch_volume = miner.epoch_volume
            open_ = sorted(seen.promises, key=lambda one: -one.started_at_s)
            seen = replace(seen, promises=tuple(open_))
        self._last = replace(seen, concerns=concerns(seen, self._kept_aside()))
        return self._last

    def _read(self, reader: LedgerReader, seen: Snapshot) -> Snapshot:
        now_s = seen.at_s
        since_s = now_s - WINDOW_S
        rows = reader.watched(max(self._from_s, since_s))
        self._open = {}
        for row in rows:
            if row["outcome"] is None:
                self._open[row["challenge_id"]] = row
            elif row["challenge_id"] not in self._answers:
                self._answers[row["challenge_id"]] = self._answer(row)
        begun_s = [row["admitted_at_s"] for row in self._open.values()]
        young_s = [at_s for at_s in begun_s if at_s > now_s - _UNENDED_S]
        if seen.miner is None or not seen.miner.ledger_away:
            self._from_s = max(self._from_s, min([*young_s, now_s - _WRITTEN_S]))
        for known in [one.challenge_id for one in self._answers.values() if one.at_s < since_s]:
            del self._answers[known]
        for known in list(self._answers)[:-MOST_ANSWERS]:
            del self._answers[known]
        ended = sorted(self._answers.values(), key=lambda one: one.at_s)
        last_hour = Which(now_s - HOUR_S)
        return replace(
            seen,
            answers=tuple(one for one in reversed(ended) if one.at_s >= now_s - HOUR_S),
            slots=slots(ended, now_s),
            refusals=tuple(
                Refusals(row["reason"], row["count"], row["last_minute_s"], row["message"])
                for row in reader.refusals_by_reason(last_hour)
            ),
            places=tuple(
                ChainRank(row["at_s"], row["neurons"], row["rank"], row["incentive"], row["stake"])
                for row in reader.rows("places", Which(now_s - PLACES_S))
            ),
        )

    def _answer(self, row: Mapping[str, Any]) -> FinishedChallenge:
        score = self._scores.of(dict(row))
        return FinishedChallenge(
            challenge_id=row["challenge_id"],
            at_s=row["ended_at_s"],
            validator=row["validator"],
            question=_plain(row["question"]),
            answer=_plain(row["answer"] or ""),
            outcome=row["outcome"],
            seconds=row["seconds"],
            allowed_s=row["allowed_s"],
            in_time=bool(row["in_time"]),
            error=_plain(row["error"] or ""),
            correctness=score.correctness,
            reward=score.reward,
            known_by=score.by,
        )

    def _solving(self, miner: State | None, now_s: float) -> tuple[CurrentChallenge, ...]:
        if miner is None:
            return ()
        questions = {known: _plain(row["question"]) for known, row in self._open.items()}
        found = [
            CurrentChallenge(
                one.challenge_id,
                one.validator,
                questions.get(one.challenge_id, ""),
                one.ends_at_s - now_s,
                one.allowed_s,
            )
            for one in miner.solving
        ]
        return tuple(sorted(found, key=lambda one: one.left_s))

    def _kept_aside(self) -> Iterable[str]:
        found = self.ledger.parent.glob(f"{self.ledger.name}.damaged-*")
        return sorted(path.name for path in found if not path.name.endswith(("-wal", "-shm")))


def slots(ended: Sequence[FinishedChallenge], now_s: float) -> tuple[Slot, ...]:
    """The window in slots of equal length: its last hour alone if there is nothing before that."""
    oldest_s = ended[0].at_s if ended else now_s
    span_s = HOUR_S if oldest_s >= now_s - HOUR_S else WINDOW_S
    length_s = span_s / SLOTS
    first = int((now_s - span_s) // length_s) + 1
    held: list[list[FinishedChallenge]] = [[] for _ in range(SLOTS)]
    for one in ended:
        number = int(one.at_s // length_s) - first
        if 0 <= number < SLOTS:
            held[number].append(one)
    return tuple(_slot((first + number) * length_s, inside) for number, inside in enumerate(held))


def _slot(at_s: float, inside: Sequence[FinishedChallenge]) -> Slot:
    if not inside:
        return Slot(at_s)
    seconds = sorted(one.seconds for one in inside)
    known = [one.correctness for one in inside if one.correctness is not None]
    return Slot(
        at_s,
        answered=len(inside),
        missed=sum(not one.in_time for one in inside),
        median_s=median(seconds),
        slow_s=seconds[min(len(seconds) - 1, int(0.9 * len(seconds)))],
        correctness=mean(known) if known else None,
        known=len(known),
    )


def _plain(text: str) -> str:
    """A stranger's text on one line, without what a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
