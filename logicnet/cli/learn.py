"""`logicnet learn`."""

from __future__ import annotations

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
    path: Annotated[Path | None, typer.Option(help="The ledger; that of the settings if not given.")] = None,
) -> None:
    """Learn which lanes of a solver to trust: `logicnet learn RUN...`, folders of benches.

    Takes the flags of `mine` too, after the folders.
    """
    runs = list(takewhile(lambda word: not word.startswith("-"), context.args))
    found = read(context.args[len(runs) :])
    logs.set_up(found.settings.logging, found.secrets())

    from logicnet.evals.learn import learn as learn_from  # noqa: PLC0415
    from logicnet.evals.report.terminal import console as plain_console  # noqa: PLC0415

    learn_from(path or ledger_path(found.settings), [Path(word) for word in runs], plain_console())
