"""The commands that measure answers and make them better."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from logicnet.cli._flags import takes
from logicnet.cli._settings import Json, own_words, settings_of
from logicnet.errors import SettingsError
from logicnet.evals.arena.plan import ArenaPlan
from logicnet.evals.bench.plan import BenchPlan
from logicnet.scoring.options import ScoreOptions


def solvers() -> None:
    """List the solvers that --miner.solver takes."""
    from logicnet.solver import load_solver, solver_names  # noqa: PLC0415

    for name in solver_names():
        try:
            doc = load_solver(name).__doc__ or ""
        except SettingsError as error:  # a package that is broken; the others still count
            doc = str(error)
        print(f"{name:<16} {doc.strip().partition(chr(10))[0]}".rstrip())


@takes(BenchPlan)
def bench(plan: BenchPlan) -> int:
    """Compare solvers on the same questions.

    The report says which differences are statistically significant. Ctrl-C keeps what was scored.
    """
    from logicnet.evals.bench.run import run  # noqa: PLC0415

    return run(plan)


@takes(ArenaPlan)
def arena(plan: ArenaPlan) -> int:
    """Ask running miners as a validator would, and rank them.

    Ctrl-C keeps what was scored.
    """
    from logicnet.evals.arena.run import run  # noqa: PLC0415

    return run(plan)


def report(
    run: Annotated[Path, typer.Argument(help="Folder of an arena or a bench, finished or not.")],
    others: Annotated[list[Path] | None, typer.Argument(help="Further runs, to compare with it.")] = None,
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files; default: the run's. Several runs need one.")
    ] = None,
) -> None:
    """Report on a bench or an arena, or compare several of them: tables, HTML, CSV, JSON lines."""
    from logicnet.evals.report.write import run as report_on  # noqa: PLC0415

    report_on(run, out, others=others or ())


def learn(
    context: typer.Context,
    *,
    path: Annotated[Path | None, typer.Option(help="Ledger file; default: that of the settings.")] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Bench what is proposed against the present profile.")
    ] = False,
    challenges: Annotated[
        Path | None, typer.Option(help="Recipe or file of its questions; default: as of a bench.")
    ] = None,
    n: Annotated[int, typer.Option("--n", min=10, help="Its questions.")] = 240,
    concurrency: Annotated[int, typer.Option(min=1, help="Questions at once.")] = 4,
    similarity: Annotated[bool, typer.Option(help="Compare reasoning there.")] = True,
) -> int:
    """Learn which samplers of a solver to trust, and which policy pays, from benches.

    `logicnet learn RUN...`: folders of scored runs; after them, flags of `mine`.
    """
    runs, flags = own_words(context.args)
    found = settings_of(flags)

    from logicnet.operate.learn import run  # noqa: PLC0415
    from logicnet.operate.policy_trial import PolicyTrial  # noqa: PLC0415

    trial = PolicyTrial(challenges, n, concurrency, similarity) if prove else None
    return run([Path(word) for word in runs], path, found.settings, trial)


@takes(ScoreOptions)
def score(options: ScoreOptions) -> None:
    """Score a file of answers as a validator would.

    Each line comes back with correctness, similarity and reward.
    """
    from logicnet.scoring.file import run  # noqa: PLC0415

    run(options)


challenges = typer.Typer(
    help="List sources of questions, make sets, show what is in them.", no_args_is_help=True
)

SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Pass over broken lines.")]


@challenges.command("list")
def list_sources(
    *,
    source: Annotated[str | None, typer.Option(help="mathgenerator or reasoning-gym; default: both.")] = None,
    json: Json = False,
) -> None:
    """List the sources and kinds that a recipe can name, and what is left out and why."""
    from logicnet.evals.challenges.tables import show_sources  # noqa: PLC0415

    show_sources(source, as_json=json)


@challenges.command()
def make(
    recipe: Annotated[Path, typer.Argument(help="A recipe (TOML), a file of questions (JSONL) or a set.")],
    *,
    out: Annotated[Path, typer.Option(help="File for the set.")],
    seed: Annotated[int | None, typer.Option(min=0, help="Seed; default: the recipe's.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Questions; default: the recipe's.")] = None,
    skip_bad: SkipBad = False,
    rephrase: Annotated[bool, typer.Option("--rephrase", help="Have a model reword every question.")] = False,
    endpoint: Annotated[str | None, typer.Option(help="Its OpenAI-compatible base URL.")] = None,
    model: Annotated[str | None, typer.Option(help="Its model; default: the server's first one.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="OPENAI_API_KEY", help="Its API key.", show_default=False)
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Questions reworded at once.")] = 8,
) -> None:
    """Make a set from a recipe: the same questions on every machine."""
    from logicnet.evals.challenges.tables import make_set  # noqa: PLC0415
    from logicnet.scoring.options import ModelServer  # noqa: PLC0415

    if rephrase != (endpoint is not None):
        raise SettingsError("--rephrase and --endpoint URL go together: a model at that URL rewords")
    by = ModelServer(endpoint, model, SecretStr(key) if key else None) if endpoint is not None else None
    make_set(recipe, out, seed=seed, count=count, skip_bad=skip_bad, rewording=by, at_once=at_once)


@challenges.command()
def show(
    file: Annotated[Path, typer.Argument(help="A set, a recipe or a file of questions.")],
    *,
    n: Annotated[int, typer.Option("--n", min=0, help="Questions to show.")] = 10,
    skip_bad: SkipBad = False,
) -> None:
    """Show what a set is made of, and its first questions."""
    from logicnet.evals.challenges.tables import show_set  # noqa: PLC0415

    show_set(file, n, skip_bad=skip_bad)
