"""`logicnet tune rehearse`: champion against challenger, as a validator of reason mining would judge them.

Each environment is a bench of its own in the folder of the rehearsal, with both models on the same questions,
asked by the same solver, heats alternating.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from logicnet.errors import SettingsError
from logicnet.evals.bench.contestants import Contestant
from logicnet.evals.bench.plan import BenchPlan, load_questions
from logicnet.evals.bench.run import Bench
from logicnet.evals.challenges.checks import checker_modules
from logicnet.evals.challenges.sets import ChallengeSet, load, make
from logicnet.evals.report.terminal import console, estimate
from logicnet.evals.runs.folder import CHALLENGES, RunFolder
from logicnet.evals.runs.interrupt import until_stopped
from logicnet.evals.runs.run import PLAN, ROWS, Row, read_rows
from logicnet.llm import Endpoint
from logicnet.llm.endpoint import reach, unheard
from logicnet.scoring.options import ModelServer
from logicnet.scoring.scorer import open_scorer
from logicnet.solver import Setup, load_solver, on_shift
from logicnet.tuning.compete.competitions import Competition, MatchResult, competition
from logicnet.tuning.compete.rehearsal import (
    CHALLENGER,
    CHAMPION,
    RehearseOptions,
    generated,
    is_proven,
    proven,
    scores_of,
)
from logicnet.tuning.train.jobfile import write_json

RESULT, MODELS = "rehearsal.json", "models.json"


def run(options: RehearseOptions) -> int:
    """Returns 0 if the challenger is proven better everywhere, 1 if not, 130 after Ctrl-C.

    Raises LogicnetError if it cannot begin or continue.
    """
    out = options.out or Path(".run") / f"rehearsal-{time.strftime('%Y%m%dT%H%M%S')}"
    if options.resume and options.out is None:
        raise SettingsError("--resume needs the --out of the rehearsal to continue")
    contest = competition(options.competition)
    servers = {name: options.server(name) for name in (CHAMPION, CHALLENGER)}
    found = {name: _questions(options, name, out / _folder(name)) for name in options.environments}
    if len({_folder(name) for name in found}) < len(found):
        raise SettingsError("--environments: two have the same name; rename a file")
    out.mkdir(parents=True, exist_ok=True)
    try:
        stopped = asyncio.run(_run(options, servers, found, out))
    except KeyboardInterrupt:  # before the first question
        stopped = True
    if stopped:
        print(f"\nStopped. To continue: the same command with --out {out} --resume", file=sys.stderr)
        return 130
    result = contest.compare(*scores_of({name: _rows(out / _folder(name)) for name in found}))
    models = json.loads((out / MODELS).read_text())
    write_json(out / RESULT, models | {"competition": contest.id, "proven": proven(result)} | asdict(result))
    _print(contest, result)
    print(f"Rows and result: {out}")
    return 0 if proven(result) else 1


async def _run(
    options: RehearseOptions, servers: Mapping[str, ModelServer], found: dict[str, ChallengeSet], out: Path
) -> bool:
    """Whether it was stopped before its end."""
    async with AsyncExitStack() as stack:
        with unheard():
            models: dict[str, Endpoint] = {
                name: await stack.enter_async_context(reach(name, *server, flag=f"--{name}"))
                for name, server in servers.items()
            }
        served = {name: one.served.model if one.served else "" for name, one in models.items()}
        _same_models(options, served, out / MODELS)
        write_json(out / MODELS, served)
        contestants = [
            Contestant(name, load_solver(options.solver, Setup(model=served[name]), flag="--solver"), one)
            for name, one in models.items()
        ]
        for one in contestants:
            await stack.enter_async_context(on_shift(one.solver, one.name))
        problems = [problem for challenges in found.values() for problem in challenges.problems]
        scorer = await open_scorer(stack, None, None, checker_modules(problems))
        for name, challenges in found.items():
            print(f"{name}: {len(challenges.problems)} questions", file=sys.stderr)
            plan = _plan(options, out / _folder(name))
            with RunFolder.of(plan, challenges) as folder:
                bench = Bench(folder, contestants, models[CHAMPION], None, scorer)
                if await until_stopped(bench.run(), bench.stop):
                    return True
    return False


def _same_models(options: RehearseOptions, served: dict[str, str], kept: Path) -> None:
    """Raises SettingsError if a rehearsal that is continued was begun with other models."""
    if not options.resume or not kept.exists():
        return
    before = json.loads(kept.read_text())
    for name, model in served.items():
        if before.get(name) != model:
            raise SettingsError(
                f"--{name} serves {model}, and this rehearsal was begun with {before.get(name)}: leave "
                "--resume away, with a new --out"
            )


def _plan(options: RehearseOptions, folder: Path) -> BenchPlan:
    return BenchPlan.parse(
        {
            "solvers": [CHAMPION, CHALLENGER],  # the names of its rows
            "endpoint": options.champion,
            "seed": options.seed,
            "concurrency": options.concurrency,
            "deadline_s": options.deadline_s,
            "similarity": False,
            "out": folder,
            "resume": (folder / PLAN).exists() and options.resume,
        }
    )


def _questions(options: RehearseOptions, name: str, folder: Path) -> ChallengeSet:
    """Those of an environment; when it is continued, those that it began with. Raises LogicnetError."""
    if options.resume and (folder / CHALLENGES).exists():
        return load(folder / CHALLENGES)
    recipe = generated(name, options.questions, options.seed)
    if recipe is not None:
        return make(recipe)
    path = Path(name).expanduser()
    if not path.exists():
        raise SettingsError(
            f"--environments {name}: no generator and no file; `logicnet challenges list` shows generators"
        )
    return load_questions(path, options.questions, options.seed)


def _folder(name: str) -> str:
    return Path(name).stem or name


def _rows(folder: Path) -> list[Row]:
    return list(read_rows(folder / ROWS))


def _print(contest: Competition, result: MatchResult) -> None:
    table = Table(title="Right answers of champion and challenger; the difference with its 95 % interval")
    for heading in ("environment", "questions", CHAMPION, CHALLENGER, "difference", "needed", CHALLENGER):
        table.add_column(heading)
    for one in result.environments:
        table.add_row(
            escape(one.name),
            str(one.difference.count),
            f"{one.champion:.3f}",
            f"{one.challenger:.3f}",
            estimate(one.difference),
            f"{one.needed:.3f}",
            "wins" if is_proven(one) else "is ahead, not proven" if one.won else "loses",
        )
    out = console()
    out.print(table)
    verdict = "wins" if result.won else "does not win"
    said = "a commitment is worth its risk" if proven(result) else "do not commit"
    chance = "" if proven(result) or not result.won else ", but chance explains it"
    words = f"By the rule of {contest.id} the challenger {verdict}: {result.why}{chance}: {said}."
    out.print(words, markup=False, highlight=False)
