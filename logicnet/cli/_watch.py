"""The commands that show what a miner does."""

from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._settings import pm2s
from logicnet.ledger import Table, ledger_path
from logicnet.operate.ledger_tables import Format, report

Runs = Annotated[list[Path] | None, typer.Option("--run", help="A scored run, to estimate rewards.")]


def top(
    context: typer.Context,
    *,
    run: Runs = None,
    once: Annotated[bool, typer.Option("--once", help="Print the present state and end.")] = False,
) -> None:
    """Watch the miner in this terminal until Ctrl-C.

    Takes the flags of `mine` too.
    """
    from logicnet.operate.console.run import run_top  # noqa: PLC0415

    run_top(pm2s(context).settings, run or (), once=once)


def console(context: typer.Context, *, run: Runs = None) -> None:
    """Serve a page that shows the miner live, until Ctrl-C.

    Takes the flags of `mine` too: --console.port (default: 8350), --console.host, and
    --console.password (better in .env, as LOGICNET_CONSOLE__PASSWORD).
    """
    from logicnet.operate.console.run import run_console  # noqa: PLC0415

    run_console(pm2s(context).settings, run or ())


def ledger(
    context: typer.Context,
    *,
    epochs: Annotated[bool, typer.Option("--epochs", help="Quotas of validators, per epoch.")] = False,
    challenges: Annotated[bool, typer.Option("--challenges", help="Challenges and their outcome.")] = False,
    refusals: Annotated[bool, typer.Option("--refusals", help="Refusals by reason.")] = False,
    shadows: Annotated[bool, typer.Option("--shadows", help="How --miner.shadow compares.")] = False,
    samplers: Annotated[bool, typer.Option("--samplers", help="Votes of samplers: right, wrong.")] = False,
    lanes: Annotated[bool, typer.Option("--lanes", hidden=True)] = False,  # their former name
    since: Annotated[str | None, typer.Option(help="90m, 24h, 7d or a date (UTC); default: all.")] = None,
    validator: Annotated[str, typer.Option(help="Hotkey, or its first characters.")] = "",
    last: Annotated[
        int, typer.Option(min=1, max=100_000, help="Rows shown of epochs and of challenges.")
    ] = 20,
    export: Annotated[Path | None, typer.Option(help="File for all rows of one table; -: stdout.")] = None,
    form: Annotated[Format | None, typer.Option("--format", help="Of the export; default: jsonl.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Every row of one table, a JSON object a line.")
    ] = False,
    path: Annotated[Path | None, typer.Option(help="Ledger file; default: that of the settings.")] = None,
) -> None:
    """Show what happened, or export it; also while mining.

    Takes the flags of `mine` too.
    """
    settings = pm2s(context).settings
    asked_for: dict[Table, bool] = {
        "epochs": epochs,
        "challenges": challenges,
        "refusals": refusals,
        "shadows": shadows,
        "lanes": samplers or lanes,
    }
    report(
        path or ledger_path(settings),
        tables=[table for table, wanted in asked_for.items() if wanted],
        since=since,
        validator=validator,
        last=last,
        target=export,
        form=form,
        json=json,
    )
