"""`logicnet serve`: the solver as an OpenAI-compatible endpoint."""

import typer

from logicnet.cli._settings import asks_help, settings_of


def serve(context: typer.Context) -> int:
    """Offer the solver as an OpenAI-compatible endpoint.

    `logicnet serve --help` lists its settings.
    """
    about = "Answer /v1/chat/completions with the miner's solver until Ctrl-C or SIGTERM."
    if asks_help(
        context, "serve [--flag value]...", about, ("serve", "miner", "ledger", "tuning", "logging")
    ):
        return 0
    settings = settings_of(context.args).settings

    from logicnet.serve.run import run  # noqa: PLC0415 (the other commands need none of what it needs)

    return run(settings)
