"""Files of answers, one JSON object a line, and the same lines with their scores.

A line has `ground_truth` and `answer` (null: no answer came), and where known `question`, `reasoning`,
`reference`, `process_time` and `timeout` (seconds). The output line adds `correctness`, `similarity` and
`reward` (null where not known), `decided_by`, `note`, and `true` if the caller asked for it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from logicnet._util.jsonl import Lines, parsed, read_lines
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring.scorer import Score, ScoredInput, Scorer

ROWS_AT_ONCE = 256  # scored together: embeddings are batched, and a crash loses no more than these

Seconds = Annotated[float, Field(allow_inf_nan=False)]


class _AnswerRow(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    ground_truth: str
    answer: str | None
    question: str = ""
    reasoning: str | None = None
    reference: str | None = None
    process_time: Annotated[Seconds, Field(ge=0)] | None = None
    timeout: Annotated[Seconds, Field(gt=0)] = LOGIC_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """The fields of one good line, and the answer in them."""

    fields: dict[str, Any]
    reply: ScoredInput


@dataclass(frozen=True, slots=True)
class Rows:
    """A file of answers: its good lines, and `lines` with the errors of the broken ones."""

    good: Sequence[AnswerLine]
    lines: Lines

    @property
    def need_embeddings(self) -> bool:
        return any(row.reply.reasoning is not None and row.reply.reference is not None for row in self.good)


def read_rows(path: Path) -> Rows:
    """The lines of a file but empty ones. Raises BadFile if the file is not readable."""
    lines = read_lines(path)
    return Rows(list(lines.each(_answer_line)), lines)


def _answer_line(fields: dict[str, Any]) -> AnswerLine:
    row = parsed(_AnswerRow, fields)
    reply = ScoredInput(
        truth=row.ground_truth,
        answer=row.answer,
        question=row.question,
        reasoning=row.reasoning,
        reference=row.reference,
        process_time_s=row.process_time,
        timeout_s=row.timeout,
    )
    return AnswerLine(fields, reply)


async def score_rows(
    rows: Sequence[AnswerLine], scorer: Scorer, write: Callable[[str], object]
) -> FileSummary:
    """Score `rows` and `write` each as a line of JSON, in order, as soon as its batch is done."""
    summary = FileSummary()
    for start in range(0, len(rows), ROWS_AT_ONCE):
        batch = rows[start : start + ROWS_AT_ONCE]
        for row, score in zip(batch, await scorer.score([row.reply for row in batch]), strict=True):
            write(json.dumps(row.fields | _columns(row, score)) + "\n")
            summary.add(row, score)
    return summary


def _columns(row: AnswerLine, score: Score) -> dict[str, Any]:
    notes = score.notes
    if score.similarity is not None and score.reward is not None and row.reply.process_time_s is None:
        notes.append("no process_time: rewarded as if it had taken none")
    columns: dict[str, Any] = {
        "correctness": score.correctness.score,
        "similarity": score.similarity.value if score.similarity else None,
        "reward": score.reward,
        "decided_by": score.correctness.by,
        "note": "; ".join(notes),
    }
    if score.truth is not None:
        columns["true"] = score.truth.right
    return columns


@dataclass
class FileSummary:
    """Counts and means over a file."""

    rows: int = 0
    decided_by: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    judge_failed: int = 0
    similarity_failed: int = 0
    contradicted: int = 0  # decided by the validator for or against the truth
    correctness: list[float] = field(default_factory=list, repr=False)
    rewards: list[float] = field(default_factory=list, repr=False)

    def add(self, row: AnswerLine, score: Score) -> None:
        verdict = score.correctness
        self.rows += 1
        self.silent += row.reply.answer is None
        self.decided_by[verdict.by] += row.reply.answer is not None
        self.judge_failed += verdict.failed
        self.similarity_failed += bool(score.similarity and score.similarity.failure)
        if verdict.score is not None:
            self.correctness.append(verdict.score)
            right = score.truth.right if score.truth else None
            self.contradicted += right is not None and right != (verdict.score >= 0.5)
        if score.reward is not None:
            self.rewards.append(score.reward)

    def in_words(self) -> str:
        """A few lines for a terminal."""
        undecided = self.decided_by["nobody"]
        parts = [f"{self.rows} answers, {len(self.correctness)} decided, {undecided} undecided"]
        counted = {
            "without a reply": self.silent,
            "where the judge failed (a validator's 0.5)": self.judge_failed,
            "where the embedding failed (a validator's 0.5)": self.similarity_failed,
            "where the verdict and the truth part": self.contradicted,
        }
        parts += [f"{count} {what}" for what, count in counted.items() if count]
        lines = [", ".join(parts)]
        if self.correctness:
            mean = sum(self.correctness) / len(self.correctness)
            lines.append(f"correctness {mean:.3f} on average of the decided")
        if self.rewards:
            lines.append(f"reward {sum(self.rewards) / len(self.rewards):.3f} on average of the known")
        elif self.rows:
            lines.append(
                "no reward is known: it takes a verdict and, for similarity, a `reference` in the line"
            )
        return "\n".join(lines)
