"""`logicnet tune adapters`, `swap` and `rollback`: what serves, and by what it was proven."""

from typing import Annotated

import typer

from logicnet.cli._settings import WITH_SETTINGS, Json, settings_of
from logicnet.cli._tune import job_and_settings, tune


@tune.command(context_settings=WITH_SETTINGS)
def adapters(context: typer.Context, *, json: Json = False) -> None:
    """Show the adapters: which serves, what proved it, why others do not.

    Takes the flags of `mine` too.
    """
    from logicnet.operate.adapter_tables import show  # noqa: PLC0415

    show(settings_of(context.args).settings, as_json=json)


@tune.command(context_settings=WITH_SETTINGS, options_metavar="NAME [OPTIONS]")
def swap(
    context: typer.Context,
    *,
    server: Annotated[
        list[str] | None, typer.Option(help="Base URL of a server of its own, for a merged model.")
    ] = None,
) -> None:
    """Serve a proven adapter from now on: `logicnet tune swap NAME`.

    Challenges in flight end on the model that they began with. Takes the flags of `mine` too.
    """
    name, settings = job_and_settings(context.args, "swap NAME")

    from logicnet.operate.adapters import swapper  # noqa: PLC0415

    swapper(settings, print, server or ()).swap(name)


@tune.command(context_settings=WITH_SETTINGS)
def rollback(
    context: typer.Context,
    *,
    reason: Annotated[str, typer.Option(help="Kept with the adapter.")] = "rolled back by hand",
) -> None:
    """Serve again what served before: the adapter before this one, or the base.

    Takes the flags of `mine` too.
    """
    settings = settings_of(context.args).settings

    from logicnet.operate.adapters import swapper  # noqa: PLC0415

    swapper(settings, print).roll_back(reason)
