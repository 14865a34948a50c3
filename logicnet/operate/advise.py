"""`logicnet volume advise`: composes solver, models and questions; measures; says what it found."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from logicnet.config import endpoints
from logicnet.errors import ModelError, SettingsError
from logicnet.evals.bench.plan import load_questions
from logicnet.evals.challenges.recipe import Generated, Recipe
from logicnet.evals.challenges.sets import make
from logicnet.evals.runs.interrupt import until_stopped
from logicnet.ledger import LedgerReader, ledger_path
from logicnet.llm import Endpoint, Pool
from logicnet.llm.endpoint import PROBE_S, unheard
from logicnet.scoring.reward import FULL_VOLUME, volume_factor
from logicnet.scoring.wires import load_wire, wire_prices
from logicnet.settings import LlmClientSettings, Settings
from logicnet.solver import Setup, Solver, asks_models, load_solver, on_shift
from logicnet.solver.race.trust import SamplerRecord
from logicnet.volume.advice import Advice, Level, advise, break_even, gain
from logicnet.volume.load_test import WITHIN_S, LoadTest, NothingToMeasure

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


Ended = Literal["done", "time", "stopped"]  # Why the test ended: it is complete; its time was up; Ctrl-C


@dataclass(frozen=True, slots=True)
class Measured:
    """The result for a miner with `settings`."""

    settings: Settings
    advice: Advice
    ended: Ended

    @property
    def set_now(self) -> int:
        return self.settings.miner.epoch_volume

    @property
    def interval_s(self) -> float:
        return self.settings.miner.limit_interval


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
    found.report_skipped()
    if not found.problems:
        raise SettingsError(f"--challenges {challenges}: there is no question in it")
    return [problem.asked for problem in found.problems]


@asynccontextmanager
async def _reached(client: LlmClientSettings) -> AsyncIterator[Endpoint | Pool]:
    """The miner's models, but for those that cost money: they are the last resort, and not asked here."""
    specs = [spec for spec in endpoints(client) if spec.limit is None]
    if not specs:
        raise SettingsError("every model server is a paid one; test would cost, so none is asked")
    models = (
        Endpoint(specs[0].url, specs[0].model, specs[0].key)
        if len(specs) == 1 and not specs[0].ray
        else Pool(specs)
    )
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
    prices = wire_prices(load_wire(settings.miner.wire))
    setup = Setup(earned, settings.miner.profiles, model, prices=prices)
    solver = load_solver(name, setup, flag="--miner.solver")
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


def level_line(level: Level) -> str:
    """One line when a level is done."""
    end = "sustained"
    if not level.sustained:
        late = f"{level.late} were not solved in {WITHIN_S:.0f} s"
        end = f"overload: {late}, {level.cut} were cut off by the clock"
    return f"{level.at_once} at once: {level.answers} answers, {level.mean_s:.1f} s on average, {end}"


def table(found: Measured) -> Table:
    shown = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)  # fits 60 columns
    headings = ("at once", "answers", "late", "cut", "failed", "mean s", "95 % s", "max s")
    for heading in (*headings, f"in {found.interval_s:g} s"):
        shown.add_column(heading, justify="right")
    for level in found.advice.levels:
        counts = (level.at_once, level.answers, level.late, level.cut, level.failed)
        seconds = (level.mean_s, level.quantile_s(0.95), level.seconds[-1])
        in_interval = f"{level.answers_in(found.interval_s):,}"
        shown.add_row(*map(str, counts), *(f"{one:.1f}" for one in seconds), in_interval)
    return shown


def verdict(found: Measured) -> list[str]:
    """The advice, and what it earns, a line each."""
    advice, best = found.advice, found.advice.best
    if not advice.levels:
        return ["Nothing was measured" + ("; give it more --minutes." if found.ended == "time" else ".")]
    if advice.volume is None or best is None:
        return [
            f"No volume is safe: one challenge alone is not solved in {WITHIN_S:.0f} s, and late answers "
            "earn nothing. Use a smaller or faster model (`logicnet plan`), or a solver that asks for less."
        ]
    lines = [
        f"--miner.epoch_volume {advice.volume} is safe: {best.at_once} challenges at once are solved within "
        f"{WITHIN_S:.0f} of the 64 s, and {advice.volume} in {found.interval_s:g} s are no more than that at "
        "once, 99 times of 100.",
        _earned(advice.volume, found.set_now),
    ]
    if advice.volume < FULL_VOLUME:
        lines.append(
            f"{FULL_VOLUME} instead earns more only while it loses fewer than "
            f"{100 * break_even(advice.volume):.1f} of 100 answers."
        )
    if found.ended != "done":
        why = "the time was up; --minutes gives it more" if found.ended == "time" else "it was stopped"
        lines.append(f"Higher loads were not fully measured ({why}), so the capacity may be higher.")
    elif best is advice.levels[-1] and best.at_once == found.settings.miner.max_in_flight:
        lines.append(f"Loads above --miner.max_in_flight {best.at_once} were not tried.")
    return lines


def _earned(volume: int, now: int) -> str:
    less, change = gain(volume, FULL_VOLUME), gain(volume, now)
    parts = [f"{-less:.1%} less than with {FULL_VOLUME}"] if less and now != FULL_VOLUME else []
    if volume == now:
        parts.append("as it is set now")
    else:
        word = f"{abs(change):.1%} {'more' if change > 0 else 'less'} than" if change else "as much as"
        parts.append(f"{word} with the {now} that are set now")
    return f"Each reward is multiplied by {volume_factor(volume):.4f}: {', '.join(parts)}."


def measured_json(found: Measured) -> dict[str, Any]:
    """The whole result; `volume` is null if none is safe."""
    volume, best = found.advice.volume, found.advice.best
    return {
        "volume": volume,
        "at_once": best.at_once if best else None,
        "interval_s": found.interval_s,
        "within_s": WITHIN_S,
        "ended": found.ended,
        "solver": found.settings.miner.solver,
        "set_now": found.set_now,
        "volume_factor": volume and volume_factor(volume),
        "gain_over_set_now": volume and gain(volume, found.set_now),
        "gain_over_full": volume and gain(volume, FULL_VOLUME),
        "break_even_loss": volume and break_even(volume),
        "levels": [
            {
                "at_once": level.at_once,
                "kept": level.sustained,
                "answers": level.answers,
                "late": level.late,
                "cut_off": level.cut,
                "failed": level.failed,
                "mean_s": round(level.mean_s, 3),
                "p95_s": round(level.quantile_s(0.95), 3),
                "longest_s": round(level.seconds[-1], 3),
                "took_s": round(level.took_s, 3),
            }
            for level in found.advice.levels
        ],
    }
