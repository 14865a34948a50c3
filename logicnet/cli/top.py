"""`logicnet top`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._options import pm2s


def command(
    context: typer.Context,
    *,
    run: Annotated[list[Path] | None, typer.Option(help="Scored run of ours to know rewards by.")] = None,
    once: Annotated[bool, typer.Option("--once", help="One look, then end.")] = False,
) -> None:
    """Watch the miner in this terminal until Ctrl-C. Takes the flags of `mine` too."""
    from logicnet.operate.console.run import run_top  # noqa: PLC0415

    run_top(pm2s(context).settings, run or (), once=once)
