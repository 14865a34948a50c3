"""Questions of one's own: a JSONL file with `question` and `answer`, as GSM8K's (`#### 42`: the truth).

`kind` and `difficulty` (a level from 0) may be given; other keys are ignored.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from logicnet._util.jsonl import BadFile, BadLine, parsed, read_lines
from logicnet._util.text import without_thousands
from logicnet.evals.challenges.checks import check_for
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.source import Stream

NAME = "file"

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _FileRow(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    question: _Text
    answer: _Text | int | float
    kind: str = ""
    difficulty: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """The problems of one file. `sha256` is of its bytes: with it a recipe is the same everywhere."""

    problems: Sequence[Problem]
    sha256: str
    skipped: int = 0  # broken lines

    def stream(self, seed: int) -> Stream:
        """Each problem once, in an order that `seed` gives."""
        order = list(self.problems)
        Random(seed).shuffle(order)  # noqa: S311 (no secret)
        return iter(order)


def read_questions(path: Path, *, skip_bad: bool = False) -> QuestionFile:
    """Raises BadFile if the file cannot be read, has no question, or has broken lines and they count."""
    lines = read_lines(path)
    problems = list(lines.each(_problem))
    if not skip_bad:
        lines.refuse_broken("mend them, or take the others with --skip-bad")
    if not problems:
        raise BadFile(f"{path}: no line with a question and an answer")
    return QuestionFile(problems, hashlib.sha256(path.read_bytes()).hexdigest(), len(lines.broken))


def _problem(fields: dict[str, Any]) -> Problem:
    row = parsed(_FileRow, fields)
    _, worked, last = str(row.answer).rpartition("####")
    truth = without_thousands(last.strip())  # a validator would read 1,000 as two numbers
    if not truth:
        raise BadLine("answer: nothing after ####" if worked else "answer: empty")
    return Problem(row.question, truth, NAME, row.kind, "", row.difficulty, check_for(truth))
