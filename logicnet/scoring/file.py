"""`logicnet score FILE`: answers, one JSON object a line, and the same lines with their scores.

A line has `ground_truth` and `answer` (null: no answer came), and where known `question`, `reasoning`,
`reference`, `process_time` and `timeout` (seconds). The output line adds `correctness`, `similarity` and
`reward` (null where not known), `decided_by`, `note`, and `true` if the caller asked for it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TextIO

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import Progress

from logicnet._util.jsonl import Lines, parsed, read_lines
from logicnet.errors import SettingsError
from logicnet.llm.endpoint import reach, unheard
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring import similarity
from logicnet.scoring.judge import Judge
from logicnet.scoring.options import ScoreOptions
from logicnet.scoring.scorer import Score, ScoredInput, Scorer
from logicnet.scoring.truth import TruthTeller


def run(options: ScoreOptions) -> None:
    """Score a file. Raises LogicnetError in one line for whatever keeps it from being scored."""
    if options.out is not None and options.out.resolve() == options.file.resolve():
        raise SettingsError("--out is the file that is being scored; give another one")
    rows = read_rows(options.file)
    if not options.skip_bad:
        rows.lines.refuse_broken("mend them, or take the others with --skip-bad")
    if rows.need_embeddings:
        similarity.require()
    with unheard():
        summary = asyncio.run(_score(options, rows))
    if rows.lines.broken:
        print(f"passed over {rows.lines.broken_in_words()}", file=sys.stderr)
    print(summary.in_words(), file=sys.stderr)


async def _score(options: ScoreOptions, rows: Rows) -> FileSummary:
    async with _scorer(options, rows) as scorer:
        with ExitStack() as open_files:
            out = open_files.enter_context(_opened(options.out)) if options.out else sys.stdout
            progress = open_files.enter_context(
                Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
            )
            task = progress.add_task("scoring", total=len(rows.good))

            def write(line: str) -> None:
                out.write(line)
                progress.advance(task)

            return await score_rows(rows.good, scorer, write)


@asynccontextmanager
async def _scorer(options: ScoreOptions, rows: Rows) -> AsyncIterator[Scorer]:
    async with AsyncExitStack() as stack:
        judge = embedder = truth = None
        if (server := options.judge) is not None:
            endpoint = await reach("judge", server.url, server.model, server.key, flag="--judge-url")
            stack.push_async_callback(endpoint.close)
            judge = Judge(endpoint, timeout_s=options.judge_timeout_s, at_once=options.judge_at_once)
        if rows.need_embeddings:
            embedder = similarity.Embedder(similarity.MiniLM(options.embedding_model))
            stack.callback(embedder.close)
        if options.truth:
            truth = await stack.enter_async_context(TruthTeller())
        yield Scorer(judge, embedder, truth)


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}") from None


ROWS_AT_ONCE = 256  # scored together: embeddings are batched, and a crash loses no more than these

Seconds = Annotated[float, Field(allow_inf_nan=False)]


class _AnswerRow(BaseModel):
    """The fields of a `ScoredInput`, by their names in a file."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    truth: str = Field(alias="ground_truth")
    answer: str | None
    question: str = ""
    reasoning: str | None = None
    reference: str | None = None
    process_time_s: Annotated[Seconds, Field(ge=0)] | None = Field(None, alias="process_time")
    timeout_s: Annotated[Seconds, Field(gt=0)] = Field(LOGIC_TIMEOUT_S, alias="timeout")


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

    def answer_line(fields: dict[str, Any]) -> AnswerLine:
        return AnswerLine(fields, ScoredInput(**parsed(_AnswerRow, fields).model_dump()))

    return Rows(list(lines.each(answer_line)), lines)


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
