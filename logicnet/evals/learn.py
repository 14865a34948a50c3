"""The body of `logicnet learn`: from vote logs and truths of scored runs to what samplers have earned.

Every vote counts, not only those that won; several of one sampler on one question count as one.
"""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from logicnet.errors import SettingsError
from logicnet.evals.runs.run import PLAN, Row, Run, read_run
from logicnet.ledger.lessons import Lesson, keep_lessons
from logicnet.scoring.truth import TruthTeller
from logicnet.votelog import VoteLog, read_vote_log

NO_ANSWER, NOT_JUDGED = "without an answer", "that nobody can judge"


@dataclass
class Learned:
    """From one run. `aside` counts the votes that taught nothing, by why."""

    lessons: list[Lesson]
    aside: Counter[str] = field(default_factory=Counter)


def learn(path: Path, runs: Sequence[Path], console: Console) -> None:
    """Keep in the ledger at `path` what these runs teach; each run counts once. Raises LogicnetError."""
    if not runs:
        raise SettingsError(
            "name the folder of a run: logicnet learn RUN..., where RUN is the --out of a bench"
        )
    found = [read_run(folder) for folder in runs]
    for run in found:
        if not any(_vote_log(row) for row in run.rows):
            raise SettingsError(
                f"there is nothing to learn in {run.path}: none of its answers has a vote log"
            )
    learned = asyncio.run(_study({run_id(run): run for run in found}))
    keep_lessons(path, {run: one.lessons for run, one in learned.items()})
    _print(console, list(learned.values()), path)


def run_id(run: Run) -> str:
    """The same for the same run, wherever it lies and however far it got."""
    first = run.rows[0]
    told = (run.path / PLAN).read_bytes() + f"{first.target}\0{first.id}\0{first.asked_at}".encode()
    return hashlib.sha256(told).hexdigest()[:16]


async def lessons_of(run: Run, truth: TruthTeller) -> Learned:
    """What one run says of every sampler in it."""
    learned = Learned([])
    counts: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in run.rows:
        vote_log = _vote_log(row)
        if vote_log is None:
            continue
        verdicts = {
            key: await _right(row, vote_log, key, truth) for key in {vote.key for vote in vote_log.votes}
        }
        cast: dict[str, list[bool]] = defaultdict(list)
        for vote in vote_log.votes:
            right = verdicts[vote.key]
            if right is None:
                learned.aside[NOT_JUDGED if vote.key else NO_ANSWER] += 1
            else:
                cast[vote.sampler].append(right)
        for sampler, rights in cast.items():
            count = counts[row.solver or row.target, vote_log.kind, sampler]
            share = sum(rights) / len(rights)
            count[0] += share
            count[1] += 1.0 - share
    model = _model(run)
    learned.lessons = [
        Lesson(solver, model, kind, sampler, *count)
        for (solver, kind, sampler), count in sorted(counts.items())
    ]
    return learned


async def _study(runs: dict[str, Run]) -> dict[str, Learned]:
    async with TruthTeller() as truth:
        return {name: await lessons_of(run, truth) for name, run in runs.items()}


async def _right(row: Row, vote_log: VoteLog, key: str, truth: TruthTeller) -> bool | None:
    """Whether the answer `key` is truly right; None without an answer, or if nobody can say."""
    if not key:
        return None
    if key == vote_log.chosen and row.true is not None:
        return row.true  # by the question's own checker, if it has one
    text = next((vote.text for vote in vote_log.votes if vote.key == key and vote.text), key)
    told = await truth.tell(row.ground_truth, text)
    if told.right is None and row.true:
        return False  # the right answer was another
    return told.right


def _vote_log(row: Row) -> VoteLog | None:
    vote_log = read_vote_log(row.trail)
    return vote_log if vote_log and vote_log.votes else None


def _model(run: Run) -> str:
    endpoint = run.plan.get("endpoint")
    model = endpoint.get("model") if isinstance(endpoint, dict) else run.plan.get("model")  # before format 2
    return str(model or "")


def _print(console: Console, learned: Sequence[Learned], path: Path) -> None:
    table = Table("solver", "model", "kind", "sampler", box=None, title="Learned", title_justify="left")
    for name in ("right", "wrong", "share"):
        table.add_column(name, justify="right")
    summed: dict[tuple[str, str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    aside: Counter[str] = Counter()
    for one in learned:
        aside += one.aside
        for lesson in one.lessons:
            count = summed[lesson.solver, lesson.model or "any", lesson.kind, lesson.sampler]
            count[0] += lesson.right
            count[1] += lesson.wrong
    for names, (right, wrong) in sorted(summed.items()):
        table.add_row(*names, f"{right:.1f}", f"{wrong:.1f}", f"{right / (right + wrong):.0%}")
    console.print(table)
    for why, count_ in aside.items():
        console.print(f"{count_} votes {why} taught nothing.", highlight=False)
    console.print(
        f"Kept in {path}; the next start of `logicnet mine` goes by it.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
