"""`logicnet mine`."""

import typer

from logicnet.cli._settings import asks_help, settings_of
from logicnet.config import check


def command(context: typer.Context) -> int:
    """Mine. `logicnet mine --help` lists every setting."""
    if asks_help(context, "mine [--flag value]...", "Mine until Ctrl-C or SIGTERM."):
        return 0
    found = settings_of(context)
    check(found)

    from logicnet.miner import run  # noqa: PLC0415 (the other commands need none of what it needs)

    return run(found.settings)
