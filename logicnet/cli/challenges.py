"""`logicnet challenges`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="List sources of questions, make sets, show what is in them.",
    no_args_is_help=True,
)

SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Pass over broken lines.")]


@app.command("list")
def list_sources(
    *,
    source: Annotated[str | None, typer.Option(help="mathgenerator or reasoning-gym; default: both.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """List the sources and kinds that a recipe can name, and what is left out and why."""
    from logicnet.evals.challenges.tables import show_sources  # noqa: PLC0415

    show_sources(source, as_json=json)


@app.command()
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
    from logicnet.errors import SettingsError  # noqa: PLC0415
    from logicnet.evals.challenges.tables import Rewording, make_set  # noqa: PLC0415

    if rephrase != (endpoint is not None):
        raise SettingsError("--rephrase and --endpoint URL go together: a model at that URL rewords")
    by = Rewording(endpoint, model, key, at_once) if endpoint is not None else None
    make_set(recipe, out, seed=seed, count=count, skip_bad=skip_bad, rewording=by)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A set, a recipe or a file of questions.")],
    *,
    n: Annotated[int, typer.Option("--n", min=0, help="Questions to show.")] = 10,
    skip_bad: SkipBad = False,
) -> None:
    """Show what a set is made of, and its first questions."""
    from logicnet.evals.challenges.tables import show_set  # noqa: PLC0415

    show_set(file, n, skip_bad=skip_bad)
