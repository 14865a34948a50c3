"""`logicnet bench`: composes questions, solvers, models and a scorer; runs the heats; reports."""

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from logicnet.evals.bench.asking import heats, interrupted_row, mark, references, run_heat
from logicnet.evals.bench.contestants import Contestant, load_contestants
from logicnet.evals.bench.plan import BenchPlan, load_questions
from logicnet.evals.challenges.checks import checker_modules
from logicnet.evals.challenges.problem import Problem
from logicnet.evals.challenges.sets import ChallengeSet, load
from logicnet.evals.report import page
from logicnet.evals.report import write as report
from logicnet.evals.runs.folder import CHALLENGES, Intent, RunFolder, read_plan, refuse_taken
from logicnet.evals.runs.interrupt import until_stopped
from logicnet.evals.runs.run import ROWS
from logicnet.evals.runs.score import reach_models
from logicnet.llm import Completion, Endpoint
from logicnet.llm.endpoint import reach, unheard
from logicnet.scoring import similarity
from logicnet.scoring.scorer import Scorer, open_scorer
from logicnet.scoring.similarity import MiniLM
from logicnet.scoring.wires import load_wire, wire_prices
from logicnet.solver import Setup, on_shift


def run(given: BenchPlan) -> int:
    """Returns the exit status, 130 after Ctrl-C. Raises LogicnetError if it cannot begin or continue."""
    page.require()
    plan, challenges, contestants = _resumed(given) if given.resume else _begun(given)
    if plan.reference is not None:
        similarity.require("--no-similarity goes without")
    try:
        stopped = asyncio.run(_run(plan, challenges, contestants))
    except KeyboardInterrupt:  # before the first question
        stopped = True
    rows = plan.path / ROWS
    kept = rows.exists() and rows.stat().st_size > 0
    if stopped:
        what = f"what was scored is in {plan.path}" if kept else "nothing was scored yet"
        on = f" To continue: logicnet bench --out {plan.path} --resume" if kept else ""
        print(f"\nStopped; {what}.{on}", file=sys.stderr)
    if kept:
        report.run(plan.path)
    return 130 if stopped else 0


def _begun(given: BenchPlan) -> tuple[BenchPlan, ChallengeSet, list[Contestant]]:
    plan = given.model_copy(update={"out": given.folder("bench")})
    refuse_taken(plan.path)
    contestants = load_contestants(plan.solvers, _setup(plan, plan.model))
    found = load_questions(plan.challenges, plan.questions, plan.seed, skip_bad=plan.skip_bad)
    found.report_skipped()
    return plan.model_copy(update={"questions": len(found.problems)}), found, contestants


def _setup(plan: BenchPlan, model: str | None) -> Setup:
    return Setup(model=model, prices=wire_prices(load_wire(plan.wire, flag="--wire")))


def _resumed(given: BenchPlan) -> tuple[BenchPlan, ChallengeSet, list[Contestant]]:
    plan = given.resumed(read_plan(given.path, BenchPlan))
    contestants = load_contestants(plan.solvers, _setup(plan, plan.model))
    return plan, load(given.path / CHALLENGES), contestants


async def _run(plan: BenchPlan, challenges: ChallengeSet, contestants: Sequence[Contestant]) -> bool:
    """Whether it was stopped before its end."""
    reward = load_wire(plan.wire, flag="--wire").reward
    async with AsyncExitStack() as stack:
        with unheard():
            models = await stack.enter_async_context(reach("endpoint", *plan.answers, flag="--endpoint"))
            judge, reference = await reach_models(stack, plan)
        encode = MiniLM(plan.embedding_model) if reference is not None else None
        scorer = replace(
            await open_scorer(stack, judge, encode, checker_modules(challenges.problems)), reward=reward
        )
        if plan.model is None and models.served is not None:  # build them for the model that is served
            contestants = load_contestants(plan.solvers, _setup(plan, models.served.model))
        for contestant in contestants:
            await stack.enter_async_context(on_shift(contestant.solver, contestant.name))
        folder = stack.enter_context(RunFolder.of(plan, challenges))
        bench = Bench(folder, contestants, models, reference, scorer)
        return await until_stopped(bench.run(), bench.stop)


