"""The body of `logicnet learn`: from vote logs and truths of scored runs to what samplers have earned.

Every vote counts, not only those that won; several of one sampler on one question count as one.
"""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from logicnet.errors import LedgerError, SettingsError
from logicnet.evals.policies import Gain, Judged, gains, proposal
from logicnet.evals.report.estimate import Estimate
from logicnet.evals.runs.run import PLAN, Row, Run, read_run
from logicnet.ledger import LedgerReader
from logicnet.ledger.lessons import Lesson, keep_lessons
from logicnet.scoring.correctness import by_text
from logicnet.scoring.truth import TruthTeller
from logicnet.solver.race.profiles import ANY_KIND, Limits, Profile, in_toml, profile_for
from logicnet.solver.race.trust import SamplerRecord, Trust
from logicnet.votelog import VoteLog, read_vote_log

NO_ANSWER, NOT_JUDGED = "without an answer", "that nobody can judge"
LOGICNET = "logicnet"  # the wire
RACE = "race"  # the solver whose policies a profile expresses


@dataclass
class Learned:
    """From one run. `aside` counts the votes that taught nothing, by why."""

    model: str  # empty if unknown
    lessons: list[Lesson]
    judged: list[Judged] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Taught:
    """`proposals`: by model, the limits that earned more in replays; `asked`: ids of the questions."""

    runs: Sequence[str]
    proposals: Mapping[str, Mapping[str, Limits]]
    asked: frozenset[str]


def learn(path: Path, runs: Sequence[Path], console: Console, profiles: Sequence[Profile]) -> Taught:
    """Keep in the ledger at `path` what these runs teach; each run counts once. Raises LogicnetError.

    Prints what changed in the weights, and what pays.
    """
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
    about = sorted({(one.solver, one.model) for of in learned.values() for one in of.lessons})
    before = {names: records(path, *names) for names in about}
    keep_lessons(path, {run: one.lessons for run, one in learned.items()})
    now = {names: records(path, *names) for names in about}
    priors = {model: profile_for(model, profiles).trust_priors() for _, model in about}
    changes = [{of: Trust(found[of], priors[of[1]]) for of in about} for found in (before, now)]
    _print(console, list(learned.values()), path, changes)
    proposals: dict[str, Mapping[str, Limits]] = {}
    for model in sorted({one.model for one in learned.values()}):
        judged = [
            one
            for of in learned.values()
            for one in of.judged
            if of.model == model and (one.row.solver or one.row.target) == RACE
        ]
        if judged:
            gained = gains(judged, profile_for(model, profiles))
            proposals[model] = proposal(gained)
            _print_gains(console, model, gained, proposals[model])
    asked = frozenset(row.id for run in found for row in run.rows)
    return Taught(sorted(learned), proposals, asked)


def records(path: Path, solver: str, model: str | None) -> tuple[SamplerRecord, ...]:
    """What the ledger at `path` says of each sampler; nothing if there is no ledger that can be read."""
    try:
        with LedgerReader.open(path.expanduser()) as reader:
            return tuple(SamplerRecord(*record) for record in reader.sampler_records(solver, model or None))
    except LedgerError:
        return ()


def run_id(run: Run) -> str:
    """The same for the same run, wherever it lies and however far it got."""
    first = run.rows[0]
    told = (run.path / PLAN).read_bytes() + f"{first.target}\0{first.id}\0{first.asked_at}".encode()
    return hashlib.sha256(told).hexdigest()[:16]


async def lessons_of(run: Run, truth: TruthTeller) -> Learned:
    """What one run says of every sampler in it."""
    model = _model(run)
    learned = Learned(model, [])
    counts: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in run.rows:
        vote_log = _vote_log(row)
        if vote_log is None:
            continue
        one = await _judged(row, vote_log, truth)
        if run.plan.get("wire", LOGICNET) == LOGICNET:  # a policy is worth what a validator of it pays
            learned.judged.append(one)
        for vote in vote_log.votes:
            if one.right.get(vote.key) is None:
                learned.aside[NOT_JUDGED if vote.key else NO_ANSWER] += 1
        for sampler, share in one.earned().items():
            count = counts[row.solver or row.target, vote_log.kind, sampler]
            count[0] += share
            count[1] += 1.0 - share
    learned.lessons = [
        Lesson(solver, model, kind, sampler, *count)
        for (solver, kind, sampler), count in sorted(counts.items())
    ]
    return learned


