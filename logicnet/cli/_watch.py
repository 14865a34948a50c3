"""The commands that show what a miner does."""

from pathlib import Path
from typing import Annotated

import typer

from logicnet.cli._flags import takes
from logicnet.cli._settings import Json, pm2s, settings_of
from logicnet.config.explain import console as out
from logicnet.config.started import others_started
from logicnet.ledger import ledger_path
from logicnet.operate.ledger_tables import LedgerOptions, report

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

    run_top(pm2s(context.args).settings, run or (), once=once)


def console(
    context: typer.Context,
    *,
    run: Runs = None,
    test_notify: Annotated[
        bool, typer.Option("--test-notify", help="Send a message to each --console.notify and end.")
    ] = False,
) -> int:
    """Serve a page that shows the miner live, until Ctrl-C.

    Takes the flags of `mine` too: --console.port (default: 8350), --console.host, --console.also, and
    --console.password and --console.notify (better in .env, as LOGICNET_CONSOLE__PASSWORD and so on).
    Exit status of --test-notify: 3 if a receiver did not take the message.
    """
    from logicnet.operate.console.run import run_console  # noqa: PLC0415

    settings = pm2s(context.args).settings
    if test_notify:
        from logicnet.operate.console.notify import try_receivers  # noqa: PLC0415

        return 0 if try_receivers(settings.console, out().print) else 3
    run_console(settings, run or (), [one.settings for one in others_started(context.args)])
    return 0


@takes(LedgerOptions)
def ledger(options: LedgerOptions) -> None:
    """Show what happened, or export it; also while mining.

    Takes the flags of `mine` too.
    """
    settings = pm2s(options.words).settings
    report(options.path or ledger_path(settings), options)


def subnet(context: typer.Context, json: Json = False) -> int:
    """Show whether the subnet is alive, who asks, and what a rank earns; needs no wallet.

    Takes --netuid and --subtensor.network. Exit status: 3 if nobody sets weights.
    """
    from logicnet.operate.subnet import run  # noqa: PLC0415 (the chain)

    return run(settings_of(context.args).settings, out(), as_json=json)
