"""`logicnet models`."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    *,
    catalogue: Annotated[
        Path | None, typer.Option(help="A table of models in place of ours: TOML, same form.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List the models that we know, by the memory they need."""
    from logicnet.operate.serving.choose import show_models  # noqa: PLC0415

    show_models(catalogue, as_json=json)
