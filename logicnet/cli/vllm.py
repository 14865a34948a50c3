"""`logicnet vllm`."""

from __future__ import annotations

from typing import Annotated

import typer

from logicnet.cli._options import Catalogue, cards


def command(
    context: typer.Context,
    *,
    model: Annotated[
        str | None, typer.Option(help="A name of the table or the hub, or a folder; the best that fits.")
    ] = None,
    python: Annotated[str | None, typer.Option(help="The Python that has vLLM; this one.")] = None,
    vram: Annotated[float | None, typer.Option(help="Plan for cards of so many GB, not those here.")] = None,
    gpus: Annotated[int | None, typer.Option(help="Cards of that size; 1.")] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Plan for this computer without a GPU.")] = False,
    catalogue: Catalogue = None,
    probe_every: Annotated[float, typer.Option(min=0.1, help="Seconds between two probes.")] = 10.0,
    silence: Annotated[
        float,
        typer.Option(min=1.0, help="Seconds without a token that count as stuck; twice that under load."),
    ] = 30.0,
) -> int:
    """Start vLLM as planned, watch it, start it again when it is stuck.

    Other flags go to vLLM, and win: --host (127.0.0.1), --port (8000), any.
    """
    from logicnet.operate.serving.choose import PlanOptions  # noqa: PLC0415
    from logicnet.operate.serving.vllm.run import VllmOptions, run  # noqa: PLC0415
    from logicnet.operate.serving.vllm.supervisor import ProbePolicy  # noqa: PLC0415

    patience = ProbePolicy(
        every_s=probe_every, probe_s=min(10.0, silence / 2), idle_s=silence, loaded_s=2 * silence
    )
    machine = PlanOptions(model=model, vram_gb=vram, gpus=cards(vram, gpus), on_cpu=cpu, catalogue=catalogue)
    return run(VllmOptions(machine=machine, python=python, words=context.args, patience=patience))
