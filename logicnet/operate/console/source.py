"""Takes snapshots: of the ledger, read beside its writer, and of the miner's telemetry server.

It only reads. An error of the ledger (missing, locked, damaged, of another program) is part of the
snapshot; the ledger is read again with the next one, and the rows that were read before are shown meanwhile.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from logicnet._util.background import BackgroundValue
from logicnet._util.text import one_line
from logicnet.errors import LedgerError
from logicnet.events import Placed
from logicnet.ledger import LedgerReader, MissingLedger, Row, Search, Which
from logicnet.maths.mathml import as_line
from logicnet.operate.console.alerts import alerts
from logicnet.operate.console.history import UNENDED_S, History
from logicnet.operate.console.income import money
from logicnet.operate.console.judge import judged
from logicnet.operate.console.machine import MachineReader
from logicnet.operate.console.snapshot import (
    CurrentChallenge,
    FinishedChallenge,
    JudgedAs,
    MachineFigures,
    Refusals,
    Snapshot,
    TimeBucket,
)
from logicnet.operate.telemetry.state import State, http_client, read_state
from logicnet.scoring.reward import SILENCE, reward_of, with_volume
from logicnet.settings import ConsoleSettings
from logicnet.votelog import read_vote_log

CUT = 300  # Characters of a text that are compared: `LedgerReader.watched` reads no more


@dataclass(frozen=True, slots=True)
class RewardEstimate:
    """What is known of an answer's reward; `between`: if it is wrong, and if it is right."""

    correctness: float | None
    reward: float | None
    by: str
    between: tuple[float, float] = (SILENCE, SILENCE)


class Scores:
    """Rewards of answers, as far as they are known: validators do not publish them.

    They are known for an answer that a run of our own scored, for a question whose answer the race's `exact`
    sampler computed, and for an answer that was not in time, which earns 0.
    """

    def __init__(self, runs: Iterable[Path] = (), epoch_volume: int = 512) -> None:
        """Raises LogicnetError if one of `runs` is not the folder of a run."""
        self.epoch_volume = epoch_volume
        self._scored: dict[bytes, RewardEstimate] = {}
        for run in runs:
            self._read(run)

    def of(self, row: dict[str, Any]) -> RewardEstimate:
        """Of a row of `LedgerReader.watched` with an outcome."""
        if not row["in_time"]:
            return RewardEstimate(None, SILENCE, "silence")
        # A validator compares the reasoning with a text that we do not have.
        wrong, right = (
            with_volume(reward_of(correctness, USUAL_SIMILARITY, row["seconds"]), self.epoch_volume)
            for correctness in (0.0, 1.0)
        )
        scored = self._scored.get(_key(row["question"], row["answer"] or ""))
        if scored is not None:
            return scored
        if row["exact"]:
            is_right = row["chosen"] == row["exact"]
            return RewardEstimate(float(is_right), right if is_right else wrong, "exact")
        return RewardEstimate(None, None, "", (wrong, right))

    def _read(self, run: Path) -> None:
        from logicnet.evals.runs.run import read_run  # noqa: PLC0415 (needed for --run only)

        for row in read_run(run, "--run").rows:
            if row.answer is not None and (row.reward is not None or row.correctness is not None):
                score = RewardEstimate(row.correctness, row.reward, "run")
                self._scored[_key(row.question[:CUT], row.answer[:CUT])] = score


USUAL_SIMILARITY = 0.5
"""A validator's own default where it cannot compare. A tenth more or less is 0.015 of reward."""


def _key(question: str, answer: str) -> bytes:
    return hashlib.sha256(f"{question}\0{answer}".encode("utf-8", "replace")).digest()


HOUR_S = 3600.0
RANKS_S = 14 * 86_400.0

_WRITTEN_S = 60.0
"""The ledger has a challenge a tenth of a second after its admission; a slow disk or a lock may delay that by
this much. While the miner reports that it cannot write, no row is taken for complete."""

MACHINE_S = 5.0
"""Between two reads of the vLLMs and GPUs."""

OTHERS_S = 5.0
"""Between two looks at the other miners."""

