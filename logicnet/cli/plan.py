"""`logicnet plan`."""

from __future__ import annotations

from typing import Annotated

import typer

from logicnet.cli._options import Catalogue, cards


def command(
    *,
    model: Annotated[
        str | None, typer.Option(help="One model: a name of the table, or a folder with a config.json.")
    ] = None,
    vram: Annotated[float | None, typer.Option(help="GB of one card, if not of the cards here.")] = None,
    gpus: Annotated[int | None, typer.Option(help="Cards of that size; 1.")] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="For this computer without a GPU.")] = False,
    catalogue: Catalogue = None,
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> int:
    """Say which models fit these GPUs, how vLLM is started with them, and how many challenges they keep."""
    from logicnet.operate.serving.choose import PlanOptions, run  # noqa: PLC0415

    return run(
        PlanOptions(
            model=model,
            vram_gb=vram,
            gpus=cards(vram, gpus),
            on_cpu=cpu,
            catalogue=catalogue,
            as_json=json,
        )
    )
