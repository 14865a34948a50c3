"""`logicnet report`."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(help="Folder of an arena or a bench, finished or not.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; default: the run's.")] = None,
) -> None:
    """Report on a bench or an arena: tables, HTML, CSV, JSON lines."""
    from logicnet.evals.report.write import run as report_on  # noqa: PLC0415

    report_on(run, out)
