"""The folder of an arena or a bench: its plan, its questions, its journal and its rows.

    run.json          the plan (`logicnet.evals.runs.plan`)
    challenges.jsonl  the questions, as they were when the run began
    journal.jsonl     intents, written before the deed: a round that begins, a question that is sent
    rows.jsonl        one row per question, once it is scored (`logicnet.evals.runs.run`)

Every line is written before the next step, so a kill -9 loses none. A question in the journal without a
row was in flight: it gets a row that says so, and is not asked again.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Generic, Self

from filelock import FileLock, Timeout

from logicnet._util.files import write_whole
from logicnet._util.jsonl import BadLine, parsed
from logicnet.errors import SettingsError
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.sets import ChallengeSet, load, write
from logicnet.evals.runs.plan import AnyPlan
from logicnet.evals.runs.run import PLAN, ROWS, BadRun, Row, read_json, read_lines, read_rows

CHALLENGES, JOURNAL = "challenges.jsonl", "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Begun:
    """A round: when its last loop was opened by Information (unix seconds), and what it asks of whom.

    `asks` is how many of `ids`, the first ones, each target is asked: its quota when the round began.
    """

    at_s: float
    ids: tuple[str, ...]
    asks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Intent:
    """A question that is about to be sent."""

    round: int
    target: str
    id: str
    wire: str
    at_s: float  # unix seconds

    @property
    def key(self) -> tuple[str, str]:
        return self.target, self.id


@dataclass
class RunFolder(Generic[AnyPlan]):
    """An open run, held by one process at a time. Use as a context manager, or call `close`."""

    path: Path
    plan: AnyPlan
    problems: Sequence[Problem]
    rounds: dict[int, Begun] = field(default_factory=dict)
    asked: dict[tuple[str, str], Intent] = field(default_factory=dict)
    _ended: set[tuple[str, str]] = field(default_factory=set, repr=False)
    _lock: FileLock = field(init=False, repr=False)
    _journal: BinaryIO = field(init=False, repr=False)
    _rows: BinaryIO = field(init=False, repr=False)

    @classmethod
    def of(cls, plan: AnyPlan, challenges: ChallengeSet) -> Self:
        """The run that `plan` asks for: a new one, or the one to continue. See `begin` and `resume`."""
        return cls.resume(plan.path, plan) if plan.resume else cls.begin(plan.path, plan, challenges)

    @classmethod
    def begin(cls, path: Path, plan: AnyPlan, challenges: ChallengeSet) -> Self:
        """A new run in `path`, made if need be. Raises SettingsError if there is one already."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            refuse_taken(path)
            run = cls(path, plan, _distinct(challenges.problems))
            run._open()
            write(challenges, path / CHALLENGES)
            run._write_plan()
        except OSError as error:
            raise SettingsError(f"cannot write to {path}: {error.strerror or error}") from None
        return run

    @classmethod
    def resume(cls, path: Path, plan: AnyPlan) -> Self:
        """The run in `path` as it was left, from now on with `plan`. Raises SettingsError or BadRun."""
        run = cls(path, plan, _distinct(load(path / CHALLENGES).problems))
        try:
            run._open()
            try:
                run._read()
                run._write_plan()
            except BaseException:
                run.close()
                raise
        except OSError as error:
            raise SettingsError(f"cannot write to {path}: {error.strerror or error}") from None
        return run

    def begin_round(self, number: int, begun: Begun, information: Mapping[str, Any]) -> None:
        """`information` is recorded for readers: the volume that each target committed."""
        self.rounds[number] = begun
        line = {"round": number, "at": begun.at_s, "ids": begun.ids, "asks": dict(begun.asks)}
        self._append(self._journal, json.dumps(line | {"told": dict(information)}))

    def intend(self, intent: Intent) -> None:
        """Record a question before it is sent."""
        self.asked[intent.key] = intent
        line = {"asked": intent.id, "target": intent.target, "round": intent.round, "wire": intent.wire}
        self._append(self._journal, json.dumps(line | {"at": intent.at_s}))

    def add(self, row: Row) -> None:
        self._ended.add(row.key)
        self._append(self._rows, row.line())

    def in_flight(self) -> list[Intent]:
        """Questions that were asked and have no row."""
        return [intent for key, intent in self.asked.items() if key not in self._ended]

    def rows(self) -> Iterator[Row]:
        """The rows so far, from the file: a run of days does not fit into memory."""
        return read_rows(self.path / ROWS)

    def sync(self) -> None:
        """Flush to the disk, against a power cut."""
        for file in (self._journal, self._rows):
            os.fsync(file.fileno())

    def close(self) -> None:
        for file in (self._journal, self._rows):
            file.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _open(self) -> None:
        try:
            self._lock = FileLock(self.path / ".lock", blocking=False, thread_local=False)
            self._lock.acquire()
        except Timeout:
            raise SettingsError(f"another arena or bench is at work in {self.path}") from None
        self._journal = (self.path / JOURNAL).open("ab", buffering=0)
        self._rows = (self.path / ROWS).open("ab", buffering=0)

    def _write_plan(self) -> None:
        write_whole(self.path / PLAN, self.plan.model_dump_json(indent=2) + "\n")

    def _read(self) -> None:
        for file, name in ((self._journal, JOURNAL), (self._rows, ROWS)):
            os.ftruncate(file.fileno(), _whole_lines(self.path / name))
        self._ended = {row.key for row in self.rows()}
        for number, line in read_lines(self.path / JOURNAL):
            try:
                self._take(line)
            except (AttributeError, KeyError, TypeError, ValueError):
                raise BadRun(f"{self.path / JOURNAL}, line {number}: not a line of a journal") from None
        planned = {problem_id for begun in self.rounds.values() for problem_id in begun.ids}
        if not planned | {intent.id for intent in self.asked.values()} <= {one.id for one in self.problems}:
            raise BadRun(f"{self.path / CHALLENGES} was changed: it does not hold what the run has asked")

    def _take(self, line: Mapping[str, Any]) -> None:
        if "asked" in line:
            intent = Intent(
                int(line["round"]),
                str(line["target"]),
                str(line["asked"]),
                str(line["wire"]),
                float(line["at"]),
            )
            self.asked[intent.key] = intent
        else:
            asks = {name: int(count) for name, count in line["asks"].items()}
            self.rounds[int(line["round"])] = Begun(float(line["at"]), _texts(line["ids"]), asks)

    def _append(self, file: BinaryIO, line: str) -> None:
        try:
            data = memoryview(line.encode() + b"\n")
            while data:
                data = data[file.write(data) :]
        except OSError as error:
            raise BadRun(
                f"cannot write to {self.path}: {error.strerror or error}; --resume continues once that works"
            ) from None


