"""`logicnet doctor`."""

from typing import Annotated

import typer

from logicnet.cli._settings import asks_help, pm2s
from logicnet.config.explain import console


def command(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Find what is wrong with this miner's set-up."""
    from logicnet.operate.doctor.run import ABOUT, run  # noqa: PLC0415

    if asks_help(context, "doctor [--json] [--flag value]...", ABOUT):
        return 0
    return run(pm2s(context), console(), json=json)
