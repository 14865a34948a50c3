"""`logicnet models`."""

from __future__ import annotations

from typing import Annotated

import typer

from logicnet.cli._options import Catalogue


def command(
    *,
    catalogue: Catalogue = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List the models that we know, by the memory they want, with what each is good at."""
    from logicnet.operate.serving.choose import show_models  # noqa: PLC0415

    show_models(catalogue, as_json=json)
