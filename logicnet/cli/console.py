"""`logicnet console`."""

from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._settings import pm2s


def command(
    context: typer.Context,
    *,
    run: Annotated[list[Path] | None, typer.Option(help="A scored run, to estimate rewards.")] = None,
) -> None:
    """Serve a page that shows the miner live, until Ctrl-C.

    Takes the flags of `mine` too: --console.port (default: 8350), --console.host, and
    --console.password (better in .env, as LOGICNET_CONSOLE__PASSWORD).
    """
    from logicnet.operate.console.run import run_console  # noqa: PLC0415

    run_console(pm2s(context).settings, run or ())
