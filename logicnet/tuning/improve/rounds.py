"""Rounds on disk: a folder each, with round.json, which is written whole before each step begins.

    round.json       the Round: what it was asked to do, its step, and what is known so far
    practice.jsonl   every practised text
    lessons.jsonl    the rows that were trained on; test.jsonl: questions that none of them may repeat
    adapter/         what was trained, and the race's profile for it
    proof-FORM/      the bench of base and candidate, as `logicnet report` reads it
    report.html      the page of the round

A step that was killed is done again from what it left: texts, training and bench go on, the rest is short.
"""

import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from logicnet.errors import TuningError
from logicnet.evals.runs.run import read_json
from logicnet.tuning.improve.adapters import Form
from logicnet.tuning.improve.proof import Proof
from logicnet.tuning.train.jobfile import write_json

FORMAT = 1
FILE = "round.json"

UNPROVEN_IN_A_ROW = 2
GOOD_ENOUGH = 0.98
"""Truly right answers of the race, from which on practice has nothing to gain."""


class Step(StrEnum):
    """Where a round stands. The first six in this order; the others end it."""

    PRACTISING = "practising"
    LEARNING = "learning"  # from texts to lessons
    TRAINING = "training"
    ADDING = "adding"  # to the table of adapters, as a candidate
    PROVING = "proving"
    SWAPPING = "swapping"  # it is proven, and not yet served
    SERVED = "served"
    PROVEN = "proven"  # and not served, as the operator wished
    UNPROVEN = "unproven"
    TOO_FEW = "too few lessons"
    GIVEN_UP = "given up"

    @property
    def over(self) -> bool:
        return self in (Step.SERVED, Step.PROVEN, Step.UNPROVEN, Step.TOO_FEW, Step.GIVEN_UP)


@dataclass(frozen=True, slots=True)
class Round:
    """One round; see the module."""

    number: int  # from 1
    id: str  # 32 hexadecimal digits: the task of its training job
    step: Step
    look: int  # proofs on this base before it
    serving: str  # name of the adapter that served when it began; empty: the base
    plan: Mapping[str, Any]  # the options, as JSON
    counts: Mapping[str, int]  # questions to practise by kind
    form: Form = "adapter"
    begun_s: float = 0.0  # unix seconds
    ended_s: float | None = None
    lessons: int = 0
    new_lessons: int = 0
    losses: tuple[float, float] | None = None  # held out, before and after training
    adapter: str = ""  # its name in the table
    proof: Mapping[str, Any] | None = None
    reason: str = ""  # why it ended so

    def proved(self) -> Proof | None:
        return None if self.proof is None else Proof.of_fields(self.proof)


@dataclass(frozen=True, slots=True)
class Rounds:
    """All rounds below one folder."""

    root: Path

    def folder(self, number: int) -> Path:
        return self.root / f"{number:04}"

    def all(self) -> list[Round]:
        """The oldest first. Raises BadRun, or TuningError for a file round.json that is not of a round."""
        if not self.root.is_dir():
            return []
        return [_read(one / FILE) for one in sorted(self.root.iterdir()) if (one / FILE).exists()]

    def write(self, one: Round) -> Round:
        """Raises TuningError if it cannot be written."""
        try:
            self.folder(one.number).mkdir(parents=True, exist_ok=True, mode=0o700)
            write_json(self.folder(one.number) / FILE, {"format": FORMAT, **asdict(one)})
        except OSError as error:
            raise TuningError(
                f"cannot write {self.folder(one.number)}: {error.strerror or error}; make room, then "
                "`logicnet tune improve` goes on from here"
            ) from None
        return one

    def move(self, one: Round, step: Step, **facts: Any) -> Round:
        ended_s = time.time() if step.over else None
        return self.write(replace(one, step=step, ended_s=ended_s, **facts))

    def begin(self, *, serving: str, plan: Mapping[str, Any], counts: Mapping[str, int]) -> Round:
        """The next round. Looks count on, as long as the same model serves."""
        before = self.all()
        number = 1 + max((one.number for one in before), default=0)
        shutil.rmtree(self.folder(number), ignore_errors=True)  # it was killed before its first line
        return self.write(
            Round(
                number,
                uuid.uuid4().hex,
                Step.PRACTISING,
                look=looks(before, serving),
                serving=serving,
                plan=dict(plan),
                counts=dict(counts),
                begun_s=time.time(),
            )
        )


def looks(rounds: Sequence[Round], serving: str) -> int:
    """How many candidates were already judged against what serves. Pure."""
    return sum(one.proof is not None and one.serving == serving for one in rounds)


def _read(path: Path) -> Round:
    found = read_json(path, "--tuning.folder")
    if found.pop("format", None) != FORMAT:
        raise TuningError(f"{path} is of another version: move the folder {path.parent} away")
    try:
        losses = found["losses"]
        return Round(
            **found
            | {
                "step": Step(found["step"]),
                "losses": None if losses is None else (float(losses[0]), float(losses[1])),
            }
        )
    except (KeyError, TypeError, ValueError, IndexError):
        raise TuningError(f"{path} is no round: move the folder {path.parent} away") from None


@dataclass(frozen=True, slots=True)
class LoopBudget:
    """What all rounds of one command may take. None: no limit."""

    rounds: int = 1
    hours: float | None = None
    disk_gb: float | None = None  # of the folder of all rounds and adapters
    teacher_tokens: int | None = None  # written by the teacher, which cost money


@dataclass(frozen=True, slots=True)
class Spent:
    """So far, by this command."""

    rounds: int = 0
    hours: float = 0.0
    disk_gb: float = 0.0
    teacher_tokens: int = 0


def stop_reason(ended: Sequence[Round], budget: LoopBudget, spent: Spent) -> str:
    """Why no other round begins; empty if one does. `ended`: all rounds that are over. Pure."""
    return next(_stop_reasons(ended, budget, spent), "")


def _stop_reasons(ended: Sequence[Round], budget: LoopBudget, spent: Spent) -> Iterator[str]:
    mine = ended[len(ended) - spent.rounds :] if spent.rounds else []
    last = mine[-UNPROVEN_IN_A_ROW:]
    proof = ended[-1].proved() if ended else None
    if mine and mine[-1].step is Step.TOO_FEW:
        yield mine[-1].reason
    if len(last) == UNPROVEN_IN_A_ROW and all(one.step is Step.UNPROVEN for one in last):
        yield f"{UNPROVEN_IN_A_ROW} rounds in a row were not proven"
    if proof is not None and proof.accuracy is not None and proof.accuracy >= GOOD_ENOUGH:
        yield f"{proof.accuracy:.0%} of its answers are right: there is little left to learn"
    if spent.rounds >= budget.rounds:
        yield f"{budget.rounds} round{'' if budget.rounds == 1 else 's'} of {budget.rounds} done"
    if budget.hours is not None and spent.hours >= budget.hours:
        yield f"{spent.hours:.1f} hours are over (--hours {budget.hours:g})"
    if budget.disk_gb is not None and spent.disk_gb >= budget.disk_gb:
        yield f"{spent.disk_gb:.1f} GB are used (--disk-gb {budget.disk_gb:g}): remove old rounds"
    if budget.teacher_tokens is not None and spent.teacher_tokens >= budget.teacher_tokens:
        yield f"the teacher wrote {spent.teacher_tokens} tokens (--teacher-tokens {budget.teacher_tokens})"
