"""`logicnet bench`: composes questions, solvers, models and a scorer; runs the heats; reports."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from pydantic import SecretStr

from logicnet.arena.plan import Models
from logicnet.bench.asking import Asked, heats, run_heat
from logicnet.bench.contestants import Contestant, load_contestants
from logicnet.bench.marking import mark, references
from logicnet.bench.plan import BenchPlan
from logicnet.bench.questions import DEFAULT, load_problems
from logicnet.challenges.checking import checker_modules, checker_of
from logicnet.challenges.problem import Problem
from logicnet.errors import ModelError, SettingsError
from logicnet.llm import Endpoint
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.report import command as report
from logicnet.report import estimate, page
from logicnet.report.run import PLAN, ROWS
from logicnet.scoring import Embedder, Judge, MiniLM, Scorer, TruthTeller, similarity
from logicnet.solver import Setup, on_shift

PROBE_S = 30.0  # a model that says nothing for so long would fail with every question


@dataclass(frozen=True)
class Source:
    """A server of models. Its key is in no file of a run."""

    url: str
    model: str | None = None  # its first one
    key: str | None = field(default=None, repr=False)

    @property
    def planned(self) -> Models:
        return Models(url=self.url, model=self.model)


@dataclass(frozen=True)
class Options:
    """What the command was asked. Counts and seconds are checked by the plan."""

    solvers: Sequence[str]  # as they were named, files among them
    endpoint: Source
    out: Path | None = None  # a new one
    challenges: Path | None = None
    count: int | None = None
    seed: int | None = None
    concurrency: int = 4
    deadline_s: float = LOGIC_TIMEOUT_S
    judge: Source | None = None
    reference: Source | None = None  # None: the reasoning is compared with nothing
    embedding_model: str | None = None


def run(options: Options) -> int:
    """Run it; returns the exit status, 130 after Ctrl-C. Raises LogicnetError if it cannot be run."""
    page.require()
    estimate.require()
    if options.reference is not None:
        similarity.require()
    contestants = load_contestants(options.solvers, Setup(model=options.endpoint.model))
    problems = load_problems(options.challenges, options.count, options.seed)
    plan = BenchPlan(
        solvers=tuple(one.name for one in contestants),
        challenges=str(options.challenges or DEFAULT.name),
        questions=len(problems),
        seed=options.seed,
        concurrency=options.concurrency,
        deadline_s=options.deadline_s,
        endpoint=options.endpoint.planned,
        judge=options.judge.planned if options.judge else None,
        reference=options.reference.planned if options.reference else None,
        embedding_model=options.embedding_model,
    )
    out = options.out or Path(".run") / f"bench-{time.strftime('%Y%m%dT%H%M%S')}"
    if (out / PLAN).exists():
        raise SettingsError(f"--out {out}: there is a run in it already; name another folder")
    try:
        asyncio.run(_run(options, plan, contestants, problems, out))
    except KeyboardInterrupt:
        kept = (out / ROWS).exists() and (out / ROWS).stat().st_size > 0
        what = f"what was scored is in {out}" if kept else "nothing was scored yet"
        print(f"\nStopped; {what}.", file=sys.stderr)
        if kept:
            report.run(out)
        return 130
    report.run(out)
    return 0


async def _run(
    options: Options,
    plan: BenchPlan,
    contestants: Sequence[Contestant],
    problems: Sequence[Problem],
    out: Path,
) -> None:
    async with AsyncExitStack() as stack:
        models = await _endpoint(stack, options.endpoint, "the endpoint")
        reference = None
        if options.reference is not None:
            reference = await _endpoint(stack, options.reference, "the reference")
        scorer = await stack.enter_async_context(_scorer(options, problems))
        for contestant in contestants:
            await stack.enter_async_context(on_shift(contestant.solver, contestant.name))
        rows = stack.enter_context(_begin(out, plan))
        say = _Progress(len(problems), len(contestants))
        for heat, order in heats(contestants, problems, plan.concurrency):
            # References first and scores last, so that nothing else is under way while a solver is timed.
            say("references")
            written = await references(heat, reference) if reference else {}
            asked: list[Asked] = []
            for contestant in order:
                say(contestant.name)
                asked += await run_heat(contestant, heat, models, plan.deadline_s)
            say("scoring")
            for row in await mark(asked, scorer, written, plan.deadline_s, checker_of):
                rows.write(row.line() + "\n")
            say.done(len(heat))


def _begin(out: Path, plan: BenchPlan) -> TextIO:
    """The folder of a new run, and its file of rows, which loses no line that was written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / PLAN).write_text(plan.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return (out / ROWS).open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise SettingsError(f"--out {out} cannot be written: {error.strerror or error}") from None


@asynccontextmanager
async def _scorer(options: Options, problems: Sequence[Problem]) -> AsyncIterator[Scorer]:
    async with AsyncExitStack() as stack:
        judge = embedder = None
        if options.judge is not None:
            judge = Judge(await _endpoint(stack, options.judge, "the judge"))
        if options.reference is not None:
            embedder = Embedder(MiniLM(options.embedding_model))
            stack.callback(embedder.close)
            # torch takes seconds to load: before any clock runs.
            await embedder.similarities([("one", "two")])
        truth = await stack.enter_async_context(TruthTeller(*checker_modules(problems)))
        await truth.start()
        yield Scorer(judge, embedder, truth)


async def _endpoint(stack: AsyncExitStack, source: Source, role: str) -> Endpoint:
    endpoint = Endpoint(source.url, source.model, SecretStr(source.key) if source.key else None)
    stack.push_async_callback(endpoint.close)
    probe = await endpoint.probe(PROBE_S)
    if probe.error:
        raise ModelError(f"{role} does not answer: {probe.error}")
    return endpoint


class _Progress:
    """On stderr: a line that changes on a terminal, else one a heat."""

    def __init__(self, questions: int, contestants: int) -> None:
        self._questions = questions
        self._contestants = contestants
        self._asked = 0
        self._started_s = time.monotonic()
        self._live = sys.stderr.isatty()

    def __call__(self, doing: str) -> None:
        if self._live:
            print(f"\r\033[K{self._so_far()}: {doing}", end="", file=sys.stderr, flush=True)

    def done(self, count: int) -> None:
        self._asked += count
        if not self._live:
            print(self._so_far(), file=sys.stderr, flush=True)
        elif self._asked == self._questions:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _so_far(self) -> str:
        each = f" by each of {self._contestants}" if self._contestants > 1 else ""
        took_s = time.monotonic() - self._started_s
        return f"{self._asked} of {self._questions} questions answered{each}, {took_s:.0f} s"