_PLACED = [field.name for field in fields(Placed)]
MOST_ANSWERS = 10_000  # Kept in memory: three times the answers of an hour at 512 in 600 s


class MinerSource:
    """The source of one miner, identified by its ledger. `snapshot` blocks: call it on any thread."""

    def __init__(
        self,
        ledger: Path,
        scores: Scores | None = None,
        *,
        console: ConsoleSettings | None = None,
        machine: MachineReader | None = None,
        others: Sequence[Self] = (),
        app: str = "",
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Without a `machine` its figures are not read. `others` are shown beside this miner.

        `app`: what pm2 calls the miner; empty if that is not known.
        """
        self.ledger = ledger.expanduser().resolve()
        self._app = app
        self._scores = scores or Scores()
        self._console = console or ConsoleSettings()
        self._now_s = now_s
        self._http = http_client()
        self.verdicts: dict[str, JudgedAs] = {}  # of --console.judge, by challenge, the newest last
        self.history = History(lambda row: self._scores.of(row).correctness, self.verdicts)
        self._answers: dict[str, FinishedChallenge] = {}  # of the last hour, oldest first
        self._open: dict[str, dict[str, Any]] = {}  # rows without an end
        self._from_s = 0.0  # every challenge admitted before this is read
        self._machine = machine
        self._figures = BackgroundValue(MachineFigures(), MACHINE_S)
        self._beside = others
        self._others: BackgroundValue[tuple[Snapshot, ...]] = BackgroundValue((), OTHERS_S)
        self._last: Snapshot | None = None
        self._one = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()
        if self._machine is not None:
            self._machine.close()

    def snapshot(self) -> Snapshot:
        """The miner as it is now. Errors of ledger or miner are in the snapshot; none is raised."""
        with self._one:
            return self._take()

    def _take(self) -> Snapshot:
        now_s = self._now_s()
        miner = read_state(self.ledger, self._http)
        if miner is not None and miner.epoch_volume != self._scores.epoch_volume:
            self._scores.epoch_volume = miner.epoch_volume
            self._answers, self._from_s = {}, 0.0  # read again: one volume factor for all
        if now_s < self._from_s:  # the clock was set back
            self._answers, self._from_s = {}, 0.0
        now = replace(self._last or Snapshot(now_s, str(self.ledger), app=self._app), at_s=now_s, miner=miner)
        try:
            with LedgerReader.open(self.ledger) as reader:
                now = replace(self._read(reader, now), ledger_error="")
        except LedgerError as error:
            asked = False if isinstance(error, MissingLedger) else None
            now = replace(now, ledger_error=str(error), asked=asked)
        now = replace(
            now,
            solving=self._solving(miner, now_s),
            volumes=tuple(sorted(miner.volumes, key=lambda one: -one.started_at_s)) if miner else (),
            servers=tuple(miner.servers) if miner else (),
            money=money(self._console),
            machine=self._machine_figures(miner),
            others=self._others.latest(self._look_beside) if self._beside else (),
        )
        damaged = sorted(path.name for path in self.ledger.parent.glob(f"{self.ledger.name}.damaged-*"))
        ledgers = [name for name in damaged if not name.endswith(("-wal", "-shm"))]
        self._last = replace(now, alerts=alerts(now, ledgers))
        return self._last

    def trend(self, span: str) -> tuple[tuple[TimeBucket, ...], int]:
        """The intervals of a span of `history`, and how many were not read yet. Raises LedgerError."""
        last = self._last
        away = last is not None and last.miner is not None and last.miner.ledger_away
        with LedgerReader.open(self.ledger) as reader:
            return self.history.read(reader, span, self._now_s(), complete=not away)

    def search(self, what: Search, most: int) -> tuple[list[tuple[Row, RewardEstimate | None]], float | None]:
        """As `LedgerReader.search`, each row with its reward; None while it has no answer."""
        with LedgerReader.open(self.ledger) as reader:
            rows, next_s = reader.search(what, most)
        return [(row, self._estimate(row)) for row in rows], next_s

    def challenge(self, challenge_id: str) -> tuple[Row, RewardEstimate | None] | None:
        """All of one challenge; None if the ledger does not have it. Raises LedgerError."""
        with LedgerReader.open(self.ledger) as reader:
            row = reader.challenge(challenge_id)
        if row is None:
            return None
        vote_log = read_vote_log(row["trail"])
        votes = vote_log.votes if vote_log else ()
        exact = next((one.key for one in votes if one.sampler == "exact" and one.key), None)
        texts = {name: (row[name] or "")[:CUT] for name in ("question", "answer")}
        chosen = vote_log.chosen if vote_log else None
        return row, self._estimate(row | texts | {"exact": exact, "chosen": chosen})

    def _estimate(self, row: Row) -> RewardEstimate | None:
        if row["outcome"] is None:
            return None
        estimate, verdict = self._scores.of(row), self.verdicts.get(row["challenge_id"])
        if estimate.by or verdict not in ("right", "wrong"):
            return estimate
        right = verdict == "right"
        return replace(estimate, correctness=float(right), reward=estimate.between[right], by="judge")

    @property
    def epoch_volume(self) -> int:
        """With which rewards are computed."""
        return self._scores.epoch_volume

    def _machine_figures(self, miner: State | None) -> MachineFigures:
        if self._machine is None:
            return MachineFigures()
        return self._figures.latest(partial(self._machine.read, miner.servers if miner else ()))

    def _look_beside(self) -> tuple[Snapshot, ...]:
        return tuple(one.snapshot() for one in self._beside)

    def _read(self, reader: LedgerReader, now: Snapshot) -> Snapshot:
        now_s = now.at_s
        since_s = now_s - HOUR_S
        self._open = {}
        for row in reader.watched(max(self._from_s, since_s - UNENDED_S)):
            if row["outcome"] is None:
                self._open[row["challenge_id"]] = row
            elif row["challenge_id"] not in self._answers:
                self._answers[row["challenge_id"]] = self._answer(row)
        admitted_s = [row["admitted_at_s"] for row in self._open.values()]
        young_s = [at_s for at_s in admitted_s if at_s > now_s - UNENDED_S]
        complete = now.miner is None or not now.miner.ledger_away
        if complete:
            self._from_s = max(self._from_s, min([*young_s, now_s - _WRITTEN_S]))
        kept = {key: one for key, one in self._answers.items() if one.at_s >= since_s}
        self._answers = dict(list(kept.items())[-MOST_ANSWERS:])
        ended = sorted(self._answers.values(), key=lambda one: one.at_s)
        return replace(
            now,
            asked=now.asked or bool(reader.newest("challenges", 1)),
            answers=judged(tuple(reversed(ended)), self.verdicts),
            buckets=self.history.read(reader, "hour", now_s, complete=complete)[0],
            refusals=tuple(
                Refusals(row["reason"], row["count"], row["message"])
                for row in reader.refusals_by_reason(Which(now_s - HOUR_S))
            ),
            ranks=tuple(
                Placed(**{name: row[name] for name in _PLACED})
                for row in reader.rows("places", Which(now_s - RANKS_S))
            ),
        )

    def _answer(self, row: Mapping[str, Any]) -> FinishedChallenge:
        score = self._scores.of(dict(row))
        return FinishedChallenge(
            challenge_id=row["challenge_id"],
            at_s=row["ended_at_s"],
            question=as_line(one_line(row["question"])),
            answer=as_line(one_line(row["answer"] or "")),
            outcome=row["outcome"],
            seconds=row["seconds"],
            allowed_s=row["allowed_s"],
            in_time=bool(row["in_time"]),
            error=one_line(row["error"] or ""),
            correctness=score.correctness,
            reward=score.reward,
            known_by=score.by,
            between=score.between,
        )

    def _solving(self, miner: State | None, now_s: float) -> tuple[CurrentChallenge, ...]:
        questions = {key: as_line(one_line(row["question"])) for key, row in self._open.items()}
        found = (
            CurrentChallenge(
                *(one.challenge_id, one.validator, questions.get(one.challenge_id, "")),
                left_s=one.ends_at_s - now_s,
                allowed_s=one.allowed_s,
            )
            for one in (miner.solving if miner else ())
        )
        return tuple(sorted(found, key=lambda one: one.left_s))