async def _judged(row: Row, vote_log: VoteLog, truth: TruthTeller) -> Judged:
    right: dict[str, bool | None] = {}
    correctness: dict[str, float] = {}
    for key in dict.fromkeys([vote_log.chosen, *(vote.key for vote in vote_log.votes)]):
        if key:
            text = next((vote.text for vote in vote_log.votes if vote.key == key and vote.text), key)
            right[key] = await _right(row, vote_log, key, text, truth)
            told = by_text(row.ground_truth, text).score
            if key == vote_log.chosen and row.correctness is not None:
                told = row.correctness
            if told is None:  # as a judge who is never wrong
                told = 0.0 if right[key] is None else 1.0 if right[key] else -1.0
            correctness[key] = told
    return Judged(row, vote_log, right, correctness)


async def _study(runs: dict[str, Run]) -> dict[str, Learned]:
    async with TruthTeller() as truth:
        return {name: await lessons_of(run, truth) for name, run in runs.items()}


async def _right(row: Row, vote_log: VoteLog, key: str, text: str, truth: TruthTeller) -> bool | None:
    """Whether the answer `key` is truly right; None if nobody can say."""
    if key == vote_log.chosen and row.true is not None:
        return row.true  # by the question's own checker, if it has one
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


def _print(
    console: Console,
    learned: Sequence[Learned],
    path: Path,
    changes: Sequence[Mapping[tuple[str, str], Trust]],
) -> None:
    """`changes`: trust before and now, by solver and model."""
    table = Table("solver", "model", "kind", "sampler", box=None, title="Learned", title_justify="left")
    for name in ("right", "wrong", "share", "trust before", "now"):
        table.add_column(name, justify="right")
    summed: dict[tuple[str, str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    aside: Counter[str] = Counter()
    for one in learned:
        aside += one.aside
        for lesson in one.lessons:
            count = summed[lesson.solver, lesson.model, lesson.kind, lesson.sampler]
            count[0] += lesson.right
            count[1] += lesson.wrong
    for (solver, model, kind, sampler), (right, wrong) in sorted(summed.items()):
        trusts = [found[solver, model].right(sampler, kind) for found in changes]
        told = (f"{right:.1f}", f"{wrong:.1f}", f"{right / (right + wrong):.0%}")
        table.add_row(solver, model or "any", kind, sampler, *told, *(f"{one:.2f}" for one in trusts))
    console.print(table)
    for why, count_ in aside.items():
        console.print(f"{count_} votes {why} taught nothing.", highlight=False)
    console.print(
        f"Kept in {path}; the next start of `logicnet mine` goes by it.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _print_gains(console: Console, model: str, found: Sequence[Gain], proposed: Mapping[str, Limits]) -> None:
    """Policies on all kinds together, and on a kind those that make a difference there."""
    shown = [
        one
        for one in found
        if one.limits is None or one.kind == ANY_KIND or one.pays or (one.reward.high or 0.0) < 0.0
    ]
    title = f"What pays{f', {model}' if model else ''}"
    table = Table("kind", "policy", box=None, title=title, title_justify="left")
    for name in ("reward gained", "interval", "tokens saved", "questions"):
        table.add_column(name, justify="right")
    for one in shown:
        kind = "all" if one.kind == ANY_KIND else one.kind
        gained = (f"{one.reward.mean:+.4f}", _interval(one.reward), f"{one.tokens:.0f}")
        table.add_row(kind, one.policy, *gained, str(one.reward.count))
    console.print(table)
    if not found:
        told = "Too few questions of any kind to tell what pays."
    elif proposed:
        told = f"Proposed: limits = {in_toml(proposed)}; `--prove` tries it on fresh questions."
    else:
        told = "No policy is proposed: none gains more than chance might."
    if hidden := len(found) - len(shown):
        told = f"{hidden} policies on single kinds make no significant difference. {told}"
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _interval(found: Estimate) -> str:
    return "-" if found.low is None or found.high is None else f"{found.low:+.4f} to {found.high:+.4f}"
