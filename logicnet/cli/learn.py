"""`logicnet learn`."""

from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer

from logicnet import logs
from logicnet.config import read
from logicnet.ledger import ledger_path


def command(
    context: typer.Context,
    *,
    path: Annotated[Path | None, typer.Option(help="Ledger file; default: that of the settings.")] = None,
) -> None:
    """Learn which samplers of a solver to trust, from benches.

    `logicnet learn RUN...`: folders of scored runs; after them, flags of `mine`.
    """
    runs = list(takewhile(lambda word: not word.startswith("-"), context.args))
    found = read(context.args[len(runs) :])
    logs.set_up(found.settings.logging, found.secrets())

    from logicnet.evals.learn import learn as learn_from  # noqa: PLC0415
    from logicnet.evals.report.terminal import console as plain_console  # noqa: PLC0415

    learn_from(path or ledger_path(found.settings), [Path(word) for word in runs], plain_console())
