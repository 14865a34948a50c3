"""`logicnet score FILE`: answers, one JSON object a line, and the same lines with their scores.

A line has `ground_truth` and `answer` (null: no answer came), and where known `question`, `reasoning`,
`reference`, `process_time` and `timeout` (seconds). The output line adds `correctness`, `similarity` and
`reward` (null where not known), `decided_by`, `note`, and `true` if the caller asked for it.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import Progress

from logicnet._util.flags import require_file
from logicnet._util.jsonl import Lines, parsed, read_lines
from logicnet.errors import SettingsError
from logicnet.llm.endpoint import reach, unheard
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring import similarity
from logicnet.scoring.judge import Judge
from logicnet.scoring.options import ScoreOptions
from logicnet.scoring.scorer import Score, ScoredInput, Scorer, open_scorer

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


def run(options: ScoreOptions) -> None:
    """Score a file. Raises LogicnetError in one line for whatever keeps it from being scored."""
    if options.out is not None and options.out.resolve() == options.file.resolve():
        raise SettingsError("--out is the file that is being scored; give another one")
    require_file("FILE", options.file)
    rows = read_rows(options.file)
    if not options.skip_bad:
        rows.lines.refuse_broken("mend them, or take the others with --skip-bad")
    with unheard():
        scores = asyncio.run(_score(options, rows.good))
    if rows.lines.broken:
        print(f"passed over {rows.lines.broken_in_words()}", file=sys.stderr)
    print(_in_words(rows.good, scores), file=sys.stderr)


def read_rows(path: Path) -> Rows:
    """The lines of a file but empty ones. Raises BadFile if the file is not readable."""
    lines = read_lines(path)

    def answer_line(fields: dict[str, Any]) -> AnswerLine:
        return AnswerLine(fields, ScoredInput(**parsed(_AnswerRow, fields).model_dump()))

    return Rows(list(lines.each(answer_line)), lines)


async def _score(options: ScoreOptions, rows: Sequence[AnswerLine]) -> list[Score]:
    """The scores of all rows. Each is written as soon as its batch is done."""
    async with AsyncExitStack() as stack:
        judge = encode = None
        if any(row.reply.reasoning is not None and row.reply.reference is not None for row in rows):
            similarity.require()
            encode = similarity.MiniLM(options.embedding_model)
        if options.judge is not None:
            endpoint = await stack.enter_async_context(reach("judge", *options.judge, flag="--judge-url"))
            judge = Judge(endpoint, timeout_s=options.judge_timeout_s, at_once=options.judge_at_once)
        scorer = await open_scorer(stack, judge, encode, () if options.truth else None)
        out = sys.stdout
        if options.out is not None:
            try:
                out = stack.enter_context(options.out.open("w", encoding="utf-8"))
            except OSError as error:
                raise SettingsError(f"cannot write {options.out}: {error.strerror or error}") from None
        progress = stack.enter_context(
            Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
        )
        return await _score_all(rows, scorer, out.write, progress)


async def _score_all(
    rows: Sequence[AnswerLine], scorer: Scorer, write: Callable[[str], object], progress: Progress
) -> list[Score]:
    scores: list[Score] = []
    task = progress.add_task("scoring", total=len(rows))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        batch = rows[start : start + ROWS_AT_ONCE]
        for row, score in zip(batch, await scorer.score([row.reply for row in batch]), strict=True):
            write(json.dumps(row.fields | _columns(row, score)) + "\n")
            progress.advance(task)
            scores.append(score)
    return scores


def _columns(row: AnswerLine, score: Score) -> dict[str, Any]:
    notes = score.notes
    if score.similarity is not None and score.reward.value is not None and row.reply.process_time_s is None:
        notes.append("no process_time: rewarded as if it had taken none")
    columns: dict[str, Any] = {
        "correctness": score.correctness.score,
        "similarity": score.similarity.value if score.similarity else None,
        "reward": score.reward.value,
        "decided_by": score.correctness.by,
        "note": "; ".join(notes),
    }
    if score.truth is not None:
        columns["true"] = score.truth.right
    return columns


def _in_words(rows: Sequence[AnswerLine], scores: Sequence[Score]) -> str:
    """Counts and means of a file, in a few lines for a terminal."""
    decided = [score.correctness.score for score in scores if score.correctness.score is not None]
    rewards = [score.reward.value for score in scores if score.reward.value is not None]
    silent = sum(row.reply.answer is None for row in rows)
    counted = {
        "without a reply": silent,
        "where the judge failed (a validator's 0.5)": sum(one.correctness.failed for one in scores),
        "where the embedding failed (a validator's 0.5)": sum(
            bool(one.similarity and one.similarity.failure) for one in scores
        ),
        "where the verdict and the truth part": sum(map(_contradicted, scores)),
    }
    parts = [f"{len(rows)} answers, {len(decided)} decided, {len(rows) - len(decided) - silent} undecided"]
    parts += [f"{count} {what}" for what, count in counted.items() if count]
    lines = [", ".join(parts)]
    if decided:
        lines.append(f"correctness {fmean(decided):.3f} on average of the decided")
    if rewards:
        lines.append(f"reward {fmean(rewards):.3f} on average of the known")
    elif rows:
        lines.append("no reward is known: it takes a verdict and, for similarity, a `reference` in the line")
    return "\n".join(lines)


def _contradicted(score: Score) -> bool:
    """Whether the validator decided for or against the truth."""
    if score.correctness.score is None or score.truth is None or score.truth.right is None:
        return False
    return score.truth.right != (score.correctness.score >= 0.5)
