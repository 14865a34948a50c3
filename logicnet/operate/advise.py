"""`logicnet volume advise`: composes solver, models and questions; measures; says what it found."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from rich.console import Console

from logicnet.config import endpoints
from logicnet.errors import ModelError, SettingsError
from logicnet.evals.bench.questions import load_questions
from logicnet.evals.challenges.recipe import Generated, Recipe
from logicnet.evals.challenges.sets import make
from logicnet.evals.runs.interrupt import until_stopped
from logicnet.ledger import LedgerReader, ledger_path
from logicnet.llm import Endpoint, Pool
from logicnet.llm.endpoint import PROBE_S, unheard
from logicnet.settings import LlmClientSettings, Settings
from logicnet.solver import Setup, Solver, asks_models, load_solver, on_shift
from logicnet.solver.race.votes import SamplerRecord
from logicnet.volume.advice import Level, advise
from logicnet.volume.load_test import LoadTest, NothingToMeasure
from logicnet.volume.messages import Ended, Measured, level_line, table, verdict
from logicnet.volume.messages import as_json as measured_json

QUESTIONS = Recipe(
    name="volume",
    seed=35,
    count=400,
    sources=[
        Generated(use="mathgenerator", weight=1),
        Generated(use="reasoning-gym", kinds=["gsm_symbolic"], weight=1),
    ],
)
"""Stories are what takes longest of what validators ask, so they are half."""


def run(
    settings: Settings,
    *,
    minutes: float,
    challenges: Path | None = None,
    skip_bad: bool = False,
    as_json: bool = False,
) -> int:
    """Measure and tell; returns the exit status: 1 if nothing is safe, 130 after Ctrl-C.

    Raises LogicnetError if it cannot be measured.
    """
    questions = _questions(challenges, skip_bad)
    try:
        levels, ended = asyncio.run(_measured(settings, minutes, questions))
    except KeyboardInterrupt:  # before the first challenge
        levels, ended = [], "stopped"
    found = Measured(settings, advise(levels, settings.miner.limit_interval), ended)
    if as_json:
        print(json.dumps(measured_json(found), indent=2))
    else:
        out = Console(highlight=False)
        if levels:
            out.print(table(found))
        for line in verdict(found):
            out.print(line, markup=False)
    if ended == "stopped":
        return 130
    return 0 if found.advice.volume is not None else 1


async def _measured(
    settings: Settings, minutes: float, questions: Sequence[str]
) -> tuple[list[Level], Ended]:
    """The levels, and why there are no more of them."""

    def heard(level: Level) -> None:
        print(level_line(level), file=sys.stderr, flush=True)

    with unheard():
        async with AsyncExitStack() as stack:
            models = await stack.enter_async_context(_reached(settings.miner.llm_client))
            solver = await _solver(stack, settings)
            if asks_models(solver):
                await _probe(models)
            test = LoadTest(solver, models, questions, heard, most=settings.miner.max_in_flight)
            time_is_up = False

            def end() -> None:
                nonlocal time_is_up
                time_is_up = True
                test.stop()

            timer = asyncio.get_running_loop().call_later(60 * minutes, end)
            try:
                stopped = await until_stopped(test.run(), test.stop)
            except NothingToMeasure as error:
                raise ModelError(f"nothing can be measured, for answers fail at once: {error}") from None
            finally:
                timer.cancel()
            return test.levels, "stopped" if stopped else "time" if time_is_up else "done"


def _questions(challenges: Path | None, skip_bad: bool) -> list[str]:
    """What is asked. Raises LogicnetError."""
    if challenges is None:
        found = make(QUESTIONS, Path())
    else:
        found = load_questions(challenges, None, None, skip_bad=skip_bad)
    if found.skipped:
        print(found.skipped_in_words, file=sys.stderr)
    if not found.problems:
        raise SettingsError(f"--challenges {challenges}: there is no question in it")
    return [problem.asked for problem in found.problems]


@asynccontextmanager
async def _reached(client: LlmClientSettings) -> AsyncIterator[Endpoint | Pool]:
    """The miner's models, but for those that cost money: they are the last resort, and not asked here."""
    specs = [spec for spec in endpoints(client) if spec.limit is None]
    if not specs:
        raise SettingsError("every model server is a paid one; test would cost, so none is asked")
    models = Endpoint(specs[0].url, specs[0].model, specs[0].key) if len(specs) == 1 else Pool(specs)
    try:
        yield models
    finally:
        await models.close()


async def _solver(stack: AsyncExitStack, settings: Settings) -> Solver:
    """The miner's solver, with what its samplers have earned, entered on `stack`."""
    name, model = settings.miner.solver, settings.miner.llm_client.model
    earned: tuple[SamplerRecord, ...] = ()
    if (path := ledger_path(settings)).exists():
        with LedgerReader.open(path) as reader:
            earned = tuple(SamplerRecord(*record) for record in reader.sampler_records(name, model))
    solver = load_solver(name, Setup(earned, settings.miner.profiles, model), flag="--miner.solver")
    await stack.enter_async_context(on_shift(solver, name))
    return solver


async def _probe(models: Endpoint | Pool) -> None:
    """Raises ModelError if the one server does not answer; of several, some may be away."""
    if isinstance(models, Pool):
        models.start()
        return
    probe = await models.probe(PROBE_S)
    if probe.error:
        raise ModelError(f"the model server does not answer: {probe.error}")