class Bench:
    """The heats of one run, from where it was left."""

    def __init__(
        self,
        folder: RunFolder[BenchPlan],
        contestants: Sequence[Contestant],
        models: Endpoint,
        reference: Endpoint | None,
        scorer: Scorer,
    ) -> None:
        self._folder = folder
        self._problems = {problem.id: problem for problem in folder.problems}
        self._contestants = contestants
        self._models = models
        self._reference = reference
        self._scorer = scorer
        self._say = _ProgressLine(len(folder.problems), len(contestants))
        self._stopping = False

    def stop(self) -> None:
        """Ask nothing more; the solver in turn finishes its heat."""
        self._stopping = True
        self._say.stopping()

    async def run(self) -> None:
        """At its end, however it comes, every asked question has its row."""
        folder, plan = self._folder, self._folder.plan
        self._give_up_in_flight()
        # All solvers are compared with the same text, also after a pause.
        written = {
            row.id: Completion(row.reference, "stop") for row in folder.rows() if row.reference is not None
        }
        try:
            for heat, order in heats(self._contestants, folder.problems, plan.concurrency):
                due = {one.name: self._due(one, heat) for one in order}
                wanted = [one for one in heat if any(one in problems for problems in due.values())]
                # References first and scores last, so that nothing else runs while a solver is timed.
                missing = [one for one in wanted if one.id not in written]
                if self._reference is not None and missing and not self._stopping:
                    self._say("references")
                    written |= await references(missing, self._reference)
                for contestant in order:
                    if self._stopping:
                        return
                    await self._turn(contestant, due[contestant.name], written)
                self._say.done(len(heat), quietly=not wanted)
                for one in heat:
                    written.pop(one.id, None)
        finally:
            self._give_up_in_flight()
            folder.sync()

    def _due(self, contestant: Contestant, heat: Sequence[Problem]) -> list[Problem]:
        return [one for one in heat if (contestant.name, one.id) not in self._folder.asked]

    async def _turn(
        self, contestant: Contestant, problems: Sequence[Problem], written: dict[str, Completion]
    ) -> None:
        """One solver's part of a heat, recorded before it is asked and when it is scored."""
        if not problems:
            return
        folder, deadline_s = self._folder, self._folder.plan.deadline_s
        self._say(contestant.name)
        for one in problems:
            folder.intend(Intent(1, contestant.name, one.id, "", time.time()))
        asked = await run_heat(contestant, problems, self._models, deadline_s)
        self._say("scoring")
        for row in await mark(asked, self._scorer, written, deadline_s):
            folder.add(row)

    def _give_up_in_flight(self) -> None:
        deadline_s = self._folder.plan.deadline_s
        for intent in self._folder.in_flight():
            problem = self._problems[intent.id]
            self._folder.add(interrupted_row(intent.target, problem, intent.at_s, deadline_s))


class _ProgressLine:
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

    def stopping(self) -> None:
        words = "stopping after the solver in turn; Ctrl-C again gives it up"
        print(f"\n{self._so_far()}: {words}", file=sys.stderr, flush=True)

    def done(self, count: int, *, quietly: bool = False) -> None:
        """`quietly`: they were answered before."""
        self._asked += count
        if not self._live:
            if not quietly:
                print(self._so_far(), file=sys.stderr, flush=True)
        elif self._asked == self._questions:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _so_far(self) -> str:
        each = f" by each of {self._contestants}" if self._contestants > 1 else ""
        took_s = time.monotonic() - self._started_s
        return f"{self._asked} of {self._questions} questions answered{each}, {took_s:.0f} s"
