"""The bench of a proof: base and candidate answer the same questions, heat by heat, as the race deployed."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.evals.bench.contestants import Contestant
from logicnet.evals.bench.plan import BenchPlan
from logicnet.evals.bench.run import Bench
from logicnet.evals.challenges.checks import checker_modules
from logicnet.evals.challenges.sets import load
from logicnet.evals.report import write as report
from logicnet.evals.runs.folder import RunFolder
from logicnet.evals.runs.run import PLAN, Row
from logicnet.llm import Endpoint, Message
from logicnet.llm.endpoint import reach, unheard
from logicnet.scoring.options import ModelServer
from logicnet.scoring.scorer import open_scorer
from logicnet.scoring.similarity import MiniLM
from logicnet.solver import Setup, load_solver, on_shift
from logicnet.solver.race.trust import SamplerRecord
from logicnet.tuning.improve.plain import PLAIN
from logicnet.tuning.improve.proof import BASE, CANDIDATE

_PACE_TOKENS = 48
_PACE_ROUNDS = 2  # base, candidate, base, candidate: a machine that drifts drifts for both
_PACE_S = 300.0


@dataclass(frozen=True, slots=True)
class ProofSide:
    """One of the two: its server, and the file of profiles that it is asked by; None: the built-in ones.

    `records`: what its samplers have earned, as a miner would have it.
    """

    server: ModelServer
    profiles: Path | None = None
    solver: str = "race"
    records: Sequence[SamplerRecord] = ()


@dataclass(frozen=True, slots=True)
class ProofRun:
    """How the bench is run."""

    folder: Path
    questions: Path  # a challenge set
    concurrency: int
    deadline_s: float
    similarity: bool


async def measure(base: ProofSide, candidate: ProofSide, run: ProofRun) -> list[Row]:
    """The rows of both, from where an earlier call was killed. Raises LogicnetError."""
    challenges = load(run.questions)
    plan = BenchPlan(
        solvers=(BASE, CANDIDATE),
        challenges=run.questions,
        questions=len(challenges.problems),
        concurrency=run.concurrency,
        deadline_s=run.deadline_s,
        endpoint=base.server.url,
        model=base.server.model,
        similarity=run.similarity,
        out=run.folder,
        resume=(run.folder / PLAN).exists(),
    )
    async with AsyncExitStack() as stack:
        contestants = []
        with unheard():
            for name, one in ((BASE, base), (CANDIDATE, candidate)):
                models = await stack.enter_async_context(reach(f"{name} model", *one.server, flag="--model"))
                setup = Setup(one.records, one.profiles, one.server.model)
                solver = load_solver(one.solver, setup)
                contestants.append(Contestant(name, solver, models))
        for contestant in contestants:
            await stack.enter_async_context(on_shift(contestant.solver, contestant.name))
        reached: list[Endpoint] = [one.models for one in contestants if isinstance(one.models, Endpoint)]
        encode = MiniLM(None) if run.similarity else None
        scorer = await open_scorer(stack, None, encode, checker_modules(challenges.problems))
        folder = stack.enter_context(RunFolder.of(plan, challenges))
        reference = reached[0] if run.similarity else None
        await Bench(folder, contestants, reached[0], reference, scorer).run()
        rows = list(folder.rows())
    report.run(run.folder, console=Console(quiet=True))
    return rows


async def paces(base: ModelServer, candidate: ModelServer, at_once: int) -> tuple[float, float]:
    """Tokens a second of both with so many calls at once. Raises ModelError."""
    tokens, seconds = [0, 0], [0.0, 0.0]
    async with AsyncExitStack() as stack:
        ends = [
            await stack.enter_async_context(reach(name, *server, flag="--model"))
            for name, server in ((BASE, base), (CANDIDATE, candidate))
        ]
        for _ in range(_PACE_ROUNDS):
            for place, end in enumerate(ends):
                started_s = time.monotonic()
                tokens[place] += await _written(end, at_once)
                seconds[place] += time.monotonic() - started_s
    return tokens[0] / seconds[0], tokens[1] / seconds[1]


async def _written(end: Endpoint, at_once: int) -> int:
    prompts: Sequence[str] = [PLAIN[number % len(PLAIN)] for number in range(at_once)]
    done = await asyncio.gather(
        *(
            end.complete(
                [Message("user", one)],
                deadline=Deadline.after(_PACE_S),
                max_tokens=_PACE_TOKENS,
                temperature=1.0,
            )
            for one in prompts
        )
    )
    failed = next((one.error for one in done if one.finish == "failed"), None)
    if failed is not None:
        raise ModelError(f"the speed of a model server cannot be measured: {failed}")
    return sum(one.tokens for one in done)
