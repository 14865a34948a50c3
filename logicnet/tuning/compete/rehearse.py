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
from pathlib import Path

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
from logicnet.tuning.compete.rehearsal import (
    CHALLENGER,
    CHAMPION,
    Rehearsal,
    RehearseOptions,
    generated,
    judged,
)
from logicnet.tuning.train.jobfile import write_whole

RESULT = "rehearsal.json"


def run(options: RehearseOptions) -> int:
    """Returns 0 if the challenger is proven better everywhere, 1 if not, 130 after Ctrl-C.

    Raises LogicnetError if it cannot begin or continue.
    """
    out = options.out or Path(".run") / f"rehearsal-{time.strftime('%Y%m%dT%H%M%S')}"
    if options.resume and options.out is None:
        raise SettingsError("--resume needs the --out of the rehearsal to continue")
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
    rehearsal = judged({name: _rows(out / _folder(name)) for name in found}, options.margin)
    models = {f"{name}_model": json.loads((out / "models.json").read_text())[name] for name in servers}
    write_whole(out / RESULT, models | {"margin": options.margin} | rehearsal.fields)
    _print(rehearsal, options.margin)
    print(f"Rows and result: {out}")
    return 0 if rehearsal.proven else 1


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
        write_whole(out / "models.json", served)
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


def _print(rehearsal: Rehearsal, margin: float) -> None:
    table = Table(title="Right answers, with 95 % confidence intervals")
    for heading in ("environment", "questions", CHAMPION, CHALLENGER, "difference", "the challenger"):
        table.add_column(heading)
    for one in rehearsal.environments:
        table.add_row(
            one.name,
            str(one.difference.count),
            estimate(one.champion),
            estimate(one.challenger),
            estimate(one.difference),
            one.verdict,
        )
    out = console()
    out.print(table)
    said = (
        "The challenger wins in every environment: a commit is worth its risk."
        if rehearsal.proven
        else "The challenger is not proven better in every environment: do not commit."
    )
    out.print(f"A lead counts above {margin:g}. {said}", markup=False, highlight=False)
