"""`logicnet top`."""

from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._settings import pm2s


def command(
    context: typer.Context,
    *,
    run: Annotated[list[Path] | None, typer.Option(help="A scored run, to estimate rewards.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print the present state and end.")] = False,
) -> None:
    """Watch the miner in this terminal until Ctrl-C.

    Takes the flags of `mine` too.
    """
    from logicnet.operate.console.run import run_top  # noqa: PLC0415

    run_top(pm2s(context).settings, run or (), once=once)
