"""`logicnet volume`."""

from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._settings import WITH_SETTINGS, pm2s

app = typer.Typer(help="Measure how much volume to promise.", no_args_is_help=True)


@app.callback()
def volume() -> None:
    """Measure how much volume to promise."""


@app.command("advise", context_settings=WITH_SETTINGS)
def advise(
    context: typer.Context,
    *,
    minutes: Annotated[float, typer.Option(min=0.1, max=120.0, help="Minutes until it ends.")] = 5.0,
    challenges: Annotated[
        Path | None, typer.Option(help="Recipe or file of questions; default: generated ones.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out broken lines of --challenges.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Measure what this machine answers in time under rising load, and name the largest volume that is safe.

    Takes the flags of `mine` too. Ctrl-C ends it with what was measured.
    """
    settings = pm2s(context).settings

    from logicnet.operate.advise import run  # noqa: PLC0415

    return run(settings, minutes=minutes, challenges=challenges, skip_bad=skip_bad, as_json=json)