def refuse_taken(path: Path) -> None:
    """Raise SettingsError if there is a run in `path`."""
    if (path / PLAN).exists():
        raise SettingsError(f"there is a run in {path} already: continue it with --resume, or name another")


def read_plan(path: Path, model: type[AnyPlan]) -> AnyPlan:
    """The plan of the run in `path`. Raises SettingsError or BadRun."""
    file = path / PLAN
    found = read_json(file, "--out")
    kind, written = found.get("kind", "arena"), found.get("format")
    if kind != model.model_fields["kind"].default:
        raise BadRun(f"{file}: this is a run of `logicnet {kind}`; continue it with that command")
    if written != model.model_fields["format"].default:
        raise BadRun(
            f"{file}: format {written} is of another version of logicnet; continue the run with that, or "
            "begin a new one"
        )
    try:
        return parsed(model, found)
    except BadLine as error:
        raise BadRun(f"{file}: {error}") from None


def _distinct(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Each question once, however often a file has it."""
    return tuple({problem.id: problem for problem in problems}.values())


def _texts(value: Sequence[Any]) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(str, value))


def _whole_lines(path: Path) -> int:
    """Bytes of a file up to the end of its last whole line."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while size > 0:
            start = max(0, size - 65_536)
            file.seek(start)
            end = file.read(size - start).rfind(b"\n")
            if end >= 0:
                return start + end + 1
            size = start
    return 0
