"""`logicnet config`."""

from typing import Annotated

import typer

from logicnet.cli._settings import asks_help, pm2s
from logicnet.config import check
from logicnet.config.explain import console, print_config, print_config_json


def command(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the settings in force and where each came from."""
    about = (
        "Show the settings in force and where each came from; secrets masked. Where .env or the environment "
        "has what pm2 starts (SN35_...), they are those of pm2's miner."
    )
    if asks_help(context, "config [--json] [--flag value]...", about):
        return
    found = pm2s(context)
    if json:
        print_config_json(found)
    else:
        print_config(console(), found)
    check(found)
